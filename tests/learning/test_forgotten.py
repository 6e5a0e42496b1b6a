"""What the classifier saw is footage: it goes when its clip goes, whoever takes it, and reaches nobody."""

import io
import json
import shutil
import subprocess
import sys
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
from camd.model import LABELS, Began, Ended, Grew
from camd.places import Places
from camd.store import heads, sidecar
from camd.store.heads import Lesson
from camd.store.index import Index
from camd.store.shelf import Shelf
from camd.store.sidecar import Sidecar
from camd.store.verdicts import Verdict, append, read
from camd.upkeep import clips, wipe
from camd.vision.classify import TAG, Centre, Guess, packed
from tests.alerts.test_message import EVENT, SOURCE
from tests.store.store_world import BEGAN_UNIX_NS, clip_row, footage, limits, open_shelf, sidecar_of

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


def learn(places: Places, *clips: tuple[int, ...]) -> None:
    """A head that learned from these clips, a centre for each tuple."""
    space = np.eye(SIZE, dtype=np.float32)
    centres = tuple(Centre(space[0], 1.0, LABELS.index("animal"), of) for of in clips)
    heads.add(places, {**replace(HEAD, centres=centres, metric=space).to_json(), "learned_iso": "now"})


def held(places: Places) -> dict[int, list[tuple[int, ...]]]:
    """The clips that each head was learned from."""
    told = {path: json.loads(path.read_bytes()) for path in heads.paths(places.heads)}
    return {heads.number_of(path): [one.clips for one in heads.lessons(said)] for path, said in told.items()}


@pytest.fixture
def filled(places: Places) -> Places:
    """A store of clips that the owner labelled."""
    with Shelf.open(places, limits(places), ManualClock()) as shelf:
        fill(places, shelf)
    return places


def test_a_deletion_takes_what_was_learned_and_says_so(filled: Places, capsys: pytest.CaptureFixture[str]) -> None:
    learn(filled, (1, 2, 3))
    learn(filled, (1, 2, 3), (4, 5, 6))
    learn(filled, (4, 5, 6))
    (filled.heads / "0004.json").write_text("{")  # nobody can tell what it holds
    assert clips(["delete", "--data", str(filled.data), "--yes", "2"]) == 0
    assert held(filled) == {2: [(4, 5, 6)], 3: [(4, 5, 6)]}
    said = capsys.readouterr().err
    assert "what was learned from it is gone as well (animal in clips 1, 2, 3)" in said
    assert "'camd learn' learns anew" in said
    head = factory.learned_head(filled.heads)
    assert head is not None
    assert [centre.clips for centre in head.centres] == [(4, 5, 6)]


def test_a_full_disk_keeps_nobody_from_forgetting(filled: Places) -> None:
    learn(filled, (1, 2, 3), (4, 5, 6))
    (filled.heads / "0001.json.tmp").mkdir()  # nothing can be written there
    assert heads.forget(filled, [2]) == [Lesson("animal", (1, 2, 3))]
    assert held(filled) == {}


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")
def test_a_deletion_that_is_cut_off_leaves_nothing_that_was_learned(filled: Places) -> None:
    learn(filled, (1, 2, 3))
    footage_of_2 = str(filled.clips / "000002.mp4")
    kill = ["strace", "-qq", "-f", "-o", "/dev/null", "-P", footage_of_2, "-e", "inject=/^unlink:signal=KILL"]
    delete = [sys.executable, "-m", "camd", "clips", "delete", "--data", str(filled.data), "--yes", "2"]
    assert subprocess.run([*kill, *delete], check=False).returncode != 0
    assert Path(footage_of_2).exists()
    with open_shelf(filled):  # the next start
        assert not Path(footage_of_2).exists()
    assert held(filled) == {}
    assert [one.clip for one in read(filled)] == [1, 3, 4, 5, 6]


def test_what_was_learned_goes_with_the_last_clip_that_the_ring_takes(filled: Places) -> None:
    learn(filled, (1, 2), (3, 4))
    with Index.open(filled) as index:
        index.star(4)
    with open_shelf(filled) as shelf:
        shelf.drop([1, 3], "the ring")
        assert (heads.expire(filled), held(filled)) == ([], {1: [(1, 2), (3, 4)]})
        shelf.drop([2], "the ring")
    filled.identity.rename(filled.data / "elsewhere")  # a disk that is not mounted has no clips, and forgets nothing
    assert heads.expire(filled) == []
    (filled.data / "elsewhere").rename(filled.identity)
    assert heads.expire(filled) == [Lesson("animal", (1, 2))]
    assert held(filled) == {1: [(3, 4)]}


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
