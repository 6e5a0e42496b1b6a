"""Small real file systems for root: a tmpfs of a few megabytes or few files, an ext4 in a file."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class NotHereError(Exception):
    """This machine does not let us do what the fault needs; the message says what."""


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """A file system in RAM at `folder`."""
    _need_root()
    folder.mkdir(exist_ok=True)
    _run("mount", "-t", "tmpfs", "-o", options, "camd-faults", str(folder))
    try:
        yield folder
    finally:
        _run("umount", str(folder))


@contextmanager
def quota(image: Path, folder: Path, most: str) -> Iterator[Path]:
    """A folder that may hold so much, on a btrfs in a file; nothing but a refused write tells of the limit."""
    _need_root()
    if not shutil.which("mkfs.btrfs"):
        raise NotHereError("there is no mkfs.btrfs (apt install btrfs-progs)")
    with image.open("wb") as file:
        file.truncate(200 << 20)
    _run("mkfs.btrfs", "-q", str(image))
    folder.mkdir(parents=True, exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        _run("btrfs", "quota", "enable", str(folder))
        _run("btrfs", "qgroup", "limit", most, "0/5", str(folder))
        yield folder
    finally:
        _run("umount", str(folder))


class Ext4:
    """An ext4 in a file, mounted at `folder`; an error in it makes it read-only, as a dying card does."""

    def __init__(self, image: Path, folder: Path, megabytes: int) -> None:
        _need_root()
        if not shutil.which("mkfs.ext4"):
            raise NotHereError("there is no mkfs.ext4")
        self._image, self.folder = image, folder
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        _run("mkfs.ext4", "-q", str(image))
        folder.mkdir(exist_ok=True)
        self.mount()

    def mount(self) -> None:
        """Mount it, to be written."""
        _run("mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder))

    def unmount(self) -> None:
        """Unmount it."""
        _run("umount", str(self.folder))

    def fail(self) -> None:
        """Let the kernel find an error in it, after which it can only be read."""
        device = self.folder.stat().st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        switch = Path("/sys/fs/ext4") / name / "trigger_fs_error"
        if not switch.exists():
            raise NotHereError("this kernel cannot be told to find an error in an ext4")
        switch.write_text("1")

    def mend(self) -> None:
        """Unmount, check and mount it again."""
        self.unmount()
        subprocess.run(["e2fsck", "-fy", str(self._image)], capture_output=True, check=False)
        self.mount()


def fill(folder: Path) -> Path:
    """Fill the file system of `folder` to its last byte; returns the file that does it."""
    filler = folder / "filler"
    with filler.open("ab", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    return filler


def fill_with_files(folder: Path) -> list[Path]:
    """Take every file that the file system of `folder` can still have."""
    made: list[Path] = []
    try:
        while True:
            path = folder / f"filler-{len(made)}"
            path.touch(exist_ok=False)
            made.append(path)
    except OSError:
        return made


def _need_root() -> None:
    if os.geteuid() != 0:
        raise NotHereError("only root may mount")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHereError(f"{command[0]}: {done.stderr.strip() or done.returncode}")
