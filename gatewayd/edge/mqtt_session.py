"""One connection to the broker, from CONNECT to its end; never used again after that.

The only module that knows aiomqtt and paho. It makes up for what hurts a gateway:

* A refused PUBACK is not a success: whoever published gets the reason code.
* A lost link leaves nothing hanging: `lost` says so at once, and a broker that takes
  messages and acknowledges none within `PATIENCE` counts as lost.
* Nothing that was published here is ever sent by a later session.
* A message is acknowledged when its receiver says so, not before; there is no queue that
  could discard it, and the broker is told how many may be open (Receive Maximum).
* The broker's own Receive Maximum bounds our window.
* A broker that closes instead of answering CONNECT is noticed at once.

Callbacks, not coroutines: no task, event or timeout object per message. We reach into the
library where it has no public way; the lines say so, and tests with a scripted broker
notice when an upgrade moves something.
"""

import asyncio
import logging
import math
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import aiomqtt
from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

CONNECT_TIMEOUT = 5.0  # seconds for the socket, and as many for CONNACK
CONNACK_PATIENCE = 2.0  # seconds for the answer to a connect, once there is a connection
PATIENCE = 10.0  # seconds for a PUBACK
TICK = 1.0  # seconds between looks at keepalive and patience
FAREWELL = 2.0  # seconds for DISCONNECT to leave
LONGEST_WINDOW = 20  # QoS 1 messages on their way to the broker
OPEN_REQUESTS = 64  # messages the broker may have open towards us (MQTT 5)
LARGEST_PACKET = 1 << 20  # bytes towards us
MOST_UNSENT = 256  # packets waiting for the socket; with more, QoS 0 is dropped

MQTT_5 = "5"
MQTT_3 = "3.1.1"

_VERSIONS = {MQTT_5: aiomqtt.ProtocolVersion.V5, MQTT_3: aiomqtt.ProtocolVersion.V311}
_VERSION_REFUSED = 0x84  # paho turns the 0x01 of a broker that knows no MQTT 5 into it
_FAILURE = 0x80  # reason codes from here on are refusals

# What paho writes there at level error, we report ourselves.
_QUIET = logging.getLogger("gatewayd.paho")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False

Done = Callable[[int], None]  # the reason code of the PUBACK


class HasFileno(Protocol):
    """A socket, as far as an event loop cares."""

    def fileno(self) -> int: ...


class ConnectFailed(Exception):
    """No session came about. `version_refused`: another MQTT version may do better."""

    def __init__(self, why: str, *, version_refused: bool = False) -> None:
        super().__init__(why)
        self.version_refused = version_refused


@dataclass(frozen=True, slots=True)
class Letter:
    """A message for the broker."""

    topic: str
    payload: bytes
    retain: bool = False
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message from the broker. `number` is None if there is nothing to acknowledge."""

    topic: str
    payload: bytes
    retained: bool
    number: int | None = None
    response_topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the broker is, and who we are there. The password never shows."""

    host: str
    port: int
    client_id: str
    keepalive: int
    username: str | None = None
    tls: ssl.SSLContext | None = None
    patience: float = PATIENCE


