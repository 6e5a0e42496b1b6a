"""What libcamera's virtual camera lacks to be a Pi's, put in its place: memory, raw modes, a screen, and time.

Importing it before picamera2 makes the real picamera2 run over the real libcamera without any hardware. It does not
test, because it replaces: DMA memory and its caches, sensor modes, the display, the pace of the sensor.
"""

import mmap
import os
import sys
import threading
import time
from typing import Any
from unittest.mock import MagicMock

FPS = 15

sys.modules.setdefault("pykms", MagicMock())  # only Raspberry Pi OS has it; picamera2 does not load without

import libcamera  # noqa: E402
from picamera2 import Picamera2  # noqa: E402
from picamera2.allocators import dmaallocator  # noqa: E402


class Heap:
    """Takes the place of /dev/dma_heap."""

    isValid = True  # noqa: N815

    def close(self) -> None:
        """Nothing is held."""


class Pace:
    """Gives requests back to the camera at the rate of a sensor, and not at all while it is `unplugged`."""

    def __init__(self) -> None:
        self.unplugged = False
        self.fps: float = FPS


PACE = Pace()


class PacedCamera:
    """A libcamera camera whose pictures take their time."""

    def __init__(self, camera: Any) -> None:
        self._camera = camera
        self._waiting: list[Any] = []
        self._changed = threading.Condition()
        self._runs = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._camera, name)

    def start(self, controls: Any) -> None:
        """Start, and begin to give requests back."""
        self._camera.start(controls)
        self._runs = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop; what was not given back is forgotten."""
        with self._changed:
            self._runs = False
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()
        self._camera.stop()

    def queue_request(self, request: Any) -> None:
        """Have it filled when it is its turn."""
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()

    def _run(self) -> None:
        due = time.monotonic()
        while self._runs:
            due = max(due + 1 / PACE.fps, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))
            with self._changed:
                self._changed.wait_for(lambda: not self._runs or self._waiting, 0.5)
                if self._runs and self._waiting and not PACE.unplugged:
                    self._camera.queue_request(self._waiting.pop(0))


def _allocate(self: Any, libcamera_config: Any, _: Any) -> None:
    """Memory files with NV12's two planes described as two, as the virtual camera wants them."""
    self.libcamera_fds = []
    self.cleanup()
    for descriptor in self.open_fds:
        os.close(descriptor)
    self.frame_buffers, self.open_fds = {}, []
    for config in libcamera_config:
        self.frame_buffers[config.stream] = [self._one_buffer(config) for _ in range(config.buffer_count)]


def _one_buffer(self: Any, config: Any) -> Any:
    descriptor = os.memfd_create("picture")
    os.ftruncate(descriptor, config.frame_size)
    luma_size = config.stride * config.size.height
    planes = [libcamera.FrameBuffer.Plane(), libcamera.FrameBuffer.Plane()]
    for plane, offset, length in zip(planes, (0, luma_size), (luma_size, luma_size // 2), strict=True):
        plane.fd, plane.offset, plane.length = descriptor, offset, length
    self.open_fds.append(descriptor)
    buffer = libcamera.FrameBuffer(planes)
    for plane in planes:
        self.libcamera_fds.append(plane.fd)
        self.mapped_buffers_used[plane.fd] = False
    self.mapped_buffers_used[buffer.planes[0].fd] = False
    self.libcamera_fds.append(buffer.planes[0].fd)
    self.mapped_buffers[buffer] = mmap.mmap(descriptor, config.frame_size)
    return buffer


def _mapped(sync: Any) -> Any:
    return sync.get_buffer()


def _paced(grab: Any) -> Any:
    return lambda self, index: PacedCamera(grab(self, index))


dmaallocator.DmaHeap = Heap
dmaallocator.DmaAllocator.allocate = _allocate
dmaallocator.DmaAllocator._one_buffer = _one_buffer
dmaallocator.DmaAllocator.DmaSync.__enter__ = _mapped
dmaallocator.DmaAllocator.DmaSync.__exit__ = lambda self, *_: None
Picamera2._get_raw_modes = lambda self: [{"format": "SBGGR10", "size": (1920, 1080)}]
Picamera2._grab_camera = _paced(Picamera2._grab_camera)
