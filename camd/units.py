"""`camd units`: what the settings ask of the systemd units, written as drop-ins beside them.

Idea: an IP filter takes no names, so those of broker, network cameras and recipients are resolved here, once, and
written down: as the addresses that the unit may reach, and as a file of hosts that the process sees in place of
/etc/hosts. So it needs no resolver, through which data could leave. Secrets are handed over by systemd
(LoadCredential).
Rule: an address that changes is not followed by itself: `camd doctor` says so, and this verb writes the new one.
A path is written as systemd reads it (systemd.syntax, "Quoting"; systemd.unit, "Specifiers"): what it does not
understand it leaves out, and only the log says so.
"""

import ipaddress
import shlex
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from camd import config
from camd.cage import NETWORK_CAMERAS
from camd.config import Config, credential_name
from camd.errors import CannotWriteError, UnavailableError
from camd.places import default_data
from camd.terminal import Parser, say

UNITS: Final = Path("/etc/systemd/system")
SERVICES: Final = "camd-*.service"
DROP_IN: Final = "settings.conf"  # read after cage.conf, which it opens that far
HOSTS: Final = Path("/etc/camd/hosts")
STATE: Final = Path("/var/lib/camd")  # the units' StateDirectory
HEAD: Final = "# Written by 'camd units' from the settings; what is changed here is lost.\n"
NETWORK: Final = (
    "PrivateNetwork=no",
    "RestrictAddressFamilies=AF_UNIX AF_NETLINK AF_INET AF_INET6",
    "SocketBindAllow=ipv4:tcp",  # the relay's door on loopback; nobody outside reaches it past the filter on addresses
)
OWN: Final = "127.0.0.1"  # a process' connections to itself: paho wakes its thread so, FFmpeg reads through a relay

Resolve = Callable[[str], tuple[str, ...]]


def main(arguments: list[str]) -> int:
    """`camd units`: write the drop-ins; raises UnavailableError where nothing is to be dropped into, or for a name that
    means nothing, and CannotWriteError."""
    options = _parser().parse_args(arguments)
    settings = config.load(options.config)
    if not any(options.into.glob(SERVICES)):
        raise UnavailableError(f"{options.into}: camd is no service here. 'sudo systemd/install' makes it one.")
    wanted = files(settings, options.into, options.hosts, addresses)
    changed = [path for path, text in wanted.items() if _content(path) != text]
    for path in changed:
        _write(path, wanted[path])
        say(f"written: {path}")
    if not changed:
        say("the units are as the settings ask")
    elif options.into == UNITS:
        say("in force after: systemctl daemon-reload && systemctl restart camd.target")
    if not settings.store.data.is_dir() and not _is_usual(settings.store.data):
        say(f"{settings.store.data}: not there yet, and no unit may make it. {how_to_make(settings.store.data)}")
    return 0


def files(settings: Config, units: Path, hosts: Path, resolve: Resolve) -> dict[Path, str]:
    """Return the drop-ins and the file of hosts that the settings ask for: path -> text."""
    reached = hosts_of(settings)
    meant = {OWN: (OWN,), **{name: resolve(name) for unit in ("capture", "notify") for name in reached[unit]}}
    meant |= {name: _if_known(name, resolve) for name in reached["send"]}
    cameras = [*NETWORK, *_allowed((OWN, *reached["capture"]), meant, hosts)] if reached["capture"] else []
    made = {
        "capture": [*cameras, *_credentials(_camera_secrets(settings))],
        "notify": [*_allowed((OWN, *reached["notify"]), meant, hosts), *_credentials(_broker_secrets(settings))],
        "send": [*_allowed(reached["send"], meant, hosts), *_recipients(settings)],
    }
    texts = {
        units / f"camd-{name}.service.d" / DROP_IN: _text([*lines, *_folder(settings, name)])
        for name, lines in made.items()
    }
    return texts | {hosts: _hosts(meant)}


def how_to_make(folder: Path) -> str:
    """How a data folder of one's own comes to be there, for a service that may write to nothing above it."""
    return f"Mount it, or say: sudo install -d -m 700 -o camd -g camd {shlex.quote(str(folder))}"


def hosts_of(settings: Config) -> dict[str, tuple[str, ...]]:
    """Return the hosts that each unit reaches: capture network cameras, notify the broker, send the recipients."""
    urls = [urlsplit(each.camera.source) for each in settings.each()]
    cameras = [url.hostname for url in urls if url.scheme in NETWORK_CAMERAS and url.hostname]
    recipients = [urlsplit(to.url).hostname or "" for to in settings.share.to if to.url]
    unique = {"capture": dict.fromkeys(cameras), "send": dict.fromkeys(recipients)}
    return {"notify": (settings.mqtt.host,), **{unit: tuple(names) for unit, names in unique.items()}}


