"""The MQTT side against a real Mosquitto that is killed, hung, emptied and restarted."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gatewayd.core.actions import Answer
from gatewayd.core.events import DoorOpened
from gatewayd.core.facts import RequestCommitted
from gatewayd.core.model import ClientId, DoorId
from gatewayd.edge.clock import SystemClock
from gatewayd.edge.journal import Journal
from gatewayd.edge.mqtt import Broker
from gatewayd.edge.payloads import encode_event
from gatewayd.edge.requests import Router
from tests.edge.certificates import Authority
from tests.edge.mqtt_kit import SETTINGS, R, Shelf, make, running
from tests.simulate.mosquitto import Mosquitto
from tests.simulate.waiting import until


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as broker:
        yield broker


class Subscriber:
    """Somebody's management software: keeps everything it hears, in order."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, bytes]] = []
        self.retained: dict[str, bytes] = {}
        self.correlations: list[object] = []

    async def listen(self) -> None:
        async for message in self.client.messages:
            topic = str(message.topic).removeprefix(f"{R}/")
            assert isinstance(message.payload, bytes)
            self.heard.append((topic, message.payload))
            self.correlations.append(getattr(message.properties, "CorrelationData", None))
            if message.retain:
                self.retained[topic] = message.payload

    def on(self, topic: str) -> list[bytes]:
        return [payload for where, payload in self.heard if where == topic]

    def documents(self, topic: str) -> list[dict[str, object]]:
        return [json.loads(payload) for payload in self.on(topic)]

    async def ask(self, command: str, payload: bytes, **more: object) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho
        retain = bool(more.pop("retain", False))
        for name, value in more.items():
            setattr(properties, name, value)
        await self.client.publish(
            f"{R}/requests/{command}", payload, 1, retain, properties=properties
        )


@asynccontextmanager
async def subscriber(port: int, name: str = "office") -> AsyncIterator[Subscriber]:
    """Subscribe to everything, as a session that the broker keeps while it is away."""
    async with aiomqtt.Client(
        "127.0.0.1", port, identifier=name, protocol=aiomqtt.ProtocolVersion.V5
    ) as client:
        heard = Subscriber(client)
        listening = asyncio.create_task(heard.listen())
        await client.subscribe(f"{R}/#", 1)
        try:
            yield heard
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def steadfast_subscriber(port: int) -> AsyncIterator[list[bytes]]:
    """Somebody the broker keeps messages for, and who comes back as soon as it is there."""
    heard: list[bytes] = []

    async def listen() -> None:
        while True:
            with suppress(aiomqtt.MqttError):
                async with aiomqtt.Client(
                    "127.0.0.1", port, identifier="steadfast", clean_session=False
                ) as client:
                    await client.subscribe(f"{R}/events", 1)
                    subscribed.set()
                    async for message in client.messages:
                        assert isinstance(message.payload, bytes)
                        heard.append(message.payload)
            await asyncio.sleep(0.01)

    subscribed = asyncio.Event()
    listening = asyncio.create_task(listen())
    await subscribed.wait()
    try:
        yield heard
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


def in_order(payloads: list[bytes]) -> list[int]:
    """Return each number once, at its first arrival."""
    return list(dict.fromkeys(json.loads(each)["seq"] for each in payloads))


# --- events and state -----------------------------------------------------------------


async def test_events_and_state_arrive(mosquitto: Mosquitto) -> None:
    shelf = Shelf()
    shelf.note(300)
    ours = make(mosquitto.port, shelf)
    ours.retain("doors/lobby", b'{"mode":"locked"}')
    async with subscriber(mosquitto.port) as office, running(ours):
        ours.live(b'{"seq":300}')
        await until(lambda: len(office.on("events")) == 300)
        assert office.on("events") == shelf.bodies()
        assert office.on("live") == [b'{"seq":300}']
        assert office.documents("status")[-1]["online"] is True
        assert office.on("doors/lobby") == [b'{"mode":"locked"}']
        assert ours.protocol == "5"


