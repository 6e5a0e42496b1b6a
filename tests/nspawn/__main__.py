"""A day of an installed camd: installed, started, watching a camera, telling of it, killed, upgraded, taken away.

Each step is a claim that is printed once it has held. Every claim that something is denied stands beside one that the
same is possible where it is not denied.
"""

import json
import re
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests.nspawn import installed, neighbour
from tests.nspawn.installed import CONFIG, NODE, PORT, STATE, UNITS
from tests.nspawn.machine import Machine, booted, wait

SOURCE = Path(__file__).parents[2]
AS_CAMD = ("setpriv", "--reuid=camd", "--regid=camd", "--clear-groups")
CODE = r"^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$"
PASSPHRASE, ACCOUNT = "two owls and a lamp", "canary-7f3a"
EVERY_KIND = ["SOCK_STREAM", "SOCK_DGRAM"]


def installs(machine: Machine) -> None:
    """It installs on a clean system, and gives a code for the page; the second time it changes nothing."""
    assert re.search(CODE, machine.said("/src/systemd/install", "--with-broker"), re.MULTILINE)
    node = machine.said("sh", "-c", f"sed -i 's/^  node:$/  node: {NODE}/' {CONFIG}; grep -c {NODE} {CONFIG}")
    assert node == "1"
    before = installed.fingerprint(machine)
    machine.run("/src/systemd/install", "--with-broker")
    assert installed.fingerprint(machine) == before


def keeps_secrets(machine: Machine) -> None:
    """Folders are camd's alone, and its own user cannot read the broker's password."""
    modes = machine.said("stat", "-c", "%a %U", STATE, "/run/camd", "/etc/camd/secrets/mqtt.password")
    assert modes.splitlines() == ["700 camd", "700 camd", "600 root"], modes
    read = machine.run(
        "setpriv", "--reuid=camd", "--regid=camd", "--clear-groups", "cat", "/etc/camd/secrets/mqtt.password", ok=False
    )
    assert read.returncode != 0
    assert machine.said("cat", "/etc/camd/secrets/mqtt.password") not in installed.seen(machine)


def watches(machine: Machine) -> None:
    """With a camera (a file, again and again) it watches: an alert arrives, a clip is kept, the guard is closed."""
    machine.run("cp", "/src/fixtures/walker.mp4", "/srv/walker.mp4")
    changes = ("source:/  source: \\/srv\\/walker.mp4", "loop: no/  loop: yes", "strict: no/  strict: yes",
               "keep_free: 500 MB/  keep_free: 50 MB")  # fmt: skip
    machine.run("sed", "-i", ";".join(f"s/^  {change}/" for change in changes), CONFIG)
    machine.systemctl("restart", "camd.target")
    with installed.house(machine) as house:
        wait("an alert arrives", lambda: house.payloads("camera/event"))
        wait("a clip is told of", lambda: house.payloads("camera/clip"))
        assert house.payloads("available")[-1] == "online"
        assert house.payloads("guard")[-1] == "closed"
    assert installed.clips(machine)
    assert "guard: closed" in machine.log("camd-capture")
    assert "guard: closed" in machine.log("camd-notify")


def knows_its_owner(machine: Machine) -> None:
    """Once a passphrase is set, home mode is left with it alone; a set-up code takes the place of one that is lost."""
    machine.run("camd", "setup", typed=f"{PASSPHRASE}\n" * 2)
    code = machine.said("camd", "setup", "--code")
    machine.run("camd", "setup", typed=f"{code}\n{PASSPHRASE}\n{PASSPHRASE}\n")
    machine.run("camd", "mode", "home")
    wait("the camera is closed", lambda: installed.status(machine)["cameras"]["camera"]["sensor"] == "closed")
    assert machine.run("camd", "mode", "away", ok=False, typed="three owls and a lamp\n").returncode == 77
    machine.run("camd", "mode", "away", typed=f"{PASSPHRASE}\n")
    wait("it is open again", lambda: installed.status(machine)["cameras"]["camera"]["sensor"] == "open")
    told = installed.status(machine)
    assert [told[what] for what in ("mode", "capture", "notify", "guard", "passphrase")] == [
        "away", "runs", "runs", "closed", "set",
    ], told  # fmt: skip


