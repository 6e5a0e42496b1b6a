"""The pictures that explain: tested by their pixels."""

from itertools import groupby
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from rich.progress import Progress

from camd.camera.stream import FileCamera
from camd.config import Config
from camd.errors import UsageError
from camd.model import Ended
from camd.replay import main
from camd.replays import sheet
from camd.replays.ink import AMBER, BLACK, BODY, RED, WHITE, Canvas, Colour, Ink
from camd.replays.playing import Run, Setting, play
from camd.replays.story import PANEL
from camd.vision.why import CONFIRMED, LIGHT
from tests.worlds import event, film, shelf

FIXTURES = Path(__file__).parent.parent / "camd" / "fixtures"
SIZE = (640, 480)  # in which a video of 320x240 is shown
PRIVATE = "vision: {privacy: {neighbour: [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}}\n"
LIKE = 0.85  # correlation of words with themselves after H.264


def _pictures(video: Path) -> list[Canvas]:
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]  # type: ignore[misc]


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> list[Canvas]:
    """The pages of the film about the walker, who is there from 4.27 s to 8.2 s."""
    out = tmp_path_factory.mktemp("film") / "walker.mp4"
    assert main(["--explain", str(out), str(FIXTURES / "walker.mp4")]) == 0
    return _pictures(out)


def _at(pages: list[Canvas], seconds: float) -> Canvas:
    return pages[round(15 * seconds)]


def _says(page: Canvas, words: str, colour: Colour = WHITE, ground: Colour = BLACK) -> bool:
    ink = Ink(colour, BODY)
    written = np.full((16, ink.width(words) + 4, 3), ground, np.uint8)
    ink.write(written, words, 2, 11)
    return float(cv2.matchTemplate(page, written, cv2.TM_CCOEFF_NORMED).max()) > LIKE


def _is(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.bool_]:
    return np.asarray(np.abs(pixels.astype(int) - colour).max(axis=-1) < 40)


def test_the_film_has_the_pictures_times_and_rate_of_the_video(walker: list[Canvas], tmp_path: Path) -> None:
    assert (len(walker), walker[0].shape) == (180, (SIZE[1] + PANEL, SIZE[0], 3))
    made, out = film("walker", tmp_path, seconds=1, codec="mpeg4", suffix=".avi"), tmp_path / "out.mp4"
    main(["--explain", str(out), str(made)])
    with FileCamera(made) as video, FileCamera(out) as explained:
        assert explained.format.fps == pytest.approx(video.format.fps, rel=0.001)
        assert explained.length_s == pytest.approx(video.length_s, abs=0.001)


def _drawn(page: Canvas, plain: Canvas) -> NDArray[np.bool_]:
    """Where a page of the film differs from the video's own picture."""
    shown = cv2.resize(plain, SIZE, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.abs(page[: SIZE[1]].astype(int) - shown).max(axis=-1) > 60)


def test_the_film_is_drawn_on_where_something_moves_and_nowhere_else(walker: list[Canvas]) -> None:
    plain = _pictures(FIXTURES / "walker.mp4")
    assert not _drawn(_at(walker, 2), _at(plain, 2)).any()
    there = np.argwhere(_drawn(_at(walker, 6.5), _at(plain, 6.5)))
    (top, left), (bottom, right) = there.min(axis=0), there.max(axis=0)
    assert len(there) > 1000
    assert (bottom - top) < 0.8 * SIZE[1]
    assert (right - left) < 0.4 * SIZE[0]


def test_the_film_says_the_rule_and_the_state(walker: list[Canvas]) -> None:
    assert _says(_at(walker, 6.5), CONFIRMED)
    assert not _says(_at(walker, 6.5), LIGHT)
    assert not _says(_at(walker, 2), CONFIRMED)


def test_the_strip_shows_the_event_so_far(walker: list[Canvas]) -> None:
    lengths = [int(_is(_at(walker, t)[-20], RED).sum()) for t in (3, 6.5, 8, 11)]
    assert lengths[0] == 0
    assert 0 < lengths[1] < lengths[2] <= lengths[3]
    assert lengths[3] == pytest.approx(620 * (8.2 - 4.27) / 12, abs=20)


def test_the_film_says_why_a_light_switch_did_not_count(tmp_path: Path) -> None:
    short = film("switch", tmp_path, seconds=7.5)
    main(["--explain", str(tmp_path / "out.mp4"), str(short)])
    pages = _pictures(tmp_path / "out.mp4")
    assert _says(_at(pages, 6.8), LIGHT, AMBER)
    assert not _says(_at(pages, 4), LIGHT, AMBER)
    assert _is(pages[-1][-12], AMBER).any()
    assert not _is(pages[-1][-20], RED).any()


