"""What a broker may do to us, one by one, by a broker that does it."""

import asyncio
import json
from collections.abc import Callable

import pytest

from gatewayd.core.model import ClientId
from gatewayd.edge import mqtt_session
from gatewayd.edge.requests import Incoming
from tests.edge.mqtt_kit import SETTINGS, R, Shelf, make, running
from tests.simulate.broker import (
    CONNACK,
    PUBACK,
    Connect,
    Published,
    ScriptedBroker,
    packet,
    welcome,
)
from tests.simulate.waiting import until

NOT_AUTHORISED = 0x87


def is_event(published: Published) -> bool:
    return published.topic == f"{R}/events"


def holding_events(code: int | None = None) -> Callable[[Published], int | None]:
    """Everything is acknowledged but events."""
    return lambda published: code if is_event(published) else 0


def with_receive_maximum(number: int) -> Callable[[Connect], bytes]:
    return lambda connect: welcome(connect, receive_maximum=number)


# --- the session --------------------------------------------------------------------


async def test_it_listens_then_greets_with_status_then_state() -> None:
    async with ScriptedBroker() as broker:
        ours = make(broker.port)
        ours.retain("doors/lobby", b"{}")
        async with running(ours):
            assert broker.order == [f"{R}/requests/+", f"{R}/status", f"{R}/doors/lobby"]
            status = json.loads(broker.on(f"{R}/status")[0])
    assert status["online"] is True
    assert status["version"] == SETTINGS.version
    assert status["trust"] == "broker"
    assert status["mqtt"] == "5"


async def test_every_session_is_new_and_has_a_will() -> None:
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port)) as ours,
    ):
        broker.drop()
        await until(lambda: len(broker.connects) == 2 and ours.connected)
    for connect in broker.connects:
        assert connect.clean
        assert connect.client == "gatewayd-hq"
        assert connect.keepalive == 15
        assert connect.will_topic == f"{R}/status"
        assert json.loads(connect.will)["online"] is False


async def test_a_clean_stop_says_so_and_disconnects() -> None:
    async with ScriptedBroker() as broker:
        async with running(make(broker.port)):
            pass
        await until(lambda: broker.disconnects == 1)
        last = json.loads(broker.on(f"{R}/status")[-1])
    assert (last["online"], last["why"]) == (False, "stopped")


async def test_a_broker_that_refuses_mqtt_5_gets_3_1_1() -> None:
    def connack(connect: Connect) -> bytes:
        return packet(CONNACK, b"\x00\x84\x00") if connect.level == 5 else welcome(connect)

    async with ScriptedBroker(connack) as broker, running(make(broker.port)) as ours:
        assert ours.protocol == "3.1.1"
        assert json.loads(broker.on(f"{R}/status")[0])["mqtt"] == "3.1.1"


async def test_a_broker_that_has_never_heard_of_mqtt_5_gets_3_1_1() -> None:
    def connack(connect: Connect) -> bytes:
        return packet(CONNACK, b"\x00\x01") if connect.level == 5 else welcome(connect)

    async with ScriptedBroker(connack) as broker, running(make(broker.port)) as ours:
        assert ours.protocol == "3.1.1"


async def test_a_broker_that_closes_at_once_gets_3_1_1() -> None:
    def connack(connect: Connect) -> bytes | None:
        return None if connect.level == 5 else welcome(connect)

    async with ScriptedBroker(connack) as broker, running(make(broker.port)) as ours:
        assert ours.protocol == "3.1.1"


async def test_a_broker_that_says_nothing_to_mqtt_5_gets_3_1_1() -> None:
    def connack(connect: Connect) -> bytes:
        return b"" if connect.level == 5 else welcome(connect)

    async with (
        ScriptedBroker(connack) as broker,
        running(make(broker.port, patience=0.2)) as ours,
    ):
        assert ours.protocol == "3.1.1"


