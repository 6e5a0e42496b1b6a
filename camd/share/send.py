"""Carries out one confirmed share order: the only file of camd that reaches out.

Idea: it trusts nothing but the ledger. An order goes out when the ledger has its confirmation, word for word, and
nothing after it; when the copy has the confirmed bytes; and when the config still has that recipient at that place.
Rule: the ledger's `share-intent` is durable before the first byte leaves, its `share-sent` or `share-failed` follows;
without either, the order is `unknown` and counts as leaked. Nothing is tried twice. Once the recipient is reached, the
process can open no other connection.
It does not promise that a failed order left no bytes at the other end.
"""

import http.client
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from camd import guard, ledger
from camd.cage import Reach
from camd.clock import Clock, SystemClock
from camd.config import Destination, ShareConfig, load, secret
from camd.errors import CamdError, ConfigError, RefusedError, UnavailableError
from camd.places import Places
from camd.share import order as orders
from camd.share.artefact import checked, open_plain
from camd.share.order import Order
from camd.store.files import sync_folder
from camd.terminal import Parser

QUIET_S = 30.0  # longest silence of the recipient, in connecting as in every read and write


def main(arguments: list[str]) -> int:
    """`camd send ORDER`: send what was confirmed; raises RefusedError, UnavailableError, ConfigError, HeldError."""
    parser = Parser(
        prog="camd send",
        description="Carry out one share order that was confirmed with 'camd share'. Any other order is refused.",
    )
    parser.add_argument("order", metavar="ORDER", help="the order's id, see 'camd share list'")
    parser.add_argument("--config", type=Path, metavar="FILE", help="the config file")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the data folder, instead of the config's")
    options = parser.parse_args(arguments)
    config = load(options.config)
    places = Places.of(options.data or config.store.data)

    def stand() -> None:
        guard.stand("send", Reach.NOBODY, config.guard.strict).tell(places)

    sent = send(places, SystemClock(), config.share, options.order, stand)
    print(f"sent clip {sent.clip} to {sent.to}: {sent.seal.size} bytes, sha256 {sent.seal.sha256}")
    return 0


def uncaged() -> None:
    """Who sends goes on to other things."""


def send(places: Places, clock: Clock, share: ShareConfig, order_id: str, stand: Callable[[], None] = uncaged) -> Order:
    """Send the order's copy to its recipient and return the order as sent.

    `stand` is called when the recipient is reached and before it gets a byte: from then on nobody else is to be.
    """
    with orders.locked(places, order_id):
        order = orders.settle(places, clock, orders.read(places, order_id))
        to = _permitted(places, share, order)
        headers = _headers(order, to)
        with _sealed(places, order) as clip:
            order = orders.move(places, clock, order, orders.SENDING)
            try:
                _deliver(order, to, headers, checked(clip, order.seal), stand)
            except CamdError as error:
                orders.move(places, clock, order, orders.FAILED, error=str(error))
                raise
            return orders.move(places, clock, order, orders.SENT)


def _permitted(places: Places, share: ShareConfig, order: Order) -> Destination:
    """Return the recipient; raises RefusedError unless the order, the ledger and the config agree word for word."""
    if order.state != orders.CONFIRMED:
        raise _refused(order, f"it is {order.state}, not confirmed")
    if not ledger.verify(places).intact:
        raise _refused(order, "the ledger is not intact, see 'camd ledger verify'")
    record = orders.recorded(places, order.id)
    if record is None or record.state != orders.CONFIRMED:
        raise _refused(order, "the ledger does not have it as confirmed")
    if record.facts != order.facts():
        raise _refused(order, "order.json was changed after it was confirmed")
    for to in share.to:
        if order.goes_to(to):
            return to
    raise _refused(order, f"the config's share.to does not have {order.to} at the place that was confirmed")


def _refused(order: Order, why: str) -> RefusedError:
    return RefusedError(f"order {order.id}: {why}. Nothing was sent; order the clip anew if it shall go.")


def _sealed(places: Places, order: Order) -> BinaryIO:
    """Open the order's copy after having read all of it once; raises RefusedError when it is not what was confirmed."""
    try:
        clip = open_plain(orders.artefact_of(places, order.id))
    except OSError as error:
        raise _refused(order, "its copy of the clip is missing") from error
    try:
        for _ in checked(clip, order.seal):
            pass
    except RefusedError as error:
        clip.close()
        raise _refused(order, "its copy of the clip was changed after it was confirmed") from error
    clip.seek(0)
    return clip


def _headers(order: Order, to: Destination) -> dict[str, str]:
    headers = {
        "Content-Type": "video/mp4",
        "Content-Length": str(order.seal.size),
        "X-Content-SHA256": order.seal.sha256,
    }
    if to.token_file is None:
        return headers
    token = secret(to.token_file)
    if not token.isascii():
        raise ConfigError(f"{to.token_file}: a token has ASCII characters only.")
    return {**headers, "Authorization": f"Bearer {token}"}


def _deliver(
    order: Order, to: Destination, headers: dict[str, str], chunks: Iterator[bytes], stand: Callable[[], None]
) -> None:
    name = f"camd-{order.id}.mp4"
    try:
        if to.folder is not None:
            stand()
            _copy(to.folder / name, chunks)
        else:
            _put(to, name, headers, chunks, stand)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise UnavailableError(f"{to.name}: {' '.join(why.split())}. The clip did not arrive whole.") from error


def _copy(target: Path, chunks: Iterator[bytes]) -> None:
    if os.path.lexists(target):
        raise UnavailableError(f"{target} is there already. It is not overwritten.")
    part = target.with_suffix(".part")
    with part.open("xb") as file, ExitStack() as leftover:
        leftover.callback(part.unlink, missing_ok=True)
        for chunk in chunks:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        part.rename(target)
    sync_folder(target.parent)


def _put(
    to: Destination, name: str, headers: dict[str, str], chunks: Iterator[bytes], stand: Callable[[], None]
) -> None:
    """PUT with verified TLS; http.client follows no redirect and reads no proxy from the environment."""
    url = urlsplit(to.url)
    path = (url.path or "/") + (name if url.path[-1:] in ("", "/") else "")
    context = ssl.create_default_context(cafile=to.ca_file)
    connection = http.client.HTTPSConnection(url.hostname or "", url.port, timeout=QUIET_S, context=context)
    try:
        connection.connect()
        stand()
        whole = _hand_over(connection, path, headers, chunks)
        with connection.getresponse() as answer:
            status = answer.status
    finally:
        connection.close()
    if not 200 <= status < 300:
        hint = " Redirects are not followed: name the final address." if 300 <= status < 400 else ""
        raise UnavailableError(f"{to.name}: {url.hostname} refused the clip with status {status}.{hint}")
    if not whole:
        raise UnavailableError(f"{to.name}: {url.hostname} closed before it had the whole clip.")


def _hand_over(
    connection: http.client.HTTPSConnection, path: str, headers: dict[str, str], chunks: Iterator[bytes]
) -> bool:
    """Send the request; False when the recipient closed early, and may have said why in its answer."""
    try:
        connection.request("PUT", path, body=chunks, headers=headers)
    except BrokenPipeError:
        return False
    return True