def test_the_same_video_gives_the_same_film_and_sheet(tmp_path: Path) -> None:
    walked, made = film("walker", tmp_path, seconds=5), []
    for number in range(2):
        out, sheet_ = tmp_path / f"{number}.mp4", tmp_path / f"{number}.png"
        main(["--explain", str(out), "--sheet", str(sheet_), str(walked)])
        made.append((out.read_bytes(), sheet_.read_bytes()))
    assert made[0] == made[1]


def _rows(picture: Canvas, colour: Colour) -> int:
    """How many rows of the sheet are marked with this colour."""
    edge = _is(picture[:, sheet.MARGIN + 2], colour)[sheet.HEADER :]
    return sum(marked for marked, _ in groupby(edge.tolist()))


@pytest.mark.parametrize(("video", "events", "dismissed"), [("walker", 1, 0), ("porch", 2, 1), ("quiet", 0, 0)])
def test_the_sheet_has_a_row_for_each_event_and_for_what_was_not_counted(
    video: str, events: int, dismissed: int, tmp_path: Path
) -> None:
    main(["--sheet", str(tmp_path / "out.png"), str(FIXTURES / f"{video}.mp4")])
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None
    assert (drawn[0, 0].tolist(), drawn.shape[1]) == ([255, 255, 255], sheet.WIDTH)
    assert (_rows(drawn, RED), _rows(drawn, AMBER)) == (events, dismissed)  # type: ignore[arg-type]


def test_a_sheet_of_many_events_says_how_many_more_there_are(tmp_path: Path) -> None:
    run, log = Run(FIXTURES / "walker.mp4"), sheet.Log()
    with shelf(tmp_path / "store") as store:
        play(run, Setting(Config(), store), Progress(disable=True), [log])
    run.happenings = [Ended(event(str(n), 0.5 * n, 0.5 * n + 0.3)) for n in range(20)]
    sheet.write(tmp_path / "out.png", run, log, Config().vision)
    drawn = cv2.imread(str(tmp_path / "out.png"))
    assert drawn is not None
    assert _rows(drawn, RED) == sheet.MOST_ROWS  # type: ignore[arg-type]
    words = np.full((20, sheet.TEXT.width("Not shown: 8 more events.") + 4, 3), WHITE, np.uint8)
    sheet.TEXT.write(words, "Not shown: 8 more events.", 2, 15)
    assert cv2.matchTemplate(drawn, words, cv2.TM_SQDIFF).min() == 0


def test_what_is_private_is_in_no_picture(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(PRIVATE)
    out, sheet_ = tmp_path / "out.mp4", tmp_path / "out.png"
    pictures = ["--explain", str(out), "--sheet", str(sheet_)]
    main(["--config", str(tmp_path / "c.yaml"), *pictures, str(FIXTURES / "walker.mp4")])
    for page in _pictures(out)[::15]:
        assert np.abs(page[: SIZE[1] // 2, : SIZE[0] // 2 - 8].astype(int) - 128).max() <= 8
    drawn = cv2.imread(str(sheet_))
    assert drawn is not None
    assert _rows(drawn, RED) == 1  # type: ignore[arg-type]
    left, top = sheet.MARGIN + sheet.COLUMN, sheet.HEADER + sheet.PADDING
    assert (drawn[top : top + 100, left : left + sheet.PICTURE[0] // 2 - 8] == 128).all()


def test_an_unusable_video_leaves_no_film(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "out").mkdir()
    made = ["--explain", str(tmp_path / "out" / "a.mp4"), "--sheet", str(tmp_path / "out" / "a.png")]
    assert main([*made, str(tmp_path / "empty.mp4")]) == 65
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["--explain", "a.mp4", "walker.mp4", "quiet.mp4"],
        ["--sheet", "a.png", "walker.mp4", "quiet.mp4"],
        ["--explain", "walker.mp4", "walker.mp4"],
        ["--explain", "a.avi", "walker.mp4"],
        ["--sheet", "a.jpg", "walker.mp4"],
    ],
)
def test_pictures_are_of_one_video_and_never_take_its_place(arguments: list[str]) -> None:
    with pytest.raises(UsageError):
        main(arguments)


def test_the_heat_map_shows_a_small_video_large_enough_to_be_read(tmp_path: Path) -> None:
    out = tmp_path / "heat.png"
    assert main(["--heat", str(out), str(FIXTURES / "walker.mp4")]) == 0
    drawn = cv2.imread(str(out))
    assert drawn is not None
    assert drawn.shape[1] == 640
    assert drawn.shape[0] > 480  # the words stand below the picture
    assert drawn[480:].max() > 200