async def test_a_broker_that_refuses_us_is_asked_again_with_growing_pauses() -> None:
    def connack(connect: Connect) -> bytes:
        refused = len(broker.connects) < 3
        return packet(CONNACK, b"\x00\x87\x00") if refused else welcome(connect)

    async with ScriptedBroker(connack) as broker:
        async with running(make(broker.port)) as ours:
            assert ours.trouble is None
        assert [connect.level for connect in broker.connects] == [5, 5, 5]


async def test_a_broker_that_is_not_there_is_trouble_and_not_the_end() -> None:
    async with ScriptedBroker() as broker:
        port = broker.port
    ours = make(port)
    async with running(ours, connected=False):
        await until(lambda: "refused" in (ours.trouble or "").lower())
        assert not ours.connected


async def test_a_broker_that_does_not_answer_connect_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_session, "CONNECT_TIMEOUT", 0.05)
    async with (
        ScriptedBroker(lambda _: b"") as broker,
        running(make(broker.port), connected=False),
    ):
        await until(lambda: len(broker.connects) >= 2)


async def test_it_can_be_stopped_while_it_connects() -> None:
    async with (
        ScriptedBroker(lambda _: b"") as broker,
        running(make(broker.port), connected=False),
    ):
        await until(lambda: broker.connects)


async def test_a_refused_subscription_is_trouble_but_events_flow() -> None:
    shelf = Shelf()
    shelf.note(3)
    async with ScriptedBroker(suback=0x87) as broker:
        ours = make(broker.port, shelf)
        async with running(ours, connected=False):
            await until(lambda: "subscription" in (ours.trouble or ""))
            await until(lambda: shelf.delivered == 3)
            assert not ours.connected


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xf0\x00",
        b"\x30\xff\xff\xff\xff",
        packet(PUBACK, b"\x00"),
        packet(3, b"\x00\x02\xff\xff\x00"),
    ],
    ids=["auth", "endless length", "short puback", "topic not utf-8"],
)
async def test_nonsense_ends_the_session_and_nothing_else(nonsense: bytes) -> None:
    async with ScriptedBroker() as broker, running(make(broker.port)) as ours:
        broker.send_raw(nonsense)
        await until(lambda: ours.counters.sessions == 2 and ours.connected)


async def test_a_packet_that_is_too_large_is_not_waited_for() -> None:
    async with ScriptedBroker() as broker, running(make(broker.port)) as ours:
        broker.send_raw(b"\x30\xff\xff\xff\x7f" + bytes(100))  # announces 256 MiB
        await until(lambda: ours.counters.sessions == 2 and ours.connected)


# --- events -------------------------------------------------------------------------


async def test_events_go_out_in_order_and_count_when_acknowledged() -> None:
    shelf = Shelf()
    shelf.note(1200)
    async with ScriptedBroker() as broker, running(make(broker.port, shelf)):
        await until(lambda: shelf.delivered == 1200)
        assert broker.on(f"{R}/events") == shelf.bodies()


async def test_a_commit_wakes_the_feed() -> None:
    shelf = Shelf()
    async with ScriptedBroker() as broker, running(make(broker.port, shelf)) as ours:
        for _ in range(3):
            shelf.note()
            ours.committed()
            await until(lambda: shelf.delivered == len(shelf.entries))
        assert broker.on(f"{R}/events") == shelf.bodies()


async def test_a_refused_event_is_not_delivered_and_comes_again_later() -> None:
    shelf = Shelf()
    shelf.note(3)
    refused: list[Published] = []

    def acknowledge(published: Published) -> int:
        if is_event(published) and published.payload == b'{"seq":2}' and len(refused) < 2:
            refused.append(published)
            return NOT_AUTHORISED
        return 0

    async with ScriptedBroker(acknowledge=acknowledge) as broker:
        async with running(make(broker.port, shelf, refused_pause=0.05)) as ours:
            await until(lambda: ours.feed.trouble)
            assert shelf.delivered == 1
            assert "0x87" in (ours.feed.trouble or "")
            await until(lambda: shelf.delivered == 3)
            assert ours.feed.trouble is None
        assert len(refused) == 2
        assert ours.counters.sessions == 1


