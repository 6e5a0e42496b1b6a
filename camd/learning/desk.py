"""`camd learn`: makes the classifier better by your own labels, and takes back what made it worse.

Idea: say what a clip shows with `camd clips label`; learning takes seconds, on this machine. A new head is scored on
labels that it has not seen and on the factory's pictures, and used only when it is better and misses nobody.
Rule: nothing leaves the machine, and nothing is used unscored.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from camd import config
from camd.clock import SystemClock
from camd.config import Config
from camd.errors import SaidNoError
from camd.learning import album, factory, home
from camd.learning.head import Examples, Score, Trial, learn
from camd.learning.home import Kept, Labelled
from camd.model import LABELS
from camd.places import Places
from camd.store import heads
from camd.terminal import Parser, print_json, say
from camd.vision.classify import Head

LASTS: Final = (
    "What was learned from clips goes with the first of them that you delete, and with the last that the ring takes:"
    " 'camd clips star ID' keeps a clip, and with it what was learned from it."
)
NOTHING: Final = (
    "camd learn: there is nothing to learn from yet. Say what clips show with"
    " 'camd clips label ID person|vehicle|animal|other'; clips without a label of camd's own do not count."
)

LookAgain = Callable[[Places, Config, Sequence[int]], None]


def main(arguments: list[str], look_again: LookAgain) -> int:
    """`camd learn [report | rollback]`; `look_again` has clips seen by this camd's network that another one saw."""
    options = _parser().parse_args(arguments)
    options.settings, options.look_again = config.load(options.config), look_again
    settings: Config = options.settings
    _tell_unused(settings)
    return _VERBS[options.verb or "learn"](Places.of(options.data or settings.store.data), options)


def _tell_unused(settings: Config) -> None:
    """Say which cameras do not use what is learned."""
    for each in settings.each():
        name, vision = each.camera.name, each.vision
        if not vision.classify:
            say(f"{name} does not use what is learned: vision.classify is off.")
        elif vision.detector is not None:
            say(f"{name} does not use what is learned: vision.detector is set, and nothing is learned on top of that.")


def _parser() -> Parser:
    codes = "exit codes: 0 well; 1 nothing to learn, or the new head is no better; 75 another one is at work"
    parser = Parser(prog="camd learn", description=__doc__, epilog=codes)
    common = Parser(add_help=False)
    for one in (parser, common):
        one.add_argument("--config", type=Path, metavar="FILE", default=argparse.SUPPRESS, help="the config file")
        one.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="the data folder")
        one.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    parser.set_defaults(verb=None, config=None, data=None, json=False, sheet=None)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    reporting = verbs.add_parser("report", parents=[common], help="what it learned, or would learn, without using it")
    reporting.add_argument("--sheet", type=Path, metavar="OUT.png", help="the labelled clips as one picture")
    verbs.add_parser("rollback", parents=[common], help="take the newest head back")
    return parser


def _learn(places: Places, options: argparse.Namespace) -> int:
    if not places.labels.exists():
        raise SaidNoError(NOTHING)
    if outdated := home.outdated(places, factory.factory_head()):
        say(f"{home.OUTDATED.format(len(outdated))}. They are looked at again.")
        options.look_again(places, options.settings, sorted({verdict.clip for verdict in outdated}))
    with heads.alone(places):
        labels = _labels(places)  # in here: who deletes a clip forgets its label, and then waits for its head
        trial = trial_of(places, labels)
        number = home.keep(places, trial, SystemClock().unix()) if trial.is_accepted else 0
    _show(labels, trial, options)
    if not number:
        raise SaidNoError(f"not used: {trial.refusal}.")
    say(f"learned from {_count(labels)}: head {number} is in use from now on. 'camd learn rollback' takes it back.")
    say(LASTS)
    return 0


