"""What can go wrong in the world, with the exit code that tells it.

Rule: a `CamdError` is the world's trouble (a file, a broker, a disk), said in one line: what was wrong, where,
and how to mend it. Anything else that is raised is our bug and passes through with its traceback.
Exit codes are sysexits.h's where it has one.
"""

from typing import ClassVar


class CamdError(Exception):
    """The world's trouble, in one line that a user can act on; `exit_code` ends the process that meets it."""

    exit_code: ClassVar[int] = 1


class SaidNoError(CamdError):
    """The command's own "no": a failed score, a damaged ledger."""

    exit_code = 1


class UsageError(CamdError):
    """The command line asks for something that does not exist."""

    exit_code = 64


class UnusableInputError(CamdError):
    """A file cannot be used as what it was given for."""

    exit_code = 65


class UnavailableError(CamdError):
    """A camera, broker or recipient that is needed did not answer."""

    exit_code = 69


class StuckError(CamdError):
    """A camera's driver holds a thread and does not give it back: only another process can use it again."""

    exit_code = 69


class CannotWriteError(CamdError):
    """A folder or disk refuses what must be written."""

    exit_code = 73


class DiskError(CannotWriteError):
    """The disk is full, failing or read-only: it may take writes again."""


class HeldError(CamdError):
    """Another camd holds what only one may hold."""

    exit_code = 75


class RefusedError(CamdError):
    """Refused on purpose: a wrong confirmation, a strict guard."""

    exit_code = 77


class ConfigError(CamdError):
    """The config file is wrong; the message holds every fault, one line each."""

    exit_code = 78
