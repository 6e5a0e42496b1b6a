"""`camd learn`: the owner's labels, a better head, the way back, and nothing that outlives its clip."""

import json
from base64 import b64encode
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from camd import learn
from camd.checkups import vision
from camd.checkups.finding import Health, Patient
from camd.clock import SystemClock
from camd.config import Config
from camd.errors import CannotWriteError, HeldError, SaidNoError, UnusableInputError, UsageError
from camd.learning import desk, factory, home
from camd.learning.head import PERSON
from camd.model import SECOND
from camd.places import Places
from camd.store import heads, sidecar, verdicts
from camd.store.check import violations
from camd.store.index import Index
from camd.store.sidecar import RecordedEvent, Sidecar
from camd.store.verdicts import PER_DAY, Verdict
from camd.upkeep import clips
from camd.vision.classify import Guess, packed
from tests.learning.visits import CAT, visits
from tests.store.store_world import clip_row, footage, open_shelf, sidecar_of

HEAD = factory.factory_head()


@pytest.fixture(scope="module")
def cats() -> np.ndarray:
    """Visits of the neighbour's cat that the factory's head takes for a person."""
    seen = visits(CAT, 60)
    return np.asarray(seen[HEAD.probabilities(seen).argmax(axis=1) == PERSON])


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """The places of `--data` as the verbs find them."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    return Places.of(tmp_path / "data")


def keep(places: Places, seen: np.ndarray, network: str = HEAD.network) -> None:
    """A clip for each row, called a person, with what the classifier, or that of another network, saw in it."""
    with open_shelf(places) as shelf:
        for row in seen:
            clip = clip_row(shelf.next_id())
            files = shelf.files(clip.id)
            files.mp4.write_bytes(footage(clip.id, clip.size))
            files.thumbnail.write_bytes(cv2.imencode(".jpg", np.full((90, 160, 3), 90, np.uint8))[1].tobytes())
            (recorded,) = sidecar_of(clip).events
            kept = packed([Guess((1.0, 0.0, 0.0, 0.0), row, network)])
            event = replace(recorded.event, embeddings=kept)
            sidecar.write(files.sidecar, Sidecar(clip, (replace(recorded, event=event),)))
            shelf.keep(clip)


def label(places: Places, label: str, *numbers: int) -> None:
    """Say so on the terminal."""
    for number in numbers:
        assert clips(["label", "--data", str(places.data), str(number), label]) == 0


def learned(places: Places, *arguments: str) -> int:
    """Run `camd learn`."""
    return learn.main([*arguments, "--data", str(places.data)])


def numbers(places: Places) -> list[int]:
    """The heads that are kept."""
    return [heads.number_of(path) for path in heads.paths(places.heads)]


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The JSON object that was printed."""
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_five_labels_make_a_head_that_is_used_until_it_is_taken_back(
    places: Places, cats: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(places, cats[:10])
    label(places, "animal", 1, 2, 3, 4, 5)
    capsys.readouterr()
    assert learned(places, "report", "--json") == 0
    first = told(capsys)
    assert (first["labels"], first["in_use"], places.heads.exists()) == ({"animal": 5}, None, False)
    assert learned(places, "--json") == 0
    trial = told(capsys)
    assert trial["refusal"] == ""
    head = factory.learned_head(places.heads)
    assert head is not None
    assert (head.probabilities(cats[5:10]).argmax(axis=1) != PERSON).mean() >= 0.8
    assert numbers(places) == [1]
    assert learned(places, "report", "--json") == 0
    in_use = told(capsys)["in_use"]
    assert (in_use["head"], in_use["home"], in_use["factory"]) == (1, trial["home"], trial["factory"])
    assert in_use["holds"] == [{"label": "animal", "clips": [1, 2, 3, 4, 5]}]
    assert learned(places, "report") == 0
    shown = capsys.readouterr().out
    assert f"Head 1 is in use, learned {in_use['learned_iso']}." in shown
    assert "animal in clips 1, 2, 3, 4, 5" in shown
    assert learned(places, "rollback", "--json") == 0
    assert told(capsys) == {"v": 1, "head": 0}
    assert (factory.learned_head(places.heads), numbers(places)) == (
        None,
        [],
    )
    with pytest.raises(SaidNoError, match="nothing was learned yet"):
        learned(places, "rollback")
    assert violations(places) == []


def test_one_head_back_is_the_one_before(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:5])
    label(places, "animal", 1, 2, 3, 4, 5)
    labels = home.labelled(places, HEAD)
    trial = desk.trial_of(places, labels)
    assert (home.keep(places, trial, 0), home.keep(places, trial, SECOND)) == (1, 2)
    first = (places.heads / "0001.json").read_bytes()
    assert (home.roll_back(places), heads.paths(places.heads)[-1].read_bytes()) == (1, first)
    assert (home.roll_back(places), numbers(places)) == (0, [])


