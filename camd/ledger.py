"""The ledger: who got what, when and why, in lines that hold each other.

Idea: append-only JSON Lines; each entry carries the hash of the one before, and the newest hash is also kept outside
the file (`ledger.head` in the run folder, which notify publishes). Changing, inserting or removing a line breaks the
chain; cutting the end off, or rewriting all of it, disagrees with the head.
Rule: an entry is durable when `append` returns. Nothing is appended to a file that is known to be cut or changed.
It does not promise to hold against somebody who can write both file and head: that is what the published head is for.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from camd.clock import Clock, rfc3339
from camd.errors import CannotWriteError, SaidNoError, UnusableInputError
from camd.model import SECOND
from camd.places import Places

GENESIS = "0" * 64  # the hash before the first entry
MAX_LINE = 32_768  # bytes; the last line is found within twice as many
_CONSONANTS, _VOWELS = "bdfghjklmnprstvz", "aiou"
_OWN = frozenset({"v", "seq", "time", "time_iso", "what", "prev", "hash"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: number `seq` (from 1), UNIX `time` in seconds, what happened and the details of it."""

    seq: int
    time: float
    time_iso: str
    what: str
    details: dict[str, Any]
    prev: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        """Return the object that stands in the file."""
        return {"v": 1, **{key: getattr(self, key) for key in sorted(_OWN - {"v"})}, **self.details}


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry as known outside the file."""

    seq: int
    time: float
    hash: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the chain of `entries` holds; if not, `line` says where (None: not in a line of it) and `why`."""

    entries: int
    line: int | None = None
    why: str = ""

    @property
    def intact(self) -> bool:
        """True when nothing is wrong."""
        return not self.why


def append(places: Places, clock: Clock, what: str, **details: Any) -> Entry:
    """Write one entry and return it once it is durable.

    What a crash left of an earlier write moves to `ledger.torn`, and this entry tells so in `torn_bytes` and
    `torn_sha256`. Raises SaidNoError when the file's end is damaged or was cut, CannotWriteError.
    """
    assert not _OWN & details.keys(), "these names are the ledger's own"
    try:
        places.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        places.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(places.ledger, os.O_RDWR | os.O_CREAT, fcntl.LOCK_EX) as file:
            return _append(places, file, clock, what, details)
    except OSError as error:
        raise CannotWriteError(f"{places.ledger}: {error.strerror}. Nothing is shared without its entry.") from error


def entries(places: Places) -> list[Entry]:
    """Return the entries that can be read; whether that is all of them, `verify` tells."""
    found = []
    for line in _lines(places)[:-1]:
        try:
            found.append(_parse(line))
        except ValueError:
            continue
    return found


def verify(places: Places) -> Verdict:
    """Check every line, the chain, and the head where there is one."""
    *whole, torn = _lines(places)
    chain: list[str] = []
    for number, line in enumerate(whole, 1):
        try:
            chain.append(_link(line, number, chain[-1] if chain else GENESIS))
        except ValueError as error:
            return Verdict(len(chain), number, str(error))
    if torn:
        return Verdict(len(chain), len(whole) + 1, "it has no end: its writing was cut off")
    return _verify_head(places, chain)


