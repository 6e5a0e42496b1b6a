"""Vision put together: one frame in, what happened out.

Rule: pure and deterministic: the same luma at the same times gives the same findings, byte for byte.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from camd.model import SECOND, Box, Exposure, Finding, Nanos, Polygon, Reason, Zone
from camd.vision.background import Area, Background, Change
from camd.vision.blobs import CELL, Blob, Outlines, Rect, coarse_cells, filled, find, outlines
from camd.vision.classify import Head
from camd.vision.episode import Episode, Limits, Presence
from camd.vision.label import Labeller
from camd.vision.quiet import Quiet
from camd.vision.reduce import Reducer
from camd.vision.restless import Restless
from camd.vision.shade import Shade, shades
from camd.vision.tamper import Tamper
from camd.vision.track import FORGET, HELD, KNOWN, REMAINS, STILL_MOST, Track, Tracks
from camd.vision.votes import NOBODY, Verdict
from camd.vision.why import EVERYWHERE, FLOODED, IN_VAIN, LIGHT, SHADOW, Dismissals, Scale
from camd.vision.zones import Masks

Grey = NDArray[np.uint8]
Shadow = tuple[Blob, Shade]

# sensitivity -> the least share of the watched picture that must move: 5 still counts 8x14 pixels of 640x480
AREA: Final = {
    1: 0.02, 2: 0.01, 3: 0.004, 4: 0.0015, 5: 0.00021, 6: 0.0002, 7: 0.00018, 8: 0.00016, 9: 0.00013, 10: 0.0001,
}  # fmt: skip
DEAF: Final = 9.5  # less half the sensitivity: the least half-width of a pixel's band, in grey levels
CROWD: Final = 6  # blobs; rain, snow or a shaking mount: what counts must then last for two frames
TOLD_APART: Final = 6  # frames in which something was no shadow
FITFUL: Final = 2.5  # grey levels of noise; more is light that comes and goes, and has edges of many a small thing
EXPOSURE_STEP: Final = 1.1  # times as much light, or as little, from one frame to the next


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
    """What was made of the last frame that did not wait, for people to look at; the arrays are the detector's own.

    `picture` and `moving` (0 or 255) have the analysed size, `restless` (0 or 255) that of the coarse grid, on which
    the boxes of `tracks` lie too. `rule` is the rule that dismissed something, or "".
    """

    t: Nanos
    picture: Grey
    moving: Grey | None
    restless: Grey
    tracks: tuple[Track, ...]
    is_calm: bool
    is_event: bool
    rule: str


class Sight:
    """Looks at the frames of one camera whose pictures have `width` x `height` pixels; `labeller` says who comes."""

    def __init__(self, width: int, height: int, settings: Settings, labeller: Labeller | None = None) -> None:
        cv2.setNumThreads(1)  # at these sizes OpenCV's threads cost more CPU than they save time
        self._reducer = Reducer(width, height)
        rows, columns = (side // CELL for side in self._reducer.shape)
        self._scale = Scale(columns, rows, self._reducer.factor)
        sharpest = max([settings.sensitivity, *(zone.sensitivity or 0 for zone in settings.zones)])
        self._background = Background(self._reducer.shape, floor=DEAF - sharpest / 2)
        self._masks = Masks(self._reducer.shape, settings.zones, settings.ignore, settings.privacy)
        self._sensitivity = settings.sensitivity
        self._least_cells = self._least(settings.sensitivity)
        grid = (rows, columns)
        self._restless = Restless(grid, settings.start)
        self.quiet = Quiet.from_bytes(settings.learned, grid) if settings.learned else Quiet.empty(grid)
        self._tracks = Tracks(Rect(0, 0, columns, rows))
        self._tamper = Tamper(self._masks.private)
        self._labeller = labeller
        last_words = (labeller.last_verdict,) if labeller is not None else ()
        self._episode = Episode(settings.limits, settings.salt, *last_words)
        self._dismissals = Dismissals()
        self._exposed = _Exposed()
        self._waited = False
        self._last: tuple[Nanos, Grey, Change] | None = None

    def look(self, t: Nanos, luma: Grey, exposure: Exposure | None = None) -> list[Finding]:
        """Look at one frame: `luma` is (height, width) uint8, read only; `t` is the sensor's time.

        `exposure` is what the sensor says of it, where it does.
        """
        if exposure and self._exposed.stepped(exposure):
            self.settle(t)
        elif self._can_wait():
            return []
        picture = self._masks.apply_privacy(self._reducer(luma))
        change = self._background.look(t, picture, self._visited)
        self._last = t, picture, change
        findings: list[Finding] = [*self._tamper.look(t, picture)]
        if change.is_flood:
            findings += self._dismissals.take(t, self._reason(change, FLOODED))
        elif change.moving is None and self._is_idle():
            self.quiet.observe(t, None, visited=False)
            findings += self._dismissals.take(t, self._reason(change, LIGHT) if change.light_gain != 1.0 else None)
        else:
            findings += self._follow(t, change, picture, luma)
        return findings

    def settle(self, t: Nanos) -> None:
        """Say nothing until the picture is steady, for half a second from `t` on at most: a setting has changed."""
        self._background.settle(t)
        self._tracks.drop(track for track in self._tracks.alive if not track.is_confirmed)

    def seen(self) -> Seen:
        """What was made of the last frame. Only to be asked after a frame was looked at."""
        assert self._last is not None
        t, picture, change = self._last
        restless = _either(self._restless.mask, self.quiet.mask())
        return Seen(
            t,
            picture,
            change.moving,
            np.zeros((self._scale.rows, self._scale.columns), np.uint8) if restless is None else restless,
            tuple(self._tracks.alive),
            self._tracks.is_calm,
            self._episode.is_event,
            self._dismissals.rule_at(t),
        )

    def moving(self) -> list[tuple[Track, Box]]:
        """Everything that moved in the last frame, visitor or not, and where."""
        t = self._last[0] if self._last is not None else None
        return [(track, self._scale.box(track.box)) for track in self._tracks.alive if track.seen == t]

    def learn(self, head: Head) -> None:
        """Have the classifier use this head from now on."""
        if self._labeller is not None:
            self._labeller.learn(head)

    def close(self) -> list[Finding]:
        """The camera has stopped: end and report what is open."""
        return [*self._dismissals.close(), *self._episode.close()]

    def _can_wait(self) -> bool:
        """Whether the next frame is soon enough: while a visitor is plainly there, every second one is looked into."""
        self._waited = not self._waited and self._episode.is_event and self._tracks.is_plainly_visited
        return self._waited

    def _is_idle(self) -> bool:
        """Whether nobody is followed and there is no event."""
        return not self._tracks.alive and not self._episode.is_event

    def _visited(self) -> Iterator[Area]:
        """Where visitors are, in analysed pixels."""
        return (_pixels(track.place) for track in self._tracks.visitors())

    def _follow(self, t: Nanos, change: Change, picture: Grey, luma: Grey) -> list[Finding]:
        """Make tracks of what moves, and events of tracks."""
        is_visited = self._episode.is_event or any(self._tracks.visitors())
        shadows: list[Shadow] = []
        blobs: list[Blob] = []
        coarse = None
        if change.moving is not None:
            moving = self._masks.drop_ignored(change.moving, change.moving)
            lasting, coarse, things = self._things(moving)
            if change.verdict and things:
                shadows, blobs = self._told_apart(self._blobs(lasting, coarse, things), moving, picture)
        self._tracks.disturb(blob.rect for blob, _ in shadows)
        vain = self._tracks.look(t, blobs)
        self._learn_places(t, coarse, vain, is_visited)
        presence = self._presence(t, change, picture, self._label(t, luma))
        return [
            *self._dismissals.take(t, self._dismissal(change, shadows, vain)),
            *self._episode.look(t, presence),
        ]

    def _learn_places(self, t: Nanos, coarse: Grey | None, vain: Sequence[Track], is_visited: bool) -> None:
        """Note where it moves without a visitor, in this half-minute and over days."""
        self._restless.mark(track.box for track in vain if track.is_confirmed)
        if coarse is not None:
            self._restless.look(t, coarse, (track.place for track in self._tracks.promising()))
        self.quiet.observe(t, coarse, is_visited)

    def _blobs(self, moving: Grey, coarse: Grey, things: Outlines) -> list[Blob]:
        """The moving things that are large enough, in a place that counts."""
        blobs = find(coarse, things, _either(self._restless.mask, self.quiet.mask()))
        if self._background.noise_level < FITFUL:
            blobs = [blob if blob.cells > 1 else filled(blob, moving) for blob in blobs]
        return [blob for blob in blobs if self._counts(blob)]

    def _told_apart(self, blobs: list[Blob], moving: Grey, picture: Grey) -> tuple[list[Shadow], list[Blob]]:
        """Mere shadows, the largest first, and the rest. What touches a thing that was told apart is part of it."""
        things = [track.box for track in self._tracks.alive if track.hits >= TOLD_APART]
        unknown = [blob for blob in blobs if not any(box.touches(blob.rect, 0.0) for box in things)]
        lit = self._shades([blob.rect for blob in unknown], moving, picture)
        shadows = [(blob, shade) for blob, shade in zip(unknown, lit, strict=True) if shade.is_light]
        dark = [blob for blob, _ in shadows]
        return shadows, [blob for blob in blobs if blob not in dark] if dark else blobs

    def _things(self, moving: Grey) -> tuple[Grey, Grey, Outlines]:
        """What moves, of a crowd what lasts for two frames: pixels, cells, and outlines of what lies together."""
        coarse = coarse_cells(moving)
        found = outlines(coarse)
        if len(found) >= CROWD:
            moving = self._background.lasting(moving)
            coarse = coarse_cells(moving)
            found = outlines(coarse)
        return moving, coarse, found

    def _counts(self, blob: Blob) -> bool:
        """Whether the blob lies in a zone, if there are any, and is large enough for the sensitivity there."""
        if not self._masks.has_zones:
            return blob.cells >= self._least_cells
        box = self._scale.box(blob.rect)
        return self._masks.inside(box) and blob.cells >= self._least(self._masks.sensitivity_at(box, self._sensitivity))

    def _least(self, sensitivity: int) -> int:
        """Cells that must move at least, at this sensitivity."""
        return math.ceil(AREA[sensitivity] * self._masks.watched / CELL**2)

    def _presence(self, t: Nanos, change: Change, picture: Grey, verdict: Verdict) -> Presence:
        """Who moves, who stands still, and who is given up."""
        visitors = [track for track in self._tracks.alive if track.is_confirmed]
        moving = [track for track in visitors if track.seen == t]
        still = [track for track in visitors if track.seen != t]
        there = [track for track in still if self._is_there(track)]
        gone = [track for track in still if track not in there and t - track.seen > FORGET]
        parked = [track for track in there if t - track.seen > STILL_MOST]
        if parked or gone:
            self._tracks.drop([*parked, *gone])
        for track in moving:
            track.bodies.append((t, self._background.differing(_pixels(track.box))))
        if not moving:
            return Presence(is_held=len(there) > len(parked), is_parked=bool(parked), verdict=verdict)
        first = max(moving, key=lambda track: track.cells)
        box = self._scale.box(first.box)
        seen = Presence(box, zones=self._masks.zones_of(box), is_parked=bool(parked), verdict=verdict)
        if self._episode.is_event:
            return seen
        lit = [] if change.moving is None else self._shades([first.box], change.moving, picture)
        reason = self._reason(change, first.rule, moving, lit[0].factor if lit else 1.0)
        return replace(seen, reason=reason, began=first.born)

    def _label(self, t: Nanos, luma: Grey) -> Verdict:
        """What the visitors are, one of those who move being looked at closely."""
        if self._labeller is None:
            return NOBODY
        if not self._episode.is_event:
            self._labeller.forget()
        self._labeller.look(t, luma, [(track, box) for track, box in self.moving() if track.is_confirmed])
        return self._labeller.verdict()

    def _is_there(self, track: Track) -> bool:
        """Whether somebody whom we know stands where the track ended: its place differs from the background."""
        if not track.has_travelled or track.seen - track.born < KNOWN:
            return False
        left = self._background.differing(_pixels(track.place))
        return left >= max(REMAINS * track.body, HELD * track.place.width * track.place.height * CELL**2)

    def _shades(self, rects: Sequence[Rect], moving: Grey, picture: Grey) -> list[Shade]:
        return shades(rects, moving, picture, self._background.mean, self._background.noise_level)

    def _dismissal(self, change: Change, shadows: list[Shadow], vain: list[Track]) -> Reason | None:
        if vain:
            return self._reason(change, IN_VAIN, vain)
        if change.light_gain != 1.0:
            return self._reason(change, LIGHT)
        if shadows:
            (_, largest), *_ = shadows
            return self._reason(change, SHADOW, [blob for blob, _ in shadows], largest.factor)
        return None

    def _reason(
        self, change: Change, rule: str, things: Sequence[Blob | Track] = (), shadow_ratio: float = 1.0
    ) -> Reason:
        """The figures of this frame; `things` are what the rule decided on, the largest of which is told about."""
        cells = sum(thing.cells for thing in things)
        largest = max(things, key=lambda thing: thing.cells, default=None)
        box = EVERYWHERE if largest is None else self._scale.box(_rect(largest))
        followed = largest if isinstance(largest, Track) else None
        return Reason(
            rule=rule,
            changed_pixels=self._scale.pixels(cells) if things else round(change.outside * self._scale.factor**2),
            threshold=self._scale.pixels(self._least_cells),
            blocks=cells,
            noise_level=round(self._background.noise_level, 2),
            light_gain=round(change.light_gain, 3),
            box=box,
            shadow_ratio=round(shadow_ratio, 3),
            track_s=round((followed.seen - followed.born) / SECOND, 3) if followed else 0.0,
            travel=round(followed.travel / self._scale.rows, 3) if followed else 0.0,
            zones=self._masks.zones_of(box) if things else (),
        )


class _Exposed:
    """Whether the sensor's exposure has stepped; a ramp is one step, as it would silence vision for all of it."""

    def __init__(self) -> None:
        self._light: float | None = None  # exposure time times gain
        self._was_stepping = False

    def stepped(self, exposure: Exposure) -> bool:
        """Take the exposure of the next frame."""
        last, self._light = self._light, exposure.time_s * exposure.gain
        change = self._light / last if last and self._light else 1.0
        was, self._was_stepping = self._was_stepping, not 1 / EXPOSURE_STEP < change < EXPOSURE_STEP
        return self._was_stepping and not was


def _either(one: Grey | None, other: Grey | None) -> Grey | None:
    """The cells that are in one mask or in the other; None is an empty one."""
    if one is None or other is None:
        return other if one is None else one
    return np.bitwise_or(one, other)


def _rect(thing: Blob | Track) -> Rect:
    return thing.rect if isinstance(thing, Blob) else thing.box


def _pixels(rect: Rect) -> Area:
    """The cells of `rect` as an area of the analysed picture."""
    left, top = int(rect.x) * CELL, int(rect.y) * CELL
    return left, top, left + int(rect.width) * CELL, top + int(rect.height) * CELL
