"""Counts how often a piece of work calls into numpy and OpenCV: each call costs a microsecond or more from Python.

Idea: the interpreter's profiler tells of OpenCV's functions and of the methods of arrays; it does not see numpy's own
functions, so those are wrapped for as long as the counting lasts. What numpy calls within itself is not counted.
It does not promise: operators between arrays and slices; they are not calls.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FrameType
from typing import Any

import cv2
import numpy as np


def calls_of(work: Callable[[], object]) -> tuple[str, ...]:
    """Do the work once and name its calls, in order."""
    names: list[str] = []
    inside: list[str] = []  # the wrapped function that is running

    def told(frame: FrameType, kind: str, function: Any) -> None:
        name = _name(function) if kind == "c_call" and not inside else None
        if name:
            names.append(name)

    with _numpy_wrapped(names, inside):
        before = sys.getprofile()
        sys.setprofile(told)
        try:
            work()
        finally:
            sys.setprofile(before)
    return tuple(names)


def _name(function: Any) -> str | None:
    """The name of a function of OpenCV or numpy or of a method of one of their objects; None for all others."""
    owner, name = getattr(function, "__self__", None), function.__name__
    if getattr(cv2, name, None) is function:
        return f"cv2.{name}"
    if (getattr(function, "__module__", None) or "").partition(".")[0] == "numpy":
        return f"np.{name}"
    return f".{name}" if type(owner).__module__.partition(".")[0] in ("numpy", "cv2") else None


class _Wrapped:
    """A numpy function that notes when it is called."""

    def __init__(self, function: Any, names: list[str], inside: list[str]) -> None:
        self._function, self._names, self._inside = function, names, inside

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        if not self._inside:
            self._names.append(f"np.{self._function.__name__}")
        self._inside.append(self._function.__name__)
        try:
            return self._function(*arguments, **named)
        finally:
            self._inside.pop()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)


@contextmanager
def _numpy_wrapped(names: list[str], inside: list[str]) -> Iterator[None]:
    plain = {
        name: thing
        for name, thing in vars(np).items()
        if callable(thing) and not name.startswith("_") and not isinstance(thing, type | BuiltinFunctionType)
    }
    for name, thing in plain.items():
        setattr(np, name, _Wrapped(thing, names, inside))
    try:
        yield
    finally:
        for name, thing in plain.items():
            setattr(np, name, thing)
