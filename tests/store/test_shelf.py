"""The recorder's shelf: one recorder, room before every fragment, and a crash at any step is finished at the start."""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from camd.clock import ManualClock
from camd.errors import CannotWriteError, HeldError
from camd.model import SECOND
from camd.places import Places
from camd.store.check import leftovers, violations
from camd.store.files import ClipFiles
from camd.store.index import Index
from camd.store.shelf import Shelf, finish_garbage
from tests.store.store_world import (
    UnsetClock,
    clip_row,
    ids,
    limits,
    names,
    open_shelf,
    places_in,
    record,
    store_of,
    write_files,
)

IN_MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
DAY = 86_400 * SECOND
HOLD = (
    "import sys; from pathlib import Path; from camd.places import Places; from camd.clock import SystemClock\n"
    "from camd.config import StoreConfig; from camd.store.shelf import Shelf\n"
    "places = Places(Path(sys.argv[1]), Path(sys.argv[2]))\n"
    "with Shelf.open(places, StoreConfig(keep_free=0), SystemClock()):\n"
    "    print('held', flush=True); sys.stdin.read()"
)
WORK = """
import random, sys
from pathlib import Path
from tests.store.store_world import open_shelf, places_in, record
from camd.store.index import Index

places, dice = places_in(Path(sys.argv[1])), random.Random(int(sys.argv[2]))
with open_shelf(places, max_bytes=40_000) as shelf, Index.open(places) as index:
    while True:
        size = dice.randint(100, 8000)
        shelf.make_room(size + 1000)
        record(shelf, size)
        number = dice.choice([clip.id for clip in index.clips()])
        dice.choice([index.star, index.unstar, index.unstar, lambda number: index.drop([number])])(number)
        print(number, flush=True)
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


@contextmanager
def other_recorder(places: Places) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLD, str(places.data), str(places.run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def bytes_in(places: Places) -> int:
    return sum(path.stat().st_size for path in places.clips.iterdir() if path != places.identity)


# --- one recorder


def test_a_second_recorder_is_turned_away_and_told_the_firsts_pid(places: Places) -> None:
    with other_recorder(places) as first:
        with pytest.raises(HeldError, match=rf"pid {first.pid}\)") as caught:
            open_shelf(places)
        assert caught.value.exit_code == 75
        first.communicate()
    open_shelf(places).close()


def test_a_killed_recorder_holds_nothing(places: Places) -> None:
    with other_recorder(places) as first:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=30)
    open_shelf(places).close()


def test_a_turned_away_recorder_changes_nothing(places: Places) -> None:
    store_of(places, 1)
    with other_recorder(places):
        places.clips.joinpath("000002.json").write_bytes(b"of the first's open clip")
        with pytest.raises(HeldError):
            open_shelf(places)
        assert "000002.json" in names(places)
        assert places.recorder_pid.exists()


# --- keep and drop


def test_a_kept_clip_is_whole_and_an_orderly_stop_leaves_nothing(places: Places) -> None:
    clips = store_of(places, 3)
    assert ids(places) == [3, 2, 1]
    assert clips[0].beside == bytes_in(places) // 3 - 500
    assert violations(places) == []
    assert leftovers(places) == []
    assert not places.recorder_pid.exists()


def test_a_dropped_clip_is_gone_from_rows_and_folder(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with open_shelf(places) as shelf:
        record(shelf), record(shelf)
        shelf.drop([1], "nobody wants it")
    assert names(places) == ["000002.jpg", "000002.json", "000002.mp4"]
    assert "clip 1 dropped: nobody wants it" in caplog.text
    assert violations(places) == []


def test_what_another_process_drops_goes_when_the_recorder_next_looks(places: Places) -> None:
    with open_shelf(places) as shelf:
        record(shelf), record(shelf)
        with Index.open(places) as index:
            index.drop([1])
            assert not finish_garbage(places, index)
        assert "000001.gone" in names(places)
        shelf.tidy()
        assert names(places) == ["000002.jpg", "000002.json", "000002.mp4"]


def test_without_a_recorder_the_deleter_unlinks_itself(places: Places) -> None:
    store_of(places, 1)
    with Index.open(places) as index:
        index.drop([1])
        assert finish_garbage(places, index)
        assert (names(places), index.garbage(), index.total_bytes()) == ([], {}, 0)


# --- the ring


def test_the_oldest_unstarred_clip_makes_room(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store_of(places, 4)
    with Index.open(places) as index:
        index.star(1)
    with open_shelf(places, max_bytes=bytes_in(places)) as shelf:
        shelf.make_room(0)
        assert ids(places) == [4, 3, 2, 1]
        shelf.make_room(1)
        assert ids(places) == [4, 3, 1]
    assert "clip 2 dropped: the oldest" in caplog.text


shm_settings = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@shm_settings
@given(st.lists(st.tuples(st.integers(1, 4000), st.booleans()), min_size=1, max_size=12))
def test_no_order_of_clips_and_stars_breaks_the_limit_or_a_star(shapes: list[tuple[int, bool]]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        places = places_in(Path(folder))
        starred: set[int] = set()
        with open_shelf(places, max_bytes=10_000) as shelf, Index.open(places) as index:
            for size, star in shapes:
                before = ids(places)
                try:
                    shelf.make_room(size + 1000)
                except CannotWriteError:
                    assert index.starred_bytes() + size + 1000 > 10_000
                    assert ids(places) == before
                    continue
                number = record(shelf, size).id
                assert bytes_in(places) == index.total_bytes() <= 10_000
                if star:
                    index.star(number)
                    starred.add(number)
            assert starred <= set(ids(places))
        assert violations(places) == []


def test_when_all_is_starred_there_is_no_room_and_it_says_why(places: Places) -> None:
    store_of(places, 2)
    with Index.open(places) as index:
        index.star(1)
        index.star(2)
    with open_shelf(places, max_bytes=bytes_in(places)) as shelf:
        with pytest.raises(CannotWriteError, match=r"starred clips hold 0\.0 MB.*camd clips unstar"):
            shelf.make_room(1)
        assert ids(places) == [2, 1]


def test_when_others_fill_the_disk_no_footage_is_lost_for_it(places: Places) -> None:
    store_of(places, 2)
    with open_shelf(places, keep_free=10**15) as shelf:
        with pytest.raises(CannotWriteError, match=r"store\.keep_free"):
            shelf.make_room(0)
        assert ids(places) == [2, 1]


@pytest.mark.parametrize(("clock", "left"), [(ManualClock, [3]), (UnsetClock, [3, 2, 1])])
def test_old_clips_go_only_when_the_date_is_known(places: Places, clock: type[ManualClock], left: list[int]) -> None:
    store_of(places, 3)
    ended = clip_row(2).began_unix_ns + clip_row(2).duration_ns
    with Shelf.open(places, limits(places), clock(ended + 30 * DAY + 1)) as shelf:
        shelf.make_room(0)
    assert ids(places) == left


# --- a crash at each step


def test_a_row_that_became_garbage_is_finished_at_the_start(places: Places) -> None:
    store_of(places, 2)
    with Index.open(places) as index:
        index.drop([1])
    assert violations(places) == []
    open_shelf(places).close()
    assert names(places) == ["000002.jpg", "000002.json", "000002.mp4"]
    assert (violations(places), leftovers(places)) == ([], [])


@pytest.mark.parametrize("gone", [["mp4"], ["mp4", "json"], ["mp4", "json", "jpg"]])
def test_garbage_of_which_files_are_gone_is_forgotten_at_the_start(places: Places, gone: list[str]) -> None:
    store_of(places, 2)
    with Index.open(places) as index:
        index.drop([1])
    for suffix in gone:
        places.clips.joinpath(f"000001.{suffix}").unlink()
    open_shelf(places).close()
    assert names(places) == ["000002.jpg", "000002.json", "000002.mp4"]
    assert (violations(places), leftovers(places)) == ([], [])


def test_a_recording_without_a_row_is_offered_for_adoption(places: Places) -> None:
    store_of(places, 1)
    write_files(ClipFiles.of(places, 2), clip_row(2))
    ClipFiles.of(places, 3).part.write_bytes(b"fragments")
    places.clips.joinpath("000002.jpg.tmp").write_bytes(b"half a picture")
    with open_shelf(places) as shelf:
        assert shelf.orphans() == [shelf.mp4(2), shelf.part(3)]
        shelf.keep(clip_row(2))
        shelf.discard(3, "a test")
        assert shelf.orphans() == []
        assert shelf.next_id() == 4
    assert ids(places) == [2, 1]
    assert violations(places) == []


def test_a_lost_index_loses_no_footage_and_no_number(places: Places) -> None:
    store_of(places, 3)
    places.index.unlink()
    with open_shelf(places) as shelf:
        assert shelf.orphans() == [shelf.mp4(1), shelf.mp4(2), shelf.mp4(3)]
        assert shelf.next_id() == 4
        assert all(shelf.sidecar(number).exists() for number in (1, 2, 3))


@pytest.mark.parametrize("turns", [1, 5, 13, 29])
def test_a_recorder_killed_at_work_leaves_a_store_that_mends(places: Places, turns: int) -> None:
    command = [sys.executable, "-c", WORK, str(places.data.parent), str(turns)]
    paths = [str(Path(__file__).parents[2]), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    here = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=here) as process:
        assert process.stdout is not None
        assert all(process.stdout.readline() for _ in range(turns))
        process.kill()
    with open_shelf(places, max_bytes=40_000) as shelf:
        for path in shelf.orphans():
            shelf.discard(int(path.stem), "a test")
        shelf.make_room(0)
    assert (violations(places, limits(places, 40_000)), leftovers(places)) == ([], [])


def test_what_is_left_of_a_clip_that_never_began_is_swept(places: Places) -> None:
    store_of(places, 1)
    for name in ("000002.json", "000003.json.tmp", "000004.jpg.tmp"):
        places.clips.joinpath(name).write_bytes(b"{}")
    open_shelf(places).close()
    assert names(places) == ["000001.jpg", "000001.json", "000001.mp4"]


def test_a_stranger_in_the_folder_is_left_alone_and_reported(places: Places) -> None:
    store_of(places, 1)
    places.clips.joinpath("holiday.mp4").write_bytes(b"mine")
    with open_shelf(places) as shelf:
        assert shelf.orphans() == []
    assert violations(places) == ["holiday.mp4: not a file of camd"]


def test_a_clip_with_a_row_is_never_discarded(places: Places) -> None:
    with open_shelf(places) as shelf:
        record(shelf)
        with pytest.raises(ValueError, match="has a row"):
            shelf.discard(1, "a test")
    assert violations(places) == []


# --- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Places]:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "camd-test", str(tmp_path)], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        yield places_in(tmp_path)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def fill(folder: Path) -> None:
    with folder.joinpath("filler").open("ab", buffering=0) as file:
        try:
            while file.write(b"x" * 4096) == 4096:
                pass
        except OSError:
            return


@pytest.mark.parametrize("while_open", [True, False], ids=["running", "starting"])
def test_a_disk_filled_to_the_last_byte_still_lets_old_clips_go(small_disk: Places, while_open: bool) -> None:
    store_of(small_disk, 4, size=400_000)
    if while_open:
        with open_shelf(small_disk, keep_free=1_200_000) as shelf:
            fill(small_disk.data)
            shelf.make_room(0)
    else:
        fill(small_disk.data)
        with open_shelf(small_disk, keep_free=1_200_000) as shelf:
            shelf.make_room(0)
    assert ids(small_disk)[-1] > 1
    assert 4 in ids(small_disk)
    assert violations(small_disk) == []
