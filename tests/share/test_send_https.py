"""A recipient that speaks HTTPS: what it gets, and what camd says when it does not want it."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camd.config import Destination, ShareConfig
from camd.errors import CamdError, ConfigError, UnavailableError
from camd.share import order
from camd.share.send import send
from tests.share.share_world import CLIP, FOOTAGE, SHA256, Handler, House, Recipient, listening


def accept(handler: Handler) -> None:
    """Take the clip and thank for it."""
    handler.take()
    handler.say(201)


def send_to(house: House, to: Destination) -> str:
    """Order and send clip 7 to `to`; return the order's id."""
    order_id = house.order(to)
    send(house.places, house.clock, ShareConfig((to,)), order_id)
    return order_id


def fails(house: House, to: Destination) -> str:
    """Order and send clip 7 to `to`, which must not work; return what camd says."""
    with pytest.raises(UnavailableError) as caught:
        send_to(house, to)
    assert house.told()[-2:] == ["share-intent", "share-failed"]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def insurer(recipient: Recipient, path: str = "/in/", token_file: Path | None = None) -> Destination:
    """Return the destination that a config would name for a recipient."""
    return Destination("insurer", url=recipient.url + path, token_file=token_file, ca_file=recipient.certificate)


def test_a_clip_arrives_by_put_as_it_was_previewed(house: House, pem: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    token.chmod(0o600)
    with listening(pem, accept) as recipient:
        order_id = send_to(house, insurer(recipient, token_file=token))
    assert [hashlib.sha256(body).hexdigest() for body in recipient.bodies] == [SHA256]
    [(path, headers)] = recipient.requests
    assert path == f"/in/camd-{order_id}.mp4"
    assert headers["X-Content-SHA256"] == SHA256
    assert headers["Content-Length"] == str(len(FOOTAGE))
    assert headers["Authorization"] == "Bearer s3cret"
    assert house.told() == ["share-confirmed", "share-intent", "share-sent"]


def test_an_address_that_names_a_file_is_used_as_it_is(house: House, pem: Path) -> None:
    with listening(pem, accept) as recipient:
        send_to(house, insurer(recipient, "/claims/1234.mp4"))
    [(path, headers)] = recipient.requests
    assert path == "/claims/1234.mp4"
    assert "Authorization" not in headers


def test_a_redirect_is_not_followed(house: House, pem: Path) -> None:
    with listening(pem, accept) as elsewhere:

        def redirect(handler: Handler) -> None:
            handler.take()
            handler.say(307, Location=f"{elsewhere.url}/in/")

        with listening(pem, redirect) as recipient:
            assert "status 307. Redirects are not followed" in fails(house, insurer(recipient))
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [400, 403, 413, 500])
def test_a_refusal_is_told_with_its_status(house: House, pem: Path, status: int) -> None:
    def refuse(handler: Handler) -> None:
        handler.take()
        handler.say(status)

    with listening(pem, refuse) as recipient:
        assert f"localhost refused the clip with status {status}" in fails(house, insurer(recipient))


def _cut_in_the_body(handler: Handler) -> None:
    handler.rfile.read(1000)
    handler.connection.shutdown(socket.SHUT_RDWR)


def _cut_before_the_answer(handler: Handler) -> None:
    handler.take()
    handler.connection.shutdown(socket.SHUT_RDWR)


def _speak_nonsense(handler: Handler) -> None:
    handler.take()
    handler.wfile.write(b"nonsense\r\n\r\n")


@pytest.mark.parametrize("answer", [_cut_in_the_body, _cut_before_the_answer, _speak_nonsense])
def test_a_connection_that_breaks_is_a_failure(house: House, pem: Path, answer: Callable[[Handler], None]) -> None:
    with listening(pem, answer) as recipient:
        assert "insurer: " in fails(house, insurer(recipient))


@pytest.mark.parametrize("status", [201, 413])
def test_an_answer_before_the_whole_clip_is_a_failure(house: House, pem: Path, status: int) -> None:
    def answer_early(handler: Handler) -> None:
        handler.rfile.read(1000)
        handler.say(status)
        handler.connection.shutdown(socket.SHUT_RDWR)

    footage = bytes(24_000_000)  # more than the sockets of both ends hold
    (house.places.clips / "000007.mp4").write_bytes(footage)
    clip = replace(CLIP, size=len(footage), sha256=hashlib.sha256(footage).hexdigest())
    with listening(pem, answer_early) as recipient:
        to = insurer(recipient)
        order_id = house.order(to, clip)
        with pytest.raises(UnavailableError):
            send(house.places, house.clock, ShareConfig((to,)), order_id)
    assert house.state(order_id) == "failed"


def test_a_recipient_that_nobody_vouches_for_gets_nothing(house: House, pem: Path) -> None:
    with listening(pem, accept) as recipient:
        assert "certificate" in fails(house, Destination("insurer", url=f"{recipient.url}/in/"))
    assert recipient.requests == []


def test_a_recipient_of_another_name_gets_nothing(house: House, pem: Path) -> None:
    with listening(pem, accept) as recipient:
        url = recipient.url.replace("localhost", "127.0.0.1")
        assert "certificate" in fails(house, Destination("insurer", url=f"{url}/in/", ca_file=pem))
    assert recipient.requests == []


def test_a_recipient_that_is_down_is_unavailable(house: House, pem: Path) -> None:
    with listening(pem, accept) as recipient:
        gone = insurer(recipient)
    assert "Connection refused" in fails(house, gone)


def test_a_token_that_others_can_read_stops_the_order_before_it_begins(house: House, pem: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    token.chmod(0o644)
    with listening(pem, accept) as recipient, pytest.raises(ConfigError, match="chmod 600"):
        send_to(house, insurer(recipient, token_file=token))
    assert (recipient.requests, house.told()) == ([], ["share-confirmed"])


def test_a_sender_that_is_killed_leaves_an_unknown_order_that_is_never_repeated(house: House, pem: Path) -> None:
    def never_answer(handler: Handler) -> None:
        handler.take()
        handler.recipient.released.wait(20)

    with listening(pem, never_answer) as recipient:
        to = insurer(recipient)
        house.config.write_text(f"share:\n  to:\n    insurer: {{url: '{to.url}', ca_file: {to.ca_file}}}\n")
        order_id = house.order(to)
        command = [sys.executable, "-m", "camd", "send", order_id]
        command += ["--config", str(house.config), "--data", str(house.places.data)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as sender:
            assert recipient.whole.wait(20), "the clip did not arrive"
            os.kill(sender.pid, signal.SIGKILL)
        assert house.told()[-1] == "share-intent"
        assert [one.state for one in order.all_orders(house.places, house.clock)] == ["unknown"]
        with pytest.raises(CamdError, match="unknown, not confirmed"):
            send(house.places, house.clock, ShareConfig((to,)), order_id)
    assert len(recipient.requests) == 1
    assert house.told() == ["share-confirmed", "share-intent", "share-unknown"]
