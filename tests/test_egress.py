"""Only what was ordered leaves: camd's processes under strace, and some of them with no network at all.

That such findings can be trusted is shown by the planted leaks of tests/leaks.
"""

import json
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from camd.alerts.outbox import Outbox
from camd.store.index import Index
from camd.warden import Peer
from tests.brokers import broker, subscriber, until
from tests.egress import NO_NETWORK, Verdict, why_no_namespace
from tests.leaks.homes import Home, stranger, with_namespace, with_strace
from tests.worlds import film

WALKER = Path(__file__).parent.parent / "camd" / "fixtures" / "walker.mp4"


@dataclass(frozen=True)
class Lived:
    """A day in a home: a recording was watched, its alerts arrived."""

    home: Home
    verdict: Verdict
    alerts: list[dict[str, Any]]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home whose broker is not there."""
    return Home(tmp_path).build()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """The whole house on a real recording, in real time, with a real broker."""
    folder = tmp_path_factory.mktemp("lived")
    with broker(folder / "broker") as it, subscriber(it.port) as house:
        home = Home(folder / "home", Peer("127.0.0.1", it.port)).build()
        ended, verdict = home.camd("run", *home.options, "--camera", WALKER)
        assert ended.code == 0, ended.errors
        until(lambda: "stopped" in house.payloads("/available"))
        alerts = [json.loads(payload) for payload in house.payloads("/event")]
    return Lived(home, verdict, alerts)


@with_strace
def test_the_house_reaches_its_broker_and_nobody_else(lived: Lived) -> None:
    assert lived.verdict.findings == []
    assert lived.verdict.verbs == {"run", "capture", "notify"}
    assert lived.verdict.reached == {("notify", lived.home.broker), ("run", lived.home.broker)}


@with_strace
def test_while_it_was_watched_the_house_did_its_work(lived: Lived) -> None:
    assert [alert["event_type"] for alert in lived.alerts] == ["motion"]
    with Index.open(lived.home.places) as index:
        assert [clip.id for clip in index.clips()] == [1]


@with_strace
def test_a_share_to_a_folder_reaches_nobody(lived: Lived) -> None:
    home = lived.home
    with Index.open(home.places) as index:
        clip = index.clip(1)
    words = ("share", 1, "--to", "stick", "--reason", "a test")
    ended, verdict = home.camd(*words, *home.options, typed=f"{clip.sha256[:4]}\n")
    assert ended.code == 0, ended.errors
    assert [path.stat().st_size for path in home.stick.iterdir()] == [clip.size]
    assert (verdict.findings, verdict.verbs) == ([], {"share", "send"})


@with_strace
def test_a_replay_reaches_nobody(home: Home) -> None:
    ended, verdict = home.camd("replay", WALKER, "--score", *home.options)
    assert ended.code == 0, ended.errors
    assert (verdict.findings, verdict.verbs) == ([], {"replay"})


@with_strace
@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:1,\n{url}\n", "ffconcat version 1.0\nfile {url}\n"])
def test_a_recording_that_names_an_address_is_not_followed(home: Home, text: str) -> None:
    disguised = home.root / "disguised.mp4"
    with stranger() as port:
        disguised.write_text(text.format(url=f"http://127.0.0.1:{port}/x.ts"))
        ended, verdict = home.camd("capture", *home.options, "--camera", disguised)
    assert ended.code == 65
    assert (verdict.findings, verdict.verbs) == ([], {"capture"})


@with_strace
@pytest.mark.parametrize("scheme", ["ftp", "https", "tcp", "udp", "rtmp"])
def test_a_camera_at_an_address_of_another_kind_is_not_reached_for(home: Home, scheme: str) -> None:
    with stranger() as port:
        ended, verdict = home.camd("capture", *home.options, "--camera", f"{scheme}://127.0.0.1:{port}/x.mp4")
    assert ended.code == 78
    assert (verdict.findings, verdict.verbs) == ([], {"capture"})


DISLOYAL = """\
#!{python}
import socket
import sys
from camd.__main__ import main
socket.create_connection(("127.0.0.1", {port}))
sys.exit(main(sys.argv[3:]))
"""


@with_strace
def test_in_a_whole_house_each_leak_is_laid_at_the_right_door(home: Home) -> None:
    """`camd run` starts a python that connects to a stranger and then does its duty."""
    disloyal = home.root / "python"
    start = f"import sys; sys.executable = '{disloyal}'; from camd.__main__ import main; sys.exit(main(sys.argv[3:]))"
    video = film("walker", home.root, seconds=1)
    with stranger() as port:
        disloyal.write_text(DISLOYAL.format(python=sys.executable, port=port))
        disloyal.chmod(0o700)
        ended, verdict = home.watch(sys.executable, "-c", start, "-m", "camd", "run", *home.options, "--camera", video)
    assert ended.code == 0, ended.errors
    assert verdict.verbs == {"run", "capture", "notify"}
    who_did_what = r"(\w+) \(python.*?, pid \d+\) ([^:]+): .*"
    assert sorted(re.sub(who_did_what, r"\1 \2", finding) for finding in verdict.findings) == [
        "capture opens a socket of AF_INET",
        f"capture reaches for 127.0.0.1 port {port}",
        f"notify reaches for 127.0.0.1 port {port}",
    ]


@pytest.fixture
def cut_off(home: Home) -> Home:
    """A home in which nobody can be reached, not even on loopback; that is tried before it is relied on."""
    with stranger() as port:
        call = (sys.executable, "-c", f"import socket; socket.create_connection(('127.0.0.1', {port}))")
        assert home.run(*call).code == 0
        assert "Network is unreachable" in home.run(*NO_NETWORK, *call).errors
    return home


@with_namespace
def test_a_replay_needs_no_network(cut_off: Home) -> None:
    ended = cut_off.run(*NO_NETWORK, sys.executable, "-m", "camd", "replay", WALKER, "--score", *cut_off.options)
    assert ended.code == 0, ended.errors


@with_namespace
def test_capture_needs_no_network(cut_off: Home) -> None:
    video = film("walker", cut_off.root, seconds=5.5)
    capture = (sys.executable, "-m", "camd", "capture", *cut_off.options, "--camera", video)
    ended = cut_off.run(*NO_NETWORK, *capture)
    assert ended.code == 0, ended.errors
    with Index.open(cut_off.places) as index:
        assert [len(clip.events) for clip in index.clips()] == [1]


WORLD = """\
set -e
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 || true
ip link set lo up
ip link add world type veth peer name beyond
ip link set beyond up
ip address add 192.0.2.1/24 dev world
ip link set world up
ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:01 dev world
ip route add default via 192.0.2.2
sent() { awk '$1 == "world:" {print $11}' /proc/net/dev; }
before=$(sent)
"$@"
echo "packets into the world: $(($(sent) - before))"
"""


def _why_no_world() -> str:
    """Why no network of our own can be made here, or nothing."""
    if why_no_namespace():
        return why_no_namespace()
    made = subprocess.run(
        [*NO_NETWORK, "bash", "-c", WORLD, "world", "true"], capture_output=True, check=False, text=True
    )
    return made.stderr.strip()


with_world = pytest.mark.skipif(bool(_why_no_world()), reason=_why_no_world())


@with_world
def test_a_packet_into_the_world_is_counted(home: Home) -> None:
    call = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('198.51.100.1', 9))"
    ended = home.run(*NO_NETWORK, "bash", "-c", WORLD, "world", sys.executable, "-c", call)
    assert "packets into the world: 1" in ended.output, ended.errors


@with_world
def test_an_ordinary_run_sends_no_packet_into_the_world(tmp_path: Path) -> None:
    """With a default route there, and the broker on this side of it."""
    with broker(tmp_path / "broker") as it:
        it.kill()  # it is started anew in a network of its own
        home = Home(tmp_path / "home", Peer("127.0.0.1", it.port)).build()
        video = film("walker", home.root, seconds=6)
        camd = f"{sys.executable} -m camd run {' '.join(home.options)} --camera {video}"
        both = f"mosquitto -c {it.settings} >/dev/null 2>&1 & broker=$!; {camd}; kill $broker; wait $broker || true"
        ended = home.run(*NO_NETWORK, "bash", "-c", WORLD, "world", "bash", "-c", both)
    assert ended.code == 0, ended.errors
    assert "packets into the world: 0" in ended.output
    with closing(Outbox(home.places)) as outbox:
        assert outbox.pending(1) == []  # the broker had all of it