def test_a_head_that_is_no_better_is_not_used(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:5])
    label(places, "person", 1, 2, 3, 4, 5)
    with pytest.raises(SaidNoError, match="not used: it is not better"):
        learned(places)
    assert not places.heads.exists()


def test_who_uses_nothing_of_it_is_told(places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = tmp_path / "camd.yaml"
    several = {"a": {"source": "/a.mp4"}, "b": {"source": "/b.mp4", "vision": {"detector": str(tmp_path / "x.onnx")}}}
    settings.write_text(yaml.safe_dump({"cameras": several}))
    with pytest.raises(SaidNoError):
        learned(places, "--config", str(settings))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("b does not use what is learned: vision.detector is set")


def test_without_labels_there_is_nothing_to_learn(places: Places) -> None:
    places.make()
    with pytest.raises(SaidNoError, match="camd clips label ID person"):
        learned(places)


def test_what_was_seen_goes_with_its_clip(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:6])
    label(places, "animal", 1, 2, 3, 4, 5, 6)
    assert [one.clip for one in home.labelled(places, HEAD)] == [1, 2, 3, 4, 5, 6]
    assert clips(["delete", "--data", str(places.data), "--yes", "2", "4"]) == 0
    assert [one.clip for one in home.labelled(places, HEAD)] == [1, 3, 5, 6]
    left = b"".join(path.read_bytes() for path in places.data.rglob("*") if path.is_file())
    for row in (cats[1], cats[3]):
        assert b64encode(packed([Guess((1.0, 0.0, 0.0, 0.0), row, HEAD.network)])) not in left


def test_a_label_survives_a_lost_index(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:2])
    label(places, "animal", 1)
    seen = home.labelled(places, HEAD)
    assert (seen[0].called, seen[0].label) == ("person", "animal")
    with Index.open(places) as index:
        assert index.clip(1).label == "animal"


def test_the_report_is_a_picture_too(places: Places, cats: np.ndarray, tmp_path: Path) -> None:
    keep(places, cats[:5])
    label(places, "animal", 1, 2, 3, 4, 5)
    sheet = tmp_path / "learned.png"
    assert learned(places, "report", "--sheet", str(sheet)) == 0
    picture = cv2.imread(str(sheet))
    assert picture is not None
    assert picture.shape == (448, 960, 3)
    with pytest.raises(CannotWriteError, match=r"ends in \.png or \.jpg"):
        learned(places, "report", "--sheet", str(tmp_path / "learned.txt"))


def keep_several(places: Places, seen: np.ndarray, *called: str) -> None:
    """A clip of as many events as there are rows, which were called so."""
    with open_shelf(places) as shelf:
        clip = replace(clip_row(shelf.next_id()), events=tuple(f"e{number}" for number in range(len(called))))
        files = shelf.files(clip.id)
        files.mp4.write_bytes(footage(clip.id, clip.size))
        (like,) = sidecar_of(replace(clip, events=("e0",))).events
        kept = [packed([Guess((1.0, 0.0, 0.0, 0.0), row, HEAD.network)]) for row in seen]
        events = (
            replace(like.event, id=id_, label=label, embeddings=one)
            for id_, label, one in zip(clip.events, called, kept, strict=True)
        )
        sidecar.write(files.sidecar, Sidecar(clip, tuple(map(RecordedEvent, events))))
        shelf.keep(clip)


def learnable(places: Places) -> list[tuple[str, str, list[float]]]:
    """What the labels come to: the label, what it was called, and a number of each thing that was seen."""
    found = home.labelled(places, HEAD)
    return [(one.label, one.called, [round(float(row[0])) for row in one.embeddings]) for one in found]


