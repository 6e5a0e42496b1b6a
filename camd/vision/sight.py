"""Vision put together: one frame in, what happened out.

Rule: pure and deterministic: the same luma at the same times gives the same findings, byte for byte.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Box, Finding, Nanos, Polygon, Reason, Suppressed, Zone
from camd.vision.background import Area, Background, Change, Reducer
from camd.vision.blobs import CELL, Blob, Rect, coarse_cells, components, find, is_shadow
from camd.vision.episode import Episode, Limits, Presence
from camd.vision.quiet import Quiet
from camd.vision.restless import Restless
from camd.vision.tamper import Tamper
from camd.vision.track import FORGET, HELD, KNOWN, REMAINS, STILL_MOST, Track, Tracks
from camd.vision.zones import Masks

# sensitivity -> the least share of the watched picture that must move: 5 still counts 8x14 pixels of 640x480
AREA: Final = {
    1: 0.02, 2: 0.01, 3: 0.004, 4: 0.0015, 5: 0.0004, 6: 0.00035, 7: 0.0003, 8: 0.00025, 9: 0.0002, 10: 0.00015,
}  # fmt: skip
DEAF: Final = 14.0  # less the sensitivity: the least half-width of a pixel's band, in grey levels
CROWD: Final = 6  # blobs; rain, snow or a shaking mount: what counts must then last for two frames
SAME_DISMISSAL: Final = 1 * SECOND  # frames apart by less are one suppressed motion
EVERYWHERE: Final = Box(0.0, 0.0, 1.0, 1.0)

CONFIRMED: Final = "2 of 4 frames moved"
TRAVELLED: Final = "got somewhere in a restless picture"
IN_VAIN: Final = "moved too briefly or came back to where it was"
FLOODED: Final = "more than half of the picture changed"
LIGHT: Final = "the light of the whole picture changed"
SHADOW: Final = "a shadow or a pool of light"


@dataclass(frozen=True, slots=True)
class Settings:
    """`sensitivity` 1 (deaf) to 10 (nervous); `limits` as `Episode` takes them; `salt` makes event ids unique.

    `start` is the time of the camera's first frame. `zones` say where motion counts (nowhere else, if there are any),
    `ignore` where it does not, `privacy` what nobody may see, the detector included. `learned` is what `Quiet` wrote.
    """

    sensitivity: int
    limits: Limits
    salt: str
    start: Nanos = 0
    zones: tuple[Zone, ...] = ()
    ignore: tuple[Polygon, ...] = ()
    privacy: tuple[Polygon, ...] = ()
    learned: bytes = b""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was made of the last frame, for people to look at; the arrays are the detector's own.

    `picture` and `moving` (0 or 255) have the analysed size, `restless` (0 or 255) that of the coarse grid, on which
    the boxes of `tracks` lie too. `rule` is the rule that dismissed something, or "".
    """

    t: Nanos
    picture: NDArray[np.uint8]
    moving: NDArray[np.uint8] | None
    restless: NDArray[np.uint8]
    tracks: tuple[Track, ...]
    is_calm: bool
    is_event: bool
    rule: str