async def test_a_broker_that_refuses_every_event_is_not_flooded() -> None:
    shelf = Shelf()
    shelf.note(100)
    async with (
        ScriptedBroker(acknowledge=holding_events(NOT_AUTHORISED)) as broker,
        running(make(broker.port, shelf, refused_pause=60.0)) as ours,
    ):
        await until(lambda: ours.feed.trouble)
        ours.retain("doors/lobby", b"{}")  # everything else goes on
        await until(lambda: broker.on(f"{R}/doors/lobby"))
        assert len(broker.on(f"{R}/events")) <= mqtt_session.LONGEST_WINDOW
        assert shelf.delivered == 0


async def test_nobody_listening_counts_as_delivered() -> None:
    shelf = Shelf()
    shelf.note(5)
    async with (
        ScriptedBroker(acknowledge=holding_events(0x10)) as broker,
        running(make(broker.port, shelf)) as ours,
    ):
        await until(lambda: shelf.delivered == 5)
        assert ours.feed.unheard_total == 5


async def test_the_window_is_twenty() -> None:
    shelf = Shelf()
    shelf.note(100)
    async with (
        ScriptedBroker(acknowledge=holding_events()) as broker,
        running(make(broker.port, shelf)),
    ):
        await until(lambda: len(broker.held) == 20)
        broker.release()
        await until(lambda: len(broker.held) == 20)
        assert len(broker.on(f"{R}/events")) == 40
        assert shelf.delivered == 20


async def test_the_window_is_the_receive_maximum_if_that_is_less() -> None:
    shelf = Shelf()
    shelf.note(100)
    async with (
        ScriptedBroker(with_receive_maximum(3), holding_events()) as broker,
        running(make(broker.port, shelf)) as ours,
    ):
        await until(lambda: len(broker.held) == 3)
        ours.retain("doors/lobby", b"{}")
        broker.send(f"{R}/requests/x", b"")
        await until(lambda: len(broker.held) == 3)
        assert not broker.on(f"{R}/doors/lobby")  # it would be the fourth
        broker.release()
        await until(lambda: broker.on(f"{R}/doors/lobby"))


async def test_a_gap_in_the_acknowledgements_holds_the_cursor() -> None:
    shelf = Shelf()
    shelf.note(5)

    def acknowledge(published: Published) -> int | None:
        return None if published.payload == b'{"seq":2}' else 0

    async with (
        ScriptedBroker(acknowledge=acknowledge) as broker,
        running(make(broker.port, shelf)),
    ):
        await until(lambda: len(broker.on(f"{R}/events")) == 5)
        await until(lambda: shelf.delivered == 1)
        broker.release()
        await until(lambda: shelf.delivered == 5)


async def test_after_a_lost_link_everything_not_acknowledged_comes_again_in_order() -> None:
    shelf = Shelf()
    shelf.note(30)
    async with ScriptedBroker(acknowledge=holding_events()) as broker:
        async with running(make(broker.port, shelf)):
            await until(lambda: len(broker.held) == 20)
            first = broker.on(f"{R}/events")
            broker.published.clear()
            broker.acknowledge = lambda _: 0
            broker.drop()
            await until(lambda: shelf.delivered == 30)
        assert first == shelf.bodies()[:20]
        assert broker.on(f"{R}/events") == shelf.bodies()


async def test_a_broker_that_acknowledges_nothing_is_left() -> None:
    """Without a bound a lost acknowledgement would stop the feed for ever."""
    shelf = Shelf()
    shelf.note(3)
    async with (
        ScriptedBroker(acknowledge=holding_events()) as broker,
        running(make(broker.port, shelf, patience=0.05)) as ours,
    ):
        await until(lambda: ours.counters.sessions >= 2)
        broker.acknowledge = lambda _: 0
        await until(lambda: shelf.delivered == 3)


