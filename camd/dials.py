"""What may be turned about a camera while it looks, and whoever lets it be turned."""

from dataclasses import dataclass
from typing import Protocol

from camd.config import Config


@dataclass(frozen=True, slots=True)
class Dials:
    """What can be turned: how sharp vision looks, whether it looks at all, and whether clips are kept."""

    sensitivity: int
    detect: bool = True
    clips: bool = True

    @classmethod
    def of(cls, config: Config) -> "Dials":
        """As they stand in the settings."""
        return cls(config.vision.sensitivity, config.vision.detect, config.record.clips)


class Turned(Protocol):
    """What the dials are for."""

    def turn(self, dials: Dials) -> None:
        """Go on with these, from the next frame on."""

    def trigger(self, seconds: float) -> None:
        """Record so long from the next frame on, whatever moves."""
