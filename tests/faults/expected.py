"""What must be true of a store after any fault, from what was acknowledged before it.

1. Every acknowledged clip is there with its very bytes, unless the ring or its owner was about to take it.
2. Stars and labels that were acknowledged hold. What was deleted does not come back.
3. All acknowledged fragments of an open recording are there, as in 1. 4. `camd store check --deep` finds nothing.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from camd.clips.adopt import adopt
from camd.clock import ManualClock
from camd.config import StoreConfig
from camd.errors import CamdError
from camd.model import Clip
from camd.places import Places
from camd.store import check
from camd.store.files import ClipFiles, size_of
from camd.store.index import Index
from camd.store.shelf import Shelf
from camd.store.trust import DamagedIndexError


@dataclass(slots=True)
class Expected:
    """What the marks so far promise. `going` are clips that may go before the next mark is made."""

    kept: dict[int, str] = field(default_factory=dict)
    starred: set[int] = field(default_factory=set)
    labels: dict[int, str] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    going: set[int] = field(default_factory=set)
    fragments: dict[int, int] = field(default_factory=dict)

    @classmethod
    def after(cls, marks: list[str], coming: list[str]) -> "Expected":
        """What holds after `marks`, when a whole session would go on with the marks `coming`."""
        expected = cls()
        for mark in marks:
            expected._note(mark.split())
        for mark in coming:  # what may be half done already: up to the next mark that is no eviction
            words = mark.split()
            if words[0] != "dropped":
                break
            expected.going.add(int(words[1]))
        return expected

    def _note(self, words: list[str]) -> None:
        what, *rest = words
        match what, rest:
            case "kept", [number, digest]:
                self.kept[int(number)] = digest
                self.fragments.pop(int(number), None)
            case "starred", [number]:
                self.starred.add(int(number))
            case "labelled", [number]:
                self.labels[int(number)] = "animal"
            case (("deleted" | "dropped"), [number]):
                self.kept.pop(int(number), None)
                self.gone.add(int(number))
            case "deleting", [number]:
                self.going.add(int(number))
            case "fragment", [number, size]:
                self.fragments[int(number)] = int(size)

    def faults(self, clips: dict[int, Clip]) -> list[str]:
        """Where the clips of a recovered store are not what was promised."""
        found = [f"clip {n} is lost" for n in self.kept.keys() - clips.keys() - self.going]
        found += [f"clip {n} is not what was kept" for n, d in self.kept.items() if n in clips and clips[n].sha256 != d]
        found += [f"clip {n} lost its star" for n in self.starred if n in clips and not clips[n].starred]
        found += [
            f"clip {n} lost its label" for n, text in self.labels.items() if n in clips and clips[n].label != text
        ]
        found += [f"clip {n} is back" for n in self.gone & clips.keys()]
        for number, size in self.fragments.items():
            if (
                size > 1000
                and number not in self.gone | self.going
                and (number not in clips or clips[number].size < size)
            ):
                found.append(f"clip {number}: {size} bytes were on disk, it has lost some")
        return found


def recover(places: Places, max_bytes: int, expected: Expected) -> list[str]:
    """Start on a store that a fault left, stop in order, and say what is not as it must be."""
    limits = StoreConfig(data=places.data, max_bytes=max_bytes, keep_free=0)
    logging.getLogger("camd").setLevel(logging.CRITICAL + 1)
    try:
        found = _rows_without_files(places)
        with Shelf.open(places, limits, ManualClock()) as shelf:
            adopt(shelf, "porch")
        with Index.open(places) as index:
            clips = {clip.id: clip for clip in index.clips()}
        found += expected.faults(clips) + check.violations(places) + check.leftovers(places)
    except CamdError as error:
        return [f"it does not start: {error}"]
    finally:
        logging.getLogger("camd").setLevel(logging.NOTSET)
    return found


def _rows_without_files(places: Places) -> list[str]:
    """The first invariant holds even before anything is mended: a row has a whole recording and its sidecar."""
    if not places.index.exists():
        return []
    try:
        with Index.open(places) as index:
            rows = index.clips()
    except DamagedIndexError:
        return []
    named = ((clip, ClipFiles.of(places, clip.id)) for clip in rows)
    return [
        f"clip {clip.id} had a row and not its files"
        for clip, files in named
        if size_of(files.mp4) != clip.size or not size_of(files.sidecar)
    ]


def lay_out(tree: dict[str, bytes], folder: Path) -> Places:
    """Put a disk's state into a new folder."""
    places = Places(folder / "data", folder / "run")
    for name, data in tree.items():
        path = places.data / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return places
