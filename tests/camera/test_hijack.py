"""A camera that was taken over sends us to nobody, and its password goes to nobody but itself."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from camd.camera.frame import OPEN
from camd.camera.source import Optics, opened
from camd.clock import SystemClock
from camd.config import CameraConfig
from camd.errors import UnavailableError
from camd.store.index import Index
from camd.warden import Peer
from tests.camera.hostile import CAMERA, THIRD, Third, hijacked, playing, third_host
from tests.camera.rigs import RtspRig, why_not
from tests.leaks.homes import Home, with_strace

PASSWORD = "canary-7f3a"
with_rtsp = pytest.mark.skipif(bool(why_not("rtsp")), reason=why_not("rtsp"))


@pytest.fixture
def third() -> Iterator[Third]:
    """The host that nobody may reach."""
    with third_host() as listening:
        yield listening
        assert listening.calls == []


@pytest.fixture
def account(tmp_path: Path) -> Path:
    """A file with the camera's account."""
    path = tmp_path / "account"
    path.write_text(f"owner:{PASSWORD}\n")
    path.chmod(0o600)
    return path


def told(url: str, account: Path, detect: str = "") -> str:
    """What is said of a camera that cannot be used."""
    settings = CameraConfig(source=url, detect_source=detect, password_file=account)
    with (
        pytest.raises(UnavailableError) as error,
        opened(settings, Optics(OPEN, False), 0, SystemClock(), threading.Event()) as camera,
    ):
        for _ in camera.until(threading.Event()):
            pass
    assert PASSWORD not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("stage", ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"])
@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "305 Use Proxy"])
def test_a_redirect_is_refused_at_every_step(stage: str, code: str, third: Third, account: Path) -> None:
    reply = f"RTSP/1.0 {code}\r\nCSeq: {{cseq}}\r\nLocation: rtsp://{THIRD}:{third.port}/main\r\n\r\n".encode()
    with hijacked(playing(third.port, stage, reply)) as camera:
        assert "sends us to another address" in told(f"rtsp://{CAMERA}:{camera.port}/main", account)
        assert not any(PASSWORD in heard for heard in camera.heard)


SMUGGLED = [
    "RTSP/1.0 200 OK\n\nRTSP/1.0 302 Found\nLocation: rtsp://{third}/main\n\r\nCSeq: {{cseq}}\r\n\r\n",
    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nPublic: DESCRIBE\n\nRTSP/1.0 302 Found\nLocation: rtsp://{third}/x\n\r\n\r\n",
    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\n\r\nREDIRECT rtsp://{third}/main RTSP/1.0\r\nLocation: rtsp://{third}/\r\n\r\n",
    "RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nLocation: rtsp://{third}/main\r\nContent-Base: rtsp://{third}/main/\r\n\r\n",
]


@pytest.mark.parametrize("text", SMUGGLED)
def test_a_redirect_that_is_smuggled_in_leads_nowhere(text: str, third: Third, account: Path) -> None:
    reply = text.format(third=f"{THIRD}:{third.port}").encode()
    with hijacked(playing(third.port, "OPTIONS", reply)) as camera:
        told(f"rtsp://{CAMERA}:{camera.port}/main", account)


def test_a_camera_that_wants_to_send_by_udp_to_others_is_not_heard(third: Third, account: Path) -> None:
    transport = f"RTP/AVP;unicast;source={THIRD};server_port={third.port}-{third.port + 1}"
    reply = f"RTSP/1.0 200 OK\r\nCSeq: {{cseq}}\r\nSession: 1\r\nTransport: {transport}\r\n\r\n".encode()
    with hijacked(playing(third.port, "SETUP", reply)) as camera:
        told(f"rtsp://{CAMERA}:{camera.port}/main", account)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_over_http_is_refused(code: int, third: Third, account: Path) -> None:
    reply = f"HTTP/1.1 {code} Go\r\nLocation: http://{THIRD}:{third.port}/\r\nContent-Length: 0\r\n\r\n".encode()
    with hijacked(lambda method, headers: reply) as camera:
        assert "sends us to another address" in told(f"http://{CAMERA}:{camera.port}/video", account)


def test_a_password_over_http_is_asked_for_and_not_sent_as_it_is(account: Path) -> None:
    wants = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="r", nonce="n"\r\nContent-Length: 0\r\n\r\n'
    gone = b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n"
    with hijacked(lambda _, headers: gone if "Authorization" in headers else wants) as camera:
        assert "nothing at this path (404 Gone)" in told(f"http://{CAMERA}:{camera.port}/video", account)
    assert ["Authorization: Digest" in heard for heard in camera.heard] == [False, True]
    assert PASSWORD not in camera.heard[1]


def test_a_second_stream_of_another_host_is_a_config_error(tmp_path: Path) -> None:
    file = tmp_path / "camd.yaml"
    file.write_text(f"camera: {{source: 'rtsp://{CAMERA}/main', detect_source: 'rtsp://{THIRD}/small'}}\n")
    ended = _camd("check", "--config", file)
    assert ended.returncode == 78
    assert "detect_source: another camera than source. got 127.0.0.3. want an address of 127.0.0.2" in ended.stderr