async def test_nothing_published_in_one_session_is_sent_by_the_next() -> None:
    """State is shown as it is now; events start at the cursor; the library repeats nothing."""
    async with (
        ScriptedBroker(acknowledge=lambda _: None) as broker,
        running(make(broker.port), connected=False) as ours,
    ):
        ours.retain("doors/lobby", b'{"mode":"unlocked"}')
        await until(lambda: broker.on(f"{R}/doors/lobby"))
        broker.drop()
        ours.retain("doors/lobby", b'{"mode":"locked"}')
        broker.published.clear()
        await until(lambda: broker.on(f"{R}/doors/lobby"))
        assert broker.on(f"{R}/doors/lobby") == [b'{"mode":"locked"}']


async def test_a_journal_that_cannot_be_read_pauses_the_feed() -> None:
    shelf = Shelf(broken=True)
    shelf.note(3)
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, shelf, refused_pause=0.02)) as ours,
    ):
        await until(lambda: "on fire" in (ours.feed.trouble or ""))
        shelf.broken = False
        await until(lambda: shelf.delivered == 3)
        assert ours.feed.trouble is None


# --- state --------------------------------------------------------------------------


async def test_of_a_burst_only_the_newest_is_sent() -> None:
    async with ScriptedBroker() as broker, running(make(broker.port)) as ours:
        for number in range(1000):
            ours.retain("doors/lobby", b'{"n":%d}' % number)
        ours.retain("doors/lobby", b'{"n":999}')
        await ours.drain(5)
        sent = broker.on(f"{R}/doors/lobby")
    assert sent[-1] == b'{"n":999}'
    assert len(sent) <= 2


async def test_state_that_was_forgotten_is_cleared_also_after_an_outage() -> None:
    async with ScriptedBroker() as broker, running(make(broker.port)) as ours:
        ours.retain("doors/old", b"{}")
        await ours.drain(5)
        broker.drop()
        await until(lambda: not ours.connected)
        ours.forget("doors/old")
        ours.forget("doors/never")
        await until(lambda: ours.connected)
        await ours.drain(5)
        assert broker.on(f"{R}/doors/old") == [b"{}", b""]
        assert not broker.on(f"{R}/doors/never")
        broker.published.clear()
        broker.drop()
        await until(lambda: broker.on(f"{R}/status") and ours.connected)
        assert not broker.on(f"{R}/doors/old")


async def test_refused_state_is_counted_and_not_repeated() -> None:
    def acknowledge(published: Published) -> int:
        return NOT_AUTHORISED if "doors" in published.topic else 0

    async with (
        ScriptedBroker(acknowledge=acknowledge) as broker,
        running(make(broker.port)) as ours,
    ):
        ours.retain("doors/lobby", b"{}")
        await ours.drain(5)
        assert ours.counters.state_refused == 1
        assert len(broker.on(f"{R}/doors/lobby")) == 1


@pytest.mark.parametrize(
    "topic", ["doors/#", "doors/+", "doors//x", "../x", "doors/a\x00", "$SYS"]
)
async def test_no_name_leads_out_of_our_topics(topic: str) -> None:
    with pytest.raises(AssertionError):
        make(1).retain(topic, b"{}")


async def test_only_a_sweep_can_make_us_clear_a_topic() -> None:
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, owned={"doors/lobby"})) as ours,
    ):
        await until(lambda: len(broker.subscribed) == 3)
        for topic in ("doors/lobby", "doors/a/b", "doors/", "status", "doors"):
            broker.send(f"{R}/{topic}", b"{}", retain=True)
        broker.send(f"{R}/doors/new", b"{}")
        broker.send(f"{R}/doors/old", b"{}", retain=True, number=9)
        await until(lambda: 9 in broker.acknowledged)
        await ours.drain(5)
        cleared = [each.topic for each in broker.published if not each.payload]
        assert cleared == [f"{R}/doors/old"]


# --- live ---------------------------------------------------------------------------


