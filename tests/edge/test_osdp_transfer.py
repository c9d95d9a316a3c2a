"""A file goes over a live line, and doors come first. In simulated time."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.edge.osdp_transfer import Opened, Transfers, longest_part
from gatewayd.simulate.device import Device
from protocol.osdp.bus import BusEvent, Done, Identified, Priority, Replied, WentOffline
from protocol.osdp.commands import (
    Abort,
    OutputAction,
    OutputRecord,
    Poll,
    SetOutputs,
    TransferFile,
)
from protocol.osdp.file_sender import End, Ended, Stage
from protocol.osdp.replies import RawCard, TransferAction, TransferResult
from tests.simulate.line import Line

CARD = bytes.fromhex("deadbec0")
KEYS = {
    each: bytes((each * 17 + at * at * 7 + 3) & 0xFF for at in range(16))
    for each in range(1, 9)
}
FIRMWARE = bytes(at * at % 251 for at in range(5_000))


def who(serial: int = 0) -> tuple[str, int, str]:
    return ("02475f", 1, f"{serial:08x}")


@dataclass
class World:
    """A line, its transfers, and somebody who unlocks for every card."""

    line: Line
    secure: bool = True
    size: int | None = None
    ended: dict[int, Ended] = field(default_factory=dict)
    shown: list[float] = field(default_factory=list)  # seconds from card to pulse
    hold_every: float = 0.0  # seconds; 0: nobody comes
    next_at: float = 0.0
    serial: int = 0

    def __post_init__(self) -> None:
        self.bus = self.line.bus
        self.transfers = Transfers(
            self.bus.send, self.line.character_time, self.ended.__setitem__
        )
        self.connections: dict[int, int] = {}
        self.held: dict[int, float] = {}
        self.line.on_event(self.hear)

    def hear(self, event: BusEvent) -> None:
        now = self.line.now
        match event:
            case Identified():
                connection = self.line.connection(event.address)
                self.connections[event.address] = connection
                self.transfers.opened(self.opened(event.address), now)
            case WentOffline():
                self.transfers.lost(event.address, now, forgotten=True)
            case Replied():
                if not self.transfers.replied(event) and isinstance(event.reply, RawCard):
                    self.line.unlock(event.address, 30)
            case Done():
                self.transfers.done(event, now)
            case _:
                pass

    def opened(self, address: int) -> Opened:
        connection = self.connections[address]
        return Opened(address, connection, who(self.serial), self.size, secure=self.secure)

    def begin(self, address: int, content: bytes = FIRMWARE) -> None:
        assert self.transfers.begin(address, content, who())
        if address in self.connections:
            self.transfers.opened(self.opened(address), self.line.now)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass; the line of this test wakes for the transfers as the real one does."""
        end = self.line.now + seconds
        while self.line.now < end:
            self.transfers.step(self.line.now)
            if until():
                break
            waits = self.transfers.deadline
            moment = max(self.line.now + 0.001, min(end, waits))
            if self.hold_every:
                moment = min(moment, self.line.now + 0.005)
            self.line.run_until(partial(self._due_before, waits), moment - self.line.now)
            self._people()
        self.transfers.step(self.line.now)

    def _due_before(self, moment: float) -> bool:
        return self.transfers.deadline < moment

    def run_to_the_end(self, address: int, seconds: float = 600.0) -> Ended:
        self.run(seconds, lambda: address in self.ended)
        return self.ended[address]

    def _people(self) -> None:
        """Hold a card to each reader now and then; measure until its strike moves."""
        if not self.hold_every:
            return
        for place in self.line.places:
            device, now = place.device, self.line.now
            at = self.held.get(device.address)
            if at is not None and device.pulses and device.pulses[-1].at >= at:
                self.shown.append(device.pulses[-1].at - at)
                del self.held[device.address]
            elif at is None and device.address != 1 and now >= self.next_at:
                self.next_at = now + self.hold_every
                device.present_card(26, CARD)
                self.held[device.address] = now


def world(count: int = 1, *, baud: int = 0, secure: bool = True) -> World:
    line = Line.with_units(count, baud=baud, keys=KEYS if secure else None)
    made = World(line, secure)
    line.run(3.0 if count == 1 else 8.0)  # until everybody is there
    return made


def sent(world: World) -> list[TransferFile]:
    """Only in clear can be seen what was sent."""
    return [
        TransferFile.decode(frame.body)
        for _, frame in world.line.heard(1, TransferFile.CODE)
        if frame.security is None
    ]


