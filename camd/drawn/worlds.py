"""Everything that happens before a camera, as worlds of any size and seed.

Idea: a `Setting` is a place with its nuisance, a `Visit` is somebody who comes; a world is a setting with or without
a visit. The names are `setting`, `visit` (in a quiet yard) and `setting+visit`.
Not promised: every visit in every setting; `BOTH` is a choice.
"""

from collections.abc import Callable
from dataclasses import dataclass

from camd.drawn.lens import Grain
from camd.drawn.nuisances import SETTINGS, Setting, noisy
from camd.drawn.stage import Canvas, Scene
from camd.drawn.visits import VISITS, Visit, nobody

FPS = 15


@dataclass(frozen=True, slots=True)
class World:
    """Builds its scene for any size and seed; `about` says what is to be seen."""

    about: str
    setting: Callable[[Canvas], Setting]
    visit: Callable[[Canvas], Visit]

    def __call__(self, width: int, height: int, seed: int) -> Scene:
        """The scene of `width` x `height` pixels."""
        canvas = Canvas(width, height, seed)
        place, visit = self.setting(canvas), self.visit(canvas)
        return Scene(
            width, height, FPS, max(place.seconds, visit.seconds), seed, 0.0, place.backdrop,
            (*place.actors, *visit.actors, Grain(place.sigma, seed)), place.freezes,
        )  # fmt: skip


BOTH: tuple[tuple[str, str], ...] = (
    ("noise-6", "walker"), ("noise-6", "far"), ("noise-10", "walker"), ("exposure-step", "entering"),
    ("exposure-step", "stander"), ("exposure-creep", "walker"), ("exposure-hunting", "car"), ("light-switch", "walker"),
    ("lightning", "walker"), ("cloud-shadows", "walker"), ("cloud-shadows", "stander"), ("headlights", "walker"),
    ("low-sun", "walker"), ("foliage", "walker"), ("foliage", "far"), ("rain", "walker"), ("rain", "car"),
    ("snow", "walker"), ("snow", "cat"), ("night", "walker"), ("night", "cat"), ("insects", "walker"),
    ("spider-thread", "walker"), ("water", "walker"), ("flicker", "walker"), ("screen", "walker"), ("shake", "walker"),
    ("drift", "walker"), ("infrared-switch", "walker"),
)  # fmt: skip

WORLDS: dict[str, World] = {
    **{name: World(about, setting, nobody) for name, (about, setting) in SETTINGS.items()},
    **{name: World(about, noisy(2.0), visit) for name, (about, visit) in VISITS.items() if name != "entering"},
    **{f"{s}+{v}": World(f"{SETTINGS[s][0]}; {VISITS[v][0]}", SETTINGS[s][1], VISITS[v][1]) for s, v in BOTH},
}
