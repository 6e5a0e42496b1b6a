"""What the classifier saw is footage: it goes when its clip goes, whoever takes it, and reaches nobody."""

import io
import threading
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from camd.alerts.message import Told, alerts_of
from camd.clock import ManualClock
from camd.config import DAY
from camd.learning import factory, home
from camd.model import Began, Ended, Grew
from camd.places import Places
from camd.store import sidecar
from camd.store.shelf import Shelf
from camd.store.sidecar import Sidecar
from camd.store.verdicts import Verdict, append
from camd.upkeep import wipe
from camd.vision.classify import TAG, Guess, packed
from tests.alerts.test_message import EVENT, SOURCE
from tests.store.store_world import BEGAN_UNIX_NS, clip_row, footage, limits, sidecar_of

HEAD = factory.factory_head()
SIZE = len(HEAD.weights[0])
CLIPS = 6


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The places of `--data` as the verbs find them."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return Places.of(tmp_path / "data")


def seen(number: int) -> bytes:
    """What the classifier saw in clip `number`, as it is kept."""
    embedding = np.random.default_rng(number).random(SIZE, np.float32)
    return packed([Guess((1.0, 0.0, 0.0, 0.0), embedding, HEAD.network)])


def fill(places: Places, shelf: Shelf) -> None:
    """Clips that the owner labelled."""
    for number in range(1, CLIPS + 1):
        clip = clip_row(number)
        files = shelf.files(number)
        files.mp4.write_bytes(footage(number, clip.size))
        (recorded,) = sidecar_of(clip).events
        event = replace(recorded.event, embeddings=seen(number))
        sidecar.write(files.sidecar, Sidecar(clip, (replace(recorded, event=event),)))
        shelf.keep(clip)
        append(places, Verdict(number, "animal", "owner", 0))


def found(places: Places) -> list[int]:
    """The clips whose embeddings are anywhere in the data folder, as bytes or as a sidecar writes them."""
    files = [path.read_bytes() for path in places.data.rglob("*") if path.is_file()]
    forms = {number: (seen(number)[TAG:], b64encode(seen(number))) for number in range(1, CLIPS + 1)}
    return [number for number, form in forms.items() if any(one in data for one in form for data in files)]


def learnable(places: Places) -> list[int]:
    return sorted(one.clip for one in home.labelled(places, HEAD))


def test_the_ring_takes_it_with_the_clip(places: Places) -> None:
    with Shelf.open(places, limits(places), ManualClock()) as shelf:
        fill(places, shelf)
        held = sum(path.stat().st_size for path in places.clips.iterdir())
    assert (learnable(places), found(places)) == ([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6])
    with Shelf.open(places, limits(places, held * 2 // 3), ManualClock()) as shelf:
        shelf.make_room(0)
    left = learnable(places)
    assert 1 not in left
    assert 6 in left
    assert found(places) == left


def test_age_takes_it_with_the_clip(places: Places) -> None:
    clock = ManualClock(BEGAN_UNIX_NS)
    with Shelf.open(places, limits(places), clock) as shelf:
        fill(places, shelf)
        clock.wait(clock.boot() + 31 * DAY, threading.Event())
        shelf.make_room(0)
    assert (learnable(places), found(places)) == ([], [])


def test_a_wipe_takes_it_and_what_was_learned(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    with Shelf.open(places, limits(places), ManualClock()) as shelf:
        fill(places, shelf)
    places.heads.mkdir(parents=True)
    (places.heads / "0001.json").write_text("{}")
    monkeypatch.setattr("sys.stdin", io.StringIO("WIPE\n"))
    assert wipe(["--data", str(places.data)]) == 0
    assert found(places) == []
    assert not places.learned.exists()


def test_nobody_is_sent_it() -> None:
    event, told = replace(EVENT, label="person", embeddings=seen(1)), Told()
    sent = [alerts_of(one, SOURCE, told) for one in (Began(event), Grew(event), Ended(event))]
    text = "".join(str(alert.payload) for alerts in sent for alert in alerts)
    assert "person" in text
    assert "embedding" not in text
    assert b64encode(seen(1)).decode() not in text