async def test_no_event_is_lost_or_out_of_order_when_the_broker_is_killed(
    tmp_path: Path,
) -> None:
    """A broker that keeps what it acknowledged, killed three times with events under way."""
    shelf = Shelf()

    async def outage() -> None:
        before = len(heard)
        shelf.note(500)
        ours.committed()
        await until(lambda: len(heard) > before + 100)
        mosquitto.kill()
        shelf.note(50)
        ours.committed()
        mosquitto.start()
        await until(lambda: shelf.delivered == len(shelf.entries), 10)

    with Mosquitto(tmp_path / "m", persistence=True) as mosquitto:
        ours = make(mosquitto.port, shelf, patience=1.0)
        async with steadfast_subscriber(mosquitto.port) as heard, running(ours):
            for _ in range(3):
                await outage()
            await until(lambda: json.loads(heard[-1])["seq"] == len(shelf.entries), 10)
    assert in_order(heard) == list(range(1, 1651))


async def test_a_broker_that_forgot_everything_is_shown_everything_again(
    mosquitto: Mosquitto,
) -> None:
    ours = make(mosquitto.port)
    ours.retain("doors/lobby", b'{"mode":"locked"}')
    ours.retain("audit", b'{"refused":false}')
    ours.retain("doors/old", b"{}")
    async with running(ours):
        mosquitto.restart()
        ours.forget("doors/old")
        await until(lambda: ours.counters.sessions == 2 and ours.connected)
        await ours.drain(5)
        async with subscriber(mosquitto.port, "late") as late:
            await until(lambda: len(late.retained) >= 3)
            assert set(late.retained) == {"status", "doors/lobby", "audit"}


async def test_what_an_earlier_configuration_left_is_cleared(mosquitto: Mosquitto) -> None:
    async with running(make(mosquitto.port)) as before:
        for topic in ("doors/lobby", "doors/old", "controllers/c1", "controllers/old", "audit"):
            before.retain(topic, b"{}")
        await before.drain(5)
    after = make(mosquitto.port, owned={"doors/lobby", "controllers/c1"})
    async with subscriber(mosquitto.port) as office, running(after):
        await until(lambda: office.on("doors/old") == [b"{}", b""])
        await until(lambda: office.on("controllers/old") == [b"{}", b""])
        async with subscriber(mosquitto.port, "late") as late:
            await until(lambda: "status" in late.retained)
            await until(lambda: "audit" in late.retained)
            assert set(late.retained) == {"status", "doors/lobby", "controllers/c1", "audit"}


async def test_the_will_is_published_when_we_are_gone(mosquitto: Mosquitto) -> None:
    ours = make(mosquitto.port)
    async with subscriber(mosquitto.port) as office, running(ours):
        session = ours._session
        assert session is not None
        session.drop("the cable was pulled")
        await until(lambda: len(office.on("status")) >= 3)
        first, will, again = office.documents("status")[:3]
        assert (first["online"], will["online"], again["online"]) == (True, False, True)
        assert will["why"] == "connection lost"


async def test_a_clean_stop_is_no_lost_connection(mosquitto: Mosquitto) -> None:
    async with subscriber(mosquitto.port) as office:
        async with running(make(mosquitto.port)):
            pass
        await until(lambda: len(office.on("status")) == 2)
        assert office.documents("status")[-1]["why"] == "stopped"


async def test_a_broker_that_hangs_is_left_and_found_again(mosquitto: Mosquitto) -> None:
    shelf = Shelf()
    ours = make(mosquitto.port, shelf, patience=0.1)
    async with running(ours):
        mosquitto.pause()
        shelf.note(3)
        ours.committed()
        await until(lambda: not ours.connected)
        mosquitto.resume()
        await until(lambda: shelf.delivered == 3)
        await until(lambda: ours.connected)


# --- requests -----------------------------------------------------------------------


