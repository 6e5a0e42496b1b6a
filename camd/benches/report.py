"""How results look: JSON Lines for scripts, tables for people, a bar on stderr while they wait."""

import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

import cv2
import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from camd.terminal import print_json


class Result(Protocol):
    """One figure or a few that belong together: an object in JSON, a row in a table.

    Results of one class make one table; one without columns is for JSON alone.
    """

    @property
    def title(self) -> str:
        """What the table is called."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The heads of its columns."""

    def json(self) -> dict[str, Any]:
        """The result as JSON holds it, its `type` first."""

    def cells(self) -> tuple[str, ...]:
        """The result as a row of its table."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the figures were taken on. `load` is the mean number of busy processes in the last minute."""

    title: ClassVar[str] = "machine"
    columns: ClassVar[tuple[str, ...]] = ("CPU", "cores", "load", "Python", "OpenCV", "numpy", "PyAV")

    cpu: str
    cores: int
    load: float
    python: str
    opencv: str
    numpy: str
    pyav: str

    @classmethod
    def here(cls) -> "Machine":
        """This machine, now."""
        cores, load = os.cpu_count() or 1, round(os.getloadavg()[0], 2)
        versions = platform.python_version(), cv2.__version__, np.__version__, metadata.version("av")
        return cls(_cpu(), cores, load, *versions)

    def json(self) -> dict[str, Any]:
        """Every field."""
        return {"type": "machine", **{name: getattr(self, name) for name in self.__slots__}}

    def cells(self) -> tuple[str, ...]:
        """Every field."""
        return tuple(str(getattr(self, name)) for name in self.__slots__)


class Bar:
    """A progress bar on stderr, when that is a terminal; one thing is under way at a time."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str, steps: int) -> None:
        """Say what is under way, and in how many steps."""
        self._progress.reset(self._task, description=what, total=steps)

    def done(self) -> None:
        """One step is done."""
        self._progress.advance(self._task)


def print_lines(results: Iterable[Result]) -> None:
    """Print each result as a line of JSON as soon as it is there."""
    for result in results:
        print_json(result.json())
        sys.stdout.flush()


def print_tables(results: Iterable[Result]) -> None:
    """Print a table for each class of results."""
    console = Console(highlight=False)
    shown = [result for result in results if result.columns]
    for _, alike in groupby(shown, type):
        rows = list(alike)
        table = Table(title=rows[0].title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
        for column in rows[0].columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*row.cells())
        console.print(table)


def _cpu() -> str:
    """The processor's name as the kernel tells it; ARM kernels name the board instead."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    return told.get("model name") or told.get("Model") or platform.machine()