async def test_live_never_waits_behind_the_backlog() -> None:
    shelf = Shelf()
    shelf.note(1000)
    async with (
        ScriptedBroker(acknowledge=holding_events()) as broker,
        running(make(broker.port, shelf)) as ours,
    ):
        await until(lambda: len(broker.held) == 20)
        ours.live(b'{"seq":1001}')
        await until(lambda: broker.on(f"{R}/live"))
        assert next(each for each in broker.published if each.topic.endswith("live")).qos == 0
        assert len(broker.on(f"{R}/events")) == 20


async def test_live_is_dropped_and_counted_when_nobody_is_there() -> None:
    ours = make(1)
    ours.live(b"{}")
    assert ours.counters.live_dropped == 1


async def test_live_is_dropped_when_the_socket_does_not_keep_up() -> None:
    async with ScriptedBroker() as broker, running(make(broker.port)) as ours:
        for _ in range(mqtt_session.MOST_UNSENT + 100):  # nothing leaves without a pause here
            ours.live(bytes(1000))
        assert ours.counters.live_dropped == 100
        await until(lambda: len(broker.on(f"{R}/live")) == mqtt_session.MOST_UNSENT)


# --- requests -----------------------------------------------------------------------


async def test_a_request_is_acknowledged_when_it_is_taken_care_of_and_not_before() -> None:
    taken: list[Incoming] = []
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=taken.append)) as ours,
    ):
        broker.send(f"{R}/requests/door.unlock", b"{}", number=7)
        await until(lambda: taken)
        ours.retain("doors/lobby", b"{}")
        await ours.drain(5)  # whatever we send has arrived
        assert broker.acknowledged == []
        taken[0].accepted()
        await until(lambda: broker.acknowledged == [7])
    assert (taken[0].command, taken[0].payload, taken[0].via) == ("door.unlock", b"{}", "mqtt")
    assert not taken[0].retained


async def test_nothing_that_is_acknowledged_is_discarded_in_a_flood() -> None:
    taken: list[Incoming] = []
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=taken.append)),
    ):
        for number in range(1, 2001):
            broker.send(f"{R}/requests/x", b"%d" % number, number=number)
        await until(lambda: len(taken) == 2000)
        for each in taken:
            each.accepted()
        await until(lambda: len(broker.acknowledged) == 2000)
    assert [each.payload for each in taken] == [b"%d" % number for number in range(1, 2001)]


@pytest.mark.parametrize("topic", ["requests/x", f"x/{R}/requests/x", "other/hq/requests/x"])
async def test_a_message_from_elsewhere_is_no_request(topic: str) -> None:
    taken: list[Incoming] = []
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=taken.append)),
    ):
        broker.send(topic, b"{}", number=7)
        await until(lambda: broker.acknowledged == [7])
        assert taken == []


async def test_a_request_accepted_after_its_link_was_lost_is_not_acknowledged_elsewhere() -> (
    None
):
    taken: list[Incoming] = []
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=taken.append)) as ours,
    ):
        broker.send(f"{R}/requests/x", b"", number=7)
        await until(lambda: taken)
        broker.drop()
        await until(lambda: ours.counters.sessions == 2 and ours.connected)
        taken[0].accepted()
        ours.retain("doors/lobby", b"{}")
        await ours.drain(5)
        assert broker.acknowledged == []


async def test_a_retained_request_says_that_it_was() -> None:
    taken: list[Incoming] = []
    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=taken.append)),
    ):
        broker.send(f"{R}/requests/door.unlock", b"{}", retain=True)
        await until(lambda: taken)
    assert taken[0].retained


