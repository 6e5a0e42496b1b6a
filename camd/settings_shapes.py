"""The kinds of list that may stand in the settings file: the corners of an area, and a choice of labels.

Idea: a list is read whole, and each of its items that is wrong is a fault of its own, told with its own line.
Rule: what is an area and what is not is `camd.geometry`'s business.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

import yaml

from camd.geometry import flaw
from camd.model import Point
from camd.settings_file import SettingsFile, is_empty
from camd.settings_kinds import Number, Scalar, WrongError

LEAST_POINTS: Final = 3
MOST_POINTS: Final = 100  # every edge is held against every other
DECIMALS: Final = 6  # of a fraction of the picture; geometry's grid


@dataclass(frozen=True, slots=True)
class Points:
    """The corners of an area."""

    want: str = f"{LEAST_POINTS} to {MOST_POINTS} points between [0, 0] and [1, 1]"

    def read(self, file: SettingsFile, key: str, node: yaml.Node) -> tuple[Point, ...]:
        """Return the corners, in fractions of the picture, after noting each point that is wrong."""
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.SequenceNode):
            file.fault(line, key, "not a list of points", _text(node), self.want)
            return ()
        if not LEAST_POINTS <= len(node.value) <= MOST_POINTS:
            file.fault(line, key, "not an area", f"{len(node.value)} points", self.want)
            return ()
        points = [self._point(file, f"{key}: point {number}", item) for number, item in enumerate(node.value, 1)]
        corners = tuple(point for point in points if point is not None)
        if len(corners) == len(points) and (found := flaw(corners)):
            at = node.value[found.point - 1]
            file.fault(at.start_mark.line + 1, key, found.what, _text(at), "corners in order around the area")
        return corners

    def show(self, value: Sequence[Point]) -> str:
        """Return the corners as a list of lists."""
        return "[" + ", ".join(f"[{_digits(x)}, {_digits(y)}]" for x, y in value) + "]"

    def _point(self, file: SettingsFile, key: str, node: yaml.Node) -> Point | None:
        line = node.start_mark.line + 1
        try:
            x, y = _numbers(node)
        except (ValueError, WrongError):
            file.fault(line, key, "not a pair of numbers", _text(node), "such as [0.25, 0.5]")
            return None
        if not (0 <= x <= 1 and 0 <= y <= 1):
            file.fault(line, key, "outside the picture", _text(node), "fractions of its width and height, 0 to 1")
            return None
        return round(x, DECIMALS), round(y, DECIMALS)


@dataclass(frozen=True, slots=True)
class Labels:
    """Some of the labels that there are, or of other words of one kind."""

    known: tuple[str, ...]
    noun: str = "label"

    @property
    def want(self) -> str:
        """The labels."""
        return f"a list of {', '.join(self.known)}"

    def read(self, file: SettingsFile, key: str, node: yaml.Node) -> tuple[str, ...]:
        """Return the labels, after noting each that is wrong."""
        if is_empty(node):
            file.lines.pop(key, None)
            return ()
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            file.fault(node.start_mark.line + 1, key, f"not a list of {self.noun}s", _text(node), self.want)
            return ()
        for number, item in enumerate(node.value):
            for what in self._wrong(_text(item), [_text(before) for before in node.value[:number]]):
                file.fault(item.start_mark.line + 1, key, what, _text(item), self.want)
        return tuple(_text(item) for item in node.value)

    def show(self, value: Sequence[str]) -> str:
        """Return the labels as a list."""
        return f"[{', '.join(value)}]"

    def _wrong(self, label: str, before: Sequence[str]) -> Iterator[str]:
        if label not in self.known:
            near = get_close_matches(label, self.known, 1)
            yield f"no such {self.noun} (did you mean {near[0]}?)" if near else f"no such {self.noun}"
        elif label in before:
            yield "named twice"


ListKind = Points | Labels


def _numbers(node: yaml.Node) -> Iterator[float]:
    """The numbers of a list; raises ValueError for what is no list, WrongError for what is no number."""
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(item, yaml.ScalarNode) for item in node.value):
        raise ValueError(node)
    for item in node.value:
        yield Number(-math.inf, math.inf).read(Scalar(item.value, item.tag.removeprefix("tag:yaml.org,2002:")))


def _digits(value: float) -> str:
    """Without an exponent: YAML takes 1e-06 for text."""
    return f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".")


def _text(node: yaml.Node) -> str:
    """What is written at a node; lists in a list are not followed, an alias may lead back to where it stands."""
    match node:
        case yaml.ScalarNode():
            return str(node.value) or "nothing"
        case yaml.SequenceNode():
            return (
                f"[{', '.join(str(item.value) if isinstance(item, yaml.ScalarNode) else '...' for item in node.value)}]"
            )
    return "a group of keys"