def test_a_label_is_learned_from_what_it_is_said_of(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    seen = np.zeros((3, len(HEAD.weights[0])), np.float32)
    seen[:, 0] = 0, 1, 2
    keep_several(places, seen, "animal", "person", "person")
    label(places, "animal", 1)
    assert "labelled animal, and with it all of its 3 events; --event labels one" in capsys.readouterr().err
    assert learnable(places) == [("animal", "person", [1, 2])]  # what camd called so was right already
    assert clips(["label", "--data", str(places.data), "1", "vehicle", "--event", "e2"]) == 0
    assert learnable(places) == [("animal", "person", [1]), ("vehicle", "person", [2])]
    with Index.open(places) as index:
        assert index.clip(1).label == "animal"  # the others were not spoken of
    label(places, "person", 1)
    assert learnable(places) == [("person", "animal", [0])]
    with pytest.raises(UsageError, match="clip 1 holds no event e7"):
        clips(["label", "--data", str(places.data), "1", "other", "--event", "e7"])


def test_labels_that_another_network_saw_are_told(
    places: Places, cats: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(places, cats[:1])
    keep(places, cats[1:3], network="ab" * 32)
    label(places, "animal", 1, 2, 3)
    capsys.readouterr()
    assert learned(places, "report", "--json") == 0
    out, err = capsys.readouterr()
    assert (json.loads(out)["labels"], json.loads(out)["outdated"]) == ({"animal": 1}, 2)
    words = "labels whose clips another network than this camd's saw: 2"
    assert err == f"{words}. 'camd learn' looks at those clips again, and learns from them.\n"
    (*_, finding) = vision.classifiers(Patient(Config(), places))
    assert (finding.says, finding.health) == (words, Health.WORRY)


def test_a_head_of_another_network_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    heads.add(places, replace(HEAD, network="ab" * 32).to_json())
    with pytest.raises(UnusableInputError, match=r"0001\.json: it was learned for another network"):
        factory.learned_head(places.heads)


def test_a_newer_label_of_a_clip_takes_the_place_of_an_older() -> None:
    given = [Verdict(1, "person", "a", 5), Verdict(2, "animal", "a", 6), Verdict(1, "other", "a", 7)]
    assert verdicts.counted(given) == given[1:]
    assert verdicts.counted([*given, Verdict(2, "motion", "a", 8)]) == given[2:]


def test_no_account_can_flood_a_day() -> None:
    day = 86_400
    flood = [Verdict(number, "other", "guest", number) for number in range(500)]
    assert len(verdicts.counted(flood)) == PER_DAY
    honest = Verdict(900, "animal", "owner", 77)
    assert honest in verdicts.counted([*flood, honest])
    assert len(verdicts.counted([*flood, *(replace(one, at=one.at + day, clip=one.clip + 500) for one in flood)])) == (
        2 * PER_DAY
    )


def test_after_the_last_label_of_a_day_a_correction_counts_and_another_is_told(
    places: Places, cats: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(places, cats[:2])
    now = SystemClock().unix() // SECOND
    flood = [json.dumps({"v": 1, **asdict(Verdict(number, "other", "terminal", now))}) for number in range(99, 60, -1)]
    label(places, "person", 1)
    with places.labels.open("a") as file:
        file.write("\n".join(flood) + "\n")
    assert len(verdicts.counted(verdicts.read(places))) == PER_DAY
    capsys.readouterr()
    label(places, "animal", 1)
    assert "does not learn" not in capsys.readouterr().err
    assert [one.label for one in verdicts.counted(verdicts.read(places)) if one.clip == 1] == ["animal"]
    label(places, "animal", 2)
    assert "clip 2: camd does not learn from this label" in capsys.readouterr().err
    assert 2 not in [one.clip for one in verdicts.counted(verdicts.read(places))]


def test_one_account_corrects_no_more_of_anothers_labels_than_count_in_a_day() -> None:
    mine = [Verdict(number, "animal", "owner", 86_400 * number) for number in range(PER_DAY + 9)]
    theirs = [Verdict(one.clip, "person", "guest", 86_400 * 99) for one in mine]
    assert [one.by for one in verdicts.counted([*mine, *theirs])].count("owner") == 9


def test_a_label_that_was_broken_off_costs_itself_alone(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    places.make()
    given = [Verdict(number, "animal", "terminal", number) for number in range(4)]
    for one in given[:3]:
        verdicts.append(places, one)
    assert verdicts.read(places) == given[:3]
    with places.labels.open("ab") as file:
        file.write(b'{"v":1,"clip":')  # a pulled plug
    assert verdicts.read(places) == given[:3]
    caplog.clear()
    verdicts.append(places, given[3])
    assert verdicts.read(places) == given
    assert all(message.startswith(f"{places.labels}:4: not a label") for message in caplog.messages)
    assert caplog.messages


def test_one_learns_at_a_time(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:5])
    label(places, "animal", 1, 2, 3, 4, 5)
    assert learned(places) == 0
    with heads.alone(places):
        for verb in ((), ("rollback",)):
            with pytest.raises(HeldError, match="another one is at work"):
                learned(places, *verb)
    assert numbers(places) == [1]


def test_a_damaged_head_costs_what_was_learned_and_learning_makes_it_anew(
    places: Places, cats: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(places, cats[:5])
    label(places, "animal", 1, 2, 3, 4, 5)
    places.heads.mkdir()
    (places.heads / "0001.json").write_bytes(b"{")
    capsys.readouterr()
    assert learned(places) == 0
    assert "what was learned from your labels is not used" in capsys.readouterr().err
    assert factory.learned_head(places.heads) is not None


def test_a_damaged_head_is_not_put_back(places: Places, cats: np.ndarray) -> None:
    keep(places, cats[:5])
    label(places, "animal", 1, 2, 3, 4, 5)
    trial = desk.trial_of(places, home.labelled(places, HEAD))
    assert (home.keep(places, trial, 0), home.keep(places, trial, SECOND)) == (1, 2)
    used = (places.heads / "0002.json").read_bytes()
    (places.heads / "0001.json").write_bytes(used[: len(used) // 2])
    with pytest.raises(UnusableInputError, match=r"0001\.json: not a head"):
        learned(places, "rollback")
    assert (numbers(places), (places.heads / "0002.json").read_bytes()) == ([1, 2], used)