@pytest.mark.parametrize(
    ("client", "wished", "topic"),
    [
        ("desk", None, "replies/desk"),
        ("desk", f"{R}/replies/desk", "replies/desk"),
        ("desk", f"{R}/replies/desk/42", "replies/desk/42"),
        ("desk", f"{R}/replies/desk2", "replies/desk"),
        ("desk", f"{R}/replies/other", "replies/desk"),
        ("desk", f"{R}/replies/desk/#", "replies/desk"),
        ("desk", f"{R}/replies/desk//x", "replies/desk"),
        ("desk", f"{R}/doors/lobby", "replies/desk"),
        ("desk", "$SYS/x", "replies/desk"),
        ("desk", f"{R}/replies/desk/" + "x" * 300, "replies/desk"),
        (None, None, "replies/unknown"),
        (None, f"{R}/replies/any/where", "replies/any/where"),
        (None, f"{R}/replies", "replies/unknown"),
        (None, f"{R}/repliesx/y", "replies/unknown"),
        (None, f"{R}/requests/door.unlock", "replies/unknown"),
    ],
)
async def test_an_answer_goes_only_below_the_replies(
    client: str | None, wished: str | None, topic: str
) -> None:
    def answer(incoming: Incoming) -> None:
        incoming.reply(None if client is None else ClientId(client), b"{}")

    async with (
        ScriptedBroker() as broker,
        running(make(broker.port, on_request=answer)),
    ):
        broker.send(f"{R}/requests/x", b"", response_topic=wished, correlation=b"c7")
        await until(lambda: len(broker.published) == 2)
        assert broker.published[-1].topic == f"{R}/{topic}"
        assert broker.published[-1].qos == 1
        assert broker.published[-1].properties == b"\x09\x00\x02c7"  # correlation data


async def test_answers_go_before_state_and_state_before_events() -> None:
    shelf = Shelf()
    shelf.note(100)
    async with (
        ScriptedBroker(acknowledge=holding_events()) as broker,
        running(make(broker.port, shelf)) as ours,
    ):
        await until(lambda: len(broker.held) == 20)
        ours.retain("doors/lobby", b"{}")
        ours.reply(None, b"{}")
        broker.published.clear()
        broker.release()
        await until(lambda: len(broker.held) >= 18)
        assert [each.topic for each in broker.published[:3]] == [
            f"{R}/replies/unknown",
            f"{R}/doors/lobby",
            f"{R}/events",
        ]


async def test_an_answer_survives_an_outage() -> None:
    async with (
        ScriptedBroker(
            acknowledge=lambda published: None if "replies" in published.topic else 0
        ) as broker,
        running(make(broker.port)) as ours,
    ):
        ours.reply(None, b'{"n":1}')
        ours.reply(None, b'{"n":2}')
        await until(lambda: len(broker.held) == 2)
        broker.drop()
        ours.reply(None, b'{"n":3}')
        broker.published.clear()
        broker.acknowledge = lambda _: 0
        await until(lambda: len(broker.on(f"{R}/replies/unknown")) == 3)
        assert broker.on(f"{R}/replies/unknown") == [b'{"n":1}', b'{"n":2}', b'{"n":3}']


async def test_answers_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatewayd.edge.mqtt.MOST_ANSWERS", 3)
    ours = make(1)
    for _ in range(5):
        ours.reply(None, b"{}")
    assert ours.counters.answers_lost == 2


async def test_draining_does_not_wait_for_a_broker_that_is_away() -> None:
    ours = make(1)
    ours.reply(None, b"{}")
    async with asyncio.timeout(1):
        await ours.drain(60)
    trying = asyncio.create_task(ours.run())
    async with asyncio.timeout(10):
        await ours.drain(60)  # one try there must be
    assert ours.trouble
    trying.cancel()
    await asyncio.wait([trying])


async def test_draining_waits_for_the_first_session_and_for_events_under_way() -> None:
    """Whoever has to stop right after the start has something to say."""
    shelf = Shelf()
    async with ScriptedBroker() as broker:
        ours = make(broker.port, shelf)
        ours.retain("audit", b"{}")
        running = asyncio.create_task(ours.run())
        draining = asyncio.create_task(ours.drain(60, last=1))
        await until(lambda: ours.connected)
        assert broker.on(f"{R}/audit") == [b"{}"]
        assert not draining.done()
        shelf.note(1)
        ours.committed()
        await asyncio.wait_for(draining, 10)
        assert len(broker.on(f"{R}/events")) == 1
        running.cancel()
        await asyncio.wait([running])
