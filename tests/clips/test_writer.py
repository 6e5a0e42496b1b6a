"""A clip is whole after a clean end, and plays up to its last whole fragment after any other."""

import os
from pathlib import Path

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camd.clips.salvage import salvage
from camd.clips.writer import Writer
from camd.errors import CannotWriteError, UnusableInputError
from camd.model import SECOND, Format, Packet
from tests.worlds import Reel


def _write(path: Path, layout: Format, packets: list[Packet]) -> Writer:
    writer = Writer(path, layout, lambda _: None)
    _feed(writer, packets)
    return writer


def _feed(writer: Writer, packets: list[Packet]) -> None:
    for packet in packets:
        writer.write(packet)


def _decoded(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_a_finished_clip_holds_every_picture_and_is_an_ordinary_mp4(reel: Reel, tmp_path: Path) -> None:
    layout, packets = reel.layout, reel.packets
    size = _write(tmp_path / "a.part", layout, packets).finish(tmp_path / "a.mp4")
    assert size == (tmp_path / "a.mp4").stat().st_size
    assert not (tmp_path / "a.part").exists()
    assert _decoded(tmp_path / "a.mp4") == len(packets)
    assert _boxes(tmp_path / "a.mp4")[-1] == "moov"  # an index at the end: every player can seek


def test_a_fragment_is_on_disk_as_soon_as_its_group_of_pictures_is_complete(reel: Reel, tmp_path: Path) -> None:
    layout, packets = reel.layout, reel.packets
    writer = _write(tmp_path / "a.part", layout, packets)
    writer.abandon()
    keys = [packet.t for packet in packets if packet.is_key]
    assert salvage(tmp_path / "a.part").duration_ns == pytest.approx(keys[-1] - packets[0].t, abs=SECOND // 10)


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1))
def test_a_clip_cut_anywhere_plays_its_whole_fragments(
    reel: Reel, tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    layout, packets = reel.layout, reel.packets
    path = tmp_path_factory.mktemp("cut") / "a.part"
    _write(path, layout, packets).abandon()
    os.truncate(path, round(path.stat().st_size * share))
    try:
        saved = salvage(path)
    except UnusableInputError:
        assert share < 0.5  # not even one fragment is left
        return
    assert saved.size == path.stat().st_size
    assert _decoded(path) == pytest.approx(saved.duration_ns / SECOND * layout.fps, abs=1)


def test_room_is_made_before_each_write_and_a_refusal_leaves_what_is_there(reel: Reel, tmp_path: Path) -> None:
    layout, packets = reel.layout, reel.packets
    asked: list[int] = []

    def make_room(size: int) -> None:
        asked.append(size)
        if len(asked) > 3:
            raise CannotWriteError("no room")

    writer = Writer(tmp_path / "a.part", layout, make_room)
    with pytest.raises(CannotWriteError):
        _feed(writer, packets)
    writer.abandon()
    assert asked == sorted(asked)
    assert (tmp_path / "a.part").stat().st_size == asked[-2]
    assert salvage(tmp_path / "a.part").duration_ns > 0


def _boxes(path: Path) -> list[str]:
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        names.append(data[at + 4 : at + 8].decode("ascii"))
        at += length
    return names