class Session:
    """One connection. `open` it once; when `lost` is done it is over."""

    def __init__(
        self,
        endpoint: Endpoint,
        password: str | None,
        version: str,
        will: Letter,
        on_message: Callable[[Message], None],
    ) -> None:
        self.version = version
        self.window = LONGEST_WINDOW
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # why
        self._loop = asyncio.get_running_loop()
        self._patience = endpoint.patience
        self._hear = on_message
        self._unacknowledged: dict[int, tuple[Done, float]] = {}  # by packet id, oldest first
        self._socket_open = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._answer: ReasonCode | None = None  # of CONNACK
        self._aiomqtt = _client(endpoint, password, version, will)
        self._paho: Client = self._aiomqtt._client  # noqa: SLF001  # it keeps what we need to itself
        self._take_over()

    def _take_over(self) -> None:
        """Hear what the library would keep from us. Called before any socket exists."""
        paho, loop = self._paho, self._loop
        paho.manual_ack_set(on=True)
        paho.connect_timeout = CONNECT_TIMEOUT
        connected: Any = paho.on_connect  # the library waits for it

        def on_connect(
            client: Client, data: object, flags: object, code: ReasonCode, more: object
        ) -> None:
            self._answer = code
            self.window = min(LONGEST_WINDOW, getattr(more, "ReceiveMaximum", LONGEST_WINDOW))
            connected(client, data, flags, code, more)

        paho.on_connect = on_connect
        paho.on_disconnect = lambda _client, _data, _flags, code, _more: self._end(str(code))
        paho.on_publish = lambda _client, _data, mid, code, _more: self._published(mid, code)
        paho.on_message = lambda _client, _data, message: self._received(message)
        # The first two are called in the thread that connects.
        paho.on_socket_open = lambda _client, _data, sock: _ignore(
            loop.call_soon_threadsafe(self._start, sock)
        )
        paho.on_socket_register_write = lambda _client, _data, sock: _ignore(
            loop.call_soon_threadsafe(self._write_when_possible, sock)
        )
        paho.on_socket_unregister_write = lambda _client, _data, sock: _ignore(
            loop.remove_writer(sock)
        )
        paho.on_socket_close = lambda _client, _data, sock: self._stop(sock)

    # --- its life -----------------------------------------------------------------

    async def open(self) -> None:
        """Connect, or raise ConnectFailed."""
        entering = asyncio.ensure_future(self._aiomqtt.__aenter__())
        try:
            await self._enter(entering)
        except BaseException:
            await self._abandon(entering)
            raise

    async def _enter(self, entering: "asyncio.Future[aiomqtt.Client]") -> None:
        silent = asyncio.ensure_future(self._no_answer())
        either: list[asyncio.Future[Any]] = [entering, self.lost, silent]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            silent.cancel()
        if self._answer is not None and self._answer.is_failure:
            refused = self._answer.value == _VERSION_REFUSED
            raise ConnectFailed(f"refused: {self._answer}", version_refused=refused)
        if self.lost.done():
            raise ConnectFailed("the broker closes the connection", version_refused=True)
        if not entering.done():
            raise ConnectFailed("the broker does not answer", version_refused=True)
        try:
            await entering
        except (aiomqtt.MqttError, ValueError) as error:  # ValueError: a name that is no host
            raise ConnectFailed(str(error)) from None

    async def _no_answer(self) -> None:
        """Some brokers (amqtt 0.12) neither refuse nor close a version they do not speak."""
        await self._socket_open.wait()
        await asyncio.sleep(min(CONNACK_PATIENCE, self._patience))

    async def _abandon(self, entering: "asyncio.Future[aiomqtt.Client]") -> None:
        """Leave no socket behind that a thread is still opening."""
        opened = asyncio.ensure_future(self._socket_open.wait())
        either: list[asyncio.Future[Any]] = [entering, opened]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        opened.cancel()
        entering.cancel()
        await asyncio.gather(entering, return_exceptions=True)
        self.drop("given up")

    def drop(self, why: str) -> None:
        """End it without a word: the broker will publish the will."""
        self._end(why)
        self._paho._sock_close()  # noqa: SLF001  # paho ends politely or not at all

    async def close(self) -> None:
        """End it politely, within FAREWELL seconds: the broker forgets the will."""
        if not self.lost.done():
            self._paho.disconnect()
            await asyncio.wait([self.lost], timeout=FAREWELL)
        self.drop("closed")

    def _end(self, why: str) -> None:
        self._unacknowledged.clear()
        if not self.lost.done():
            self.lost.set_result(why)

    def _start(self, sock: HasFileno) -> None:
        self._socket_open.set()
        self._loop.add_reader(sock, self._read)
        self._tick()

    def _stop(self, sock: HasFileno) -> None:
        self._loop.remove_reader(sock)
        if self._timer is not None:
            self._timer.cancel()

    def _write_when_possible(self, sock: HasFileno) -> None:
        if sock.fileno() >= 0:  # it may have been closed since this was asked for
            self._loop.add_writer(sock, self._paho.loop_write)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(min(TICK, self._patience), self._tick)
        self._paho.loop_misc()
        _, since = next(iter(self._unacknowledged.values()), (None, math.inf))
        if self._loop.time() - since > self._patience:
            self.drop("the broker acknowledges nothing")

    def _read(self) -> None:
        try:
            self._paho.loop_read()
            while _decrypted(self._paho.socket()):
                self._paho.loop_read()
        except Exception as error:  # noqa: BLE001  # whatever a broker sends, it ends only this
            self.drop(f"unreadable: {type(error).__name__}: {error}")
        # Looked at before the rest arrives: paho would collect 256 MiB without a murmur.
        if self._paho._in_packet["remaining_length"] > LARGEST_PACKET:  # noqa: SLF001  # nowhere else
            self.drop(f"the broker sends more than {LARGEST_PACKET} bytes at once")

    # --- towards the broker -----------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more messages may be published now; 0 when it is over."""
        return 0 if self.lost.done() else self.window - len(self._unacknowledged)

    def publish(self, letter: Letter, done: Done) -> None:
        """Send with QoS 1; `done` gets the reason code, or is never called if `lost` is first.

        Only while there is `room`.
        """
        assert self.room > 0
        info = self._paho.publish(
            letter.topic, letter.payload, 1, letter.retain, self._properties(letter)
        )
        if info.rc == MQTT_ERR_SUCCESS:
            self._unacknowledged[info.mid] = (done, self._loop.time())
        else:
            self.drop(f"cannot be written to ({info.rc})")

    def publish_unconfirmed(self, letter: Letter) -> bool:
        """Send with QoS 0; False if the socket is not keeping up or the session is over."""
        if self.lost.done() or len(self._paho._out_packet) >= MOST_UNSENT:  # noqa: SLF001  # nowhere else
            return False
        info = self._paho.publish(letter.topic, letter.payload, 0, letter.retain)
        return info.rc == MQTT_ERR_SUCCESS

    async def listen(self, topic_filter: str) -> str | None:
        """Subscribe with QoS 1; return why the broker refuses, or None. Silence ends it."""
        # A message that its sender wants retained must still say so when it gets here.
        options = SubscribeOptions(qos=1, retainAsPublished=True)
        how: dict[str, Any] = {"options": options} if self.version == MQTT_5 else {"qos": 1}
        try:
            codes = await self._aiomqtt.subscribe(topic_filter, **how)
        except aiomqtt.MqttError as error:
            self.drop(f"no subscription: {error}")
            return None
        code = codes[0]
        refused = (code.value if isinstance(code, ReasonCode) else code) >= _FAILURE
        return str(code) if refused else None

    async def ignore(self, topic_filter: str) -> None:
        """Take a subscription back. Silence ends the session."""
        try:
            await self._aiomqtt.unsubscribe(topic_filter)
        except aiomqtt.MqttError as error:
            self.drop(f"no end of a subscription: {error}")

    def acknowledge(self, message: Message) -> None:
        """Tell the broker that we have taken care of its message."""
        if message.number is not None and not self.lost.done():
            self._paho.ack(message.number, 1)

    def _properties(self, letter: Letter) -> Properties | None:
        if letter.correlation is None or self.version != MQTT_5:
            return None
        return _properties(PacketTypes.PUBLISH, CorrelationData=letter.correlation)

    # --- from the broker ----------------------------------------------------------------

    def _published(self, number: int, code: ReasonCode) -> None:
        done, _ = self._unacknowledged.pop(number, (None, 0.0))
        if done is not None:  # QoS 0 is reported here as well
            done(code.value)

    def _received(self, message: MQTTMessage) -> None:
        self._hear(
            Message(
                message.topic,
                bytes(message.payload),
                message.retain,
                message.mid if message.qos else None,
                getattr(message.properties, "ResponseTopic", None),
                getattr(message.properties, "CorrelationData", None),
            )
        )


