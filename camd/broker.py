"""The demo's own MQTT broker: amqtt on loopback, for as long as the demo runs.

Rule: never part of the daemon, which wants a real broker (mosquitto). Measured with paho 2 over MQTT 3.1.1: QoS 1 is
acknowledged and in order, retained messages and last wills arrive; a frozen client is not noticed, MQTT 5 is refused.
"""

import asyncio
import logging
import signal
import sys

from amqtt.broker import Broker

HOST = "127.0.0.1"


async def serve(port: int) -> None:
    """Serve on loopback `port` until SIGTERM; prints `ready` when connections are taken."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    listener = {"type": "tcp", "bind": f"{HOST}:{port}", "max_connections": 10}
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker({"listeners": {"default": listener}, "plugins": anonymous})
    await broker.start()
    print("ready", flush=True)
    await stopped.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # the demo's screen belongs to the alerts
    asyncio.run(serve(int(sys.argv[1])))
