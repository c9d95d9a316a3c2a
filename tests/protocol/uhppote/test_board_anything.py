"""A board at the far end of a network that does its worst, whatever is asked of it."""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol.uhppote.board import Board, BoardSettings
from protocol.uhppote.cards import PutCard
from protocol.uhppote.doors import OpenDoor
from protocol.uhppote.extensions import Capability
from protocol.uhppote.happenings import (
    Announced,
    Answered,
    BoardEvent,
    Ended,
    EventRead,
    EventsLost,
    Expired,
    NewEpoch,
)
from protocol.uhppote.message import Request
from protocol.uhppote.status import Event
from protocol.uhppote.walk import Start
from tests.protocol.uhppote.tiny_board import SERIAL, TinyBoard, Wire

LONG_ENOUGH = 120.0  # seconds on a quiet network to catch up with everything


class HostileNetwork(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), echoes=st.booleans(), doubles=st.booleans())
    def begin(self, seed: int, echoes: bool, doubles: bool) -> None:  # noqa: FBT001 - drawn
        self.now = 100.0
        self.tiny = TinyBoard(echoes=echoes)
        self.out = Wire(Random(seed))  # noqa: S311 - a network, not a secret
        self.back = Wire(Random(seed + 1))  # noqa: S311 - the same
        self.out.doubles *= doubles
        self.spoken = 0
        self.told: list[BoardEvent] = []
        self.orders: dict[int, Request] = {}
        self.histories: list[list[Event]] = [self.tiny.log]
        capabilities = Capability.SEQUENCE if echoes else Capability.NONE
        self.board = Board(
            BoardSettings(SERIAL, capabilities=capabilities, start=Start.OLDEST),
            self.told.append,
        )

    def go_on(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            for raw in self.out.arrived(self.now):
                reply = self.tiny.answer(raw)
                if reply is not None:
                    self.back.send(reply, self.now)
            for raw in self.back.arrived(self.now):
                self.board.hear(raw, self.now)
            question = self.board.speak(self.now)
            if question is not None:
                self.spoken += question[1] == OpenDoor.CODE
                self.out.send(question, self.now)
            soonest = min(self.board.deadline, self.out.next_at(), self.back.next_at(), end)
            self.now = max(soonest, self.now + 0.001)

    @rule(seconds=st.floats(0.01, 4.0))
    def time_passes(self, seconds: float) -> None:
        self.go_on(seconds)

    @rule(cards=st.lists(st.integers(1, 999), min_size=1, max_size=20), pushes=st.booleans())
    def cards_are_shown(self, cards: list[int], pushes: bool) -> None:  # noqa: FBT001 - drawn
        for card in cards:
            self.tiny.happen(card)
            if pushes:
                self.back.send(self.tiny.push(), self.now)
            self.go_on(0.05)

    @rule(index=st.integers(1, 2**32 - 1))
    def somebody_forges_an_event(self, index: int) -> None:
        pushed = TinyBoard(log=[Event(index, 1, granted=True, door=1, card=7)]).push()
        self.board.hear(pushed, self.now, pushed=True)

    @rule(noise=st.binary(max_size=70))
    def noise_arrives(self, noise: bytes) -> None:
        self.board.hear(noise, self.now)

    @rule(seconds=st.floats(0.0, 5.0), opens=st.booleans())
    def something_is_ordered(self, seconds: float, opens: bool) -> None:  # noqa: FBT001 - drawn
        ticket = len(self.orders) + 1
        request = OpenDoor(1) if opens else PutCard(ticket, None, None, (1, 1, 1, 1))
        self.orders[ticket] = request
        assert self.board.submit(request, ticket, self.now + seconds)

    @rule()
    def the_network_is_cut_for_a_while(self) -> None:
        before = self.out.loss, self.back.loss
        self.out.loss = self.back.loss = 1.0
        self.go_on(8.0)
        self.out.loss, self.back.loss = before

    @precondition(lambda self: len(self.tiny.log) > 3 * len(self.histories))
    @rule()
    def the_board_is_reset(self) -> None:
        """It takes a while to start, and what was under way to it is gone."""
        self.tiny.reset()
        self.histories.append(self.tiny.log)
        self.the_network_is_cut_for_a_while()

    @invariant()
    def doors_open_at_most_once_an_order(self) -> None:
        ordered = [each for each in self.orders.values() if isinstance(each, OpenDoor)]
        assert self.spoken <= len(ordered)
        if not self.out.doubles:  # else the network does what we never do
            assert len(self.tiny.opened) <= len(ordered)

    @invariant()
    def every_order_ends_once(self) -> None:
        tickets = [each.ticket for each in self.told if isinstance(each, Ended)]
        assert len(tickets) == len(set(tickets))

    @invariant()
    def events_are_true_and_in_order(self) -> None:
        epoch, read, announced = 0, 0, set[int]()
        for each in self.told:
            match each:
                case NewEpoch(epoch, last):
                    read, announced = last, set()
                case EventsLost():
                    assert each.epoch == epoch
                    assert each.first == read + 1
                    read = each.last
                case Announced():
                    assert each.event.index not in announced
                    announced.add(each.event.index)
                case EventRead():
                    assert each.epoch == epoch
                    assert each.event.index > read
                    assert each.announced == (each.event.index in announced)
                    read = each.event.index
                    assert any(
                        len(log) >= read and log[read - 1] == each.event
                        for log in self.histories
                    )

    def teardown(self) -> None:
        if not hasattr(self, "board"):
            return
        for wire in (self.out, self.back):
            wire.loss = wire.doubles = wire.slowest = 0.0
        self.go_on(LONG_ENOUGH)
        self.events_are_true_and_in_order()
        self.nothing_is_missing()
        ended = {each.ticket: each.outcome for each in self.told if isinstance(each, Ended)}
        assert ended.keys() == self.orders.keys()
        assert all(
            isinstance(outcome, Expired | Answered) or outcome.tries <= 3  # type: ignore[union-attr]  # Sent cannot be
            for outcome in ended.values()
        )

    def nothing_is_missing(self) -> None:
        """Each event of the board's last history was read, or is known to be gone."""
        epoch = max(each.epoch for each in self.told if isinstance(each, NewEpoch))
        mine = [
            each for each in self.told if isinstance(each, EventRead) and each.epoch == epoch
        ]
        lost = {
            index
            for each in self.told
            if isinstance(each, EventsLost) and each.epoch == epoch
            for index in range(each.first, each.last + 1)
        }
        assert self.board.walk.cursor.index == len(self.tiny.log)
        read = [each.event.index for each in mine]
        skipped = min(read, default=len(self.tiny.log) + 1) - 1  # gone before first contact
        expected = list(range(skipped + 1, len(self.tiny.log) + 1))
        assert sorted([*read, *(index for index in lost if index > skipped)]) == expected
        assert not lost & set(read)
        kept = [each.event for each in mine if each.event.index > self.tiny.gone]
        assert kept == self.tiny.log[len(self.tiny.log) - len(kept) :]  # no other history's


TestHostileNetwork = HostileNetwork.TestCase
TestHostileNetwork.settings = settings(stateful_step_count=25)