class Gate:
    """Router, journal and broker put together; the brain says yes to everything."""

    def __init__(self, directory: Path, port: int) -> None:
        self.acted: list[RequestCommitted] = []
        self.mute = False
        directory.mkdir(exist_ok=True)
        loop = asyncio.get_running_loop()
        self.journal = Journal.open(
            directory,
            encode=encode_event,
            post=lambda call: _ignore(loop.call_soon_threadsafe(call)),
        )
        self.router = Router(
            self.journal,
            SystemClock(),
            "broker",
            tell=self._act,
            publish=self._publish,
        )
        settings = replace(SETTINGS, port=port)
        self.broker = Broker(settings, self.journal, self.router.take)
        self.journal.on_commit = self.broker.committed

    def _publish(self, client: ClientId | None, body: bytes) -> None:
        self.broker.reply(client, body)

    def _act(self, fact: RequestCommitted) -> None:
        self.acted.append(fact)
        if not self.mute:
            request = fact.request
            self.router.answer(Answer(request.id, result={}, client=request.client))


def _ignore(_: object) -> None:
    """A post returns nothing."""


def request(id_: str = "r7", **changes: object) -> bytes:
    now = datetime.now(UTC)
    document = {
        "id": id_,
        "client": "office",
        "issued": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "expires": f"{now + timedelta(seconds=30):%Y-%m-%dT%H:%M:%SZ}",
        "args": {"door": "lobby"},
    }
    return json.dumps(document | changes).encode()


async def test_a_request_gets_exactly_one_answer(mosquitto: Mosquitto, tmp_path: Path) -> None:
    gate = Gate(tmp_path / "state", mosquitto.port)
    async with subscriber(mosquitto.port) as office, running(gate.broker):
        await office.ask("door.unlock", request())
        await office.ask("door.unlock", request("r8"))
        await until(lambda: len(office.on("replies/office")) == 2)
        await until(lambda: len(office.on("events")) == 2)  # the broker has them earlier
        replies = office.documents("replies/office")
        assert replies == [{"id": each, "ok": True, "result": {}} for each in ("r7", "r8")]
        kinds = [each["kind"] for each in office.documents("events")]
        assert kinds == ["request.accepted"] * 2
    gate.journal.close()


