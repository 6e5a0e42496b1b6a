"""A webcam, or any other device that V4L2 knows.

Rule: motion JPEG is asked for first: raw pictures of 1280x720 come ten times a second over USB 2 at most.
It does not promise: what a driver does when the plug is pulled; one that hangs is told as such, and the process ends.
"""

from pathlib import Path
from typing import Final

import av
from av.container import InputContainer

from camd.camera.decoder import LIMITS
from camd.errors import UnavailableError
from camd.settings_camera import Size

SIZE: Final = Size(1280, 720, 15)  # unless asked for: what every webcam of the last fifteen years has


class WebcamLine:
    """The way to a device, for pictures of this size, or what it has closest to it."""

    def __init__(self, device: str, size: Size | None) -> None:
        self.name = device
        wanted = size or SIZE
        self._wanted = LIMITS | {
            "video_size": f"{wanted.width}x{wanted.height}",
            "framerate": f"{wanted.fps:g}",
        }

    def open(self) -> InputContainer:
        """Open it with compressed pictures if it has them, else as it likes."""
        if not Path(self.name).exists():
            raise UnavailableError(f"{self.name}: there is no such camera. 'ls /dev/video*' shows which there are.")
        try:
            return self._opened(self._wanted | {"input_format": "mjpeg"})
        except PermissionError as error:
            mend = "Add the user that camd runs as to the group 'video'."
            raise UnavailableError(f"{self.name}: this user may not open it. {mend}") from error
        except (av.FFmpegError, OSError):
            return self._opened(self._wanted)

    def close(self) -> None:
        """A device that works gives its next picture soon; nobody can be woken up otherwise."""

    def trouble(self) -> str:
        """The driver's errors say it."""
        return ""

    def _opened(self, options: dict[str, str]) -> InputContainer:
        return av.open(self.name, "r", format="v4l2", options=options)
