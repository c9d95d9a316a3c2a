"""A small MQTT broker that misbehaves on request. MQTT 5 and 3.1.1, one client at a time.

It records what it was sent and answers as its attributes say; it delivers nothing by itself.
"""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

CONNACK, PUBLISH, PUBACK = 2, 3, 4
SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 9, 11, 13, 14

NO_PROPERTIES = b"\x00"


@dataclass(frozen=True, slots=True)
class Connect:
    """What a client said of itself. `level` is 4 for MQTT 3.1.1 and 5 for 5."""

    level: int
    client: str
    clean: bool
    keepalive: int
    will_topic: str
    will: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """A message that the client sent."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    number: int  # of the packet; 0 with QoS 0
    properties: bytes = b""


Connack = Callable[[Connect], bytes | None]  # None: close without a word
Acknowledge = Callable[[Published], int | None]  # reason code; None: hold it back


def welcome(connect: Connect, receive_maximum: int | None = None) -> bytes:
    """Accept a connection."""
    if connect.level < 5:
        return packet(CONNACK, b"\x00\x00")
    properties = b"" if receive_maximum is None else struct.pack(">BH", 0x21, receive_maximum)
    return packet(CONNACK, b"\x00\x00" + bytes([len(properties)]) + properties)


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    """Frame a packet."""
    return bytes([kind << 4 | flags]) + length(len(body)) + body


def length(number: int) -> bytes:
    """Lay out a variable byte integer."""
    laid = bytearray()
    while True:
        number, low = divmod(number, 128)
        laid.append(low | (0x80 if number else 0))
        if not number:
            return bytes(laid)


def text(value: str) -> bytes:
    """Lay out a string."""
    return struct.pack(">H", len(value.encode())) + value.encode()


@dataclass
class ScriptedBroker:
    """Listens on loopback; `async with` it."""

    connack: Connack = welcome
    acknowledge: Acknowledge = lambda _published: 0
    suback: int = 1
    connects: list[Connect] = field(default_factory=list)
    published: list[Published] = field(default_factory=list)
    subscribed: list[str] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)  # packet numbers the client took
    held: list[Published] = field(default_factory=list)  # not acknowledged to the client
    order: list[str] = field(default_factory=list)  # topics and filters as they came
    disconnects: int = 0
    port: int = 0

    async def __aenter__(self) -> Self:
        self._writer: asyncio.StreamWriter | None = None
        self._level = 5
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.drop()
        await self._server.wait_closed()

    # --- what a test does -------------------------------------------------------------

    def drop(self) -> None:
        """Cut the connection."""
        if self._writer is not None:
            self._writer.transport.abort()
            self._writer = None
        self.held.clear()

    def send(
        self,
        topic: str,
        payload: bytes,
        *,
        number: int = 1,
        qos: int = 1,
        retain: bool = False,
        response_topic: str | None = None,
        correlation: bytes | None = None,
    ) -> None:
        """Deliver a message to the client."""
        properties = b""
        if response_topic is not None:
            properties += b"\x08" + text(response_topic)
        if correlation is not None:
            properties += b"\x09" + struct.pack(">H", len(correlation)) + correlation
        body = text(topic) + (struct.pack(">H", number) if qos else b"")
        if self._level >= 5:
            body += length(len(properties)) + properties
        self.send_raw(packet(PUBLISH, body + payload, qos << 1 | retain))

    def send_raw(self, data: bytes) -> None:
        """Send any bytes."""
        assert self._writer is not None
        self._writer.write(data)

    def release(self, code: int = 0) -> None:
        """Acknowledge what was held back."""
        held, self.held = self.held, []
        for each in held:
            self._puback(each, code)

    def on(self, topic: str) -> list[bytes]:
        """Return the payloads published on a topic."""
        return [each.payload for each in self.published if each.topic == topic]

    # --- what it does by itself ---------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.drop()
        self._writer = writer
        try:
            while True:
                kind, flags, body = await _read(reader)
                self._handle(kind, flags, body)
                if kind == DISCONNECT:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _handle(self, kind: int, flags: int, body: bytes) -> None:
        match kind:
            case 1:
                self._connect(body)
            case 3:
                self._publish(flags, body)
            case 4:
                self.acknowledged.append(struct.unpack_from(">H", body)[0])
            case 8:
                self._subscribe(body)
            case 10:
                self._unsubscribe(body[:2])
            case 12:
                self.send_raw(packet(PINGRESP, b""))
            case 14:
                self.disconnects += 1
            case _:
                raise AssertionError(f"a client sends packet {kind}")

    def _connect(self, body: bytes) -> None:
        connect = _parse_connect(body)
        self._level = connect.level
        self.connects.append(connect)
        answer = self.connack(connect)
        if answer is None:
            self.drop()
        else:
            self.send_raw(answer)

    def _publish(self, flags: int, body: bytes) -> None:
        qos = flags >> 1 & 3
        topic, rest = _text(body)
        number, properties = 0, b""
        if qos:
            number, rest = struct.unpack_from(">H", rest)[0], rest[2:]
        if self._level >= 5:
            properties, rest = rest[1 : 1 + rest[0]], rest[1 + rest[0] :]  # never 128 bytes
        published = Published(topic, rest, qos, bool(flags & 1), number, properties)
        self.published.append(published)
        self.order.append(topic)
        if not qos:
            return
        code = self.acknowledge(published)
        if code is None:
            self.held.append(published)
        else:
            self._puback(published, code)

    def _puback(self, published: Published, code: int) -> None:
        body = struct.pack(">H", published.number)
        self.send_raw(
            packet(PUBACK, body + bytes([code]) if code and self._level >= 5 else body)
        )

    def _subscribe(self, body: bytes) -> None:
        number, rest = body[:2], body[2:]
        if self._level >= 5:
            rest = rest[1 + rest[0] :]
        topic, _ = _text(rest)
        self.subscribed.append(topic)
        self.order.append(topic)
        none = NO_PROPERTIES if self._level >= 5 else b""
        self.send_raw(packet(SUBACK, number + none + bytes([self.suback])))

    def _unsubscribe(self, number: bytes) -> None:
        codes = b"\x00\x00" if self._level >= 5 else b""
        self.send_raw(packet(UNSUBACK, number + codes))


async def _read(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    head = (await reader.readexactly(1))[0]
    size, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return head >> 4, head & 0xF, await reader.readexactly(size)


def _text(data: bytes) -> tuple[str, bytes]:
    end = 2 + struct.unpack_from(">H", data)[0]
    return data[2:end].decode(), data[end:]


def _parse_connect(body: bytes) -> Connect:
    _, rest = _text(body)
    level, flags, keepalive = struct.unpack_from(">BBH", rest)
    rest = rest[4:]
    if level >= 5:
        rest = rest[1 + rest[0] :]
    client, rest = _text(rest)
    if level >= 5:
        rest = rest[1 + rest[0] :]  # of the will
    will_topic, rest = _text(rest)
    will = rest[2 : 2 + struct.unpack_from(">H", rest)[0]]
    return Connect(level, client, bool(flags & 2), keepalive, will_topic, will)