def denies(machine: Machine) -> None:
    """In its unit capture reaches nobody and may ask for the date, notify reaches the broker alone; outside all can."""
    with installed.door("127.0.0.5") as port:
        broker, stranger = f"127.0.0.1:{PORT}", f"127.0.0.5:{port}"
        free, notify, capture = (
            installed.probe(machine, name, broker, stranger) for name in (None, "notify", "capture")
        )
    assert free["reaches"] == {broker: EVERY_KIND, stranger: EVERY_KIND}, free
    assert notify["reaches"] == {broker: EVERY_KIND, stranger: []}, notify
    assert capture["reaches"] == {broker: [], stranger: []}, capture
    assert free["reads"] == [
        "/etc/camd/camd.yaml",
        "/etc/camd/secrets/mqtt.password",
        f"{STATE}/clips",
        f"{STATE}/owner",
        "/root",
        "/run/dbus/system_bus_socket",
    ], free
    assert [each["asks_for_the_date"] for each in (free, notify, capture)] == [True, False, True]
    assert notify["reads"] == ["/etc/camd/camd.yaml"], notify
    assert capture["reads"] == ["/etc/camd/camd.yaml", f"{STATE}/clips"], capture
    assert notify["writes"] == capture["writes"] == [STATE, "/run/camd"], (notify, capture)


def watches_a_network_camera(machine: Machine) -> None:
    """Of a network camera on another machine a clip comes; its address alone is reached, its password shows nowhere."""
    if why := neighbour.why_none():
        print(f"skipped: {why}", flush=True)
        return
    secret = "/etc/camd/secrets/porch.account"
    machine.run("install", "-m", "600", "/dev/stdin", secret, typed=f"owner:{ACCOUNT}\n")
    with ExitStack() as stack:
        port = stack.enter_context(neighbour.camera(ACCOUNT))
        camera, stranger = f"{neighbour.CAMERA}:{port}", f"{neighbour.STRANGER}:{port}"
        wanted = {"name": "porch", "source": f"rtsp://{camera}/main", "password_file": secret, "max_length": "10 s"}
        stack.enter_context(installed.settings(machine, **wanted, to=f"{{insurer: {{url: 'https://{camera}/'}}}}"))
        with installed.house(machine) as house:
            wait("a clip is told of", lambda: house.payloads("porch/clip"))
        assert installed.status(machine)["guard"] == "closed"
        free, capture, send = (installed.probe(machine, name, camera, stranger) for name in (None, "capture", "send"))
        assert free["reaches"] == {camera: EVERY_KIND, stranger: EVERY_KIND}, free
        assert capture["reaches"] == send["reaches"] == {camera: EVERY_KIND, stranger: []}, (capture, send)
        assert send["reads"] == ["/etc/camd/camd.yaml"], send
        assert ACCOUNT not in installed.seen(machine)


def sees_an_open_cage(machine: Machine) -> None:
    """Without the IP filter notify says that it is open; with guard.strict it does not run."""
    drop_in = f"{UNITS}/camd-notify.service.d/zz-open.conf"
    machine.write(drop_in, "[Service]\nIPAddressDeny=\nIPAddressAllow=\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "camd-notify", ok=False)
    wait("a strict notify refuses", lambda: installed.of_unit(machine, "camd-notify", "ExecMainStatus") == "77")
    assert "guard: open: notify can reach other addresses than its own" in machine.log("camd-notify")
    machine.run("sed", "-i", "s|^  strict: yes|  strict: no|", CONFIG)
    machine.systemctl("restart", "camd-notify")
    with installed.house(machine) as house:
        wait("the house is told", lambda: "open:notify" in house.payloads("guard"))
    (machine.root / drop_in.lstrip("/")).unlink()
    machine.run("sed", "-i", "s|^  strict: no|  strict: yes|", CONFIG)
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "camd-notify")
    with installed.house(machine) as house:
        wait("and that it is closed again", lambda: house.payloads("guard")[-1:] == ["closed"])


def survives_a_kill(machine: Machine) -> None:
    """A capture that is killed comes back, and every clip is as it was recorded."""
    before = installed.of_unit(machine, "camd-capture", "MainPID")
    machine.systemctl("kill", "--signal=KILL", "camd-capture")
    installed.comes_back(machine, before)
    with installed.house(machine) as house:
        wait("alerts go on", lambda: house.payloads("camera/event"))
    machine.systemctl("stop", "camd-capture")
    machine.run("camd", "store", "check", "--deep")
    machine.systemctl("start", "camd-capture")


def is_restarted_by_the_watchdog(machine: Machine) -> None:
    """A capture that hangs is ended by systemd and started again."""
    machine.write(f"{UNITS}/camd-capture.service.d/zz-watchdog.conf", "[Service]\nWatchdogSec=5\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", "camd-capture")
    before = installed.of_unit(machine, "camd-capture", "MainPID")
    machine.systemctl("kill", "--signal=STOP", "camd-capture")
    installed.comes_back(machine, before, 45)
    assert "Watchdog timeout" in machine.log("camd-capture")
    (machine.root / f"{UNITS}/camd-capture.service.d/zz-watchdog.conf".lstrip("/")).unlink()
    machine.systemctl("daemon-reload")


