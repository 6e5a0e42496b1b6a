"""Whatever times and parameters a stream has, its clips play, have their length and can be sought in."""

import tempfile
from pathlib import Path

import av
import pytest

from camd.clips.parameters import parameters
from camd.config import RecordConfig
from camd.model import SECOND, Clip
from camd.places import Places
from camd.store.check import violations
from camd.store.files import ClipFiles
from tests.clips.streams import recorded, strange, with_b_pictures
from tests.worlds import Reel, places, shelf

IN_MEMORY = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
SETTINGS = RecordConfig(pre_roll=SECOND, post_roll=SECOND, max_length=3600 * SECOND)
NAMES = [
    "b-pictures", "variable rate", "all at one time", "small steps back", "far from zero", "wraps",
    "steps back an hour",
]  # fmt: skip


@pytest.fixture(scope="module")
def streams(reel: Reel, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reel]:
    return strange(reel, tmp_path_factory.mktemp("streams"))


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_in_a_clip_that_can_be_sought_in(streams: dict[str, Reel], tmp_path: Path, name: str) -> None:
    with shelf(tmp_path) as on:
        clips = recorded(streams[name], on, SETTINGS)
    kept = sum(_plays(places(tmp_path), clip) for clip in clips)
    lost = len(streams[name].packets) - kept
    assert lost == 0 if name not in ("wraps", "steps back an hour") else 0 <= lost < 30  # to the next key picture
    assert violations(places(tmp_path)) == []


def test_twelve_hours_of_motion_are_clips_of_an_hour_that_follow_each_other(streams: dict[str, Reel]) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        with shelf(Path(folder)) as on:
            clips = recorded(streams["twelve hours"], on, SETTINGS)
        assert sum(_plays(places(Path(folder)), clip) for clip in clips) == len(streams["twelve hours"].packets)
    assert [clip.continues for clip in clips] == [None, *(clip.id for clip in clips[:-1])]
    assert sum(clip.duration_ns for clip in clips) == pytest.approx(12 * 3600 * SECOND, rel=0.01)


def test_a_stream_that_changes_its_size_goes_on_in_another_clip(reel: Reel, tmp_path: Path) -> None:
    small = with_b_pictures(tmp_path)
    shift = reel.packets[-1].t + SECOND // 15
    later = [type(p)(p.t + shift, p.dts + shift, p.is_key, p.data) for p in small.packets]
    with shelf(tmp_path) as on:
        first, second = recorded(Reel(reel.layout, reel.packets + later), on, SETTINGS)
    assert (second.continues, second.events) == (first.id, first.events)
    assert [_plays(places(tmp_path), clip) for clip in (first, second)] == [len(reel.packets), len(later)]


def test_the_parameters_of_a_stream_are_those_of_all_its_key_pictures(reel: Reel, tmp_path: Path) -> None:
    sets = {parameters(packet.data) for packet in reel.packets if packet.is_key}
    assert len(sets) == 1
    assert len(next(iter(sets))) == 2  # sequence and picture
    assert parameters(reel.packets[1].data) == parameters(b"") == frozenset()
    assert parameters(with_b_pictures(tmp_path).packets[0].data) not in sets


def _plays(where: Places, clip: Clip) -> int:
    """Decode all of it, then seek to 70 %; returns how many pictures there are."""
    path = ClipFiles.of(where, clip.id).mp4
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        count = sum(1 for _ in container.decode(stream))
        assert stream.duration is not None
        assert stream.time_base is not None
        length = float(stream.duration * stream.time_base)
        assert length == pytest.approx(clip.duration_ns / SECOND, abs=max(0.6, 0.02 * length))
        container.seek(round(0.7 * stream.duration), stream=stream)
        there = next(container.decode(stream))
        assert there.time is not None
        assert there.time <= 0.7 * length + 0.1
        assert there.time >= 0.4 * length - 2.5 or count < 60
    assert path.read_bytes().rfind(b"moov") > path.stat().st_size // 2  # the index is at its end
    return count