class Sight:
    """Looks at the frames of one camera whose pictures have `width` x `height` pixels."""

    def __init__(self, width: int, height: int, settings: Settings) -> None:
        cv2.setNumThreads(1)  # at these sizes OpenCV's threads cost more CPU than they save time
        self._reducer = Reducer(width, height)
        rows, columns = self._reducer.shape[0] // CELL, self._reducer.shape[1] // CELL
        self._grid = Rect(0, 0, columns, rows)
        sharpest = max([settings.sensitivity, *(zone.sensitivity or 0 for zone in settings.zones)])
        self._background = Background(self._reducer.shape, floor=DEAF - sharpest)
        self._masks = Masks(self._reducer.shape, settings.zones, settings.ignore, settings.privacy)
        self._sensitivity = settings.sensitivity
        self._least_cells = self._least(settings.sensitivity)
        grid = (rows, columns)
        self._restless = Restless(grid, settings.start)
        self.quiet = Quiet.from_bytes(settings.learned, grid) if settings.learned else Quiet.empty(grid)
        self._tracks = Tracks(self._grid)
        self._tamper = Tamper(self._masks.private)
        self._episode = Episode(settings.limits, settings.salt)
        self._judged: Suppressed | None = None
        self._last: tuple[Nanos, NDArray[np.uint8], Change] | None = None

    def look(self, t: Nanos, luma: NDArray[np.uint8]) -> list[Finding]:
        """Look at one frame: `luma` is (height, width) uint8, read only; `t` is the sensor's time."""
        picture = self._masks.apply_privacy(self._reducer(luma))
        change = self._background.look(t, picture, [_pixels(track.place) for track in self._tracks.visitors()])
        self._last = t, picture, change
        tampered = self._tamper.look(t, picture)
        if change.is_flood:
            return [*tampered, *self._judge(t, self._reason(change, FLOODED))]
        shadows, blobs = self._blobs(t, change, picture)
        self._tracks.disturb(len(shadows))
        vain = self._tracks.look(t, blobs)
        self._restless.mark(track.box for track in vain if track.is_confirmed)
        findings = self._episode.look(t, self._presence(t, change))
        return [*tampered, *self._judge(t, self._dismissal(change, shadows, vain)), *findings]

    def seen(self) -> Seen:
        """What was made of the last frame. Only to be asked after a frame was looked at."""
        assert self._last is not None
        t, picture, change = self._last
        return Seen(
            t,
            picture,
            change.moving,
            cv2.bitwise_or(self._restless.mask, self.quiet.mask()).astype(np.uint8, copy=False),
            tuple(self._tracks.alive),
            self._tracks.is_calm,
            self._episode.is_event,
            self._judged.reason.rule if self._judged and self._judged.ended == t else "",
        )

    def close(self) -> list[Finding]:
        """The camera has stopped: end and report what is open."""
        judged, self._judged = self._judged, None
        return [*([judged] if judged else []), *self._episode.close()]

    def _blobs(self, t: Nanos, change: Change, picture: NDArray[np.uint8]) -> tuple[list[Blob], list[Blob]]:
        """What moves: mere shadows, and the rest."""
        visitors = self._tracks.visitors()
        is_visited = bool(visitors) or self._episode.is_event
        if change.moving is None:
            self.quiet.observe(t, None, is_visited)
            return [], []
        moving = self._masks.drop_ignored(change.moving, change.moving)
        coarse = coarse_cells(moving)
        boxes = components(coarse)
        if len(boxes) >= CROWD:
            coarse = coarse_cells(self._background.lasting(moving))
            boxes = components(coarse)
        restless = self._restless.look(t, coarse, (track.place for track in visitors))
        restless = cv2.bitwise_or(restless, self.quiet.mask()).astype(np.uint8, copy=False)
        self.quiet.observe(t, coarse, is_visited)
        if not change.verdict:
            return [], []
        shadows: list[Blob] = []
        blobs: list[Blob] = []
        for blob in find(coarse, boxes, restless):
            if not self._counts(blob):
                continue
            is_known = any(visitor.box.touches(blob.rect, 0.0) for visitor in visitors)
            is_light = not is_known and is_shadow(blob, moving, picture, self._background.mean)
            (shadows if is_light else blobs).append(blob)
        return shadows, blobs

    def _counts(self, blob: Blob) -> bool:
        """Whether the blob lies in a zone, if there are any, and is large enough for the sensitivity there."""
        if not self._masks.has_zones:
            return blob.cells >= self._least_cells
        box = self._box(blob)
        return self._masks.inside(box) and blob.cells >= self._least(self._masks.sensitivity_at(box, self._sensitivity))

    def _least(self, sensitivity: int) -> int:
        """Cells that must move at least, at this sensitivity."""
        return math.ceil(AREA[sensitivity] * self._masks.watched / CELL**2)

    def _presence(self, t: Nanos, change: Change) -> Presence:
        """Who moves, who stands still, and who is given up."""
        visitors = [track for track in self._tracks.alive if track.is_confirmed]
        moving = [track for track in visitors if track.seen == t]
        still = [track for track in visitors if track.seen != t]
        there = [track for track in still if self._is_there(track)]
        gone = [track for track in still if track not in there and t - track.seen > FORGET]
        parked = [track for track in there if t - track.seen > STILL_MOST]
        self._tracks.drop([*parked, *gone])
        if not moving:
            return Presence(is_held=len(there) > len(parked), is_parked=bool(parked))
        first = max(moving, key=lambda track: track.cells)
        rule = TRAVELLED if first.went_over else CONFIRMED
        zones = self._masks.zones_of(self._box(first))
        return Presence(self._reason(change, rule, moving), first.born, zones, is_parked=bool(parked))

    def _is_there(self, track: Track) -> bool:
        """Whether somebody whom we know stands where the track ended: its place differs from the background."""
        if not track.has_travelled or track.seen - track.born < KNOWN:
            return False
        share, place = self._background.differs(_pixels(track.place)), track.place
        return share >= HELD and share * place.width * place.height >= REMAINS * track.size

    def _dismissal(self, change: Change, shadows: list[Blob], vain: list[Track]) -> Reason | None:
        if vain:
            return self._reason(change, IN_VAIN, vain)
        if change.light_gain != 1.0:
            return self._reason(change, LIGHT)
        if shadows:
            return self._reason(change, SHADOW, shadows)
        return None

    def _judge(self, t: Nanos, reason: Reason | None) -> list[Finding]:
        """Gather what was judged to be no motion, by one rule and without a long gap, into one `Suppressed`."""
        judged = self._judged
        if judged and reason and reason.rule == judged.reason.rule:
            self._judged = Suppressed(judged.began, t, judged.reason)
            return []
        if reason is None:
            if judged is None or t - judged.ended < SAME_DISMISSAL:
                return []
            self._judged = None
            return [judged]
        self._judged = Suppressed(t, t, reason)
        return [judged] if judged else []

    def _reason(self, change: Change, rule: str, things: Sequence[Blob | Track] = ()) -> Reason:
        cells = sum(thing.cells for thing in things)
        per_cell = (CELL * self._reducer.factor) ** 2
        largest = max(things, key=lambda thing: thing.cells, default=None)
        return Reason(
            rule=rule,
            changed_pixels=cells * per_cell if things else change.outside * self._reducer.factor**2,
            threshold=self._least_cells * per_cell,
            blocks=cells,
            noise_level=round(self._background.noise_level, 2),
            light_gain=round(change.light_gain, 3),
            box=EVERYWHERE if largest is None else self._box(largest),
        )

    def _box(self, thing: Blob | Track) -> Box:
        rect = thing.rect if isinstance(thing, Blob) else thing.box
        columns, rows = self._grid.width, self._grid.height
        return Box(
            round(rect.x / columns, 4),
            round(rect.y / rows, 4),
            round(rect.width / columns, 4),
            round(rect.height / rows, 4),
        )


def _pixels(rect: Rect) -> Area:
    """The cells of `rect` as an area of the analysed picture."""
    left, top = int(rect.x) * CELL, int(rect.y) * CELL
    return left, top, left + int(rect.width) * CELL, top + int(rect.height) * CELL
