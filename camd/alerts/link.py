"""The connection to the MQTT broker: the only file that knows paho.

Idea: paho's thread keeps the connection and tries again when it is lost; its callbacks only tell `News`.
Rule: nothing here decides what is sent, and only the topics that were given are listened to. What is unacknowledged
when a connection ends is not sent again from paho's own queue, because it would go out as it was and not say that it
comes late.
"""

import hashlib
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from camd.alerts.topics import Names
from camd.config import MqttConfig, readable, secret
from camd.errors import ConfigError, UnavailableError
from camd.model import SECOND

PROTOCOLS = {"3.1.1": MQTTProtocolVersion.MQTTv311, "5": MQTTProtocolVersion.MQTTv5}
RECONNECT_S = (1, 30)  # doubling
HANG_UP_S = 0.2  # for paho's thread to end
WELCOME_S = 10.0  # for a broker to let a listener in
LARGEST = 65_536  # bytes of a message that we take in; only MQTT 5 lets us say so
TAKEN_OVER = 142  # MQTT 5's reason code for a session that another client with the same id took
ADVICE_TLS = "Check mqtt.host, mqtt.port, mqtt.tls and mqtt.ca_file, and that the broker runs."


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker let us in."""


@dataclass(frozen=True, slots=True)
class Refused:
    """There is no connection, and `why`."""

    why: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection ended; `to_another` says that another client took our id, where the broker tells."""

    why: str
    to_another: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has the message that was sent as `mid`."""

    mid: int


@dataclass(frozen=True, slots=True)
class Denied:
    """The broker will not have the message that was sent as `mid`, and says `why`; only MQTT 5 tells."""

    mid: int
    why: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A message on a topic that we listen to; `retained` says that it lay at the broker."""

    topic: str
    payload: bytes
    retained: bool


News = Connected | Refused | Lost | Acknowledged | Denied | Heard


class Link:
    """The connection to the broker: paho, kept trying, told in `News`. On `topics` it listens."""

    def __init__(
        self, config: MqttConfig, names: Names, tell: Callable[[News], None], topics: Sequence[str] = ()
    ) -> None:
        self._where = f"{config.host}:{config.port}"
        self._tell, self._topics = tell, topics
        self._client = client = _client(config, names)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.connect_async(
            config.host, config.port, keepalive=config.keepalive // SECOND, properties=_connect_properties(config)
        )
        client.loop_start()

    def is_up(self) -> bool:
        """Whether there is a connection now; whether it is the one last told of is for the news to say."""
        return self._client.is_connected()

    def send(self, topic: str, payload: str | bytes, retain: bool) -> int:
        """Send with QoS 1 and return the number that the acknowledgement will carry."""
        return self._client.publish(topic, payload, qos=1, retain=retain).mid

    def close(self) -> None:
        """Say goodbye, so that the last will is not sent, and end paho's thread."""
        self._client.disconnect()
        # Inside a connect() that nobody answers paho's thread cannot be stopped; it is a daemon and ends with us.
        stopping = threading.Thread(target=self._client.loop_stop, daemon=True)
        stopping.start()
        stopping.join(HANG_UP_S)

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, more: object) -> None:
        client.drop_out_messages()  # paho would send these again as they are, after this callback
        if reason.is_failure:
            advice = "Check mqtt.username and mqtt.password_file."
            self._tell(Refused(f"the broker at {self._where} refused us ({reason}). {advice}"))
        else:
            if self._topics:
                client.subscribe([(topic, 1) for topic in self._topics])
            self._tell(Connected())

    def _on_connect_fail(self, client: Client, _: Any) -> None:
        # paho calls this where it handles the error, and does not pass it on.
        self._tell(Refused(f"no connection to the broker at {self._where} ({sys.exception()}). {ADVICE_TLS}"))

    def _on_disconnect(
        self, client: Client, _: Any, flags: DisconnectFlags, reason: ReasonCode, more: Properties | None
    ) -> None:
        why = f"the connection to the broker at {self._where} was lost ({reason})."
        self._tell(Lost(why, to_another=reason.value == TAKEN_OVER))

    def _on_publish(self, client: Client, _: Any, mid: int, reason: ReasonCode, more: Properties) -> None:
        if reason.is_failure:
            self._tell(Denied(mid, f"the broker at {self._where} does not take our messages ({reason})."))
        else:
            self._tell(Acknowledged(mid))

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self._tell(Heard(message.topic, bytes(message.payload), message.retain))


