"""Who reached out where: a program and all that it starts, under strace, each call held against its process's rights.

Idea: every thread and child is followed, so that each call belongs to the camd verb that its process was started as
(`-m camd VERB` among its arguments); what a process starts has its rights until it becomes a camd verb itself.
Rule: who is not named has no rights. An attempt is a finding, however it ended, but for the guard's own trials: between
the filter that it loads and the program that it tries to start, each process may be refused one socket of each of the
guard's kinds, and may knock at `SOMEBODY` once for each kind of connection and once at `NO_PROGRAM`. A line of strace
that is not understood is an error, never silence. A warden makes its children's calls, on sockets that it asks for
their names first.
It does not see a socket that came ready-made from outside; the tests give none.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from camd.guard import KINDS, NO_PROGRAM, NOT_THERE, SOMEBODY
from camd.warden import Peer

UNCAGED: Final = (
    "strace",
    "-f",
    "-qq",
    "-e",
    "signal=none",
    "-e",
    "trace=seccomp",
    "-e",
    "inject=seccomp:error=ENOSYS",
)
CALLS: Final = "trace=%network,seccomp,execve,execveat,clone,?clone3,?fork,?vfork,?io_uring_setup"
STRACE: Final = ("strace", "-f", "-qq", "-e", "signal=none", "-e", CALLS)  # --seccomp-bpf misses a warden's
NO_NETWORK: Final = ("unshare", "--user", "--map-root-user", "--net")
LOOPBACK: Final = "127.0.0.1"
KNOCK: Final = f"{SOMEBODY[0]} port {SOMEBODY[1]}"
UNANSWERED: Final = f'{{sa_family=AF_UNIX, sun_path=@"{NO_PROGRAM[1:]}"}}'
# Each kind of socket; a knock by stream and one by datagram, or one at no program, of who has nobody to reach.
TRIALS: Final = (*(f"{family} {kind.name}" for family, kind in KINDS.items()), KNOCK, KNOCK, UNANSWERED)

_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_UNFINISHED = " <unfinished ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?)(?: .*)?|(\w+)\((.*)")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ADDRESS = re.compile(r"\{sa_family=[^{}]*\}")
_INET = re.compile(r'\{sa_family=AF_INET6?, .*htons\((\d+)\).*"([0-9a-f.:]+)".*\}')
_UNIX = re.compile(r'\{sa_family=AF_UNIX, sun_path="([^"]*)"\}')
_UNDONE = re.compile(r"\{sa_family=AF_UNSPEC, .*\}")  # takes a connect back


@dataclass(frozen=True)
class Rights:
    """What a verb may reach: these peers, and UNIX sockets in this folder. Without peers: no other socket at all."""

    peers: frozenset[Peer] = frozenset()
    folder: Path | None = None


@dataclass(frozen=True)
class Verdict:
    """What was seen: findings in words, the verbs that ran, and the peers that each verb rightly reached for."""

    findings: list[str] = field(default_factory=list)
    verbs: set[str] = field(default_factory=set)
    reached: set[tuple[str, Peer]] = field(default_factory=set)


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it said."""

    code: int
    output: str
    errors: str


@dataclass(frozen=True)
class Call:
    """One system call of one thread, its arguments as strace writes them; no result: it never returned."""

    thread: int
    name: str
    asked: str
    result: int | None

    def __str__(self) -> str:
        """As strace writes it."""
        return f"{self.name}({self.asked}) = {self.result}"

    @property
    def first(self) -> str:
        """The first argument: a descriptor, or a family of addresses."""
        return self.asked.partition(",")[0]

    @property
    def addresses(self) -> list[str]:
        """Every socket address among the arguments."""
        found = _ADDRESS.findall(self.asked)
        return found if len(found) == self.asked.count("sa_family=") else [self.asked]