@pytest.mark.parametrize("secure", [True, False])
def test_a_file_arrives_byte_by_byte(*, secure: bool) -> None:
    site = world(secure=secure)
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert list(site.line.device(1).files.files) == [FIRMWARE]


def test_a_transfer_waits_for_a_unit_that_is_not_there_yet() -> None:
    site = World(Line.with_units(1), secure=False)
    site.begin(1)
    progress = site.transfers.progress(1)
    assert progress is not None
    assert progress.stage is Stage.AWAY
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)


def test_one_unit_has_one_transfer_at_a_time() -> None:
    site = world()
    site.begin(1)
    assert not site.transfers.begin(1, FIRMWARE, who())
    assert site.transfers.progress(2) is None


def test_nothing_is_longer_than_what_the_unit_takes() -> None:
    site = world(secure=False, baud=115200)
    site.size = 100
    site.begin(1)
    site.run_to_the_end(1)
    frames = [frame for _, frame in site.line.heard(1, TransferFile.CODE)]
    assert max(len(each.encode()) for each in frames) == 100


def test_nothing_holds_a_slow_wire_for_long() -> None:
    assert longest_part(10 / 9600) == 96
    assert longest_part(10 / 115200) == 1152
    assert longest_part(10 / 1200) == 64
    assert longest_part(0) == 128


def test_polls_go_in_between() -> None:
    site = world(secure=False, baud=38400)
    site.begin(1, FIRMWARE[:3000])
    begin = len(site.line.written)
    site.run_to_the_end(1)
    codes = [frame.code for _, frame in site.line.written[begin:]]
    parts = codes.count(TransferFile.CODE)
    assert parts > 20
    assert codes.count(Poll.CODE) > 5


def test_a_unit_that_wants_no_others_in_between_gets_its_parts_in_a_row() -> None:
    site = world(secure=False)
    site.line.device(1).files.action = TransferAction(0)
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)


@pytest.mark.parametrize(("baud", "limit"), [(9600, 0.5), (115200, 0.08)])
def test_people_at_other_doors_hardly_notice(baud: int, limit: float) -> None:
    """The worst card to unlock of seven neighbours, without and with a transfer."""
    worst = []
    for transfer in (False, True):
        site = world(8, baud=baud)
        site.hold_every = 0.47
        if transfer:
            site.begin(1, bytes(1_000_000))
        site.run(60.0)
        assert len(site.shown) > 100
        worst.append(max(site.shown))
    assert worst[0] < worst[1] < limit
    assert worst[1] < 1.5 * worst[0]


def test_an_unlock_does_not_wait_for_the_rest_of_a_file() -> None:
    site = world(baud=9600)
    site.begin(1, bytes(50_000))
    site.run(5.0)
    site.line.unlock(1, 30)
    asked = site.line.now
    site.run(1.0)
    assert site.line.device(1).pulses[-1].at - asked < 0.3


def test_a_slow_reader_gets_it_all_the_same() -> None:
    site = world(secure=False)
    site.line.place(1).latency = 0.45
    site.begin(1, FIRMWARE[:1000])
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert list(site.line.device(1).files.files) == [FIRMWARE[:1000]]


def test_a_unit_that_asks_for_time_gets_it() -> None:
    site = world(secure=False)
    site.line.device(1).files.delay = 6000
    site.begin(1, FIRMWARE[:250])
    begin = site.line.now
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert site.line.now - begin >= 12.0


def test_a_busy_unit_is_asked_again() -> None:
    site = world(secure=False)
    site.begin(1)
    site.run(0.2)
    site.line.device(1).busy = 5
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)


def test_after_the_line_was_away_it_goes_on() -> None:
    site = world(secure=False, baud=9600)
    site.begin(1)
    site.run(1.0)
    progress = site.transfers.progress(1)
    assert progress is not None
    assert progress.acknowledged > 100
    site.transfers.line_lost(site.line.now)
    site.bus.link_down(site.line.now)
    site.run(20.0)
    site.bus.link_up(site.line.now)
    before = len(sent(site))
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert sent(site)[before].offset == progress.acknowledged
    assert list(site.line.device(1).files.files) == [FIRMWARE]


def test_after_the_unit_lost_its_power_it_begins_anew() -> None:
    site = world(baud=9600)
    site.begin(1)
    site.run(0.5)
    site.line.place(1).unplugged = True
    site.run(10.0)
    site.line.device(1).cycle_power()
    site.line.place(1).unplugged = False
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert list(site.line.device(1).files.files) == [FIRMWARE]


