"""The classifier that came with camd, or the one that its owner brought, ready to be asked.

Idea: `model/` holds the network, the factory head and the factory's summary (embeddings of pictures with known labels,
none of them anybody's at home); what was learned at home is the newest head in a folder of the data folder.
Rule: whatever is wrong with a model is an UnusableInputError that says which file, and how to mend it.
"""

import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml
from numpy.typing import NDArray

from camd.clock import SystemClock
from camd.config import VisionConfig
from camd.errors import UnusableInputError
from camd.model import LABELS
from camd.store import heads
from camd.vision.classify import Classifier, Head, Network
from camd.vision.detector import COCO, LAYOUTS, Description, Detector

LARGEST_SIDE: Final = 2048  # pixels of a detector's input
WHITEST: Final = 65_535  # what white may be in it
GONE: Final = "Install camd again"
MEND: Final = "Mend the file, or leave vision.detector empty to use camd's own classifier"


@dataclass(frozen=True, slots=True)
class Summary:
    """The factory's pictures as embeddings (N, E) float32 with labels (N,), numbers in `LABELS`.

    `train` is mixed in when a head is learned at home, `test` is what each head is scored on.
    """

    train: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test: NDArray[np.float32]
    test_labels: NDArray[np.int64]


def network_id() -> str:
    """The sha256 of the network that came with camd."""
    return hashlib.sha256(_packaged("network.onnx")).hexdigest()


def factory_head() -> Head:
    """The head that came with camd."""
    return Head.from_json(_packaged("head.json"))


def summary() -> Summary:
    """What the factory's pictures look like to the network."""
    try:
        with np.load(io.BytesIO(_packaged("summary.npz")), allow_pickle=False) as found:
            return Summary(
                found["train"].astype(np.float32), found["train_labels"].astype(np.int64),
                found["test"].astype(np.float32), found["test_labels"].astype(np.int64),
            )  # fmt: skip
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UnusableInputError(f"the factory's summary is damaged ({error}). {GONE}.") from error


def classifier(settings: VisionConfig, learned: Head | None = None) -> Classifier:
    """The classifier that the settings ask for, with what was learned at home."""
    if settings.detector is not None:
        return _brought(settings.detector)
    try:
        network = Network(_packaged("network.onnx"), factory_head())
    except UnusableInputError as error:
        raise UnusableInputError(f"camd's own classifier: {error} {GONE}.") from error
    if learned is not None:
        network.learn(learned)
    return network


def learned_head(folder: Path) -> Head | None:
    """The newest head that was learned at home, None when there is none. Raises UnusableInputError.

    One of another network cannot be used either.
    """
    known = heads.paths(folder)
    if not known:
        return None
    try:
        head = Head.from_json(known[-1].read_bytes())
        if head.network != network_id():
            raise UnusableInputError("it was learned for another network than that of this camd.")
    except FileNotFoundError:  # taken away just now
        return None
    except (OSError, UnusableInputError) as error:
        raise UnusableInputError(f"{known[-1]}: {error} 'camd learn' makes it anew.") from error
    return head


def head_in_use(folder: Path, tell: Callable[[str], object]) -> Head:
    """The head that was learned at home, else the factory's. One that cannot be used is told of, and costs itself."""
    try:
        return learned_head(folder) or factory_head()
    except UnusableInputError as error:
        tell(f"what was learned from your labels is not used: {error}")
        return factory_head()


def _packaged(name: str) -> bytes:
    file: Traversable = resources.files("camd") / "learning" / "model" / name
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnusableInputError(f"{file} cannot be read ({error.strerror}). {GONE}.") from error


def _brought(path: Path) -> Detector:
    about = path.with_suffix(".yaml")
    try:
        onnx, said = path.read_bytes(), yaml.safe_load(about.read_text(encoding="utf-8"))
        return Detector(onnx, _description(said, about.parent), SystemClock().boot)
    except OSError as error:
        raise UnusableInputError(f"{error.filename}: cannot be read ({error.strerror}). {MEND}.") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UnusableInputError(f"{about}: {' '.join(str(error).split())}. {MEND}.") from error
    except UnusableInputError as error:
        raise UnusableInputError(f"{path}: {error} {MEND}.") from error


def _description(data: Any, folder: Path) -> Description:
    """What a description file says; raises ValueError for what it must not say."""
    if not isinstance(data, dict):
        raise ValueError("it is no description: want the keys layout, width, height and classes")
    if unknown := set(data) - {"layout", "width", "height", "classes", "labels", "colour", "white"}:
        raise ValueError(f"there is no key '{min(map(str, unknown))}'")
    layout, colour = data.get("layout"), data.get("colour", "bgr")
    if not isinstance(layout, str) or layout not in LAYOUTS:
        raise ValueError(f"layout is '{layout}', want one of {', '.join(LAYOUTS)}")
    if colour not in ("bgr", "rgb"):
        raise ValueError(f"colour is '{colour}', want bgr or rgb")
    classes = _classes(data.get("classes"), folder)
    labels = _labels(data["labels"], classes) if "labels" in data else COCO
    if not any(set(classes) & set(names) for names in labels.values()):
        raise ValueError("none of its classes is a person, a vehicle or an animal: want labels, such as animal: [cat]")
    width, height = (_side(data, key) for key in ("width", "height"))
    return Description(width, height, layout, classes, labels, colour == "rgb", _white(data.get("white", 1.0)))


def _classes(given: object, folder: Path) -> tuple[str, ...]:
    """The names of the classes: a list, or the name of a file beside the description with one a line."""
    if isinstance(given, str):
        return tuple((folder / given).read_text(encoding="utf-8").splitlines())
    if isinstance(given, list) and given and all(isinstance(name, str) for name in given):
        return tuple(given)
    raise ValueError("classes are missing: want a list of names, or the name of a file with one a line")


def _labels(given: object, classes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    if not isinstance(given, dict):
        raise ValueError(f"labels is '{given}', want names of classes by label, such as animal: [cat]")
    return {label: _named(label, names, classes) for label, names in given.items()}


def _named(label: object, names: object, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes that are a label."""
    if label not in LABELS:
        raise ValueError(f"labels has the key '{label}', want {', '.join(LABELS)}")
    if not isinstance(names, list):
        raise ValueError(f"labels.{label} is '{names}', want a list of names, such as [cat]")
    for name in names:
        if name not in classes:
            raise ValueError(f"labels.{label} names '{name}', want names that stand in classes")
    return tuple(names)


def _white(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= WHITEST:
        raise ValueError(f"white is '{value}', want a number above 0, such as 1 or 255")
    return float(value)


def _side(data: dict[str, Any], key: str) -> int:
    value = data.get(key)
    if type(value) is not int or not 0 < value <= LARGEST_SIDE:
        raise ValueError(f"{key} is '{value}', want pixels from 1 to {LARGEST_SIDE}")
    return value
