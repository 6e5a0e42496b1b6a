"""The Raspberry Pi's camera module, and the only file that knows picamera2.

Idea: the image processor makes two pictures of each exposure: a full one, which goes to the hardware's H.264 encoder
(or to libx264 where there is none), and a small one, whose brightness vision reads where it lies. Both carry the
sensor's own time. An unplugged camera raises nothing in libcamera; what is missed is the next picture.
Rule: a picture's memory goes back to the camera when its frame is let go of, so nobody may hold one: `Frame.keep`
copies. What is private is covered in the full picture before it is encoded, and no other recording exists.
It does not promise: to end a driver that hangs in the kernel; the process does (`camd.watchdog`).
"""

import logging
import os
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from libcamera import Transform, controls
from picamera2 import MappedArray, Picamera2
from picamera2.encoders import H264Encoder, LibavH264Encoder
from picamera2.outputs import Output
from picamera2.platform import Platform, get_platform

from camd.camera.frame import Frame, Veil
from camd.camera.live import Give, LiveCamera, Opening
from camd.camera.mends import SILENT
from camd.camera.planes import Planes
from camd.camera.timeline import Timeline
from camd.clock import Clock
from camd.config import CameraConfig
from camd.errors import UnavailableError
from camd.model import SECOND, Exposure, Format, Nanos, Packet
from camd.settings_camera import PI, Size

_log = logging.getLogger(__name__)

ENCODER: Final = Path("/dev/video11")  # the hardware's, on boards that have one
HARDWARE_SIZE: Final = Size(1920, 1080, 15)
SOFTWARE_SIZE: Final = Size(1280, 720, 15)  # libx264 at 1080p takes 138 MB with one thread, which is too much
SMALL_WIDTH: Final = 640  # of what vision reads: it looks at 144 rows, the classifier at 64 pixels of a visitor
BITS_A_PIXEL: Final = 0.13  # 4 Mbit/s of 1080p at 15 a second
KEY_EVERY_S: Final = 2
BUFFERS: Final = 6  # one each is written, encoded, waits for vision and is looked at; two to spare
MISSED_S: Final = 1.0
GIVES_UP: Final = 5 * SECOND


def opened(settings: CameraConfig, veil: Veil, clock: Clock, shut: threading.Event, within: Nanos) -> LiveCamera:
    """Open the camera module that the settings name; raises UnavailableError."""
    name = settings.source
    os.environ.setdefault("LIBCAMERA_LOG_LEVELS", "*:WARN")  # it tells every setting of every start otherwise
    return LiveCamera(name, [PiReader(settings, veil, clock)], clock, shut, within)


