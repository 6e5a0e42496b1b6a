"""`camd ha`: the check of what Home Assistant is told, and what takes camd away from it again."""

import argparse
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from camd.alerts import homeassistant, selftest
from camd.alerts.link import Listener
from camd.alerts.voice import Node
from camd.config import Config, load
from camd.errors import UnavailableError
from camd.places import Places
from camd.terminal import Parser, say

WAIT_S: Final = 10.0


def main(arguments: list[str]) -> int:
    """`camd ha selftest / remove`."""
    options = _parser().parse_args(arguments)
    config = load(options.config)
    run: Callable[[argparse.Namespace, Config], int] = options.run
    return run(options, config)


def _selftest(options: argparse.Namespace, config: Config) -> int:
    return selftest.run(config)


def _remove(options: argparse.Namespace, config: Config) -> int:
    """Two steps for each device: first its entities, then itself; then what the broker keeps of this node."""
    mqtt = replace(config.mqtt, node=options.node or config.mqtt.node)
    node = Node(replace(config, mqtt=mqtt), Places.of(config.store.data))
    ids = [device.id for device in node.devices]
    also = [
        f"{homeassistant.PREFIX}/{level}/{id_}/{end}"
        for id_ in ids
        for level, end in (("+", "config"), ("+", "+/config"))
    ]
    kept, is_all = {}, threading.Event()
    marker = node.names.reply(secrets.token_hex(8))

    def hear(topic: str, payload: str) -> None:
        if topic == marker:
            is_all.set()
        elif payload:
            kept[topic] = payload

    with Listener(mqtt, hear, also) as broker:
        broker.say(marker, "{}")  # when it comes back, all that lay there has come before it
        if not is_all.wait(WAIT_S):
            raise UnavailableError(
                "the broker does not give back what it was sent. May this account read its own topics?"
            )
        found = dict(kept)
        told = [topic for topic in found if topic.startswith(f"{homeassistant.PREFIX}/")]
        for topic in told:
            for alert in homeassistant.removal(found[topic], topic):
                broker.say(alert.topic, alert.payload, retain=True)
        states = [topic for topic in found if topic not in told]
        for topic in states:
            broker.say(topic, "", retain=True)
    whose = f"{mqtt.prefix}/{mqtt.node}"
    say(f"{len(told)} messages for Home Assistant and {len(states)} states of {whose} were taken away.")
    say("A camd that runs announces itself again: stop it first, or set discovery.style: off.")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="camd ha",
        description="Home Assistant finds camd by itself, over MQTT. Here that is checked, or undone.",
        epilog="exit codes: 0 well; 1 something is wrong; 64 wrong usage; 69 no broker; 78 bad config",
    )
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    test = verbs.add_parser("selftest", help="go through a whole life of a camera on your broker, each message checked")
    test.set_defaults(run=_selftest)
    remove = verbs.add_parser("remove", help="take this node out of Home Assistant, and its states off the broker")
    remove.add_argument("--node", metavar="NAME", help="another node than the one in the settings: one that is no more")
    remove.set_defaults(run=_remove)
    for verb in (test, remove):
        verb.add_argument("--config", type=Path, metavar="FILE", help="the settings; default: where they usually lie")
    return parser
