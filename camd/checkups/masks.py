"""Private areas: how a camera's recording keeps them out, what that costs here, and where it cannot be done."""

from dataclasses import dataclass
from typing import Final

from camd.benches import mask
from camd.benches.footage import Size
from camd.benches.mask import BUDGET_MS, MaskCost
from camd.checkups.finding import Finding, ill, well, worry
from camd.config import Config
from camd.model import Format
from camd.settings_camera import UNMASKED, is_network, is_pi

USUAL: Final = Size(1920, 1080)  # of a camera that nobody has opened
BURNED: Final = "burned into each picture before the encoder has it"
ANEW: Final = "covered in each picture before it is encoded anew"
UNKNOWN: Final = "covered where pictures have to be encoded; H.264 that is copied is refused when the camera is opened"
FEWER: Final = "Draw fewer or smaller areas, or lower camera.size."
COPIES: Final = "cannot be done in this mode: its H.264 is copied as it is"


@dataclass(frozen=True, slots=True)
class Seen:
    """A camera that was opened: what it records, and whether that is copied as it came."""

    layout: Format
    copies: bool


def masks(each: Config, seen: Seen | None) -> list[Finding]:
    """The private areas of one camera, which was opened or not."""
    areas = each.vision.privacy
    if not areas:
        return []
    what = f"masks {each.camera.name}"
    if seen is not None and seen.copies:
        return ill(what, COPIES, f"Set {UNMASKED[-1]}.", COPIES)
    cost = mask.cost(areas, _size(each, seen))
    says = f"{_way(each, seen)}; {_told(cost, is_pi(each.camera.source))}"
    if not cost.is_within_budget:
        return worry(what, f"{says}: too much", FEWER, says)
    return well(what, says, says)


def _way(each: Config, seen: Seen | None) -> str:
    """How they are kept out of the recording."""
    if is_pi(each.camera.source):
        return BURNED
    is_encoded = seen is not None or each.record.encode or is_network(each.camera.source)
    return ANEW if is_encoded else UNKNOWN


def _told(cost: MaskCost, has_hardware: bool) -> str:
    """What a picture costs on this machine."""
    areas = "one area" if cost.areas == 1 else f"{cost.areas} areas"
    covering = f"{cost.cover.median:.2f} ms of CPU for {areas} in {cost.size}, of {BUDGET_MS:g} ms"
    return covering if has_hardware else f"{covering}; with encoding it {cost.encode.median:.1f} ms"


def _size(each: Config, seen: Seen | None) -> Size:
    if seen is not None:
        return Size(seen.layout.width, seen.layout.height)
    return Size(each.camera.size.width, each.camera.size.height) if each.camera.size else USUAL
