"""The notify process and a real broker, with everything that can be killed killed."""

import fcntl
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

from camd.alerts.outbox import Outbox
from camd.alerts.states import motion_off, online
from camd.alerts.topics import Names
from camd.clock import SystemClock
from camd.model import SECOND, Alert
from camd.places import Places
from tests.brokers import Broker, Subscriber, broker, subscriber, until

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
        self._config = folder / "camd.yaml"
        self._errors = folder / "stderr"
        self._errors.touch()
        self._count = 0
        self._lock = os.open(self.places.capture_lock, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # capture lives, as far as anybody can tell
        stack.callback(os.close, self._lock)

    def end_capture(self) -> None:
        """From now on nobody says that capture lives."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def notify(self, port: int, more: str = "") -> "subprocess.Popen[bytes]":
        """Start a notify for the broker on this port; it is killed at the latest when the test ends."""
        settings = f"host: 127.0.0.1, port: {port}, node: pi{more}"
        self._config.write_text(f"camera: {{name: porch}}\nmqtt: {{{settings}}}\nstore: {{data: {self.places.data}}}\n")
        command = [sys.executable, "-m", "camd", "notify", "--config", str(self._config)]
        with self._errors.open("ab") as errors:
            process = subprocess.Popen(command, stderr=errors)
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process

    def put(self, count: int = 1, age_s: float = 0.0) -> None:
        """Put alerts of events with ids 0, 1, 2..., as they were put so long ago."""
        then = CLOCK.boot() - round(age_s * SECOND)
        for number in range(self._count, self._count + count):
            payload = json.dumps({"v": 1, "event_id": number, "delayed": False, "latency_ms": None})
            self.outbox.put([Alert(NAMES.event, payload, False, then - SECOND // 10)], CLOCK.boot_id, then, 0)
        self._count += count

    def put_states(self, *states: Alert) -> None:
        """Put states."""
        self.outbox.put(states, CLOCK.boot_id, CLOCK.boot(), 0)

    @property
    def said(self) -> list[str]:
        """Lines on stderr so far."""
        return self._errors.read_text().splitlines()


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
    assert all(100 <= event["latency_ms"] < 2000 for event in events(heard))  # put says that it began 100 ms before


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
