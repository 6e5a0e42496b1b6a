"""Files as cameras: what they give, and what is refused in one clear line."""

import os
from pathlib import Path

import av
import numpy as np
import pytest

from camd.camera.decoder import MAX_PIXELS
from camd.camera.frame import Frame
from camd.camera.stream import FileCamera
from camd.errors import UnusableInputError
from camd.model import SECOND, Packet
from tests.worlds import film

CODECS = [
    ("libx264", ".mp4"), ("libx264", ".mkv"), ("libx264", ".avi"), ("libx265", ".mp4"), ("libx265", ".mkv"),
    ("mpeg4", ".mp4"), ("mpeg4", ".avi"), ("mjpeg", ".avi"), ("mjpeg", ".mkv"), ("msmpeg4", ".avi"),
]  # fmt: skip


def _items(path: Path) -> tuple[list[Packet], list[Frame]]:
    with FileCamera(path) as camera:
        items = list(camera)
    return [i for i in items if isinstance(i, Packet)], [i for i in items if isinstance(i, Frame)]


@pytest.mark.parametrize(("codec", "suffix"), CODECS)
def test_every_codec_gives_luma_and_h264_packets(codec: str, suffix: str, tmp_path: Path) -> None:
    packets, frames = _items(film("walker", tmp_path, seconds=3, codec=codec, suffix=suffix))
    assert len(packets) == len(frames) == 45
    assert packets[0].is_key
    assert packets[0].data[:3] in (b"\0\0\0", b"\0\0\1")  # Annex B
    assert frames[0].luma.shape == (240, 320)
    assert [f.t for f in frames] == sorted(f.t for f in frames)
    assert max(np.diff([p.t for p in packets if p.is_key]), default=0) <= 2.1 * SECOND


def test_cinepak_is_read_and_encoded(videos: Path) -> None:
    packets, frames = _items(videos / "tree.avi")
    assert len(packets) == len(frames) == 68
    assert frames[-1].t == pytest.approx(29.53 * SECOND, abs=SECOND // 100)


def test_luma_is_the_decoders_own_memory_and_cannot_be_written(tmp_path: Path) -> None:
    _, frames = _items(film("walker", tmp_path, seconds=1))
    assert not frames[0].luma.flags.owndata
    assert not frames[0].luma.flags.writeable
    assert frames[0].picture().shape == (240, 320, 3)
    assert frames[0].jpeg()[:2] == b"\xff\xd8"


def test_h264_packets_are_the_files_own_pictures(tmp_path: Path) -> None:
    path = film("walker", tmp_path, seconds=2)
    with av.open(str(path)) as container:
        sizes = [packet.size for packet in container.demux(video=0) if packet.size]
    packets, _ = _items(path)
    # Annex B has four bytes where MP4 has a length; key pictures carry their parameter sets besides.
    assert [len(p.data) for p in packets if not p.is_key] == [
        size for size, p in zip(sizes, packets, strict=True) if not p.is_key
    ]


def test_times_start_where_they_are_told_to_and_go_on_from_there(tmp_path: Path) -> None:
    path = film("walker", tmp_path, seconds=2)
    with FileCamera(path, starts=100 * SECOND) as camera:
        times = [item.t for item in camera if isinstance(item, Frame)]
        assert times[0] == 100 * SECOND
        assert camera.ends == pytest.approx(102 * SECOND, abs=SECOND // 100)


def test_unusable_files_are_refused_in_one_line(tmp_path: Path) -> None:
    whole = film("walker", tmp_path, seconds=2).read_bytes()
    files = {
        "absent.mp4": None, "empty.mp4": b"", "garbage.mp4": os.urandom(50_000), "text.mkv": b"hello world, hello",
        "no-end.mp4": whole[: len(whole) // 2], "head.mp4": whole[:40],
        "noise.avi": b"RIFF\0\0\0\0AVI " + os.urandom(9000), "noise.mkv": b"\x1aE\xdf\xa3" + os.urandom(9000),
        "noise.mp4": whole[:40] + os.urandom(90_000),
    }  # fmt: skip
    for name, data in files.items():
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(UnusableInputError) as refusal:
            _items(tmp_path / name)
        assert name in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableInputError, match="not a file"):
        FileCamera(tmp_path)


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(UnusableInputError, match="there is no video in it"):
        FileCamera(path)


def test_a_picture_that_is_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    path = tmp_path / "huge.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=5, options={"preset": "ultrafast"})
        stream.width = stream.height = 8192
        container.mux(stream.encode(av.VideoFrame(8192, 8192, "yuv420p")))
        container.mux(stream.encode(None))
    assert MAX_PIXELS < 8192 * 8192
    with pytest.raises(UnusableInputError, match="8192x8192"):
        FileCamera(path)


@pytest.mark.parametrize("suffix", [".mkv", ".avi"])
def test_a_video_that_breaks_off_gives_its_pictures_and_then_says_so(suffix: str, tmp_path: Path) -> None:
    path = film("walker", tmp_path, seconds=8, suffix=suffix)
    os.truncate(path, path.stat().st_size * 6 // 10)
    frames: list[Frame] = []
    with FileCamera(path) as camera, pytest.raises(UnusableInputError, match="breaks off"):
        frames.extend(item for item in camera if isinstance(item, Frame))
    assert len(frames) > 30


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile '{}'\n", "v=0\r\nc=IN IP4 192.0.2.1\r\n"]
)
def test_a_playlist_in_disguise_opens_no_other_file(text: str, tmp_path: Path) -> None:
    other = film("walker", tmp_path, seconds=1)
    disguised = tmp_path / "porch.mp4"
    disguised.write_text(text.format(other))
    with pytest.raises(UnusableInputError, match=r"porch\.mp4"):
        FileCamera(disguised)
