"""The suite, or a part of it, while the kernel counts what each capture process sends: `tests/counters/run`.

Idea: every `python -m camd capture` that a test starts puts itself into a control group of its own (hook/), whose
packets are counted by destination (bpf.py). Afterwards each is held against its own settings.
Rule: bytes may go to the network cameras of those settings, to doors that the process itself has open on loopback, and
to the guard's `SOMEBODY`, one packet for each kind of connection. Anything else is a leak, and ends with 1. A leak
that is planted first has to be found, so that a counter that counts nothing is no proof.
"""

import ipaddress
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from camd.camera.address import PORTS
from camd.guard import SOMEBODY
from camd.warden import Peer
from tests.counters.bpf import EGRESS, INGRESS, Count, Counter
from tests.leaks.homes import stranger

HOOK: Final = Path(__file__).parent / "hook"
KNOCKS: Final = 2  # packets: a stream's and a datagram's
PLANTED: Final = "import socket; socket.create_connection(('127.0.0.1', {port})).sendall(bytes(1000))"
CAMERA, OWN, KNOCK, STRANGER = "configured cameras", "own doors on loopback", "the guard's knocks", "strangers"


def main(words: list[str]) -> int:
    """Run pytest with these words and print what was sent to whom; 1 when a test failed or anything leaked."""
    with tempfile.TemporaryDirectory() as notes, ExitStack() as stack:
        group = _group(stack)
        out, back = Counter(group, EGRESS), Counter(group, INGRESS)
        env = os.environ | {
            "CAMD_COUNTED_GROUP": str(group),
            "CAMD_COUNTED_NOTES": notes,
            "PYTHONPATH": os.pathsep.join([str(HOOK), *filter(None, [os.environ.get("PYTHONPATH", "")])]),
        }
        planted = _plant(Path(notes), env)
        tests = subprocess.run([sys.executable, "-m", "pytest", *words], env=env, check=False).returncode
        told = {note["group"]: note for note in map(_read, Path(notes).glob("*.json"))}
        leaks = _report(told, list(out.counts()), list(back.counts()), planted)
    return int(tests != 0 or leaks)


def _group(stack: ExitStack) -> Path:
    """A control group for all of them, removed at the end with those below it."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()]
    root = next(Path(mount[1]) for mount in mounts if mount[2] == "cgroup2")
    group = root / f"camd-counters-{os.getpid()}"
    group.mkdir()
    stack.callback(_remove, group)
    return group


def _remove(group: Path) -> None:
    with suppress(OSError):  # somebody is still in it
        for below in filter(Path.is_dir, group.iterdir()):
            below.rmdir()
        group.rmdir()


def _plant(notes: Path, env: Mapping[str, str]) -> int:
    """Have something that is started as capture is reach a stranger; the group that it was counted in."""
    package = notes / "planted" / "camd"
    package.mkdir(parents=True)
    with stranger() as port:
        (package / "__main__.py").write_text(PLANTED.format(port=port), encoding="utf-8")
        subprocess.run([sys.executable, "-m", "camd", "capture"], cwd=package.parent, env=env, check=True)
    (note,) = notes.glob("*.json")
    return int(_read(note)["group"])


def _report(told: Mapping[int, Any], out: list[Count], back: Iterable[Count], planted: int) -> bool:
    """Print the sums and every leak; whether there was one, or the planted one was not found."""
    received = {count[:3]: count.bytes for count in back}
    sums: Tally[str] = Tally()
    leaks = []
    for count in out:
        for who, size in _shares(count, received.get(count[:3], 0), _cameras(told[count.group])):
            if size and count.group == planted:
                sums["planted"] += size * (who == STRANGER)
            elif size:
                sums[who] += size
                leaks += [(count, told[count.group])] if who == STRANGER else []
    print(f"\n{len(told) - 1} capture processes; the planted leak was counted with {sums['planted']} bytes; they sent")
    for who in (CAMERA, OWN, KNOCK, STRANGER):
        print(f"{sums[who]:12} bytes to {who}")
    for count, note in leaks:
        print(f"LEAK: {count.bytes} bytes to {count.host} port {count.port} by capture {' '.join(note['words'])}")
    return bool(leaks) or sums["planted"] < 1000


def _shares(count: Count, received: int, cameras: set[Peer]) -> Iterator[tuple[str, int]]:
    """To whom these bytes went."""
    to = Peer(count.host, count.port)
    if to in cameras:
        yield CAMERA, count.bytes
    elif to == Peer(*SOMEBODY) and count.packets <= KNOCKS:
        yield KNOCK, count.bytes
    else:
        own = min(count.bytes, received) if ipaddress.ip_address(count.host).is_loopback else 0
        yield OWN, own
        yield STRANGER, count.bytes - own


def _cameras(note: Mapping[str, Any]) -> set[Peer]:
    """The network cameras that a capture was told of, in its settings or as an option."""
    words, settings = note["words"], yaml.safe_load(note["config"]) or {}
    sections = [settings.get("camera") or {}, *(settings.get("cameras") or {}).values()]
    told = [section.get(key) for section in sections for key in ("source", "detect_source")]
    told += [words[words.index("--camera") + 1]] if "--camera" in words else []
    urls = [url for url in map(urlsplit, filter(None, told)) if url.scheme in PORTS and url.hostname]
    return {Peer(str(url.hostname), url.port or PORTS[url.scheme]) for url in urls}


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
