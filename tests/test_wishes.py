"""Commands as files, and the mode: who may wish what, each once, and in doubt nobody is watched."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from camd import mode, wishes
from camd.__main__ import main
from camd.bell import Bell
from camd.errors import CannotWriteError
from camd.mode import AWAY, HOME
from camd.model import SECOND
from camd.places import Places
from camd.wishes import MOST_WAITING, NOTIFY, WEB, Wish


@pytest.fixture
def places(tmp_path: Path) -> Places:
    it = Places(tmp_path / "data", tmp_path / "run")
    it.make()
    return it


def taken(places: Places) -> list[tuple[str, Wish]]:
    return list(wishes.take(places))


def test_wishes_come_in_order_and_once(places: Places) -> None:
    wanted = [Wish("sensitivity", step, "porch", f"c{step}") for step in range(1, 11)]
    assert all(wishes.put(places, NOTIFY, wish) for wish in wanted)
    assert taken(places) == [(NOTIFY, wish) for wish in wanted]
    assert taken(places) == []


def test_a_wish_rings(places: Places) -> None:
    with closing(Bell(places.wish_bell, "a test")) as bell:
        wishes.put(places, NOTIFY, Wish("mode", HOME))
        bell.wait(60 * SECOND)


def test_home_mode_can_be_wished_by_all_and_left_by_the_page_alone(places: Places) -> None:
    for who in (NOTIFY, WEB):
        wishes.put(places, who, Wish("mode", HOME))
        wishes.put(places, who, Wish("mode", AWAY))
    assert taken(places) == [(NOTIFY, Wish("mode", HOME)), (WEB, Wish("mode", HOME)), (WEB, Wish("mode", AWAY))]


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "null", "7", '{"v":1}', "[" * 5000,
        '{"v":1,"what":"share","value":1,"camera":"","correlation":""}',
        '{"v":1,"what":"mode","value":"away","camera":"","correlation":""}',
        '{"v":1,"what":"mode","value":"home","camera":"","correlation":7}',
        '{"v":1,"what":"mode","value":"home","camera":"","correlation":"","more":1}',
        '{"v":1,"what":"snooze","value":NaN,"camera":"","correlation":""}',
        '{"v":1,"what":"snooze","value":' + "9" * 3000 + ',"camera":"","correlation":""}',
        '{"v":1,"what":"sensitivity","value":true,"camera":"","correlation":""}',
        '{"v":1,"what":"mode","value":"home","camera":"' + "x" * 5000 + '","correlation":""}',
    ],
)  # fmt: skip
def test_a_file_that_is_no_wish_is_dropped(places: Places, text: str) -> None:
    folder = places.wishes(NOTIFY)
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(text)
    wishes.put(places, NOTIFY, Wish("mode", HOME))
    assert taken(places) == [(NOTIFY, Wish("mode", HOME))]
    assert list(folder.iterdir()) == []


def test_nobody_hears_a_stranger_s_folder(places: Places) -> None:
    wishes.put(places, "stranger", Wish("mode", HOME))
    assert taken(places) == []


def test_too_many_wishes_are_refused(places: Places) -> None:
    assert all(wishes.put(places, NOTIFY, Wish("mode", HOME)) for _ in range(MOST_WAITING))
    assert not wishes.put(places, NOTIFY, Wish("mode", HOME))
    assert len(taken(places)) == MOST_WAITING


def test_before_the_first_start_it_is_told_what_that_will_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["mode", "--data", str(tmp_path / "data")]) == 0
    told = capsys.readouterr()
    assert told.out == "home\n"
    assert "has not run here yet. Its first start watches" in told.err
    assert not (tmp_path / "data").exists()


def test_a_mode_that_cannot_be_known_means_home(places: Places) -> None:
    places.index.touch()
    assert (mode.read(places), mode.trouble(places).count(str(places.mode))) == (HOME, 1)
    assert "cannot be read (No such file or directory), so nobody is watched" in mode.trouble(places)
    places.mode.write_bytes(b"\xff away")
    assert mode.read(places) == HOME
    places.mode.write_text("holiday\n")
    assert (mode.read(places), "neither home nor away" in mode.trouble(places)) == (HOME, True)
    mode.write(places, AWAY)
    assert (mode.read(places), mode.trouble(places)) == (AWAY, "")


def test_home_mode_is_not_left_when_that_cannot_be_written(places: Places) -> None:
    mode.write(places, HOME)
    places.mode.with_name("mode.tmp").mkdir()
    with pytest.raises(CannotWriteError, match="The mode is as it was"):
        mode.write(places, AWAY)
    assert mode.read(places) == HOME


def test_the_terminal_shows_and_sets_the_mode(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--data", str(tmp_path / "data")]
    config = tmp_path / "camd.yaml"
    config.touch()
    for words, shown in (
        (["away"], "away\n"),
        ([], "away\n"),
        (["home"], "home\n"),
        (["--json"], '{"v":1,"mode":"home","next_change":null}\n'),
    ):
        assert main(["mode", *words, *options, "--config", str(config)]) == 0
        assert capsys.readouterr().out == shown
    assert main(["mode", "holiday", *options]) == 64


def test_schemas_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for which in ("mqtt", "discovery", "config"):
        assert main(["schema", which]) == 0
        assert json.loads(capsys.readouterr().out)["$id"] == f"urn:camd:{which}:1"
