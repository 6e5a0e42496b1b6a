"""A part of the fault harness with the ordinary tests; `tests/faults/run` is all of it."""

import shutil
from pathlib import Path

import pytest

from tests.faults import calls, cases, powercut, reels
from tests.faults.houses import Case
from tests.faults.mounts import NotHereError

pytestmark = pytest.mark.logs_errors
strace = pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace")


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reel") / "reel.json"
    reels.write(path)
    return path


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory, footage: Path) -> powercut.Story:
    return powercut.from_nothing(tmp_path_factory.mktemp("session"), footage)


@pytest.mark.parametrize("case", cases.QUICK, ids=lambda case: case.__name__)
def test_case(case: Case, tmp_path: Path, footage: Path) -> None:
    try:
        case(tmp_path, footage)
    except NotHereError as error:
        pytest.skip(str(error))


@strace
def test_power_cuts(story: powercut.Story) -> None:
    tried = [powercut.survives(cut) for cut in powercut.cuts(story, every=11)]
    assert len(tried) > 50
    assert [wrong for wrong in tried if wrong] == []


@strace
@pytest.mark.parametrize("bug", ["no fsync of recordings", "the row before the recording has its name"])
def test_a_planted_bug_is_caught(story: powercut.Story, bug: str) -> None:
    assert powercut.is_caught(bug, story.ops)


@strace
def test_kills_and_refused_calls(footage: Path) -> None:
    kills = calls.kills(footage, every=80)
    errors = calls.errors(footage, every=230)
    assert [wrong for trial in kills + errors for wrong in calls.survives(trial)] == []


def test_damaged_indexes_serve_no_wrong_row(tmp_path: Path, footage: Path) -> None:
    cases.damaged_indexes(tmp_path, footage, 40)