def _client(
    endpoint: Endpoint, password: str | None, version: str, will: Letter
) -> aiomqtt.Client:
    """A client of the library for one connection, with nothing of an earlier one."""
    properties = None
    if version == MQTT_5:
        properties = _properties(
            PacketTypes.CONNECT, ReceiveMaximum=OPEN_REQUESTS, MaximumPacketSize=LARGEST_PACKET
        )
    return aiomqtt.Client(
        endpoint.host,
        endpoint.port,
        username=endpoint.username,
        password=password,
        identifier=endpoint.client_id,
        protocol=_VERSIONS[version],
        clean_session=None if version == MQTT_5 else True,
        properties=properties,
        will=aiomqtt.Will(will.topic, will.payload, 1, will.retain),
        keepalive=endpoint.keepalive,
        timeout=CONNECT_TIMEOUT,
        tls_context=endpoint.tls,
        logger=_QUIET,
        max_inflight_messages=0,  # the window is kept here
    )


def _properties(kind: int, **values: object) -> Properties:
    properties = Properties(kind)  # type: ignore[no-untyped-call]  # paho leaves it untyped
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


def _ignore(_: object) -> None:
    """The library wants callbacks that return nothing."""


def _decrypted(sock: object) -> bool:
    """Whether TLS holds bytes that no reader will be woken for."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
