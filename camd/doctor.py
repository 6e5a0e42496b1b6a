"""`camd doctor`: looks at all that camd stands on, and says what mends what is not well.

Rule: it changes nothing, and writes nothing but a trial file that is gone at once. A camera that capture has not open
is opened for a first picture, which nobody sees, and in home mode none is. A bundle is for strangers' eyes: it
is made of findings' `plain` words and of settings that are figures or choices; no picture, secret, name, path or
address has a way into it.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape

from camd import config
from camd import settings_kinds as kinds
from camd.checkups import camera, capture, disk, house, machine, vision
from camd.checkups.finding import Check, Finding, Health, Patient, ill
from camd.config import KEYS, Config
from camd.errors import CannotWriteError, ConfigError
from camd.places import Places
from camd.terminal import Parser, print_json, say

CHECKS: Final[tuple[Check, ...]] = (
    camera.cameras, capture.capture, camera.encoder, vision.classifiers,
    machine.power, machine.temperature, machine.memory, machine.clock,
    disk.writing, disk.room, disk.health,
    house.broker, house.cages, house.addresses, house.at_home,
    machine.versions,
)  # fmt: skip
OF_MACHINE: Final[tuple[Check, ...]] = (
    camera.encoder, machine.power, machine.temperature, machine.memory, machine.clock, machine.versions
)  # fmt: skip
FAULTY: Final = "Mend what 'camd check' tells; camera, disk, broker and cages are looked at when it is right."
COLOURS: Final = {Health.WELL: "green", Health.WORRY: "yellow", Health.ILL: "red"}
HARMLESS: Final = (kinds.Switch, kinds.Whole, kinds.Number, kinds.Quantity, kinds.Choice)
HEAD: Final = """\
A bundle of 'camd doctor', to be sent to whoever helps. It holds figures and words of camd's own: no picture, no secret,
no name of a camera, zone, machine or person, no path and no address. Read it before you send it.
"""


def main(arguments: list[str]) -> int:
    """`camd doctor`: 0 when nothing is ill, 1 when something is."""
    options = _parser().parse_args(arguments)
    try:
        settings, checks = config.load(options.config), CHECKS
        found: list[Finding] = []
    except ConfigError as error:
        settings, checks = Config(), OF_MACHINE
        found = ill("settings", str(error), FAULTY, "faulty")
    _show(found, options.json)
    patient = Patient(settings, Places.of(options.data or settings.store.data))
    for check in checks:
        new = check(patient)
        found += new
        _show(new, options.json)
    counted = Counter(finding.health for finding in found)
    if options.bundle:
        _write(options.bundle, bundle(found, settings))
    if not options.json:
        say(f"{counted[Health.WELL]} well, {counted[Health.WORRY]} to look after, {counted[Health.ILL]} ill")
    return 1 if counted[Health.ILL] else 0


def bundle(found: Iterable[Finding], settings: Config) -> str:
    """Return the findings and settings as a text that strangers may read."""
    findings = [f"{one.health.value:5}  {_kind(one.what):12}  {one.plain}".rstrip() for one in found]
    return "\n".join((HEAD, "Findings", *findings, "", "Settings", *_settings(settings), ""))


def _kind(what: str) -> str:
    """What a finding is about, without the camera's own name."""
    kind = what.partition(" ")[0]
    return kind if kind in camera.OF_EACH else what


def _settings(settings: Config) -> Iterable[str]:
    yield f"cameras: {len(settings.each())}"
    for number, each in enumerate(settings.each(), 1):
        for section in ("camera", "vision", "record"):
            yield from _section(section, getattr(each, section), f"{number} " if settings.cameras else "")
    for section in ("store", "alerts", "mqtt", "discovery", "guard"):
        yield from _section(section, getattr(settings, section), "")


def _section(section: str, values: Any, which: str) -> Iterable[str]:
    for path, key in KEYS.items():
        of, _, name = path.partition(".")
        if of != section or "." in name:
            continue
        value = getattr(values, name)
        yield f"{which}{path}: {key.show(value) if _is_harmless(key.kind) else 'set' if value else 'not set'}"


def _is_harmless(kind: object) -> bool:
    return isinstance(kind, HARMLESS)


def _show(found: Iterable[Finding], as_json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for one in found:
        if as_json:
            print_json(one.as_json())
            continue
        health = f"[{COLOURS[one.health]}]{one.health.value:5}[/]"
        console.print(f"{health}  [bold]{escape(one.what)}[/]  {escape(one.says)}")
        if one.mend:
            console.print(f"       mend: {escape(one.mend)}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotWriteError(f"{path}: the bundle cannot be written ({error.strerror}).") from error
    say(f"{path}: written. Nothing was sent; read it before you do.")


def _parser() -> Parser:
    parser = Parser(
        prog="camd doctor",
        description="Look at all that camd stands on: cameras, encoder, classifier, power, temperature, memory, clock, "
        "disk, broker, the cage of each process, versions. What is not well is told with what mends it. "
        "Nothing is changed.",
        epilog="exit codes: 0 nothing is ill; 1 something is; 64 wrong usage; 73 the bundle cannot be written",
    )
    parser.add_argument("--json", action="store_true", help="JSON Lines on stdout, one object for each finding")
    parser.add_argument(
        "--bundle", type=Path, metavar="FILE", help="also write what a stranger may read, for who helps you"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder; default: the one in the settings")
    return parser
