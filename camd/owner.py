"""The owner's passphrase, and the one-time code with which it is set where nobody is known yet.

Idea: whoever installs camd is given a code; who types it on the page sets the passphrase there. Both are kept as scrypt
hashes, in one file that is replaced whole, in a folder that of all processes only the page's sees.
Rule: a code is good once, for an hour, in the boot that it was made in, and for five tries; a try is counted before it
is looked at. Each passphrase that is set, and each code that is made, leaves a line in the ledger.
It does not promise to hold against who can write that folder: root, and the user that camd runs as.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from camd import ledger
from camd.clock import Clock
from camd.errors import CannotWriteError, RefusedError, UnusableInputError
from camd.mode import write_whole
from camd.model import SECOND, Nanos
from camd.places import Places

# The least that OWASP's Password Storage Cheat Sheet takes for scrypt in 16 MiB, which a Zero 2 W can spare.
COST: Final = {"n": 2**14, "r": 8, "p": 5}
LEAST: Final = 12  # characters of a passphrase
MOST: Final = 1000
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # of a code: none is another's twin, none makes words (RFC 8628, 6.1)
CODE_LENGTH: Final = 8  # letters, 34 bits; with five tries one in 5,000,000,000 guesses it
TRIES: Final = 5
VALID: Final[Nanos] = 3600 * SECOND
MEND: Final = "'sudo camd setup --code' makes one."


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret as it is kept: what it costs to try one, the salt and the scrypt hash, both in hex."""

    salt: str
    hash: str
    n: int
    r: int
    p: int

    @classmethod
    def of(cls, secret: str) -> "Sealed":
        """Seal a secret with a salt of its own."""
        salt = secrets.token_bytes(16)
        return cls(salt.hex(), _hashed(secret, salt, COST).hex(), **COST)

    def fits(self, secret: str) -> bool:
        """Whether it is this secret."""
        cost = {"n": self.n, "r": self.r, "p": self.p}
        return hmac.compare_digest(_hashed(secret, bytes.fromhex(self.salt), cost), bytes.fromhex(self.hash))


@dataclass(frozen=True, slots=True)
class Code:
    """A set-up code that was given out: good until boot time `until` of the boot `boot_id`, for so many tries more."""

    sealed: Sealed
    boot_id: str
    until: Nanos
    tries: int


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the file holds."""

    passphrase: Sealed | None = None
    code: Code | None = None


def is_known(places: Places) -> bool:
    """Whether a passphrase is set; raises UnusableInputError when nobody can tell."""
    return _read(places).passphrase is not None


def confirm(places: Places, said: str) -> None:
    """Raise RefusedError unless that is the owner's passphrase."""
    with _held(places):
        _confirm(_read(places), said)


def begin(places: Places, clock: Clock, new: str) -> None:
    """Set the first passphrase, for the terminal alone; raises RefusedError when there is one already."""
    _check(new)
    with _held(places):
        if _read(places).passphrase is not None:
            raise RefusedError("there is a passphrase already.")
        _set(places, clock, new, "terminal")


def change(places: Places, clock: Clock, old: str, new: str) -> None:
    """Set another passphrase in place of the old one; raises RefusedError."""
    _check(new)
    with _held(places):
        _confirm(_read(places), old)
        _set(places, clock, new, "passphrase")


def new_code(places: Places, clock: Clock) -> str:
    """Make a set-up code, such as WDJB-MJHT; the one before is good no more."""
    code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
    with _held(places):
        ledger.append(places, clock, "setup-code")
        made = Code(Sealed.of(code), clock.boot_id, clock.boot() + VALID, TRIES)
        _write(places, replace(_read(places), code=made))
    half = CODE_LENGTH // 2
    return f"{code[:half]}-{code[half:]}"


def is_code(said: str) -> bool:
    """Whether that has the shape of a set-up code; a passphrase never has."""
    return len(_letters(said)) == CODE_LENGTH and len(said.strip()) < LEAST


def redeem(places: Places, clock: Clock, code: str, new: str) -> None:
    """Set the passphrase with a set-up code, which is spent by that; raises RefusedError."""
    _check(new)
    with _held(places):
        kept = _read(places)
        given = kept.code
        if given is None or given.boot_id != clock.boot_id or clock.boot() > given.until:
            raise RefusedError(f"there is no set-up code that is good now. {MEND}")
        left = given.tries - 1
        _write(places, replace(kept, code=replace(given, tries=left) if left else None))
        if not given.sealed.fits(_letters(code)):
            raise RefusedError(f"that is not the set-up code. {f'{left} of {TRIES} tries are left.' if left else MEND}")
        _set(places, clock, new, "code")


def _check(new: str) -> None:
    if not LEAST <= len(new) <= MOST or not new.isprintable():
        raise RefusedError(f"a passphrase has {LEAST} to {MOST} characters. A few words that you make up are good.")


def _confirm(kept: _Kept, said: str) -> None:
    if kept.passphrase is None or not kept.passphrase.fits(said):
        raise RefusedError("that is not the owner's passphrase. 'camd setup --help' tells what to do if it is lost.")


def _set(places: Places, clock: Clock, new: str, by: str) -> None:
    ledger.append(places, clock, "passphrase", by=by)
    _write(places, _Kept(Sealed.of(new)))


def _letters(said: str) -> str:
    """The letters of a code, however it was typed."""
    return "".join(letter for letter in said.upper() if letter in LETTERS)


def _hashed(secret: str, salt: bytes, cost: dict[str, int]) -> bytes:
    text = unicodedata.normalize("NFC", secret).encode()  # one text, whatever keyboard it comes from (RFC 8265)
    return hashlib.scrypt(text, salt=salt, dklen=32, **cost)


@contextmanager
def _held(places: Places) -> Iterator[None]:
    """One at a time, so that tries are counted and the memory for one is enough."""
    try:
        places.owner.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = os.open(places.owner.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise CannotWriteError(f"{places.owner.parent}: cannot be used ({error.strerror}).") from error
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _read(places: Places) -> _Kept:
    try:
        said = json.loads(places.owner.read_bytes())
        return _Kept(_sealed(said["passphrase"]), _code(said["code"]))
    except FileNotFoundError:
        return _Kept()
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "Remove it, then say 'sudo camd setup' anew."
        raise UnusableInputError(f"{places.owner}: the owner's passphrase cannot be read. {mend}") from error


def _sealed(told: Any) -> Sealed | None:
    return None if told is None else Sealed(**told)


def _code(told: Any) -> Code | None:
    return None if told is None else Code(**{**told, "sealed": Sealed(**told["sealed"])})


def _write(places: Places, kept: _Kept) -> None:
    try:
        write_whole(places.owner, json.dumps({"v": 1, **asdict(kept)}))
    except OSError as error:
        raise CannotWriteError(f"{places.owner}: cannot be written ({error.strerror}).") from error