def is_upgraded_and_taken_back(machine: Machine) -> None:
    """An upgrade keeps settings and clips, and can be taken back; one that fails leaves the old one running."""
    clips, settings = installed.clips(machine), installed.digest(machine, CONFIG)
    machine.run("sh", "-c", "echo before > /opt/camd/mark")
    machine.run("/src/systemd/install", "--with-broker")
    assert not (machine.root / "opt/camd/mark").exists()
    machine.run("sh", "-c", f"echo '# edited' >> {CONFIG}")
    machine.run("/src/systemd/install", "--back")
    assert (machine.root / "opt/camd/mark").exists()
    assert installed.digest(machine, CONFIG) == settings
    machine.run(
        "sh", "-c", "mkdir -p /tmp/broken && cp -r /src/. /tmp/broken/ && echo nonsense > /tmp/broken/pyproject.toml"
    )
    failed = machine.run("/tmp/broken/systemd/install", ok=False)
    assert failed.returncode == 1
    assert "the one before runs on" in failed.stderr
    assert (machine.root / "opt/camd/mark").exists()
    machine.run("sed", "-i", "s/^  host:.*/  host: nobody.invalid/", CONFIG)
    assert "what the units may reach stays as it was" in machine.said("/src/systemd/install")
    machine.run("sed", "-i", "s/^  host:.*/  host: 127.0.0.1/", CONFIG)
    machine.systemctl("restart", "camd.target")
    with installed.house(machine) as house:
        wait("it watches again", lambda: house.payloads("camera/event"))
    assert clips <= installed.clips(machine)


def opens_its_broker(machine: Machine) -> None:
    """The broker listens to its own machine alone until the network is asked for, and then until that is taken back."""
    with neighbour.room():
        assert not installed.answers(neighbour.OURS)
        for option, is_open in (("=lan", True), ("", True), ("=local", False)):
            said = machine.said("/src/systemd/install", f"--with-broker{option}")
            assert ("without TLS" in said, installed.answers(neighbour.OURS)) == (is_open, is_open), said
            assert not re.search(CODE, said, re.MULTILINE)  # the owner is known


def sends_what_lies_ready(machine: Machine) -> None:
    """A share goes out by the unit; an order that nobody confirmed is refused, and tried once."""
    machine.run("install", "-d", "-o", "camd", "/srv/stick")
    with installed.settings(machine, to="{stick: {folder: /srv/stick}}"):
        clip = json.loads(machine.said("camd", "clips", "list", "--json").splitlines()[0])
        share = ("camd", "share", str(clip["id"]), "--to", "stick", "--reason", "a test")
        told = machine.run(*share, typed=f"{clip['sha256'][:4]}\n").stdout
        assert told.endswith(": sent\n"), told
    assert f"sent clip {clip['id']} to stick" in machine.log("camd-send")
    assert len(list((machine.root / "srv/stick").glob("*.mp4"))) == 1
    machine.run(*AS_CAMD, "touch", "/run/camd/send/0123456789abcdef")
    wait("it was tried", lambda: "0123456789abcdef" in machine.log("camd-send"))
    wait("once", lambda: not (machine.said("ls", "/run/camd/send")))


def is_taken_away(machine: Machine) -> None:
    """Taking it away leaves clips and settings; with --with-clips nothing is left."""
    machine.run("/src/systemd/install", "--uninstall")
    assert machine.run("systemctl", "cat", "camd-capture", ok=False).returncode != 0
    assert not (machine.root / "opt/camd").exists()
    assert list((machine.root / STATE.lstrip("/") / "clips").glob("*.mp4"))
    assert (machine.root / CONFIG.lstrip("/")).exists()
    machine.run("/src/systemd/install", "--uninstall", "--with-clips")
    left = [
        path
        for path in ("/opt/camd", "/etc/camd", STATE, "/run/camd", "/usr/local/bin/camd")
        if (machine.root / path.lstrip("/")).exists()
    ]
    assert left == []
    assert "camd" not in machine.said("systemctl", "list-unit-files", "--no-legend", "--no-pager")


STEPS: tuple[Callable[[Machine], None], ...] = (
    installs, keeps_secrets, watches, knows_its_owner, denies, watches_a_network_camera, sees_an_open_cage,
    survives_a_kill, is_restarted_by_the_watchdog, is_upgraded_and_taken_back, opens_its_broker, sends_what_lies_ready,
    is_taken_away,
)  # fmt: skip


def main() -> int:
    """Live the day; 1 when something does not hold."""
    if installed.answers("127.0.0.1"):
        print(f"skipped: somebody listens on port {PORT} of this machine, which the broker needs", file=sys.stderr)
        return 77
    with booted(Path(sys.argv[1]), SOURCE) as machine:
        print(f"booted: {machine.said('systemctl', '--version').splitlines()[0]}", flush=True)
        for step in STEPS:
            try:
                step(machine)
            except AssertionError as error:
                print(f"FAILED  {step.__doc__}\n{error}", flush=True)
                print(machine.said("journalctl", "-u", "camd*", "-n", "40", "--no-pager"))
                return 1
            print(f"holds   {step.__doc__}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
