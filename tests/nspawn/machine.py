"""A Debian system that boots systemd in a folder, on an overlay that is thrown away.

Its network is this machine's own: the filters that are tried act by control group, and so on every interface, loopback
included. What pip and apt need to know here (certificates, indexes) is lent to it.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

# Without the right to load BPF programs, systemd's IP filters silently do nothing; the others are what units may call.
CALLS = "bpf keyctl add_key adjtimex clock_adjtime"
RIGHTS = ("--capability=CAP_BPF,CAP_NET_ADMIN,CAP_PERFMON,CAP_SYS_RESOURCE", f"--system-call-filter={CALLS}")
LENT = ("/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/resolv.conf")
BOOT_S = 60


@dataclass(frozen=True)
class Machine:
    """The booted system: its files at `root`, its first process `leader` as this machine numbers it."""

    root: Path
    leader: int

    def run(self, *command: str, ok: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it as root; raises AssertionError when it fails, unless not `ok`."""
        entered = ("nsenter", "-t", str(self.leader), "-a", "--", "env", "-i", *_environment(), *command)
        ended = subprocess.run(entered, capture_output=True, text=True, check=False, input=typed)
        assert not ok or ended.returncode == 0, f"{' '.join(command)}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
        return ended

    def said(self, *command: str) -> str:
        """Run a command and return what it says."""
        return self.run(*command).stdout.strip()

    def systemctl(self, *words: str, ok: bool = True) -> str:
        """Say something to its systemd."""
        return self.run("systemctl", *words, ok=ok).stdout.strip()

    def log(self, unit: str) -> str:
        """What a unit wrote to the journal since the start."""
        return self.said("journalctl", "-u", unit, "--no-pager", "-o", "cat")

    def write(self, path: str, text: str) -> None:
        """Write one of its files."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def wait(what: str, is_so: Callable[[], object], seconds: float = 60) -> None:
    """Wait until it is so; raises AssertionError."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)


@contextmanager
def booted(tree: Path, source: Path) -> Iterator[Machine]:
    """Boot an overlay of `tree`, in which `source` lies at /src, and take it down again."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=tree.parent, prefix="run-")))
        root = stack.enter_context(_overlay(tree, folder))
        for path in filter(os.path.exists, LENT):
            shutil.copy(path, root / path.lstrip("/"))
        log = stack.enter_context((tree.parent / "boot.log").open("w"))
        command = ("systemd-nspawn", "-D", str(root), "-b", "--register=no", "--keep-unit", f"--bind-ro={source}:/src")
        env = {**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"}
        spawn = subprocess.Popen([*command, *RIGHTS], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(_end, spawn)
        wait("the system has a first process", lambda: _child_of(spawn.pid))
        machine = Machine(root, _child_of(spawn.pid))
        wait("the system is up", lambda: _is_up(machine), BOOT_S)
        yield machine


@contextmanager
def _overlay(tree: Path, folder: Path) -> Iterator[Path]:
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    layers = f"lowerdir={tree},upperdir={folder}/upper,workdir={folder}/work"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(folder / "root")], check=True)
    try:
        yield folder / "root"
    finally:
        subprocess.run(["umount", "-R", str(folder / "root")], check=True)


def _end(spawn: "subprocess.Popen[bytes]") -> None:
    spawn.terminate()
    try:
        spawn.wait(30)
    except subprocess.TimeoutExpired:
        spawn.kill()
        spawn.wait()


def _child_of(pid: int) -> int:
    """The number of the system's first process, 0 while it is not there."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    found = [child for child in children if Path(f"/proc/{child}/comm").read_text().strip() == "systemd"]
    return int(found[0]) if found else 0


def _is_up(machine: Machine) -> bool:
    return machine.run("systemctl", "is-system-running", ok=False).stdout.strip() in ("running", "degraded")


def _environment() -> list[str]:
    given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    lent = {name: os.environ[name] for name in ("PIP_CERT", "PIP_INDEX_URL") if name in os.environ}
    return [f"{name}={value}" for name, value in (given | lent).items()]
