"""Films what vision made of a video: H.264 of the same number of pictures, at the same times.

Rule: the film appears under its name only when it is whole, and is made of covered pictures alone.
It does not promise: the size of the video; small ones are shown larger, large ones smaller, with a panel below.
"""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from camd.camera.frame import Frame
from camd.config import VisionConfig
from camd.model import SECOND, Nanos
from camd.replays.ink import Canvas
from camd.replays.playing import Run
from camd.replays.story import Story
from camd.store.files import writing
from camd.vision.sight import Sight

TICKS: Final = 90_000  # a second
# Fit to be sent and played anywhere, and the same bytes for the same pictures on any number of cores.
CODING: Final = {"preset": "veryfast", "crf": "21", "flags": "+bitexact", "threads": "1"}


class Film:
    """A viewer that films the `run` which it looks on at, with these `settings`, into `path`. Raises CannotWriteError.

    A context manager: the film is finished when it is left.
    """

    def __init__(self, path: Path, run: Run, settings: VisionConfig) -> None:
        self._path, self._run, self._story = path, run, Story(run, settings)
        self._part = path.with_name(f"{path.name}.part")
        options = {"movflags": "+faststart", "fflags": "+bitexact"}
        with writing(path):
            self._container = av.open(str(self._part), "w", format="mp4", options=options)
        self._stream: VideoStream | None = None
        self._last = -1

    def __enter__(self) -> Self:
        return self

    def look(self, frame: Frame, sight: Sight) -> None:
        """Vision has looked at this frame."""
        self._story.tell(sight.seen())

    def pass_by(self, frame: Frame) -> None:
        """Film this frame."""
        page = self._story.paint(frame.picture(), frame.t)
        if self._stream is None:
            self._stream = self._started(page)
        with writing(self._path):
            self._container.mux(self._stream.encode(self._timed(page, frame.t - self._run.starts)))

    def _started(self, page: Canvas) -> VideoStream:
        rate = Fraction(self._run.fps).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate, options=CODING)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = page.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        return stream

    def _timed(self, page: Canvas, t: Nanos) -> VideoFrame:
        shown = VideoFrame.from_ndarray(page, format="bgr24")
        self._last = max(self._last + 1, t * TICKS // SECOND)  # a damaged video may show two pictures at one time
        shown.pts, shown.time_base = self._last, Fraction(1, TICKS)
        shown.duration = round(TICKS / self._run.fps)
        return shown

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with writing(self._path):
                self._close()
                if self._stream is not None and error is None:
                    self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        with self._container:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
