"""Writes truth files for real recordings that are described by frame numbers.

`python -m tests.truths VIDEO_DIR OUT_DIR` links each video that has a NAME.json beside it into OUT_DIR and writes its
NAME.truth.yaml, for `camd replay --score` and `camd bench quality`. NAME.json has `events` and perhaps `ignore`:
[[first frame, last frame, label]], counted from 0, the last one included. Frames become seconds by the video's own
presentation times.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import yaml

VIDEOS = (".avi", ".mkv", ".mov", ".mp4")


def main(video_dir: Path, out_dir: Path) -> list[Path]:
    """Link every video that has a NAME.json, write its truth file, and return the links."""
    out_dir.mkdir(parents=True, exist_ok=True)
    described = sorted(path for path in video_dir.iterdir() if path.suffix.lower() in VIDEOS)
    return [_link(video, out_dir) for video in described if video.with_suffix(".json").is_file()]


def presentation_times(video: Path) -> list[float]:
    """The time of each picture in seconds, as a player would show it."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        pictures = [frame.dts if frame.pts is None else frame.pts for frame in container.decode(stream)]
        assert stream.time_base is not None
        return [float(ticks * stream.time_base) for ticks in pictures if ticks is not None]


def truth(described: dict[str, Any], times: Sequence[float]) -> dict[str, Any]:
    """What the truth file says of a video whose pictures have these times."""
    return {
        "v": 1,
        "events": _spans(described["events"], times),
        "ignore": _spans(described.get("ignore") or [], times),
    }


def _spans(stretches: list[list[Any]], times: Sequence[float]) -> list[dict[str, Any]]:
    spans = [
        {"began": round(times[first], 3), "ended": round(times[min(last, len(times) - 1)], 3)}
        for first, last, *_ in stretches
    ]
    labels = [{"label": stretch[2]} if len(stretch) > 2 else {} for stretch in stretches]
    return [{**span, **label} for span, label in zip(spans, labels, strict=True)]


def _link(video: Path, out_dir: Path) -> Path:
    described = json.loads(video.with_suffix(".json").read_text(encoding="utf-8"))
    link = out_dir / video.name
    link.unlink(missing_ok=True)
    link.symlink_to(video.absolute())
    text = yaml.safe_dump(truth(described, presentation_times(video)), sort_keys=False, default_flow_style=None)
    link.with_suffix(".truth.yaml").write_text(text, encoding="utf-8")
    return link


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python -m tests.truths VIDEO_DIR OUT_DIR\n\n{__doc__}")
    for made in main(Path(sys.argv[1]), Path(sys.argv[2])):
        print(made)
