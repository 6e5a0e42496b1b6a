"""A damaged file is played as far as it goes or refused in one line, whatever is wrong with it."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.errors import UnusableInputError
from tests.worlds import film

KINDS = [("libx264", ".mp4"), ("libx264", ".mkv"), ("libx265", ".mp4"), ("mpeg4", ".avi"), ("mjpeg", ".mkv")]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One second of a walker in each kind of file."""
    folder = tmp_path_factory.mktemp("originals")
    return [film("walker", folder, seconds=1, codec=codec, suffix=suffix) for codec, suffix in KINDS]


@settings(max_examples=60, deadline=None)
@given(kind=st.integers(0, len(KINDS) - 1), harm=st.sampled_from(["flip", "cut", "lose", "insert"]), seed=st.integers())
def test_no_damage_is_met_with_anything_but_a_clear_refusal(
    originals: list[Path], tmp_path_factory: pytest.TempPathFactory, kind: int, harm: str, seed: int
) -> None:
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("damaged") / originals[kind].name
    path.write_bytes(_harmed(bytearray(originals[kind].read_bytes()), harm, chance))
    refusal = _refusal(path)
    assert refusal == "" or (path.name in refusal and "\n" not in refusal)


def _refusal(path: Path) -> str:
    """Play the file; the words it is refused with, if it is."""
    try:
        with FileCamera(path) as camera:
            for _ in camera:
                pass
    except UnusableInputError as refusal:
        return str(refusal)
    return ""


def _harmed(data: bytearray, harm: str, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    if harm == "flip":
        for _ in range(chance.choice([1, 10, 100])):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif harm == "cut":
        del data[at:]
    elif harm == "lose":
        del data[at : at + chance.randrange(2000)]
    else:
        data[at:at] = chance.randbytes(chance.randrange(2000))
    return bytes(data)


def test_an_mp4_that_was_cut_off_in_copying_gives_its_pictures_and_then_says_so(videos: Path, tmp_path: Path) -> None:
    path = tmp_path / "porch.mp4"
    path.write_bytes((videos / "car-detection.mp4").read_bytes()[:1_500_000])
    frames: list[Frame] = []
    with FileCamera(path) as camera, pytest.raises(UnusableInputError, match="breaks off"):
        frames.extend(item for item in camera if isinstance(item, Frame))
    assert len(frames) > 150
