"""A file transfer against a world that does what it likes.

Whatever is lost, restarts, waits or is called off: the unit gets exactly the bytes of the
file, or the transfer says clearly that it failed. One command is out at a time, none before
the unit wants it or longer than it takes, and every transfer ends.
"""

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from gatewayd.simulate.file_taker import FileTaker
from protocol.message import Message
from protocol.osdp.commands import Abort
from protocol.osdp.file_sender import FileSender, Stage
from protocol.osdp.replies import Nak
from protocol.osdp.transfer import TransferFile, TransferResult, TransferStatus

ENDLESS = 2_000  # steps of a quiet world; more is a transfer that never ends


class AnyTransfer(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.taker = FileTaker()
        self.there = False  # a connection stands
        self.out: TransferFile | Abort | None = None
        self.reply: Message | None = None  # on its way back
        self.not_before = 0.0

    @initialize(
        content=st.binary(min_size=1, max_size=200),
        room=st.integers(1, 60),
        idle=st.integers(0, 3),
        verdict=st.sampled_from([0, 1, 2]),
    )
    def begin(self, content: bytes, room: int, idle: int, verdict: int) -> None:
        self.content, self.room = content, room
        self.sender = FileSender(content)
        self.taker.idle, self.taker.verdict = idle, TransferResult(verdict)

    # --- what the unit wants ----------------------------------------------------------

    @rule(delay=st.sampled_from([0, 10, 7000]), longest=st.sampled_from([0, 5, 40, 100]))
    def the_unit_has_wishes(self, delay: int, longest: int) -> None:
        self.taker.delay, self.taker.longest = delay, longest

    @rule(at=st.integers(1, 200), why=st.sampled_from([-1, -2, -3, -77, 9]))
    def the_unit_will_object(self, at: int, why: int) -> None:
        self.taker.objects_at, self.taker.objection = at, why

    # --- what happens -----------------------------------------------------------------

    @precondition(lambda self: not self.there)
    @rule()
    def the_gate_opens(self) -> None:
        self.there = True
        self.sender.connected(self.room, self.now)

    @rule(seconds=st.sampled_from([0.01, 1.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.out is None)
    @rule()
    def the_line_asks(self) -> None:
        self.out = self.sender.next(self.now)
        if self.out is None:
            return
        assert self.there, "nothing is sent without a connection"
        if isinstance(self.out, TransferFile):
            assert self.now >= self.not_before, "not before the unit wants it"
            assert len(self.out.data) <= self.room

    @precondition(lambda self: self.out is not None and self.reply is None)
    @rule()
    def it_arrives(self) -> None:
        if isinstance(self.out, TransferFile):
            self.reply = self.taker.take(self.out)
        else:
            self.reply = self.taker.abort()

    @precondition(lambda self: self.reply is not None)
    @rule()
    def the_answer_arrives(self) -> None:
        reply, self.reply, self.out = self.reply, None, None
        if isinstance(reply, TransferStatus):
            self.not_before = self.now + reply.delay / 1000
        heard = reply if isinstance(reply, TransferStatus | Nak) else None
        self.sender.answered(heard, self.now)

    @precondition(lambda self: self.out is not None and self.reply is None)
    @rule()
    def it_does_not_leave(self) -> None:
        self.out = None
        self.sender.unsent(self.now)

    @precondition(lambda self: self.there)
    @rule()
    def the_line_goes(self) -> None:
        self._lose(forgotten=False)

    @precondition(lambda self: self.there)
    @rule()
    def the_unit_loses_its_power(self) -> None:
        self.taker.forget()
        self._lose(forgotten=True)

    @precondition(lambda self: self.there)
    @rule()
    def the_line_goes_and_then_the_unit_loses_its_power(self) -> None:
        self.taker.forget()
        self._lose(forgotten=False)

    @rule()
    def the_panel_calls_it_off(self) -> None:
        self.sender.abort(self.now)

    def _lose(self, *, forgotten: bool) -> None:
        self.there, self.out, self.reply, self.not_before = False, None, None, 0.0
        self.sender.lost(self.now, forgotten=forgotten)

    # --- what holds -------------------------------------------------------------------

    @invariant()
    def whatever_the_unit_keeps_is_the_file(self) -> None:
        assert all(each == self.content for each in self.taker.files)

    @invariant()
    def a_good_end_is_true(self) -> None:
        ended = self.sender.ended
        if ended is not None and ended.well:
            assert self.taker.files
        if ended is not None and not ended.well:
            assert ended.why

    @invariant()
    def progress_is_true(self) -> None:
        progress = self.sender.progress
        assert 0 <= progress.acknowledged <= progress.total == len(self.content)
        assert (progress.stage is Stage.ENDED) == (self.sender.ended is not None)

    def teardown(self) -> None:
        """In a quiet world every transfer ends."""
        if not hasattr(self, "sender"):
            return
        if self.out is not None and self.reply is None:
            self.it_arrives()
        if self.reply is not None:
            self.the_answer_arrives()
        if not self.there:
            self.the_gate_opens()
        for _ in range(ENDLESS):
            if self.sender.ended is not None:
                break
            self.now = max(self.now, self.sender.deadline)
            self.the_line_asks()
            if self.out is not None:
                self.it_arrives()
                self.the_answer_arrives()
        assert self.sender.ended is not None
        self.a_good_end_is_true()


TestAnyTransfer = AnyTransfer.TestCase