@pytest.mark.parametrize(
    ("headers", "what"),
    [(b"X-Endless: yes\r\n" * 5000, "has no end"), (b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", "is too long")],
)
def test_an_answer_without_end_is_given_up(headers: bytes, what: str, account: Path) -> None:
    with hijacked(lambda *_: b"RTSP/1.0 200 OK\r\n" + headers) as camera:
        said = told(url := f"rtsp://{CAMERA}:{camera.port}", account)
    assert said == f"{url}: the camera's answer {what}. Is this the address and port of its RTSP stream?"


RED = b"\x1b[31mred\x9b1m"
STRANGE = {
    "rtsp, its reason": b"RTSP/1.0 404 " + RED + b"\ncamd: all is well " + b"x" * 999 + b"\r\nCSeq: {cseq}\r\n\r\n",
    "http, its reason": b"HTTP/1.1 404 " + RED + b"\rcamd: all is well " + b"x" * 999 + b"\r\n\r\n",
    "http, its version": RED + b"\r\n\r\n",
    "http, its type": b"HTTP/1.1 200 OK\r\nContent-Type: text/" + RED + b"x" * 999 + b"\r\n\r\n",
}


@pytest.mark.parametrize("where", STRANGE)
def test_a_camera_s_own_words_cannot_pass_for_ours(where: str, account: Path) -> None:
    scheme, reply = where.split(",")[0], STRANGE[where]
    replies = playing(0, "DESCRIBE", reply) if scheme == "rtsp" else lambda *_: reply
    with hijacked(replies) as camera:
        said = told(f"{scheme}://{CAMERA}:{camera.port}/main", account)
    assert "[31mred" in said
    assert said.isprintable()
    assert len(said) < 240


@with_rtsp
@pytest.mark.parametrize("options", [(), ("--basic",)])
def test_the_right_password_opens_it_and_the_wrong_one_is_told_apart(options: tuple[str, ...], account: Path) -> None:
    with _camera("--username", "owner", "--password", PASSWORD, *options) as rig:
        right = replace(rig.settings, password_file=account)
        with opened(right, Optics(OPEN, False), 0, SystemClock(), threading.Event()) as camera:
            assert camera.format.width == 640
        account.write_text("owner:wrong\n")
        assert "refuses this account" in told(rig.settings.source, account)
        with pytest.raises(UnavailableError, match=r"Set camera\.password_file"):
            rig.open()


# Ends capture two seconds after it began to record.
ONE_CLIP = 'set -e; "$@" & until ls "$0"/*.part >/dev/null 2>&1; do sleep 0.2; done; sleep 2; kill -TERM $!; wait $!'


@with_rtsp
@with_strace
def test_capture_reaches_its_camera_alone_and_its_password_is_nowhere(tmp_path: Path, account: Path) -> None:
    with _camera("--username", "owner", "--password", PASSWORD, host=CAMERA) as rig:
        home = replace(Home(tmp_path / "home"), camera=Peer(CAMERA, rig.port)).build()
        config = home.root / "camd.yaml"
        config.write_text(config.read_text() + f"camera: {{source: {rig.settings.source}, password_file: {account}}}\n")
        words = ("sh", "-c", ONE_CLIP, home.places.clips, sys.executable, "-m", "camd", "capture", *home.options)
        ended, verdict = home.watch(*words)
    assert ended.code == 0, ended.errors
    assert (verdict.findings, verdict.verbs) == ([], {"capture"})
    assert verdict.reached == {("capture", Peer(CAMERA, rig.port))}
    assert PASSWORD not in ended.errors + ended.output
    assert not [path for path in home.root.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    with Index.open(home.places) as index:
        assert [clip.camera for clip in index.clips()] == ["camera"]


@pytest.mark.parametrize("url", ["rtsp://joe:hunter2@10.0.0.5/main", "rtsp://joe:hun/ter2@10.0.0.5/", "http://a:b@c/"])
def test_a_password_in_an_address_is_refused_unseen(url: str, tmp_path: Path) -> None:
    file = tmp_path / "camd.yaml"
    file.write_text(f"camera: {{source: '{url}'}}\n")
    for words in (("check", "--config", file), ("capture", "--camera", url)):
        ended = _camd(*words)
        assert ended.returncode == 78
        assert "camera.password_file" in ended.stderr
        assert not re.search("hunter2|ter2|a:b", ended.stderr + ended.stdout)


def _camd(*words: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "camd", *map(str, words)]
    env = {**os.environ, "CAMD_CONFIG": ""}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@contextmanager
def _camera(*options: str, host: str = "127.0.0.1") -> Iterator[RtspRig]:
    rig = RtspRig(*options, host=host)
    try:
        yield rig
    finally:
        rig.unplug()
