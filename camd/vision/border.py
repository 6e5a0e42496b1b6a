"""Says whether somebody is only partly in the picture: he comes in over its border, or goes out.

Idea: a thing that touches the border shows all that it will ever show when it stays as it is, as somebody does who
stands close to the camera and whose feet are below the picture. Who comes in grows away from the border, and who goes
out shrinks towards it.
Rule: pure, and a track's own boxes tell. Who touches the border and is not known for long yet is thought to come in.
"""

from typing import Final

from camd.model import SECOND, Box, Nanos
from camd.vision.crop import borders
from camd.vision.track import Track

GROWS: Final = 0.15  # of its own length; arms and legs that swing move a side less than that
KNOWN: Final[Nanos] = SECOND * 3 // 10  # of what it did must be known


def is_part(track: Track, box: Box) -> bool:
    """Whether `box`, where the track is now, shows only a part of somebody who comes in or goes out."""
    left, top, right, bottom = borders(box)
    if not (left or top or right or bottom):
        return False
    (since, was), now = track.trail[0] if track.trail else (track.born, track.birth), track.box
    if track.seen - since < KNOWN:
        return True
    wider, taller = GROWS * now.width, GROWS * now.height
    return (
        (left and abs(now.right - was.right) > wider)
        or (right and abs(now.x - was.x) > wider)
        or (top and abs(now.bottom - was.bottom) > taller)
        or (bottom and abs(now.y - was.y) > taller)
    )
