"""A request is answered exactly once, and acts at most once."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gatewayd.core.actions import Answer
from gatewayd.core.events import Event, RequestAccepted, RequestEnded
from gatewayd.core.facts import RequestCommitted
from gatewayd.core.model import ClientId, ControllerId, DoorId, Moment, RequestId
from gatewayd.core.requests import CommissionController, Request, UnlockDoor
from gatewayd.edge import requests
from gatewayd.edge.journal_table import Remembered, Unfinished
from gatewayd.edge.mqtt_session import LARGEST_PACKET
from gatewayd.edge.request_json import LARGEST_REQUEST
from gatewayd.edge.requests import Bucket, Incoming, Limits, Router, Trust

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
DESK = ClientId("desk")
R7 = RequestId("r7")
UNLOCK = "door.unlock"


@dataclass
class Hand:
    """A clock that moves when told."""

    now: Moment = field(default_factory=lambda: Moment(1000.0, NOON))

    def moment(self) -> Moment:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now = Moment(self.now.mono + seconds, self.now.utc + timedelta(seconds=seconds))


@dataclass
class Entry:
    seq: int


@dataclass
class Memory:
    """A journal that commits when told."""

    events: list[Event] = field(default_factory=list)
    known: set[tuple[ClientId, RequestId]] = field(default_factory=set)
    open: list[Unfinished] = field(default_factory=list)
    finished: list[tuple[ClientId, RequestId]] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)
    full: bool = False
    broken: bool = False

    def note(self, event: Event, now: Moment) -> Entry | None:
        assert now.utc.tzinfo
        self.events.append(event)
        return None if self.full else Entry(len(self.events))

    def remember_request(
        self,
        request: RequestId,
        client: ClientId,
        seq: int,
        done: Callable[[Remembered], None],
    ) -> None:
        assert isinstance(self.events[seq - 1], RequestAccepted)
        key = client, request

        def commit() -> None:
            new = Remembered.DUPLICATE if key in self.known else Remembered.NEW
            self.known.add(key)
            done(Remembered.FAILED if self.broken else new)

        self.waiting.append(commit)

    def finish_request(self, request: RequestId, client: ClientId) -> None:
        self.finished.append((client, request))

    def unfinished_requests(self) -> list[Unfinished]:
        return self.open

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each()


class Scene:
    """A router, what it told the brain and whom it answered."""

    def __init__(self, memory: Memory | None = None, trust: Trust = "broker") -> None:
        self.clock = Hand()
        self.memory = memory or Memory()
        self.told: list[Request] = []
        self.answers: list[tuple[ClientId | None, dict[str, Any]]] = []
        self.accepted = 0
        self.router = Router(
            self.memory, self.clock, trust, tell=self._tell, publish=self._reply
        )

    def _tell(self, fact: RequestCommitted) -> None:
        self.told.append(fact.request)

    def _reply(self, client: ClientId | None, body: bytes) -> None:
        self.answers.append((client, json.loads(body)))

    def _accepted(self) -> None:
        self.accepted += 1

    def send(self, payload: bytes | None = None, command: str = UNLOCK, **more: Any) -> None:  # noqa: ANN401
        self.router.take(
            Incoming(
                command,
                payload or self.request(),
                more.pop("via", "mqtt"),
                reply=self._reply,
                accepted=self._accepted,
                **more,
            )
        )

    def request(self, **changes: object) -> bytes:
        utc = self.clock.now.utc
        return json.dumps(
            {
                "id": "r7",
                "client": "desk",
                "issued": written(utc),
                "expires": written(utc + timedelta(seconds=10)),
                "args": {"door": "lobby"},
            }
            | changes
        ).encode()

    def codes(self) -> list[str | None]:
        return [each.get("error", {}).get("code") for _, each in self.answers]


def written(utc: datetime) -> str:
    return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_a_request_acts_once_it_is_committed_and_not_before() -> None:
    scene = Scene()
    scene.send()
    assert scene.told == []
    assert scene.accepted == 0
    assert scene.memory.events == [RequestAccepted(R7, DESK, UNLOCK, DoorId("lobby"))]

    scene.memory.commit()
    assert scene.told == [Request(R7, DESK, UnlockDoor(DoorId("lobby")), expires=1010.0)]
    assert scene.accepted == 1
    assert scene.answers == []


def test_its_answer_goes_to_who_asked_once() -> None:
    scene = Scene()
    scene.send()
    scene.memory.commit()
    answer = Answer(R7, result={"door": "lobby"}, client=DESK)
    scene.router.answer(answer)
    scene.router.answer(answer)
    assert scene.answers == [(DESK, {"id": "r7", "ok": True, "result": {"door": "lobby"}})]
    assert scene.memory.finished == [(DESK, R7)]


def test_an_error_of_the_brain_is_an_answer_too() -> None:
    scene = Scene()
    scene.send()
    scene.memory.commit()
    scene.router.answer(Answer(R7, "no_such_door", "there is no door lobby", client=DESK))
    error = {"code": "no_such_door", "message": "there is no door lobby"}
    assert scene.answers == [(DESK, {"id": "r7", "ok": False, "error": error})]


def test_an_answer_to_nobody_is_ignored() -> None:
    scene = Scene()
    scene.router.answer(Answer(R7, client=DESK))
    scene.router.answer(Answer(R7))
    assert scene.answers == []


def test_two_clients_may_use_the_same_id() -> None:
    scene = Scene()
    scene.send()
    scene.send(scene.request(client="phone"))
    scene.memory.commit()
    assert [each.client for each in scene.told] == ["desk", "phone"]
    scene.router.answer(Answer(R7))  # whose?
    assert scene.answers == []
    scene.router.answer(Answer(R7, client=ClientId("phone")))
    assert [client for client, _ in scene.answers] == ["phone"]
    scene.router.answer(Answer(R7))  # now there is only one left
    assert [client for client, _ in scene.answers] == ["phone", "desk"]


# --- twice --------------------------------------------------------------------------


def test_the_same_request_twice_acts_once_and_both_are_answered() -> None:
    scene = Scene()
    scene.send()
    scene.send()
    scene.memory.commit()
    scene.router.answer(Answer(R7, client=DESK))
    scene.send()
    scene.memory.commit()
    assert len(scene.told) == 1
    assert scene.codes() == ["duplicate_request", None, "duplicate_request"]
    assert scene.accepted == 3
    assert scene.memory.events[-1] == RequestEnded(R7, DESK, "duplicate_request")


def test_a_request_seen_before_a_restart_never_acts_again() -> None:
    before = Scene()
    before.send()
    before.memory.commit()

    after = Scene(before.memory)
    after.send()
    after.memory.commit()
    assert after.told == []
    assert after.codes() == ["duplicate_request"]


def test_what_an_earlier_run_left_open_has_an_unknown_outcome() -> None:
    memory = Memory(open=[Unfinished(R7, DESK, 3)])
    scene = Scene(memory)
    scene.router.start()
    assert scene.codes() == ["outcome_unknown"]
    assert scene.answers[0][0] == DESK
    assert scene.told == []
    assert memory.finished == [(DESK, R7)]
    assert memory.events == [RequestEnded(R7, DESK, "outcome_unknown")]


# --- refused ------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"[", b"{}", b'{"id":"r7","client":"desk"}', b"\xff"])
def test_a_payload_that_is_no_request_is_an_answer_and_nothing_else(payload: bytes) -> None:
    scene = Scene()
    scene.send(payload)
    assert scene.codes() == ["invalid_request"]
    assert scene.accepted == 1
    assert scene.told == []
    assert scene.memory.events == []


def test_an_unknown_command_is_refused() -> None:
    scene = Scene()
    scene.send(command="door.pulse")
    assert scene.codes() == ["unknown_command"]
    assert scene.answers[0][0] == DESK


def test_a_retained_request_is_refused_whatever_it_says() -> None:
    scene = Scene()
    scene.send(retained=True)
    scene.send(b"junk", retained=True)
    assert scene.codes() == ["retained_request"] * 2
    assert scene.told == []


def test_nobody_on_the_broker_is_trusted_unless_that_was_chosen() -> None:
    scene = Scene(trust="signed")
    scene.send()
    assert scene.codes() == ["not_permitted"]
    scene.memory.commit()
    assert scene.told == []


def test_the_local_channel_needs_no_trust_in_the_broker() -> None:
    scene = Scene(trust="signed")
    bodies: list[bytes] = []
    scene.router.submit(UNLOCK, scene.request(), via="local", reply=bodies.append)
    scene.memory.commit()
    scene.router.answer(Answer(R7, client=DESK))
    assert len(scene.told) == 1
    assert json.loads(bodies[0])["ok"] is True


def test_who_cannot_look_at_a_unit_names_its_serial_number() -> None:
    scene = Scene()
    look = scene.request(args={"controller": "c1", "seconds": 30})
    scene.send(look, "controller.commission")
    assert scene.codes() == ["invalid_request"]
    assert "serial" in scene.answers[0][1]["error"]["message"]
    scene.send(look, "controller.commission", via="local")
    named = {"controller": "c1", "seconds": 30, "serial": "0000002A"}
    scene.send(scene.request(id="r8", args=named), "controller.commission")
    scene.memory.commit()
    assert [each.command for each in scene.told] == [
        CommissionController(ControllerId("c1"), 30, None),
        CommissionController(ControllerId("c1"), 30, "0000002a"),
    ]
    accepted = [each for each in scene.memory.events if isinstance(each, RequestAccepted)]
    assert [each.controller for each in accepted] == ["c1", "c1"]


@pytest.mark.parametrize(
    "args",
    [
        {"seconds": 30, "serial": "0000002a"},
        {"controller": "c1", "seconds": 0, "serial": "0000002a"},
        {"controller": "c1", "seconds": 301, "serial": "0000002a"},
        {"controller": "c1", "seconds": True, "serial": "0000002a"},
        {"controller": "c1", "seconds": 30, "serial": "2a"},
        {"controller": "c1", "seconds": 30, "serial": 42},
        {"controller": "c1", "seconds": 30, "serial": "0000002a", "key": "00"},
    ],
)
def test_a_window_is_asked_for_in_every_detail(args: dict[str, object]) -> None:
    scene = Scene()
    scene.send(scene.request(args=args), "controller.commission")
    assert scene.codes() == ["invalid_request"]


def test_nobody_on_the_broker_passes_for_somebody_on_the_host() -> None:
    scene = Scene()
    scene.send(scene.request(client="local-0"))
    assert scene.codes() == ["not_permitted"]
    scene.send(scene.request(client="local-0"), via="local")
    scene.memory.commit()
    assert len(scene.told) == 1


@pytest.mark.parametrize(
    ("issued", "expires", "code"),
    [
        (-10, -1, "request_expired"),
        (-10, 0, "request_expired"),
        (-299, 1, None),
        (30, 60, None),
        (31, 60, "request_early"),
        (0, 301, "invalid_request"),
        (0, 300, None),
        (5, 5, "invalid_request"),
        (5, 4, "invalid_request"),
    ],
)
def test_a_request_counts_from_issued_until_it_expires(
    issued: int, expires: int, code: str | None
) -> None:
    scene = Scene()
    first, last = (written(NOON + timedelta(seconds=each)) for each in (issued, expires))
    scene.send(scene.request(issued=first, expires=last))
    scene.memory.commit()
    assert scene.codes() == ([] if code is None else [code])
    assert len(scene.told) == (code is None)


def test_what_cannot_be_written_down_does_not_act() -> None:
    scene = Scene(Memory(broken=True))
    scene.send()
    scene.memory.commit()
    assert scene.codes() == ["internal_error"]
    assert scene.told == []
    assert scene.accepted == 1
    assert scene.memory.events[-1] == RequestEnded(R7, DESK, "internal_error")


def test_a_journal_without_room_lets_nothing_act() -> None:
    scene = Scene(Memory(full=True))
    scene.send()
    scene.memory.commit()
    assert scene.codes() == ["internal_error"]
    assert scene.told == []


def test_what_only_reads_works_without_a_disk_and_leaves_no_trace() -> None:
    scene = Scene(Memory(full=True, broken=True))
    scene.send(scene.request(args={}), command="health.read")
    assert len(scene.told) == 1
    assert scene.accepted == 1
    scene.router.answer(Answer(R7, result={"well": True}, client=DESK))
    assert scene.codes() == [None]
    assert scene.memory.events == []
    assert scene.memory.finished == []


def test_our_own_failure_is_an_answer_and_no_action(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_command: str, _payload: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(requests, "decode_request", fail)
    scene = Scene()
    scene.send()
    assert scene.codes() == ["internal_error"]
    assert scene.accepted == 1
    assert scene.told == []


def test_a_result_that_is_no_json_is_an_error_of_ours() -> None:
    scene = Scene()
    scene.send()
    scene.memory.commit()
    scene.router.answer(Answer(R7, result=object(), client=DESK))
    assert scene.codes() == ["internal_error"]


# --- bounds -------------------------------------------------------------------------


def test_requests_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "MOST_PENDING", 3)
    scene = Scene()
    for number in range(5):
        scene.send(scene.request(id=f"r{number}"))
    assert scene.codes() == ["busy"] * 2
    scene.memory.commit()
    scene.router.answer(Answer(RequestId("r0"), client=DESK))
    scene.send(scene.request(id="r9"))
    assert scene.codes() == ["busy", "busy", None]


def test_a_request_the_brain_forgot_is_answered_and_gives_its_place_away() -> None:
    scene = Scene()
    scene.send()
    scene.memory.commit()
    scene.clock.wait(10 + requests.LONGEST_WAIT + 1)
    scene.send(scene.request(id="r8"))
    scene.router.answer(Answer(R7, client=DESK))  # too late to be the answer
    assert scene.codes() == ["outcome_unknown"]


def test_a_client_that_asks_too_often_is_told_so() -> None:
    scene = Scene()
    burst = int(requests.BURST)
    for number in range(burst + 20):
        scene.send(scene.request(id=f"a{number}", args={}), command="health.read")
    refused = scene.codes().count("rate_limited")
    assert 0 < refused <= 30

    before = len(scene.answers)
    scene.send(scene.request(id="b1", client="phone", args={}), command="health.read")
    assert len(scene.answers) == before  # another client is served

    scene.clock.wait(1)
    scene.send(scene.request(id="b2", args={}), command="health.read")
    assert scene.codes().count("rate_limited") == refused


def test_a_flood_of_rubbish_is_not_even_read() -> None:
    scene = Scene()
    for _ in range(int(requests.ALL_BURST) + 50):
        scene.send(b"rubbish")
    assert scene.codes()[0] == "invalid_request"
    assert scene.codes()[-1] == "rate_limited"


def test_the_local_channel_is_not_limited() -> None:
    scene = Scene()
    bodies: list[bytes] = []
    for _ in range(int(requests.ALL_BURST) + 50):
        scene.router.submit("x", b"{}", via="local", reply=bodies.append)
    assert b"unknown_command" in bodies[-1]


def test_a_bucket_fills_with_time_and_never_beyond_its_burst() -> None:
    bucket = Bucket(rate=2, burst=3, now=0)
    assert [bucket.take(1, 0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(1, 0.5)
    assert not bucket.take(1, 0.9)
    assert [bucket.take(1, 100) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(1000, 200)  # a full bucket is always enough
    assert not bucket.take(1, 200)


def test_long_requests_count_more() -> None:
    limits = Limits()
    long = sum(limits.client_may(DESK, LARGEST_REQUEST, 0) for _ in range(10))
    short = sum(limits.client_may(ClientId("phone"), 100, 0) for _ in range(10))
    assert (long, short) == (1, 10)


def test_clients_told_apart_are_bounded() -> None:
    limits = Limits()
    for number in range(10 * requests.MOST_CLIENTS):
        limits.client_may(ClientId(f"c{number}"), 1, 0)
    assert len(limits._clients) == requests.MOST_CLIENTS


def test_a_request_that_is_too_long_still_reaches_us_to_be_refused() -> None:
    assert LARGEST_REQUEST * 2 < LARGEST_PACKET
    scene = Scene()
    scene.send(b" " * (LARGEST_REQUEST + 1))
    assert scene.codes() == ["invalid_request"]