class PiReader:
    """Reads one camera module."""

    def __init__(self, settings: CameraConfig, veil: Veil, clock: Clock) -> None:
        self._settings, self._veil, self._clock = settings, veil, clock
        self._is_closed = threading.Event()
        self._has_encoder = ENCODER.exists() and get_platform() is Platform.VC4
        self._size = settings.size or (HARDWARE_SIZE if self._has_encoder else SOFTWARE_SIZE)

    def read(self, give: Give) -> None:
        """Read until it is closed; raises UnavailableError when there is no camera or it gives no pictures."""
        name = self._settings.source
        camera = _opened(self._settings)
        try:
            self._set_up(camera)
            self._play(camera, give)
        except (RuntimeError, OSError) as error:
            raise UnavailableError(f"{name}: the camera module fails ({error}). {SILENT}") from error
        finally:
            _let_go(camera)

    def close(self) -> None:
        """Let `read` end with the next picture, or soon without one."""
        self._is_closed.set()

    def _set_up(self, camera: Any) -> None:
        size = self._size
        small = (SMALL_WIDTH, round(SMALL_WIDTH * size.height / size.width / 4) * 4)
        upside_down = int(self._settings.rotation == "180")
        wanted = camera.create_video_configuration(
            main={"size": (size.width, size.height), "format": "YUV420"},
            lores={"size": small, "format": "YUV420"},
            transform=Transform(hflip=upside_down, vflip=upside_down),
            buffer_count=BUFFERS,
            controls=_controls(self._settings, size.fps, camera.camera_controls),
        )
        camera.configure(wanted)
        self._main, self._small = (_planes(camera.camera_configuration()[part]) for part in ("main", "lores"))
        if self._veil.areas:
            camera.pre_callback = self._cover

    def _play(self, camera: Any, give: Give) -> None:
        place = _Placing(self._clock)
        layout = Format(self._main.width, self._main.height, self._size.fps)
        recording = _Recording(give, place, encoder := self._encoder())
        give(Opening(layout, copies=False))
        camera.start()
        camera.start_encoder(encoder, recording, name="main")
        seen = self._clock.boot()
        while not self._is_closed.is_set():
            request = _next(camera)
            if request is not None:
                seen = self._clock.boot()
                give(self._frame(request, place))
            elif self._clock.boot() - seen >= GIVES_UP:
                raise UnavailableError(f"{self._settings.source}: no picture for {GIVES_UP // SECOND} s. {SILENT}")

    def _encoder(self) -> Any:
        size = self._size
        bitrate, period = round(BITS_A_PIXEL * size.width * size.height * size.fps), round(KEY_EVERY_S * size.fps)
        if self._has_encoder:
            return H264Encoder(bitrate, repeat=True, iperiod=period, framerate=size.fps, enable_sps_framerate=True)
        encoder = LibavH264Encoder(bitrate, repeat=True, iperiod=period, framerate=round(size.fps))
        encoder.threads, encoder.drop_final_frames = 1, True
        return encoder

    def _frame(self, request: Any, place: "_Placing") -> Frame:
        told = request.get_metadata()
        with MappedArray(request, "lores", write=False) as mapped:
            picture = mapped.array
        t = place.at(told["SensorTimestamp"] // 1000)
        held = _Held(request, self._small, picture)
        luma = self._small.luma(picture)
        luma.flags.writeable = False
        return Frame(t, luma, held.bgr, self._veil, _exposure(told), lambda: held.kept(t, self._veil, _exposure(told)))

    def _cover(self, request: Any) -> None:
        """In picamera2's thread, before the encoder has the picture: nothing here may wait."""
        with MappedArray(request, "main") as mapped:
            self._veil.cover_planes(self._main.luma(mapped.array), *self._main.chroma(mapped.array))


class _Held:
    """A small picture in the camera's own memory, which it gets back when this is let go of."""

    def __init__(self, request: Any, planes: Planes, picture: Any) -> None:
        self._planes, self._picture = planes, picture
        weakref.finalize(self, request.release).atexit = False

    def bgr(self) -> Any:
        """The picture as (height, width, 3) BGR."""
        return self._planes.bgr(self._planes.packed(self._picture))

    def kept(self, t: Nanos, veil: Veil, exposure: Exposure | None) -> Frame:
        """The frame with a copy of the picture."""
        packed, planes = self._planes.packed(self._picture), self._planes
        return Frame(t, packed[: planes.height], lambda: planes.bgr(packed), veil, exposure)


class _Placing:
    """Puts the sensor's microseconds on the boot clock, for frames and packets alike, from whichever thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._timeline, self._lock = clock, Timeline(is_local=True), threading.Lock()

    def at(self, microseconds: int) -> Nanos:
        """Boot time of what has this time of the sensor and is there now."""
        stamp = microseconds * 1000
        with self._lock:
            self._timeline.arrive(stamp, self._clock.boot())
            return self._timeline.place(stamp)


class _Recording(Output):  # type: ignore[misc]  # picamera2 has no types
    """What the encoder makes, as packets."""

    def __init__(self, give: Give, place: _Placing, encoder: Any) -> None:
        super().__init__()
        self._give, self._place, self._encoder = give, place, encoder

    def outputframe(
        self, frame: bytes, keyframe: bool = True, timestamp: int = 0, packet: Any = None, audio: bool = False
    ) -> None:
        """Take one encoded picture; `timestamp` is in microseconds since the encoder's first."""
        t = self._place.at(self._encoder.firsttimestamp + timestamp)
        self._give(Packet(t, t, keyframe, bytes(frame)))


def _opened(settings: CameraConfig) -> Any:
    number, found = _number(settings.source), Picamera2.global_camera_info()
    if number >= len(found):
        raise UnavailableError(f"{settings.source}: there is no such camera module. {_there_are(found)}")
    try:
        return Picamera2(number, tuning=_tuning(settings, found[number]["Model"]))
    except (RuntimeError, OSError) as error:
        what = f"this camera module cannot be used ({error}); is another program using it?"
        raise UnavailableError(f"{settings.source}: {what} {_there_are(found)}") from error


def _next(camera: Any) -> Any:
    """The next completed request; None when there is none for a second."""
    try:
        return camera.capture_request(wait=MISSED_S)
    except TimeoutError:
        with suppress(Exception):
            camera.cancel_all_and_flush()
        return None


def _let_go(camera: Any) -> None:
    """Stop and close, whatever of it was started; may hang where the driver does."""
    with suppress(RuntimeError, OSError):
        camera.stop()
    with suppress(RuntimeError, OSError):
        camera.stop_encoder()
    camera.close()


def _number(source: str) -> int:
    match = PI.fullmatch(source)
    return int(match[1] or 0) if match else 0


def _tuning(settings: CameraConfig, model: str) -> Any:
    """What libcamera is to know of the sensor; None for what it knows anyway."""
    if settings.tuning == "normal":
        return None
    if settings.tuning != "infrared":
        return settings.tuning
    if model.endswith("_noir"):  # says so itself
        return None
    try:
        return Picamera2.load_tuning_file(f"{model}_noir.json")
    except RuntimeError:
        _log.warning("%s: there is no infrared tuning for %s; the normal one is used", settings.source, model)
        return None


def _controls(settings: CameraConfig, fps: float, known: Any) -> dict[str, Any]:
    """What is set of the sensor, as far as it has it."""
    duration = round(1_000_000 / fps)
    wanted: dict[str, Any] = {"FrameDurationLimits": (duration, duration)}
    if settings.focus is None:
        wanted["AfMode"] = controls.AfModeEnum.Continuous
    else:
        wanted |= {"AfMode": controls.AfModeEnum.Manual, "LensPosition": settings.focus}
    if settings.tuning == "infrared":
        wanted["Saturation"] = 0.0  # by day everything is magenta without the filter
    return {name: value for name, value in wanted.items() if name in known}


def _planes(stream: Any) -> Planes:
    """How a configured stream lies in memory: what was asked for may have been adjusted."""
    width, height = stream["size"]
    return Planes(width, height, stream["stride"], stream["format"] == "NV12")


def _exposure(told: Any) -> Exposure | None:
    """What the sensor says of its exposure, where it says anything."""
    if "ExposureTime" not in told or "AnalogueGain" not in told:
        return None
    gain = told["AnalogueGain"] * told.get("DigitalGain", 1.0)
    return Exposure(told["ExposureTime"] / 1_000_000, gain, told.get("Lux"))


def _there_are(found: Any) -> str:
    """Which camera modules there are."""
    if not found:
        return "None is found: is its cable in the right way round? 'rpicam-hello --list-cameras' shows what there is."
    return "There are " + ", ".join(f"pi:{number} ({one['Model']})" for number, one in enumerate(found)) + "."