def _if_known(name: str, resolve: Resolve) -> tuple[str, ...]:
    """A recipient that is not to be found now keeps nobody else from being written down."""
    try:
        return resolve(name)
    except UnavailableError as error:
        say(f"{error} Until 'camd units' finds it, no share can go there.")
        return ()


def addresses(name: str) -> tuple[str, ...]:
    """Return the addresses that a name means now, in order; raises UnavailableError."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(f"{name}: this name means no address now ({error.strerror}). Try again.") from error
    return tuple(sorted({str(entry[4][0]).partition("%")[0] for entry in found}))


def allowed(units: Path, unit: str) -> tuple[str, ...] | None:
    """Return the addresses that a unit's drop-in allows; None when there is none."""
    text = _content(units / f"camd-{unit}.service.d" / DROP_IN)
    if text is None:
        return None
    lines = [line.removeprefix("IPAddressAllow=") for line in text.splitlines() if line.startswith("IPAddressAllow=")]
    return tuple(word for line in lines for word in line.split())


def _allowed(names: Iterable[str], meant: dict[str, tuple[str, ...]], hosts: Path) -> list[str]:
    to = dict.fromkeys(address for name in names for address in meant[name])
    return [f"IPAddressAllow={' '.join(to)}", f"BindReadOnlyPaths={_quoted(str(hosts))}:/etc/hosts"] if to else []


def _folder(settings: Config, unit: str) -> list[str]:
    """A data folder of the owner's own choice can be written, too, but for what the unit does not see in its own."""
    data = settings.store.data
    if _is_usual(data):
        return []
    hidden = ("owner",) if unit == "capture" else ("clips", "owner")
    return [f"ReadWritePaths={_if_there(data)}", *(f"InaccessiblePaths={_if_there(data / name)}" for name in hidden)]


def _is_usual(data: Path) -> bool:
    """Whether the units have this data folder of themselves."""
    return data == default_data() or data.is_relative_to(STATE)


def _recipients(settings: Config) -> list[str]:
    folders = [f"ReadWritePaths={_if_there(to.folder)}" for to in settings.share.to if to.folder]
    return [*folders, *_credentials(to.token_file for to in settings.share.to)]


def _broker_secrets(settings: Config) -> tuple[Path | None, ...]:
    return settings.mqtt.password_file, settings.mqtt.key_file


def _camera_secrets(settings: Config) -> tuple[Path | None, ...]:
    return tuple(each.camera.password_file for each in settings.each())


def _credentials(secrets: Iterable[Path | None]) -> list[str]:
    """What follows the colon is a path to the line's end, in which only % means something."""
    return [f"LoadCredential={credential_name(path)}:{_plain(path)}" for path in secrets if path]


def _if_there(path: Path) -> str:
    """A path in a list of paths; a unit with one that is not there would not start (226) but for the minus."""
    return _quoted(f"-{path}")


def _quoted(word: str) -> str:
    """One word of several, as systemd takes it apart."""
    escaped = _plain(word).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if set(escaped) & set(" \t'\\") else escaped


def _plain(path: Path | str) -> str:
    return str(path).replace("%", "%%")


def _text(lines: list[str]) -> str:
    return "\n".join((f"{HEAD}[Service]", *lines, ""))


def _hosts(meant: dict[str, tuple[str, ...]]) -> str:
    named = [f"{address} {name}" for name, found in meant.items() if not _is_address(name) for address in found]
    return "\n".join((f"{HEAD}127.0.0.1 localhost", "::1 localhost", *named, ""))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def _write(path: Path, text: str) -> None:
    temp = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temp.write_text(text, encoding="utf-8")
        temp.chmod(0o644)
        temp.replace(path)
    except OSError as error:
        raise CannotWriteError(f"{path}: cannot be written ({error.strerror}). Say it with sudo.") from error


def _parser() -> Parser:
    parser = Parser(
        prog="camd units",
        description="Write what the settings ask of the systemd units: the addresses of broker, network cameras and "
        "recipients, the files that hold secrets, folders to write to. systemd/install does it; do it again when the "
        "settings or an address have changed.",
        epilog="exit codes: 0 written, or nothing to write; 64 wrong usage; 69 a name means no address, or camd "
        "is no service here; 73 cannot write; 78 bad config",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    parser.add_argument("--into", type=Path, metavar="DIR", default=UNITS, help=f"the units' folder; default {UNITS}")
    parser.add_argument("--hosts", type=Path, metavar="FILE", default=HOSTS, help=f"file of hosts; default {HOSTS}")
    return parser
