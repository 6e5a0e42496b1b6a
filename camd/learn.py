"""`camd learn`, with what it takes to have this camd's network see what another one saw.

Idea: a new release may bring a new network, to which what the old one saw says nothing. The clips are still there, and
their sidecars tell where everybody was: so labelled clips are decoded again, and the best cuts are kept as before.
Rule: no label is lost by an update. A clip that cannot be decoded is told and left as it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.progress import track

from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.config import Config, VisionConfig
from camd.errors import UnusableInputError, UsageError
from camd.learning import desk, factory
from camd.model import SECOND, Box, Nanos, Polygon
from camd.places import Places
from camd.store import sidecar
from camd.store.files import ClipFiles
from camd.store.index import Index
from camd.store.sidecar import Sidecar
from camd.terminal import say
from camd.vision.classify import packed
from camd.vision.crop import Crop, cut
from camd.vision.votes import KEPT

ROUNDED: Final[Nanos] = SECOND // 1000  # the sidecar's times are no more exact


def main(arguments: list[str]) -> int:
    """`camd learn [report | rollback]`."""
    return desk.main(arguments, look_again)


def look_again(places: Places, settings: Config, clips: Sequence[int]) -> None:
    """Put what this camd's network sees in these clips in the place of what another one saw."""
    network = factory.classifier(VisionConfig())
    private = {each.camera.name: each.vision.privacy for each in settings.each()}
    with Index.open(places) as index:
        for number in _tracked(clips):
            files = ClipFiles.of(places, number)
            try:
                recorded = sidecar.read(files.sidecar)
                crops = best_cuts(files, recorded, private.get(recorded.clip.camera, ()))
                seen = {id_: packed(network.guess(crop.grey) for crop in best) for id_, best in crops.items()}
                index.see(number, seen)
            except (UnusableInputError, UsageError) as error:  # damaged, or deleted meanwhile
                say(f"clip {number} cannot be looked at again: {error}")


def _tracked(clips: Sequence[int]) -> Iterable[int]:
    console = Console(stderr=True)
    return track(clips, "looking again", console=console, transient=True, disable=not console.is_terminal)


def best_cuts(files: ClipFiles, recorded: Sidecar, private: Sequence[Polygon]) -> dict[str, list[Crop]]:
    """The best cuts of each event that a classifier saw something in, by its id. Raises UnusableInputError."""
    best: dict[str, list[Crop]] = {}
    places = _places(recorded)
    for frame in _frames(files, recorded) if places else ():
        while places and places[0][0] <= frame.t + ROUNDED:
            _, id_, box = places.pop(0)
            crop = cut(frame.t, frame.luma, box, private)
            if crop is not None:
                best[id_] = sorted([*best.get(id_, []), crop], key=lambda crop: -crop.quality)[:KEPT]
        if not places:
            break
    return best


def _places(recorded: Sidecar) -> list[tuple[Nanos, str, Box]]:
    """When and where somebody was, in order, as far as the recording shows it."""
    seen = (one for one in recorded.events if one.event.embeddings)
    boxes = [(t, one.event.id, box) for one in seen for t, box in one.boxes if t >= recorded.clip.began]
    return sorted(boxes, key=lambda place: place[0])


def _frames(files: ClipFiles, recorded: Sidecar) -> Iterator[Frame]:
    with FileCamera(files.mp4, recorded.clip.began) as camera:
        yield from (item for item in camera if isinstance(item, Frame))
