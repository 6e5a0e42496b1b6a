"""Whose rights count: the doctor is often root, who may read and write everything, and camd is a user who may not.

Idea: for the time of a trial this process has the effective rights of that user, as the kernel counts them for files.
Rule: secrets and addresses are not tried so: systemd reads those as root and hands them over.
It does not promise to see files as a unit does: of its namespaces only the folders that it hides are known.
"""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from camd.checkups.finding import Patient

SERVICE: Final = "camd"  # the user that systemd/install makes
# ProtectHome and PrivateTmp of systemd/camd-.service.d/cage.conf.
HIDDEN: Final = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))


@dataclass(frozen=True, slots=True)
class User:
    """Who camd runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, entry: pwd.struct_passwd) -> "User":
        """The user of this entry, with all groups."""
        return cls(entry.pw_uid, entry.pw_gid, tuple(os.getgrouplist(entry.pw_name, entry.pw_gid)))


@contextmanager
def of_camd(patient: Patient) -> Iterator[None]:
    """Try what camd itself may do: in this block all threads have its rights, if they are others and can be had."""
    user = _user(patient)
    if user is None:
        yield
        return
    mine = User(os.geteuid(), os.getegid(), tuple(os.getgroups()))
    os.setgroups(user.groups)
    os.setegid(user.gid)
    os.seteuid(user.uid)
    try:
        yield
    finally:
        os.seteuid(mine.uid)
        os.setegid(mine.gid)
        os.setgroups(mine.groups)


def hides(patient: Patient, path: Path) -> str:
    """The folder for whose sake camd's units do not see `path`, "" where they do or there are none."""
    found = (str(folder) for folder in HIDDEN if path.is_relative_to(folder))
    return next(found, "") if patient.is_service else ""


def _user(patient: Patient) -> User | None:
    """Whom camd runs as: the service's user, else who owns the data folder; None for who asks, or nobody known."""
    if os.geteuid() != 0:
        return None
    try:
        if patient.is_service:
            return User.of(pwd.getpwnam(SERVICE))
        owner = patient.places.data.stat().st_uid
        return User.of(pwd.getpwuid(owner)) if owner else None
    except (OSError, KeyError):
        return None