def _report(places: Places, options: argparse.Namespace) -> int:
    outdated = home.outdated(places, factory.factory_head())
    if outdated:
        say(f"{home.OUTDATED.format(len(outdated))}. {home.SEE_AGAIN}")
    labels = _labels(places)
    kept, trial = home.in_use(places, factory.factory_head()), trial_of(places, labels)
    if options.json:
        _print(labels, trial, in_use=kept and kept.json(), outdated=len(outdated))
    else:
        _show_kept(kept)
        Console().print("\nWhat could be learned now:\n")
        _show(labels, trial, options)
    if options.sheet is not None:
        album.write(options.sheet, places, labels, _said(trial.head, labels))
        say(f"{options.sheet}: {_count(labels)} and what the classifier makes of their clips")
    return 0


def _rollback(places: Places, options: argparse.Namespace) -> int:
    number = home.roll_back(places)
    if options.json:
        print_json({"head": number})
    say(f"head {number} is in use again." if number else "the factory's head is in use again.")
    return 0


_VERBS = {"learn": _learn, "report": _report, "rollback": _rollback}


def _labels(places: Places) -> list[Labelled]:
    """The owner's labels that can be learned from; raises SaidNoError without any."""
    labels = home.labelled(places, factory.factory_head())
    if not labels:
        raise SaidNoError(NOTHING)
    return labels


def trial_of(places: Places, labels: list[Labelled]) -> Trial:
    """What learning from these labels comes to, against the head that is in use. Nothing is put to use."""
    made, given = factory.factory_head(), factory.summary()
    now = factory.head_in_use(places.heads, say)
    train, test = Examples(given.train, given.train_labels), Examples(given.test, given.test_labels)
    return learn(now, made, home.examples(labels, made), train, test)


def _said(head: Head, labels: list[Labelled]) -> list[str]:
    """What `head` makes of the labelled clips."""
    chances = head.probabilities(home.examples(labels, head).embeddings)
    return [LABELS[int(number)] for number in chances.argmax(axis=1)]


def _show(labels: list[Labelled], trial: Trial, options: argparse.Namespace) -> None:
    if options.json:
        _print(labels, trial)
        return
    _show_scores((trial.home_before, trial.home_after), (trial.factory_before, trial.factory_after))
    Console().print("the new head is better." if trial.is_accepted else f"the new head is not used: {trial.refusal}.")


def _print(labels: list[Labelled], trial: Trial, **more: Any) -> None:
    print_json({"labels": dict(Counter(one.label for one in labels)), **home.record(trial), **more})


def _show_kept(kept: Kept | None) -> None:
    """What the head in use learned, by the record that was kept with it."""
    if kept is None:
        Console().print("The head that came with camd is in use.\n")
        return
    Console().print(f"Head {kept.number} is in use, learned {kept.learned_iso}. It holds:\n", highlight=False)
    for lesson in kept.lessons:
        Console().print(f"  {lesson}", highlight=False)
    Console().print(f"\n{LASTS}\n\nWhat it changed then:\n", highlight=False)
    _show_scores(kept.home, kept.factory)


def _show_scores(at_home: tuple[Score, Score], of_factory: tuple[Score, Score]) -> None:
    console = Console()
    console.print(_confusion("your labels that were held back", *at_home))
    console.print(_confusion("the factory's pictures", *of_factory))


def _confusion(title: str, before: Score, after: Score) -> Table:
    caption = f"right before: {before.right} of {before.count}, after: {after.right} of {after.count}"
    table = Table(title=title, caption=caption, title_justify="left", box=None, pad_edge=False)
    table.add_column("shows")
    for label in LABELS:
        table.add_column(f"called {label}", justify="right")
    for label, one, other in zip(LABELS, before.confusion.tolist(), after.confusion.tolist(), strict=True):
        table.add_row(label, *(_cell(a, b) for a, b in zip(one, other, strict=True)))
    return table


def _cell(before: int, after: int) -> str:
    return str(after) if before == after else f"{before} -> {after}"


def _count(labels: list[Any]) -> str:
    return "1 label" if len(labels) == 1 else f"{len(labels)} labels"
