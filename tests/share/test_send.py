"""What was confirmed arrives, byte for byte; nothing else does, whatever is done to an order."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from camd import ledger
from camd.config import Destination, ShareConfig
from camd.errors import CamdError, HeldError, UnavailableError
from camd.share import order
from camd.share.artefact import checked
from camd.share.send import send
from tests.share.share_world import FOOTAGE, SHA256, House


def test_a_confirmed_order_arrives_as_it_was_previewed(house: House) -> None:
    order_id = house.order()
    sent = send(house.places, house.clock, house.share, order_id)
    assert hashlib.sha256((house.stick / f"camd-{order_id}.mp4").read_bytes()).hexdigest() == sent.seal.sha256 == SHA256
    assert house.arrived() == [f"camd-{order_id}.mp4"]
    assert (sent.state, house.state(order_id)) == ("sent", "sent")


def test_the_copy_of_an_order_goes_when_it_is_over(house: House) -> None:
    sent, failed = house.order(), house.order()
    send(house.places, house.clock, house.share, sent)
    assert [order.artefact_of(house.places, each).exists() for each in (sent, failed)] == [False, True]
    shutil.rmtree(house.stick)
    with pytest.raises(UnavailableError):
        send(house.places, house.clock, house.share, failed)
    assert not order.artefact_of(house.places, failed).exists()
    assert house.state(failed) == "failed"


def test_the_ledger_tells_each_step_with_who_what_and_why(house: House) -> None:
    order_id = house.order()
    send(house.places, house.clock, house.share, order_id)
    assert house.told() == ["share-confirmed", "share-intent", "share-sent"]
    for entry in ledger.entries(house.places):
        assert entry.details == {
            "order": order_id,
            "clip": 7,
            "to": "stick",
            "folder": str(house.stick),
            "url": "",
            "reason": "a test",
            "bytes": len(FOOTAGE),
            "sha256": SHA256,
        }


def test_the_intent_stands_in_the_ledger_before_the_first_byte(house: House) -> None:
    order_id = house.order()
    house.stick.rmdir()
    with pytest.raises(UnavailableError, match="No such file"):
        send(house.places, house.clock, house.share, order_id)
    assert house.told() == ["share-confirmed", "share-intent", "share-failed"]
    assert house.state(order_id) == "failed"


def test_without_a_ledger_to_write_to_nothing_leaves(house: House) -> None:
    order_id = house.order()
    house.places.ledger_head.with_name("ledger.head.part").mkdir()
    with pytest.raises(CamdError, match="Nothing is shared without its entry"):
        send(house.places, house.clock, house.share, order_id)
    assert house.arrived() == []


def test_a_file_at_the_recipient_is_never_overwritten(house: House) -> None:
    order_id = house.order()
    target = house.stick / f"camd-{order_id}.mp4"
    target.write_text("theirs")
    with pytest.raises(UnavailableError, match="not overwritten"):
        send(house.places, house.clock, house.share, order_id)
    assert target.read_text() == "theirs"


def test_a_part_that_another_left_stays_and_fails_the_order(house: House) -> None:
    order_id = house.order()
    (house.stick / f"camd-{order_id}.part").write_text("theirs")
    with pytest.raises(UnavailableError):
        send(house.places, house.clock, house.share, order_id)
    assert (house.stick / f"camd-{order_id}.part").read_text() == "theirs"


def test_a_copy_that_fails_midway_leaves_nothing(house: House) -> None:
    full = Destination("stick", folder=Path("/dev/full"))
    order_id = house.order(full)
    with pytest.raises(UnavailableError):
        send(house.places, house.clock, ShareConfig((full,)), order_id)
    assert house.arrived() == []


def test_an_order_whose_sending_crashed_is_unknown_and_never_sent_again(house: House) -> None:
    order_id = house.order()
    with order.locked(house.places, order_id):
        order.move(house.places, house.clock, order.read(house.places, order_id), order.SENDING)
    assert [one.state for one in order.all_orders(house.places, house.clock)] == ["unknown"]
    assert house.told()[-1] == "share-unknown"
    with pytest.raises(CamdError, match="it is unknown, not confirmed"):
        send(house.places, house.clock, house.share, order_id)
    assert house.arrived() == []


def test_a_crash_between_ledger_and_order_is_settled_by_the_ledger(house: House) -> None:
    order_id = house.order()
    send(house.places, house.clock, house.share, order_id)
    house.tamper(order_id, state="sending")
    assert [one.state for one in order.all_orders(house.places, house.clock)] == ["sent"]
    assert house.told()[-1] == "share-sent"


def test_two_processes_never_carry_out_one_order(house: House) -> None:
    order_id = house.order()
    with order.locked(house.places, order_id), pytest.raises(HeldError):
        send(house.places, house.clock, house.share, order_id)
    assert house.arrived() == []


Harm = Callable[[House, str], object]


def _copy(house: House, order_id: str, data: bytes) -> None:
    order.artefact_of(house.places, order_id).write_bytes(data)


def _link(path: Path) -> None:
    path.rename(path.with_name(f"elsewhere-{path.name}"))
    path.symlink_to(path.with_name(f"elsewhere-{path.name}"))


def _forget_the_ledger(house: House, order_id: str) -> None:
    house.places.ledger.unlink()
    house.places.ledger_head.unlink()


def _swap_the_clip(house: House, order_id: str) -> None:
    _copy(house, order_id, b"other")
    house.tamper(order_id, bytes=5, sha256=hashlib.sha256(b"other").hexdigest())


ILLEGAL: dict[str, Harm] = {
    "never confirmed": lambda house, order_id: house.order_json(order_id).unlink(),
    "confirmed by hand": _forget_the_ledger,
    "order.json: other recipient": lambda house, order_id: house.tamper(
        order_id, to="other", folder=str(house.root / "other")
    ),
    "order.json: other folder": lambda house, order_id: house.tamper(order_id, folder=str(house.root / "other")),
    "order.json: a url": lambda house, order_id: house.tamper(order_id, folder="", url="https://localhost/"),
    "order.json: other clip": lambda house, order_id: house.tamper(order_id, clip=8),
    "order.json: other reason": lambda house, order_id: house.tamper(order_id, reason="none"),
    "order.json: other size": lambda house, order_id: house.tamper(order_id, bytes=1),
    "order.json: other state": lambda house, order_id: house.tamper(order_id, state="sending"),
    "order.json: no such state": lambda house, order_id: house.tamper(order_id, state="go"),
    "order.json: other id": lambda house, order_id: house.tamper(order_id, id="0123456789abcdef"),
    "order.json: more keys": lambda house, order_id: house.tamper(order_id, also="this"),
    "order.json: a number as text": lambda house, order_id: house.tamper(order_id, clip="7"),
    "order.json: not JSON": lambda house, order_id: house.order_json(order_id).write_text("{"),
    "order.json: a link": lambda house, order_id: _link(house.order_json(order_id)),
    "copy: one byte": lambda house, order_id: _copy(house, order_id, FOOTAGE[:-1] + b"x"),
    "copy: longer": lambda house, order_id: _copy(house, order_id, FOOTAGE + b"x"),
    "copy: shorter": lambda house, order_id: _copy(house, order_id, FOOTAGE[:-1]),
    "copy: empty": lambda house, order_id: _copy(house, order_id, b""),
    "copy: missing": lambda house, order_id: order.artefact_of(house.places, order_id).unlink(),
    "copy: a link": lambda house, order_id: _link(order.artefact_of(house.places, order_id)),
    "copy and order.json: other footage": _swap_the_clip,
    "folder: a link": lambda house, order_id: _link(order.folder_of(house.places, order_id)),
    "folder: gone": lambda house, order_id: shutil.rmtree(order.folder_of(house.places, order_id)),
    "ledger: gone": lambda house, order_id: house.places.ledger.unlink(),
    "ledger: changed": lambda house, order_id: house.places.ledger.write_bytes(
        house.places.ledger.read_bytes().replace(b"a test", b"a tess")
    ),
    "ledger: says it began": lambda house, order_id: ledger.append(
        house.places, house.clock, "share-intent", order=order_id
    ),
}


@pytest.mark.parametrize("harm", ILLEGAL.values(), ids=ILLEGAL.keys())
def test_an_order_that_is_not_as_confirmed_is_refused_and_nothing_arrives(house: House, harm: Harm) -> None:
    order_id = house.order()
    harm(house, order_id)
    with pytest.raises(CamdError) as caught:
        send(house.places, house.clock, house.share, order_id)
    assert caught.value.exit_code in (64, 77)
    assert house.arrived() == []
    assert "share-sent" not in house.told()


@pytest.mark.parametrize(
    "share",
    [
        lambda house: ShareConfig(),
        lambda house: ShareConfig((replace(house.share.to[0], folder=house.root / "other"),)),
        lambda house: ShareConfig((replace(house.share.to[0], name="stock"),)),
        lambda house: ShareConfig((Destination("stick", url="https://localhost/"),)),
    ],
)
def test_a_recipient_that_the_config_has_no_longer_gets_nothing(
    house: House, share: Callable[[House], ShareConfig]
) -> None:
    order_id = house.order()
    with pytest.raises(CamdError, match=r"share\.to does not have stick"):
        send(house.places, house.clock, share(house), order_id)
    assert (house.arrived(), house.told()) == ([], ["share-confirmed"])


@pytest.mark.parametrize(
    "order_id", ["", "..", "../../etc", "0123456789ABCDEF", "0123456789abcdef0", "0123456789abcde\n"]
)
def test_what_is_no_order_id_never_becomes_a_path(house: House, order_id: str) -> None:
    with pytest.raises(CamdError, match="is not an order"):
        send(house.places, house.clock, house.share, order_id)


@pytest.mark.parametrize("again", ["as it is", "order.json set back", "confirmed anew in the ledger"])
def test_a_sent_order_is_never_sent_again(house: House, again: str) -> None:
    order_id = house.order()
    confirmed = order.read(house.places, order_id)
    send(house.places, house.clock, house.share, order_id)
    (house.stick / f"camd-{order_id}.mp4").unlink()
    if again != "as it is":
        house.tamper(order_id, state="confirmed")
    if again == "confirmed anew in the ledger":
        ledger.append(house.places, house.clock, "share-confirmed", **confirmed.facts())
    with pytest.raises(CamdError, match="it is sent, not confirmed"):
        send(house.places, house.clock, house.share, order_id)
    assert house.arrived() == []


def test_a_copy_that_changes_while_it_is_sent_never_arrives_whole(house: House) -> None:
    order_id = house.order()
    seal = order.read(house.places, order_id).seal
    path = order.artefact_of(house.places, order_id)
    with path.open("rb") as file:
        chunks = checked(file, seal)
        got = next(chunks)
        path.write_bytes(FOOTAGE[:-1] + b"x")
        with pytest.raises(CamdError, match="changed since"):
            got += b"".join(iter(chunks))
    assert len(got) < len(FOOTAGE)
