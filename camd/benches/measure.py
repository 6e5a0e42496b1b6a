"""How figures are taken: CPU time, in rounds that take turns, as a median with its least and most.

Rule: two things are compared only within one round, ratio by ratio, so that what else runs on the machine meets both.
"""

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Costs = dict[str, list[float]]  # what each contender cost, round by round


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several figures, and between which they lay."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def json(self) -> dict[str, float]:
        """As JSON holds it, rounded to 3 decimals."""
        return {"median": round(self.median, 3), "min": round(self.least, 3), "max": round(self.most, 3)}

    def __str__(self) -> str:
        return f"{_digits(self.median, 3)} ({_digits(self.least, 2)}-{_digits(self.most, 2)})"


def interleaved(passes: Mapping[str, Callable[[], float]], rounds: int, done: Callable[[], None]) -> Costs:
    """Do every pass once a round and keep what it returns; `done` is called after each."""
    costs: Costs = {name: [] for name in passes}
    for number in range(rounds):
        for name in turned(list(passes), number):
            costs[name].append(passes[name]())
            done()
    return costs


def turned(items: Sequence[T], number: int) -> Iterator[T]:
    """The items in order, beginning with another one for each `number`: nobody always follows the same neighbour."""
    for place in range(len(items)):
        yield items[(place + number) % len(items)]


def ratios(costs: Costs, reference: str) -> dict[str, Spread]:
    """What each contender cost as a multiple of the reference's cost in the same round."""
    return {
        name: Spread.of(mine / theirs for mine, theirs in zip(figures, costs[reference], strict=True))
        for name, figures in costs.items()
    }


def _digits(value: float, count: int) -> str:
    """At least so many digits that count, of a positive value."""
    whole = len(str(int(value))) if value >= 1 else 0
    return f"{value:.{max(0, min(2, count - whole))}f}"