class Listener:
    """Hears all that one node says, from the broker's side: `hear(topic, payload)` runs in paho's thread.

    `also` are topics elsewhere. It may speak, too, to try commands. Raises `UnavailableError` when the broker does not
    let it in within ten seconds.
    """

    def __init__(self, config: MqttConfig, hear: Callable[[str, str], None], also: Sequence[str] = ()) -> None:
        self._config, self._hear, self._also = config, hear, also
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        _admit(self._client, config)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message

    def __enter__(self) -> Self:
        config = self._config
        self._client.connect_async(config.host, config.port, keepalive=config.keepalive // SECOND)
        self._client.loop_start()
        if not self._subscribed.wait(WELCOME_S):
            self.__exit__(None, None, None)
            where = f"{config.host}:{config.port}"
            raise UnavailableError(
                f"the MQTT broker at {where} does not answer, or does not let us in. Check the mqtt settings."
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, topic: str, payload: str | bytes, retain: bool = False) -> None:
        """Send a message and wait until the broker has it; raises UnavailableError."""
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(WELCOME_S)
        if not sent.is_published():
            raise UnavailableError(f"the MQTT broker does not acknowledge a message on {topic}.")

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, reason: ReasonCode, more: object) -> None:
        if not reason.is_failure:
            topics = (f"{self._config.prefix}/{self._config.node}/#", *self._also)
            client.subscribe([(topic, 1) for topic in topics])

    def _on_message(self, client: Client, _: Any, message: MQTTMessage) -> None:
        self._hear(message.topic, message.payload.decode(errors="replace"))


def client_id(config: MqttConfig) -> str:
    """The name that this node has at the broker: its own, whatever characters prefix and node have."""
    whole = f"{config.prefix}/{config.node}"
    return f"camd-{hashlib.sha256(whole.encode(errors='surrogateescape')).hexdigest()[:16]}"


def _connect_properties(config: MqttConfig) -> Properties | None:
    if PROTOCOLS[config.version] is not MQTTProtocolVersion.MQTTv5:
        return None
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.MaximumPacketSize = LARGEST
    return properties


def _client(config: MqttConfig, names: Names) -> Client:
    # One id per node: a broker that has not noticed the end of an earlier connection then ends it, and sends its last
    # will, before it lets us in; under another id that "offline" would come later and stay.
    client = Client(CallbackAPIVersion.VERSION2, client_id=client_id(config), protocol=PROTOCOLS[config.version])
    client.max_inflight_messages_set(0)  # no limit: the loop has its own
    client.reconnect_delay_set(*RECONNECT_S)
    client.will_set(names.available, "offline", qos=1, retain=True)
    _admit(client, config)
    return client


def _admit(client: Client, config: MqttConfig) -> None:
    """Give the client what the broker asks for: a name with its password, an encrypted connection."""
    if config.username:
        client.username_pw_set(config.username, secret(config.password_file) if config.password_file else None)
    if config.tls:
        _encrypt(client, config)


def _encrypt(client: Client, config: MqttConfig) -> None:
    """The broker is verified by its certificate and name, always; we show ours where there is one."""
    key_file = readable(config.key_file) if config.key_file else None
    ca, cert, key = (None if path is None else str(path) for path in (config.ca_file, config.cert_file, key_file))
    try:
        client.tls_set(ca, cert, key)
    except (OSError, ssl.SSLError) as error:
        name = "mqtt.ca_file" if cert is None else "mqtt.ca_file, mqtt.cert_file or mqtt.key_file"
        files = ", ".join(path for path in (ca, cert, key) if path)
        raise ConfigError(f"{name}: {files} cannot be used ({error}). want certificates in PEM form.") from error
