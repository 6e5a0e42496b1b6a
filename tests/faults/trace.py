"""A session under strace: every call that changes the disk, in order, with its bytes."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CALLS = "openat,close,write,pwrite64,fsync,fdatasync,rename,unlink,ftruncate,mkdir,lseek,writev"
MAX_BYTES = 180_000  # of the session's store: two of its five clips must go
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<.*>)?(?: .*)?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_HANDLE = re.compile(r"(\d+)<")


@dataclass(frozen=True, slots=True)
class Op:
    """One change of the disk: `what` is create, write, truncate, sync, sync-folder, rename, unlink, mkdir or mark.

    `path` is relative to the data folder; `to` is a rename's new path; a mark's text is in `data`.
    """

    what: str
    path: str = ""
    data: bytes = b""
    at: int = 0
    to: str = ""


@dataclass(frozen=True, slots=True)
class Worked:
    """A session's folders and the packets it gets."""

    folder: Path
    reel: Path
    max_bytes: int = MAX_BYTES
    program: tuple[str, ...] = ()  # another one, with its arguments

    def command(self) -> list[str]:
        """The session's command line."""
        if self.program:
            return [sys.executable, "-m", *self.program]
        places = [str(self.folder / "data"), str(self.folder / "run")]
        return [sys.executable, "-m", "tests.faults.session", *places, str(self.reel), str(self.max_bytes)]

    def run(self, *strace: str) -> "subprocess.CompletedProcess[str]":
        """Run the session, under strace with these options if there are any."""
        tracer = ["strace", "-qq", *strace] if strace else []
        return subprocess.run([*tracer, *self.command()], cwd=ROOT, capture_output=True, text=True, check=False)


def record(work: Worked) -> list[Op]:
    """Run the session and return what it did to its data folder, with its marks."""
    log = work.folder / "trace"
    done = work.run("-y", "-xx", "-s", "100000000", "-o", str(log), "-e", f"trace={CALLS}")
    assert done.returncode == 0, done.stderr
    return list(_ops(log, str(work.folder / "data")))


def marks(ops: list[Op]) -> list[str]:
    """The marks among `ops`."""
    return [op.data.decode().strip() for op in ops if op.what == "mark"]


def _ops(log: Path, data: str) -> Iterator[Op]:
    at: dict[int, int] = {}  # where a plain write goes
    paths: dict[int, str] = {}
    for line in log.read_text(encoding="ascii").splitlines():
        call = _CALL.fullmatch(line)
        if call is None or int(call[3]) < 0:
            continue
        name, arguments, result = call[1], call[2], int(call[3])
        handle = int(found[1]) if (found := _HANDLE.match(arguments)) else -1
        texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
        if name == "openat":
            paths[result], at[result] = texts[0].decode(), 0
            if "O_CREAT" in arguments or "O_TRUNC" in arguments:
                yield from _opened(paths[result], arguments, data)
            continue
        if name == "writev" and handle == 1:
            yield Op("mark", data=texts[0])
            continue
        path = paths.get(handle, "") if handle >= 0 else texts[0].decode()
        if name == "close":
            paths.pop(handle, None)
        if name == "lseek":
            at[handle] = result
        if not _counts(path, data):
            continue
        here = path.removeprefix(data)
        match name:
            case "write":
                yield Op("write", here, texts[-1][:result], at[handle])
                at[handle] += result
            case "pwrite64":
                yield Op("write", here, texts[-1][:result], int(arguments.rsplit(", ", 1)[1]))
            case "ftruncate":
                yield Op("truncate", here, at=int(arguments.rsplit(", ", 1)[1]))
            case "fsync" | "fdatasync":
                yield Op("sync-folder" if here in ("", "/clips", "/orders", "/damaged") else "sync", here)
            case "rename":
                yield Op("rename", here, to=texts[1].decode().removeprefix(data))
            case "unlink" | "mkdir":
                yield Op(name, here)


def _opened(path: str, arguments: str, data: str) -> Iterator[Op]:
    if _counts(path, data):
        yield Op("create", path.removeprefix(data))
        if "O_TRUNC" in arguments:
            yield Op("truncate", path.removeprefix(data), at=0)


def _counts(path: str, data: str) -> bool:
    """Whether a power cut can make a difference to this file."""
    return path.startswith(data) and not path.endswith(("-shm", "/ballast", "/recorder.pid"))