@dataclass
class Process:
    """A process that is followed. `own`: where it listens itself, on loopback; paho wakes its thread that way."""

    number: int
    verb: str = ""
    program: str = ""
    bound: dict[str, str] = field(default_factory=dict)  # descriptor -> address
    listening: set[str] = field(default_factory=set)  # descriptors
    own: set[Peer] = field(default_factory=set)
    trials: list[str] = field(default_factory=list)  # of its guard, that are still to come
    has_tried: bool = False

    def __str__(self) -> str:
        """Who this is, for a finding."""
        return f"{self.verb or 'no verb of camd'} ({self.program}, pid {self.number})"


def why_no_strace() -> str:
    """Return why nothing can be traced here, or nothing."""
    return _why_not(*traced(Path(os.devnull), ["true"]))


def why_no_namespace() -> str:
    """Return why nothing can be cut off from the network here, or nothing."""
    return _why_not(*NO_NETWORK, "true")


@cache
def _why_not(tool: str, *arguments: str) -> str:
    if shutil.which(tool) is None:
        return f"{tool} is not installed"
    tried = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    return f"{tool} is not permitted here: {tried.stderr.strip()}" if tried.returncode else ""


def run(command: Sequence[str], env: Mapping[str, str], typed: str = "") -> Ended:
    """Run `command` to its end, with `typed` as its input; one that hangs is killed."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True
    ) as process:
        try:
            output, errors = process.communicate(typed, timeout=60)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # strace and what it runs; camd's children die with their parent
            raise
        return Ended(process.returncode, output, errors)


def traced(log: Path, command: Sequence[str]) -> list[str]:
    """Return `command` as it runs under strace, which writes to `log` for `judge` to read."""
    return [*STRACE, "-o", str(log), "--", *command]


def judge(log: Iterable[str], rights: Mapping[str, Rights]) -> Verdict:
    """Hold every call in a trace against the rights of its verb."""
    verdict = Verdict()
    processes: dict[int, Process] = {}
    for call in _calls(log):
        assert call.thread in processes or not processes, f"a thread that nobody started: {call}"
        process = processes.setdefault(call.thread, Process(call.thread))
        match call.name:
            case "clone" | "clone3" | "fork" | "vfork":
                _follow(call, process, processes)
            case "seccomp":
                _begin_trials(call, process)
            case "execve" | "execveat":
                _end_trials(call, process)
                _become(call, process)
                verdict.verbs.add(process.verb)
            case _:
                _hold(call, process, rights.get(process.verb, Rights()), verdict)
    return verdict


def _calls(log: Iterable[str]) -> Iterator[Call]:
    """Give the calls in the order in which they began, those that others interrupted made whole."""
    texts: list[tuple[int, list[str]]] = []
    unfinished: dict[int, list[str]] = {}
    for line in log:
        parted = _LINE.fullmatch(line)
        assert parted, f"not understood: {line}"
        thread, text = int(parted[1]), parted[2]
        if resumed := _RESUMED.fullmatch(text):
            unfinished.pop(thread).append(resumed[1])
            continue
        texts.append((thread, [text.removesuffix(_UNFINISHED)]))
        if text.endswith(_UNFINISHED):
            unfinished[thread] = texts[-1][1]
    for thread, halves in texts:
        yield _call(thread, "".join(halves))


def _call(thread: int, text: str) -> Call:
    parted = _CALL.fullmatch(text)
    assert parted, f"not understood: {text}"
    name, asked, result, name_only, asked_only = parted.groups()
    if name is None:
        return Call(thread, name_only, asked_only, None)
    return Call(thread, name, asked, None if result == "?" else int(result))


def _follow(call: Call, process: Process, processes: dict[int, Process]) -> None:
    if call.result is not None and call.result > 0:
        is_thread = "CLONE_THREAD" in call.asked
        child = process if is_thread else Process(call.result, process.verb, process.program)
        processes[call.result] = child


def _begin_trials(call: Call, process: Process) -> None:
    is_filter = call.first == "SECCOMP_SET_MODE_FILTER" and call.result is not None and call.result >= 0
    if is_filter and not process.has_tried:
        process.trials = list(TRIALS)


def _end_trials(call: Call, process: Process) -> None:
    if process.trials and call.first == f'"{NOT_THERE}"':
        process.trials, process.has_tried = [], True


def _become(call: Call, process: Process) -> None:
    if call.result != 0:
        return
    path, *words = _WORD.findall(call.asked)
    process.program = Path(path).name
    for option, package, verb in zip(words, words[1:], words[2:], strict=False):
        if (option, package) == ("-m", "camd"):
            process.verb = verb
            return


def _hold(call: Call, process: Process, rights: Rights, verdict: Verdict) -> None:
    _note_own_ports(call, process)
    verdict.findings.extend(f"{process} {wrong}: {call}" for wrong in _wrongs(call, process, rights))
    reached = rights.peers.intersection(map(_peer, call.addresses)) if call.name == "connect" else ()
    verdict.reached.update((process.verb, peer) for peer in reached)


def _note_own_ports(call: Call, process: Process) -> None:
    match call.name:
        case "socket":  # with the number of one that was closed
            process.bound.pop(str(call.result), None)
            process.listening.discard(str(call.result))
        case "bind":
            process.bound[call.first] = "".join(call.addresses)
        case "listen":
            process.listening.add(call.first)
            _note_own_port(process.bound.get(call.first, ""), process)
        case "getsockname":
            process.bound[call.first] = "".join(call.addresses)
            if call.first in process.listening:
                _note_own_port(process.bound[call.first], process)


def _note_own_port(where: str, process: Process) -> None:
    peer = _peer(where)
    if peer and peer.host == LOOPBACK and peer.port:
        process.own.add(peer)


def _wrongs(call: Call, process: Process, rights: Rights) -> list[str]:
    match call.name:
        case "socket" | "socketpair":
            is_free = _may_open(call.first, rights) or (call.result == -1 and _is_trial(_kind(call), process))
            return [] if is_free else [f"opens a socket of {call.first}"]
        case "listen":
            where = process.bound.get(call.first, "an unknown address")
            return [] if _may_listen(where, rights) else [f"listens at {_shown(where)}"]
        case "connect" | "sendto" | "sendmsg" | "sendmmsg":
            strangers = [where for where in call.addresses if not _may_reach(where, process, rights)]
            return [f"reaches for {_shown(where)}" for where in strangers]
        case "io_uring_setup":
            return ["can reach anybody past the calls that are watched"]
    return []


def _may_open(family: str, rights: Rights) -> bool:
    return family == "AF_UNIX" or (family in ("AF_INET", "AF_INET6") and bool(rights.peers))


def _is_trial(what: str, process: Process) -> bool:
    """Whether this is what the guard tries, once."""
    if what not in process.trials:
        return False
    process.trials.remove(what)
    return True


def _kind(call: Call) -> str:
    """A socket's family and type."""
    family, kind, *_ = call.asked.split(", ")
    return f"{family} {kind.partition('|')[0]}"


def _may_listen(where: str, rights: Rights) -> bool:
    peer = _peer(where)
    return _is_file_within(where, rights) or (peer is not None and peer.host == LOOPBACK)


def _may_reach(where: str, process: Process, rights: Rights) -> bool:
    known = _UNDONE.fullmatch(where) or _is_file_within(where, rights)
    peer = _peer(where)
    return bool(known) or peer in rights.peers | process.own or _is_trial(_shown(where), process)


def _is_file_within(where: str, rights: Rights) -> bool:
    path = _UNIX.fullmatch(where)
    return bool(path and rights.folder and Path(os.path.normpath(path[1])).is_relative_to(rights.folder))


def _peer(where: str) -> Peer | None:
    parted = _INET.fullmatch(where)
    return Peer(parted[2], int(parted[1])) if parted else None


def _shown(where: str) -> str:
    peer = _peer(where)
    return f"{peer.host} port {peer.port}" if peer else where