def head(places: Places) -> Head | None:
    """Return what the run folder knows of the newest entry, None when nothing; raises ValueError when it is damaged."""
    try:
        found = json.loads(places.ledger_head.read_bytes())
        return Head(int(found["seq"]), float(found["time"]), str(found["hash"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, RecursionError, OSError) as error:
        raise ValueError("not a ledger head") from error


def words(digest: str) -> str:
    """Return the first 64 bits of a hash in four words, to be said aloud or written down: `lusab-babad-gutih-tugad`.

    They are proquints (Wilkerson, "A Proposal for Proquints", arXiv:0901.4016): 16 bits each, no list of words needed.
    """
    return "-".join(_word(int(digest[at : at + 4], 16)) for at in range(0, 16, 4))


def _word(bits: int) -> str:
    of = (_CONSONANTS, _VOWELS, _CONSONANTS, _VOWELS, _CONSONANTS)
    return "".join(
        letters[bits >> shift & len(letters) - 1] for letters, shift in zip(of, (12, 10, 6, 4, 0), strict=True)
    )


def _append(places: Places, file: int, clock: Clock, what: str, details: dict[str, Any]) -> Entry:
    end = os.fstat(file).st_size
    before, newline, torn = os.pread(file, 2 * MAX_LINE, max(0, end - 2 * MAX_LINE)).rpartition(b"\n")
    last = _last(places, before.rpartition(b"\n")[2]) if newline or end > MAX_LINE else None
    _hold_head(places, last)
    if torn:
        details = {**details, **_set_aside(places, torn)}
    entry, line = _entry(last, clock, what, details)
    os.ftruncate(file, end - len(torn))
    os.lseek(file, 0, os.SEEK_END)
    _write(file, line)
    _sync_folder(places.data)
    _replace_head(places, Head(entry.seq, entry.time, entry.hash))
    return entry


def _last(places: Places, line: bytes) -> Entry:
    try:
        return _parse(line)
    except ValueError as error:
        raise SaidNoError(
            f"{places.ledger}: its last line is damaged ({error}). See 'camd ledger verify', and move the file away "
            "to begin a new one."
        ) from error


def _hold_head(places: Places, last: Entry | None) -> None:
    """Refuse to go on after a cut: the new head would hide it. A head that is behind is left to `verify`."""
    try:
        known = head(places)
    except ValueError as error:
        raise SaidNoError(f"{places.ledger_head}: {error}. Remove it to go on without it.") from error
    seq, digest = (last.seq, last.hash) if last else (0, GENESIS)
    if known and (known.seq > seq or (known.seq == seq and known.hash != digest)):
        raise SaidNoError(
            f"{places.ledger}: ends with entry {seq}, but {places.ledger_head} knows entry {known.seq}: it was cut or "
            "changed. Bring the file back, or remove the head to go on without what is missing."
        )


def _set_aside(places: Places, torn: bytes) -> dict[str, Any]:
    path = places.data / "ledger.torn"
    aside = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        _write(aside, torn + b"\n")
    finally:
        os.close(aside)
    _sync_folder(places.data)
    return {"torn_bytes": len(torn), "torn_sha256": hashlib.sha256(torn).hexdigest()}


def _entry(last: Entry | None, clock: Clock, what: str, details: dict[str, Any]) -> tuple[Entry, bytes]:
    now = clock.unix()
    seq, prev = (last.seq + 1, last.hash) if last else (1, GENESIS)
    unsealed = Entry(seq, round(now / SECOND, 3), rfc3339(now), what, details, prev, "")
    entry = Entry(seq, unsealed.time, unsealed.time_iso, what, details, prev, _digest(unsealed.as_json()))
    line = _canonical(entry.as_json()) + b"\n"
    assert len(line) <= MAX_LINE, "an entry is a line, not a document"
    return entry, line


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _digest(value: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical({key: v for key, v in value.items() if key != "hash"})).hexdigest()


def _parse(line: bytes) -> Entry:
    """Return the entry in one line; raises ValueError, which says why not."""
    try:
        value = json.loads(line)
        same = _canonical(value) == line
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not an entry") from error
    if not same or not isinstance(value, dict) or not value.keys() >= _OWN:
        raise ValueError("it is not as camd writes it")
    if value["hash"] != _digest(value):
        raise ValueError("its content does not fit its hash")
    own = {key: value[key] for key in _OWN - {"v"}}
    return Entry(**own, details={key: v for key, v in value.items() if key not in _OWN})


def _link(line: bytes, number: int, prev: str) -> str:
    entry = _parse(line)
    if entry.seq != number:
        raise ValueError(f"it is entry {entry.seq} where {number} belongs: an entry is missing or moved")
    if entry.prev != prev:
        raise ValueError("it does not follow the line before")
    return entry.hash


def _verify_head(places: Places, chain: list[str]) -> Verdict:
    try:
        known = head(places)
    except ValueError:
        return Verdict(len(chain), None, f"{places.ledger_head} is damaged")
    if known is None:
        return Verdict(len(chain))
    if known.seq > len(chain):
        return Verdict(len(chain), None, f"the end is missing: entry {known.seq} was written, the file ends before it")
    if known.seq < 1 or known.hash != chain[known.seq - 1]:
        return Verdict(len(chain), known.seq, "it is not the entry that was written: the file was rewritten")
    return Verdict(len(chain))


def _lines(places: Places) -> list[bytes]:
    """Return the file's lines; the last is what stands after the last newline, empty when all is well."""
    try:
        with _locked(places.ledger, os.O_RDONLY, fcntl.LOCK_SH):
            return places.ledger.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [b""]
    except OSError as error:
        raise UnusableInputError(f"{places.ledger}: cannot be read: {error.strerror}.") from error


@contextmanager
def _locked(path: Path, flags: int, lock: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, lock)
        yield file
    finally:
        os.close(file)


def _replace_head(places: Places, new: Head) -> None:
    # Under the ledger's lock, so that one name for the temporary file is enough.
    part = places.ledger_head.with_name("ledger.head.part")
    part.write_bytes(_canonical({"v": 1, "seq": new.seq, "time": new.time, "hash": new.hash}))
    part.replace(places.ledger_head)


def _write(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
    os.fsync(file)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