def test_a_quick_power_cycle_is_noticed_too() -> None:
    site = world(baud=9600)
    site.begin(1)
    site.run(0.5)
    site.line.device(1).cycle_power()
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert list(site.line.device(1).files.files) == [FIRMWARE]


def test_another_unit_at_the_address_gets_nothing() -> None:
    site = world(secure=False, baud=9600)
    site.begin(1)
    site.run(0.3)
    parts = len(sent(site))
    site.serial = 99
    site.line.place(1).device = Device(1, serial=99)  # within a second, as thieves do
    ended = site.run_to_the_end(1)
    assert ended == Ended(End.FAILED, "another unit answers at its address")
    assert len(sent(site)) <= parts + 2  # what was under way, and its repetition


def test_while_the_gate_is_closed_it_rests() -> None:
    site = world(secure=False, baud=9600)
    site.begin(1)
    site.run(0.3)
    site.transfers.lost(1, site.line.now, forgotten=False)
    site.line.admit = False
    site.line.close_gate(1, identify_again=True)
    site.run(0.5)
    parts = len(sent(site))
    site.run(5.0)
    assert len(sent(site)) == parts
    site.line.admit = True
    site.line.close_gate(1, identify_again=True)
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)
    assert list(site.line.device(1).files.files) == [FIRMWARE]


def test_a_refusal_is_told_in_words() -> None:
    site = world(secure=False)
    files = site.line.device(1).files
    files.objects_at, files.objection = 300, TransferResult.UNRECOGNISED
    site.begin(1)
    why = "it does not recognise the file (status -2)"
    assert site.run_to_the_end(1) == Ended(End.FAILED, why)


def test_a_unit_that_knows_no_files_says_so() -> None:
    site = world(secure=False)
    del site.line.device(1)._duties[TransferFile]
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.FAILED, "it takes no files (NAK 3)")


def test_answers_without_sense_end_it() -> None:
    site = world(secure=False)
    site.line.device(1)._duties[TransferFile] = lambda _command, _now: _Senseless()
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.FAILED, "it answered without a status")


class _Senseless(Poll):
    """Says the code of a status and then nothing of one."""

    CODE = 0x7A


def test_a_plain_acknowledgement_is_no_status() -> None:
    site = world(secure=False)
    site.line.device(1)._duties[TransferFile] = site.line.device(1)._duties[Abort]
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.FAILED, "it answered without a status")


def test_it_can_be_called_off() -> None:
    site = world(secure=False)
    site.begin(1, bytes(100_000))
    site.run(0.5)
    assert site.transfers.abort(1, site.line.now)
    assert site.run_to_the_end(1) == Ended(End.ABORTED, "as asked")
    assert site.line.device(1).files.aborted == 1
    assert not site.transfers.abort(1, site.line.now)
    progress = site.transfers.progress(1)
    assert progress is not None
    assert progress.ended == Ended(End.ABORTED, "as asked")


def test_a_full_queue_holds_it_up_and_no_more() -> None:
    site = world(secure=False)
    for tag in range(100, 116):
        site.line.unlock(1, tag)
    site.begin(1)
    assert site.run_to_the_end(1) == Ended(End.PROCESSED)


def test_what_is_none_of_its_is_left_to_others() -> None:
    site = world(secure=False)
    pulse = SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 1),))
    site.bus.send(1, pulse, priority=Priority.UNLOCK, expires=99.0, tag=7, connection=1)
    (done,) = [each for each in site.line.run(1.0) if isinstance(each, Done)]
    assert not site.transfers.done(done, site.line.now)
    assert not site.transfers.replied(Replied(1, 1, Poll(), RawCard(0, 1, 26, CARD)))
    assert site.transfers.replied(Replied(1, 1, Poll(), RawCard(0, 1, 26, CARD), -5_000))


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.002, 0.01]), st.booleans())
def test_over_a_bad_wire_it_arrives_whole_or_fails(
    seed: int,
    bad: float,
    secure: bool,  # noqa: FBT001 - hypothesis fills from the right, so not by name only
) -> None:
    site = world(secure=secure)
    content = FIRMWARE[seed % 1_000 : seed % 1_000 + 400]
    site.line.chance = Random(seed)  # noqa: S311 - noise, repeatable
    site.line.loss = site.line.flip = bad
    site.begin(1, content)
    ended = site.run_to_the_end(1)
    assert set(site.line.device(1).files.files) <= {content}
    assert ended.why or site.line.device(1).files.files