async def test_a_request_sent_again_after_a_restart_does_not_act_again(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    payload = request()
    async with subscriber(mosquitto.port) as office:
        first = Gate(tmp_path / "state", mosquitto.port)
        async with running(first.broker):
            await office.ask("door.unlock", payload)
            await until(lambda: len(office.on("replies/office")) == 1)
        first.journal.close()

        second = Gate(tmp_path / "state", mosquitto.port)
        async with running(second.broker):
            await office.ask("door.unlock", payload)
            await until(lambda: len(office.on("replies/office")) == 2)
        second.journal.close()
        assert "duplicate_request" in str(office.documents("replies/office")[1])
        assert (len(first.acted), len(second.acted)) == (1, 0)


async def test_a_request_without_an_end_has_an_unknown_outcome_after_a_restart(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with subscriber(mosquitto.port) as office:
        first = Gate(tmp_path / "state", mosquitto.port)
        first.mute = True
        async with running(first.broker):
            await office.ask("door.unlock", request())
            await until(lambda: first.acted)
        first.journal.close()

        second = Gate(tmp_path / "state", mosquitto.port)
        second.router.start()
        async with running(second.broker):
            await until(lambda: office.on("replies/office"))
        second.journal.close()
        assert "outcome_unknown" in str(office.documents("replies/office"))
        assert second.acted == []


async def test_a_retained_request_never_acts(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Neither at once nor when we come back and the broker offers it again."""
    gate = Gate(tmp_path / "state", mosquitto.port)
    async with subscriber(mosquitto.port) as office:
        async with running(gate.broker):
            await office.ask("door.unlock", request(), retain=True)
            await until(lambda: len(office.on("replies/office")) == 1)
        async with running(gate.broker):
            await until(lambda: len(office.on("replies/office")) == 2)
        errors = str(office.documents("replies/office"))
        assert errors.count("retained_request") == 2
        assert gate.acted == []
    gate.journal.close()


async def test_rubbish_is_answered_where_its_sender_wished(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "state", mosquitto.port)
    async with subscriber(mosquitto.port) as office, running(gate.broker):
        await office.ask("door.unlock", b"\xff")
        await until(lambda: office.on("replies/unknown"))
        topic = f"{R}/replies/office/42"
        await office.ask("x", request(), ResponseTopic=topic, CorrelationData=b"c7")
        await until(lambda: office.on("replies/office/42"))
        assert "unknown_command" in str(office.documents("replies/office/42"))
        assert b"c7" in office.correlations
        assert gate.acted == []
    gate.journal.close()


async def test_the_real_journal_reaches_the_broker(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "state", mosquitto.port)
    clock = SystemClock()
    async with subscriber(mosquitto.port) as office, running(gate.broker):
        for _ in range(100):
            gate.journal.note(DoorOpened(DoorId("lobby")), clock.moment())
        await until(lambda: len(office.on("events")) == 100)
        assert in_order(office.on("events")) == list(range(1, 101))
        await until(lambda: gate.journal.delivered == 100)
    gate.journal.close()


# --- TLS and passwords --------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "certificates")


@pytest.fixture
def secure(authority: Authority, tmp_path: Path) -> Iterator[Mosquitto]:
    cert, key = authority.issue("localhost")
    extra = (
        f"cafile {authority.ca}\ncertfile {cert}\nkeyfile {key}\n"
        "require_certificate true\nuse_identity_as_username true\n"
    )
    with Mosquitto(tmp_path / "mosquitto", extra=extra) as broker:
        yield broker


async def test_tls_with_a_certificate_of_our_own(
    secure: Mosquitto, authority: Authority
) -> None:
    cert, key = authority.issue("gateway")
    ours = make(
        secure.port, host="localhost", ca_file=authority.ca, cert_file=cert, key_file=key
    )
    async with running(ours):
        assert ours.trouble is None


async def test_a_broker_of_another_authority_is_not_spoken_to(
    secure: Mosquitto, authority: Authority, tmp_path: Path
) -> None:
    cert, key = authority.issue("gateway")
    stranger = Authority(tmp_path / "stranger")
    ours = make(
        secure.port, host="localhost", ca_file=stranger.ca, cert_file=cert, key_file=key
    )
    async with running(ours, connected=False):
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in (ours.trouble or ""))


async def test_a_broker_by_another_name_is_not_spoken_to(
    secure: Mosquitto, authority: Authority
) -> None:
    cert, key = authority.issue("gateway")
    ours = make(secure.port, ca_file=authority.ca, cert_file=cert, key_file=key)
    async with running(ours, connected=False):  # by its address, which is not in there
        await until(lambda: "CERTIFICATE_VERIFY_FAILED" in (ours.trouble or ""))


async def test_a_missing_or_broken_file_is_named_and_tried_again(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    ours = make(mosquitto.port, username="gateway", password_file=password)
    async with running(ours, connected=False):
        await until(lambda: str(password) in (ours.trouble or ""))
        password.write_bytes(b"\xff")
        await until(lambda: "UTF-8" in (ours.trouble or ""))
        password.write_text("hunter2\n")
        await until(lambda: ours.connected)
        assert "hunter2" not in repr(ours._settings)


async def test_a_wrong_password_is_refused_and_never_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users, password = tmp_path / "users", tmp_path / "password"
    users.write_text("")
    password.write_text("hunter2\n")
    extra = f"password_file {users}\n"
    with Mosquitto(tmp_path / "m", extra=extra, anonymous=False) as mosquitto:
        ours = make(mosquitto.port, username="gateway", password_file=password)
        async with running(ours, connected=False):
            await until(lambda: "authori" in (ours.trouble or "").lower())
    said = capsys.readouterr()
    assert "hunter2" not in said.out + said.err + (ours.trouble or "")


def test_tls_is_never_older_than_1_2(authority: Authority) -> None:
    from gatewayd.edge.mqtt import _tls

    context = _tls(replace(SETTINGS, ca_file=authority.ca))
    assert context is not None
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
