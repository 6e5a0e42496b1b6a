"""The kinds of path that may stand in the settings file: folders, files, and files that hold a secret.

Rule: no path depends on where camd is started, and a secret's file is its owner's alone. What may be a secret itself,
written where its file's path belongs, is not echoed.
"""

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from camd.settings_kinds import Scalar, Text, WrongError, home


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that need not exist yet."""

    want: str = "a path that begins with / or ~"

    def read(self, scalar: Scalar) -> Path:
        """Return the absolute path, with ~ expanded."""
        text = Text(self.want).read(scalar)
        if not text.startswith(("/", "~")):
            raise WrongError("a path that depends on where camd is started")
        return Path(home(text))

    def show(self, value: Path) -> str:
        """Return the path in quotes."""
        return json.dumps(str(value), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class File(Folder):
    """A file that exists."""

    want: str = "the path of a file, beginning with / or ~"

    def read(self, scalar: Scalar) -> Path:
        """Return the absolute path."""
        path = Folder.read(self, scalar)
        check_readable(path)
        return path


@dataclass(frozen=True, slots=True)
class Model(Folder):
    """A model's file. It may be missing: recording goes on without it, and `camd check` alone refuses."""

    want: str = "the path of a file, beginning with / or ~"


@dataclass(frozen=True, slots=True)
class SecretFile(Folder):
    """A file that holds a secret and that nobody but its owner can read."""

    want: str = "the path of a file that only you can read, beginning with / or ~"

    def read(self, scalar: Scalar) -> Path:
        """Return the absolute path; the text is not echoed where it may be the secret itself."""
        if scalar.tag != "str" or not scalar.text.startswith(("/", "~")):
            raise WrongError("not a path from / or ~", "text that is not shown, it may be the secret")
        path = Folder.read(self, scalar)
        check_secret(path)
        return path


def check_readable(path: Path) -> None:
    """Raise WrongError unless `path` is a file that can be read."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise WrongError(f"cannot be read ({error.strerror})", str(path)) from error


def check_secret(path: Path) -> None:
    """Raise WrongError, which names the mend, unless `path` is a file that its owner alone can reach."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        mend = f"the secret in that file, made with: install -m 600 /dev/null {path}"
        raise WrongError("no such secret file", str(path), mend) from error
    if not stat.S_ISREG(mode):
        raise WrongError("not a file", str(path))
    if mode & 0o077:
        raise WrongError("others can read this secret", f"mode {mode & 0o777:04o}", f"chmod 600 {path}")
