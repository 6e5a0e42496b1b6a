"""The notify process and a real broker, with everything that can be killed killed."""

import fcntl
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

import camd
from camd import ledger, upkeep
from camd.alerts.outbox import Outbox
from camd.alerts.states import motion_off, online
from camd.alerts.topics import Names
from camd.clock import SystemClock
from camd.model import SECOND, Alert
from camd.places import Places
from camd.wishes import NOTIFY, Wish, take
from tests.brokers import Broker, Papers, Subscriber, broker, subscriber, until

NAMES = Names("camd", "pi", "porch")
CLOCK = SystemClock()
HOLDER = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


class House:
    """One camd without a camera: its outbox and its notify process, which tells `said` on stderr."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._stack = stack
        self.places = Places.of(folder / "data")
        self.places.make()
        stack.callback(shutil.rmtree, self.places.run)
        self.outbox = stack.enter_context(closing(Outbox(self.places)))
        self.config = folder / "camd.yaml"
        self._errors = folder / "stderr"
        self._errors.touch()
        self.count = 0
        self._lock = os.open(self.places.capture_lock, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # capture lives, as far as anybody can tell
        stack.callback(os.close, self._lock)

    def end_capture(self) -> None:
        """From now on nobody says that capture lives."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def notify(self, port: int, more: str = "", beside: str = "") -> "subprocess.Popen[bytes]":
        """Start a notify for the broker on this port; it is killed at the latest when the test ends.

        `more` are settings of mqtt, `beside` lines of other settings.
        """
        settings = f"host: 127.0.0.1, port: {port}, node: pi{more}"
        store = f"store: {{data: {self.places.data}}}"
        self.config.write_text(f"camera: {{name: porch}}\nmqtt: {{{settings}}}\n{store}\n{beside}\n")
        command = [sys.executable, "-m", "camd", "notify", "--config", str(self.config)]
        with self._errors.open("ab") as errors:
            process = subprocess.Popen(command, stderr=errors)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def put(self, count: int = 1, age_s: float = 0.0) -> None:
        """Put alerts of events with ids 0, 1, 2..., as they were put so long ago."""
        then = CLOCK.boot() - round(age_s * SECOND)
        for number in range(self.count, self.count + count):
            payload = json.dumps({"v": 1, "event_id": number, "delayed": False, "latency_ms": None})
            self.outbox.put([Alert(NAMES.event, payload, False, then - SECOND // 10)], CLOCK.boot_id, then, 0)
        self.count += count

    def put_states(self, *states: Alert) -> None:
        """Put states."""
        self.outbox.put(states, CLOCK.boot_id, CLOCK.boot(), 0)

    @property
    def said(self) -> list[str]:
        """Lines on stderr so far, but for the one about its cage."""
        return [line for line in self._errors.read_text().splitlines() if " guard: " not in line]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(tmp_path, stack)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Broker]:
    with broker(tmp_path / "broker") as it:
        yield it


@pytest.fixture
def heard(mosquitto: Broker) -> Iterator[Subscriber]:
    with subscriber(mosquitto.port) as it:
        yield it


def events(heard: Subscriber) -> list[dict[str, Any]]:
    """The alerts that arrived."""
    return [json.loads(payload) for payload in heard.payloads("/event")]


def ids(heard: Subscriber) -> list[int]:
    """The event ids that arrived."""
    return [event["event_id"] for event in events(heard)]


def test_alerts_arrive_once_in_order_and_leave_the_outbox(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("available") == ["online"])
    house.put(100)
    until(lambda: len(ids(heard)) >= 100 and not house.outbox.pending(1))
    assert ids(heard) == list(range(100))
    assert {event["delayed"] for event in events(heard)} == {False}
    assert all(100 <= event["latency_ms"] <= 2100 for event in events(heard))  # put says that it began 100 ms before


def test_a_state_is_kept_by_the_broker_and_an_alert_is_not(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    house.put_states(online(NAMES))
    house.put()
    until(lambda: ids(heard) and heard.payloads("status"))
    with subscriber(mosquitto.port, "camd/#", name="late") as late:
        until(lambda: len(late.heard()) == 4)
        kept = {message.topic: (message.payload, message.retained) for message in late.heard()}
    assert kept.keys() == {NAMES.available, NAMES.status, NAMES.info, NAMES.guard}
    assert (kept[NAMES.status], kept[NAMES.available]) == (("online", True), ("online", True))


def test_a_broker_killed_for_the_whole_event_gets_every_alert_once(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("available"))
    mosquitto.kill()
    house.put(30, age_s=3)
    house.outbox.spill(CLOCK.boot())
    house.put_states(motion_off(NAMES))
    mosquitto.start()
    until(lambda: len(ids(heard)) >= 30 and not house.outbox.pending(1))
    assert ids(heard) == list(range(30))
    assert all(event["delayed"] and event["latency_ms"] >= 3100 for event in events(heard))
    assert "was lost" in house.said[0]
    assert house.said[-1] == "camd notify: connected to the broker."


def test_what_was_under_way_when_the_broker_died_arrives_as_delayed(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("available"))
    mosquitto.freeze()
    house.put(5, age_s=1.2)  # in time now; coming back takes notify another second
    until(lambda: mosquitto.unread() > 5 * 50)
    mosquitto.kill()
    mosquitto.start()
    until(lambda: len(ids(heard)) >= 5 and not house.outbox.pending(1))
    assert [(event["event_id"], event["delayed"]) for event in events(heard)] == [(number, True) for number in range(5)]


def test_a_notify_killed_before_the_acknowledgement_loses_nothing(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    notify = house.notify(mosquitto.port)
    until(lambda: heard.payloads("available"))
    mosquitto.freeze()
    house.put(5)
    until(lambda: mosquitto.unread() > 5 * 50)
    notify.kill()
    notify.wait()
    mosquitto.kill()
    house.notify(mosquitto.port)
    mosquitto.start()
    until(lambda: not house.outbox.pending(1))
    until(lambda: sorted(set(ids(heard))) == [0, 1, 2, 3, 4])


def test_alerts_of_an_earlier_boot_are_delayed_by_nobody_knows_how_much(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    payload = '{"event_id":1,"delayed":false,"latency_ms":null}'
    house.outbox.put([Alert(NAMES.event, payload, False, 5)], "an-earlier-boot", CLOCK.boot(), 0)
    house.notify(mosquitto.port)
    until(lambda: events(heard))
    assert events(heard) == [{"event_id": 1, "delayed": True, "latency_ms": None}]


def test_a_killed_notify_is_offline_and_a_stopped_one_says_so(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    notify = house.notify(mosquitto.port)
    until(lambda: heard.payloads("available") == ["online"])
    notify.kill()
    until(lambda: heard.payloads("available") == ["online", "offline"])
    notify = house.notify(mosquitto.port)
    until(lambda: heard.payloads("available")[2:] == ["online"])
    house.put(50)
    notify.terminate()
    assert notify.wait(2) == 0
    until(lambda: heard.payloads("available")[3:] == ["stopped"])
    assert heard.payloads("motion") == ["OFF"]
    assert ids(heard) == list(range(50))


def test_a_frozen_broker_does_not_hold_up_the_end(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    notify = house.notify(mosquitto.port)
    until(lambda: heard.payloads("available"))
    mosquitto.freeze()
    house.put(5)
    until(lambda: mosquitto.unread() > 5 * 50)
    began = CLOCK.boot()
    notify.terminate()
    assert notify.wait(10) == 0
    assert CLOCK.boot() - began < 2 * SECOND
    assert len(house.outbox.pending(10)) == 5


def test_the_death_of_capture_is_told_by_notify(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.end_capture()
    command = [sys.executable, "-c", HOLDER, str(house.places.capture_lock)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as capture:
        assert capture.stdout is not None
        assert capture.stdout.readline() == b"held\n"
        house.notify(mosquitto.port)
        house.put()
        until(lambda: ids(heard))  # it looks before it sends
        assert heard.payloads("status") == []
        house.put_states(online(NAMES))
        capture.kill()
        until(lambda: heard.payloads("other"))
        until(lambda: len(ids(heard)) == 2)
    assert (heard.payloads("status"), heard.payloads("motion")) == (["online", "offline"], ["OFF"])
    assert heard.payloads("sensor") == ["unknown"]
    assert events(heard)[1]["event_type"] == "camera_offline"


def test_a_broker_that_comes_late_costs_one_line(house: House, mosquitto: Broker) -> None:
    mosquitto.kill()
    house.notify(mosquitto.port)
    until(lambda: house.said)
    house.put(3)
    mosquitto.start()
    with subscriber(mosquitto.port) as heard:
        until(lambda: not house.outbox.pending(1))
        until(lambda: "online" in heard.payloads("available"))
    first, second = house.said
    assert f"no connection to the broker at 127.0.0.1:{mosquitto.port}" in first
    assert second == "camd notify: connected to the broker."


def test_wrong_credentials_cost_one_line_and_right_ones_none(house: House, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    account = f", username: camd, password_file: {secret}"
    with broker(tmp_path / "strict", "camd", "right") as strict:
        wrong = house.notify(strict.port, account)
        until(lambda: strict.log.count("not authorised") >= 2)
        assert len(house.said) == 1
        assert "refused us (Not authorized). Check mqtt.username and mqtt.password_file." in house.said[0]
        wrong.kill()
        wrong.wait()
        secret.write_text("right\n")
        house.put(3)
        house.notify(strict.port, account)
        until(lambda: not house.outbox.pending(1))
        assert len(house.said) == 1


def test_a_second_notify_is_refused(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("available"))
    assert house.notify(mosquitto.port).wait(10) == 75
    assert house.said == [f"{house.places.run}: another 'camd notify' serves this camd. Stop that one first."]


def test_a_certificate_that_is_none_is_a_config_error(house: House, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    assert house.notify(8883, f", tls: yes, ca_file: {tmp_path / 'ca.pem'}").wait(10) == 78
    assert len(house.said) == 1
    assert f"mqtt.ca_file: {tmp_path / 'ca.pem'} cannot be used" in house.said[0]


def test_notify_loads_nothing_that_works_on_pictures() -> None:
    code = "import sys, camd.alerts.mqtt; print(sorted({'numpy', 'cv2', 'av'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    papers = Papers(tmp_path / "papers")
    papers.issue("broker")
    return papers


def test_the_whole_way_works_with_mqtt_5_too(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port, ", version: 5")
    until(lambda: heard.payloads("available") == ["online"])
    house.put(30)
    until(lambda: len(ids(heard)) == 30 and not house.outbox.pending(1))
    assert ids(heard) == list(range(30))
    assert house.said == []


def test_a_broker_is_verified_and_shown_our_certificate(house: House, tmp_path: Path, papers: Papers) -> None:
    papers.issue("pi")
    folder = papers.folder
    more = papers.listener("broker") + "require_certificate true\n"
    with broker(tmp_path / "strict", more=more) as strict:
        ca = f", tls: yes, ca_file: {folder}/ca.pem"
        bare = house.notify(strict.port, ca)
        until(lambda: house.said)
        assert "Check mqtt.host" in house.said[0] or "was lost" in house.said[0]
        bare.kill()
        bare.wait()
        house.notify(strict.port, f"{ca}, cert_file: {folder}/pi.pem, key_file: {folder}/pi.key")
        house.put(3)
        until(lambda: not house.outbox.pending(1))


def test_an_expired_certificate_is_one_line_and_no_connection(house: House, tmp_path: Path, papers: Papers) -> None:
    papers.issue("old", days=-1)
    with broker(tmp_path / "old", more=papers.listener("old")) as old:
        house.notify(old.port, f", tls: yes, ca_file: {papers.folder}/ca.pem")
        house.put(3)
        until(lambda: old.log.count("certificate expired") >= 2, seconds=20)
        assert len(house.said) == 1
        assert "certificate has expired" in house.said[0]
        assert len(house.outbox.pending(9)) == 3


def test_what_the_broker_s_rules_forbid_waits_and_is_told(house: House, tmp_path: Path) -> None:
    secret, rules = tmp_path / "password", tmp_path / "rules"
    secret.write_text("right\n")
    secret.chmod(0o600)
    rules.write_text("user camd\ntopic readwrite homeassistant/#\n")
    rules.chmod(0o600)
    with broker(tmp_path / "strict", "camd", "right", f"acl_file {rules}\n") as strict:
        house.notify(strict.port, f", version: 5, username: camd, password_file: {secret}")
        house.put(3)
        until(lambda: any("ACL" in line for line in house.said))
        assert len(house.outbox.pending(9)) == 3


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_two_of_one_name_are_told_apart(house: House, mosquitto: Broker, tmp_path: Path, version: str) -> None:
    with ExitStack() as stack:
        (tmp_path / "other").mkdir()
        other = House(tmp_path / "other", stack)
        house.notify(mosquitto.port, f", version: {version}")
        other.notify(mosquitto.port, f", version: {version}")
        until(lambda: any("calls itself camd/pi too" in line for line in (*house.said, *other.said)), seconds=20)


@pytest.mark.parametrize("ends", ["terminate", "kill"])
def test_who_had_the_name_before_is_no_other(house: House, mosquitto: Broker, tmp_path: Path, ends: str) -> None:
    with ExitStack() as stack, subscriber(mosquitto.port, NAMES.available) as heard:
        (tmp_path / "other").mkdir()
        before = House(tmp_path / "other", stack).notify(mosquitto.port)
        until(lambda: heard.payloads("available") == ["online"])
        getattr(before, ends)()
        until(lambda: len(heard.payloads("available")) == 2)
        house.notify(mosquitto.port)
        house.put()
        until(lambda: not house.outbox.pending(1))  # acknowledged, and so what the broker had for us is here
    assert not [line for line in house.said if "calls itself" in line]


def test_home_assistant_is_told_again_when_it_starts(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    house.put_states(online(NAMES), motion_off(NAMES))
    until(lambda: heard.payloads("camd_pi_porch/config") and heard.payloads("status"))
    heard.say("homeassistant/status", "offline")
    heard.say("homeassistant/status", "online")
    until(lambda: len(heard.payloads("camd_pi_porch/config")) == 2)
    until(lambda: heard.payloads("porch/status") == ["online", "online"])
    assert len(heard.payloads("camd_pi/config")) == 2


def test_what_is_no_longer_offered_is_taken_away_in_two_steps(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    pictures = house.notify(mosquitto.port, beside="alerts: {picture: sent}")
    until(lambda: heard.payloads("camd_pi_porch/config"))
    pictures.kill()
    pictures.wait()
    house.notify(mosquitto.port)
    topic = "camd_pi_porch/config"
    until(lambda: len(heard.payloads(topic)) >= 4)
    before, _, between, after = (json.loads(payload)["components"] for payload in heard.payloads(topic)[:4])
    assert before.keys() - after.keys() == {"picture"}
    assert between == {**after, "picture": {"platform": "image"}}


def test_discovery_that_is_switched_off_is_taken_away(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    first = house.notify(mosquitto.port)
    until(lambda: heard.payloads("camd_pi_porch/config"))
    first.terminate()
    first.wait()
    house.notify(mosquitto.port, beside="discovery: {style: off}")
    until(lambda: heard.payloads("camd_pi_porch/config")[-1] == "" and heard.payloads("camd_pi/config")[-1] == "")


def test_a_command_becomes_a_wish_and_what_is_none_is_counted(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    heard.say(NAMES.set_of("record"), "OFF", retain=True)
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("stats"))
    heard.say(NAMES.set_of("detect"), '{"value":"OFF","correlation":"one"}')
    heard.say(NAMES.set_of("detect"), '{"value":"OFF","correlation":"one"}')
    heard.say(NAMES.set_of("mode"), '{"value":"away","correlation":"two"}')
    heard.say(NAMES.set_of("snooze"), "10")
    until(lambda: len(list(house.places.wishes(NOTIFY).glob("*.json"))) == 2)
    assert list(take(house.places)) == [
        (NOTIFY, Wish("detect", False, "porch", "one")),
        (NOTIFY, Wish("snooze", 10)),
    ]
    (refused,) = until(lambda: heard.payloads("reply/two"))
    assert json.loads(refused)["error"]["code"] == "forbidden"


def test_without_capture_a_command_is_refused_and_home_mode_waits(
    house: House, mosquitto: Broker, heard: Subscriber
) -> None:
    house.end_capture()
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("status"))
    heard.say(NAMES.set_of("detect"), '{"value":"OFF","correlation":"one"}')
    heard.say(NAMES.set_of("mode"), "home")
    (refused,) = until(lambda: heard.payloads("reply/one"))
    assert json.loads(refused)["error"]["code"] == "unavailable"
    until(lambda: list(house.places.wishes(NOTIFY).glob("*.json")))
    assert list(take(house.places)) == [(NOTIFY, Wish("mode", "home"))]


def test_commands_that_are_switched_off_are_not_listened_to(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port, ", commands: no")
    until(lambda: heard.payloads("stats"))
    heard.say(NAMES.set_of("mode"), "home")
    house.put()
    until(lambda: ids(heard))  # what was sent before it has arrived by now, where anybody listens
    assert list(take(house.places)) == []
    assert "number" not in heard.payloads("camd_pi_porch/config")[0]


def test_a_broker_that_forgot_everything_is_told_every_state(house: House, tmp_path: Path) -> None:
    with broker(tmp_path / "forgetful", more="persistence false\n") as it:
        with subscriber(it.port) as heard:
            house.notify(it.port)
            house.put_states(online(NAMES), motion_off(NAMES))
            until(lambda: heard.payloads("motion") and heard.payloads("status"))
        it.kill()
        it.start()
        with subscriber(it.port, name="another") as heard:
            until(lambda: heard.payloads("motion") == ["OFF"] and heard.payloads("status") == ["online"])


def test_a_capture_that_stands_still_is_told(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    old = CLOCK.boot() - 11 * SECOND
    house.places.status.write_text(json.dumps({"boot_id": CLOCK.boot_id, "at_ns": old}))
    house.put_states(online(NAMES))
    house.notify(mosquitto.port)
    until(lambda: events(heard))
    until(lambda: "fault:capture hangs" in heard.payloads("status"))
    assert events(heard)[0]["event_type"] == "camera_offline"
    assert heard.payloads("motion") == ["OFF"]


def test_the_ledger_s_head_is_told_when_it_changes(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    ledger.append(house.places, CLOCK, "a test")
    until(lambda: heard.payloads("ledger/head"))
    head = ledger.append(house.places, CLOCK, "another")
    until(lambda: len(heard.payloads("ledger/head")) == 2)
    assert json.loads(heard.payloads("ledger/head")[1])["hash"] == head.hash


def test_the_info_names_the_model(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    until(lambda: heard.payloads("info"))
    model = Path(camd.__file__).parent / "learning" / "model" / "network.onnx"
    assert json.loads(heard.payloads("info")[0])["model_hash"] == hashlib.sha256(model.read_bytes()).hexdigest()


def test_a_picture_arrives_as_it_is(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    house.notify(mosquitto.port)
    house.outbox.put([Alert(NAMES.snapshot, b"\xff\xd8JPEG", False)], CLOCK.boot_id, CLOCK.boot(), 0)
    until(lambda: heard.payloads("snapshot"))
    assert heard.payloads("snapshot") == [b"\xff\xd8JPEG".decode(errors="replace")]


def test_notify_stays_small(house: House, mosquitto: Broker, heard: Subscriber) -> None:
    notify = house.notify(mosquitto.port)
    house.put(200)
    until(lambda: not house.outbox.pending(1))
    fields = Path(f"/proc/{notify.pid}/status").read_text().split("VmRSS:")[1].split()
    assert int(fields[0]) <= 40 * 1024


def test_the_self_test_finds_all_well_and_leaves_nothing(house: House, mosquitto: Broker, tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text(f"mqtt: {{host: 127.0.0.1, port: {mosquitto.port}}}\n")
    command = [sys.executable, "-m", "camd", "ha", "selftest", "--config", str(config)]
    tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    assert "NO" not in tested.stdout
    with subscriber(mosquitto.port, name="later") as later:
        later.say("end", "of it")
        until(lambda: later.payloads("end"))
        assert [message.topic for message in later.heard()] == ["end"]


def test_the_self_test_says_what_a_broker_keeps_to_itself(tmp_path: Path) -> None:
    secret, rules = tmp_path / "password", tmp_path / "rules"
    secret.write_text("right\n")
    secret.chmod(0o600)
    rules.write_text("user camd\ntopic readwrite camd/#\n")
    rules.chmod(0o600)
    config = tmp_path / "own.yaml"
    with broker(tmp_path / "strict", "camd", "right", f"acl_file {rules}\n") as strict:
        account = f"username: camd, password_file: {secret}"
        config.write_text(f"mqtt: {{host: 127.0.0.1, port: {strict.port}, {account}}}\n")
        command = [sys.executable, "-m", "camd", "ha", "selftest", "--config", str(config)]
        tested = subprocess.run(command, capture_output=True, text=True, check=False)
    assert tested.returncode == 1
    assert "NO  Home Assistant is told of node and camera: homeassistant/device/" in tested.stdout
    assert "ok  an event is told from its onset to its clip" in tested.stdout


def test_a_wipe_takes_the_last_picture_off_the_broker(
    house: House, mosquitto: Broker, heard: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard.say(NAMES.snapshot, b"\xff\xd8 a picture", retain=True)
    house.notify(mosquitto.port)
    until(lambda: "online" in heard.payloads(NAMES.available))
    monkeypatch.setattr("sys.stdin", io.StringIO("WIPE\n"))
    assert upkeep.wipe(["--config", str(house.config)]) == 0
    until(lambda: heard.payloads(NAMES.snapshot)[-1] == "")
    with subscriber(mosquitto.port, name="later") as later:
        assert later.payloads(NAMES.snapshot) == []


def test_remove_takes_a_node_that_is_no_more_off_the_broker(
    house: House, mosquitto: Broker, tmp_path: Path, heard: Subscriber
) -> None:
    notify = house.notify(mosquitto.port)
    house.put_states(online(NAMES))
    until(lambda: heard.payloads("camd_pi_porch/config") and heard.payloads("porch/status"))
    notify.kill()
    notify.wait()
    config = tmp_path / "own.yaml"
    config.write_text(f"camera: {{name: porch}}\nmqtt: {{host: 127.0.0.1, port: {mosquitto.port}, node: other}}\n")
    command = [sys.executable, "-m", "camd", "ha", "remove", "--node", "pi", "--config", str(config)]
    removed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (removed.returncode, removed.stdout) == (0, ""), removed.stderr
    assert "2 messages for Home Assistant" in removed.stderr
    steps = [json.loads(payload)["components"] for payload in heard.payloads("camd_pi_porch/config")[:2]]
    assert sum(len(entity) > 1 for entity in steps[1].values()) == 1
    assert heard.payloads("camd_pi_porch/config")[2:] == [""]
    with subscriber(mosquitto.port, name="later") as later:
        later.say("end", "of it")
        until(lambda: later.payloads("end"))
        assert [message.topic for message in later.heard()] == ["end"]


def test_without_a_broker_the_house_verbs_say_so(tmp_path: Path) -> None:
    config = tmp_path / "own.yaml"
    config.write_text("mqtt: {host: 127.0.0.1, port: 1}\n")
    command = [sys.executable, "-m", "camd", "ha", "remove", "--config", str(config)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (69, 1)
