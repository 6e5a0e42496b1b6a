"""What runs are told as: JSON objects, tables for people, and JUnit for machines that build.

Rule: an object or a table says only what the run holds; nothing is played here.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

from rich.box import SIMPLE_HEAD
from rich.table import Table

from camd import score
from camd.model import ALERT, SECOND, Event
from camd.replays.playing import Run
from camd.score import Score, Truth
from camd.store.files import writing


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told: `suppressed` motion too; the clips, when they are `kept`."""

    suppressed: bool
    kept: bool


def lines(run: Run, detail: Detail) -> Iterator[dict[str, Any]]:
    """The objects of one video, in order of time."""
    name = run.video.name
    for number, event in enumerate(run.events(), start=1):
        yield {"type": "event", "video": name, "event": number, **event_json(run, event, detail)}
    if detail.suppressed:
        for dismissed in run.suppressed():
            span = {"began": run.at(dismissed.began), "ended": run.at(dismissed.ended)}
            yield {"type": "suppressed", "video": name, **span, "reason": dismissed.reason.json()}
    yield {
        "type": "summary",
        "video": name,
        "frames": run.frames,
        "seconds": run.seconds,
        "wall_s": round(run.wall_s, 3),
        "events": len(run.events()),
        "suppressed": len(run.suppressed()),
    }


def event_json(run: Run, event: Event, detail: Detail) -> dict[str, Any]:
    """What an event object says of an event."""
    clip = run.clip_of(event)
    return {
        "began": run.at(event.began),
        "ended": run.at(event.ended),
        "label": event.label,
        "confidence": round(event.confidence, 2),
        "clip": f"clips/{clip.id:06d}.mp4" if clip and detail.kept else None,
        "pre_roll": round((event.began - clip.began) / SECOND, 3) if clip else None,
        "zones": list(event.zones),
        "reason": event.reason.json(),
        **({} if event.handling == ALERT else {"handling": event.handling}),
    }


def table(run: Run, detail: Detail) -> Table:
    """The events of one video for people."""
    what = f"{len(run.events())} events, {len(run.suppressed())} suppressed"
    caption = f"{run.frames} frames, {run.seconds:.1f} s, in {run.wall_s:.1f} s: {what}"
    made = Table(title=run.video.name, caption=caption, title_justify="left")
    for heading in ("began", "ended", *(["clip"] if detail.kept else [])):
        made.add_column(heading, justify="right")
    made.add_column("what")
    made.add_column("why")
    for (began, ended), *cells in sorted(_rows(run, detail)):
        made.add_row(f"{began:.2f} s", f"{ended:.2f} s", *cells)
    return made


def _rows(run: Run, detail: Detail) -> Iterator[tuple[Any, ...]]:
    for event in run.events():
        clip = run.clip_of(event)
        kept = [str(clip.id) if clip else ""] if detail.kept else []
        what = event.label if event.handling == ALERT else f"{event.label}, no alert"
        yield (run.at(event.began), run.at(event.ended)), *kept, what, event.reason.rule
    if detail.suppressed:
        for dismissed in run.suppressed():
            none = [""] if detail.kept else []
            yield (run.at(dismissed.began), run.at(dismissed.ended)), *none, "suppressed", dismissed.reason.rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a video, or all of them, did; `short` says in words what is missing."""

    name: str
    score: Score
    short: list[str]


def verdicts(runs: Sequence[Run], truths: Mapping[Path, Truth]) -> list[Verdict]:
    """Score each run against the truth of its video."""
    return [_verdict(run, truths[run.video]) for run in runs]


def _verdict(run: Run, truth: Truth) -> Verdict:
    result = score.score(truth, run.spans(), run.seconds)
    return Verdict(run.video.name, result, score.shortfalls(truth, result))


def total(each: Sequence[Verdict]) -> Verdict:
    """All videos as one."""
    fell = sum(bool(verdict.short) for verdict in each)
    words = [f"{fell} of {len(each)} videos fell short"] if fell else []
    return Verdict("total", score.total(verdict.score for verdict in each), words)


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """The object of one row of the score."""
    result = verdict.score
    return {
        "type": "score",
        "video": verdict.name,
        "hit": result.hit,
        "missed": result.missed,
        "false": result.false,
        "false_s_per_quiet_hour": round(result.false_s_per_quiet_hour, 1),
        "delay_median": result.delay_median,
        "delay_p90": result.delay_p90,
        "labels_right": result.labels_right,
        "labels_known": result.labels_known,
        "short": verdict.short,
    }


def score_table(each: Sequence[Verdict]) -> Table:
    """How each video and all together did, within 80 columns."""
    caption = "false s/h: false seconds per quiet hour; delay s: median / nine of ten"
    made = Table(box=SIMPLE_HEAD, caption=caption, collapse_padding=True, pad_edge=False)
    made.add_column("video", overflow="fold")
    for heading in ("hit", "false", "false s/h", "delay s", "labels"):
        made.add_column(heading, justify="right", no_wrap=True)
    for verdict in each:
        made.add_row(verdict.name, *_cells(verdict.score), style="red" if verdict.short else "")
    whole = total(each)
    made.add_section()
    made.add_row(f"total: {_fallen(whole, len(each))}", *_cells(whole.score), style="red" if whole.short else "bold")
    return made


def _cells(result: Score) -> tuple[str, ...]:
    delays = (result.delay_median, result.delay_p90)
    return (
        f"{result.hit} of {result.hit + result.missed}",
        str(result.false),
        f"{result.false_s_per_quiet_hour:.1f}",
        " / ".join(f"{delay:.2f}" for delay in delays if delay is not None),
        f"{result.labels_right} of {result.labels_known}" if result.labels_known else "",
    )


def _fallen(whole: Verdict, videos: int) -> str:
    return whole.short[0] if whole.short else f"none of {videos} fell short"


def shortfalls(each: Sequence[Verdict]) -> list[str]:
    """A line for each video that fell short."""
    return [f"{verdict.name}: {'; '.join(verdict.short)}" for verdict in each if verdict.short]


def write_junit(path: Path, runs: Sequence[Run], each: Sequence[Verdict]) -> None:
    """Write a test case per video. Raises CannotWriteError."""
    failures = sum(bool(verdict.short) for verdict in each)
    suite = Xml.Element("testsuite", name="camd replay", tests=str(len(runs)), failures=str(failures))
    for run, verdict in zip(runs, each, strict=True):
        case = Xml.SubElement(suite, "testcase", classname="camd.replay", name=verdict.name, time=f"{run.wall_s:.3f}")
        if verdict.short:
            Xml.SubElement(case, "failure", message="; ".join(verdict.short))
    Xml.indent(suite)
    with writing(path):
        Xml.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
