"""What the owner of a bus is told of one peripheral, and what it need not hear twice.

A connection is told of with `Identified` and ends in one `WentOffline`. A unit that fails to
prove itself again and again in the same way is told of once, an alarm once a minute.
"""

from collections.abc import Callable

from protocol.message import Message
from protocol.osdp.commissioning import Window
from protocol.osdp.counters import Counters
from protocol.osdp.happenings import (
    Alarm,
    Alarming,
    Answers,
    BusEvent,
    Identified,
    Replied,
    SetUp,
    SetUpFailed,
    Unreadable,
    WentOffline,
    WentSilent,
    WindowClosed,
)
from protocol.osdp.introduction import Introduction
from protocol.osdp.replies import Capabilities, Identification

ALARM_PAUSE = 60.0  # seconds in which the same alarm of a unit is told once


class Telling:
    """Tells of one peripheral."""

    def __init__(
        self, address: int, emit: Callable[[BusEvent], None], counters: Counters
    ) -> None:
        self._address = address
        self._emit = emit
        self._counters = counters
        self.connection = 0  # of the newest; 0 before the first
        self.announced = 0  # the connection last told of and not ended; 0: none
        self._told: Identified | None = None  # what failed last, if that was told last
        self._alarmed: dict[Alarm, float] = {}  # told, and when

    # --- connections ------------------------------------------------------------------

    def count_connection(self) -> None:
        """Somebody begins to say who it is."""
        self.connection += 1
        self._counters.connections += 1

    def forget(self) -> None:
        """What is told next is news, whatever it is."""
        self._told = None

    def identified(
        self,
        introduction: Introduction,
        identification: Identification,
        capabilities: Capabilities,
        fault: str | None = None,
    ) -> None:
        """Tell who it is, or once who it claims to be and why that is not proved."""
        told = Identified(
            self._address,
            self.connection,
            identification,
            capabilities,
            introduction.evidence,
            proved=introduction.in_session and fault is None,
            fault=fault,
            key=introduction.key if fault is None else None,
        )
        if self._told is not None and _says_the_same(told, self._told):
            return
        self._told = told if fault is not None else None
        self.announced = self.connection
        self._emit(told)

    def silent(self) -> None:
        """It leaves its connection's questions unanswered."""
        if self.announced:
            self._emit(WentSilent(self._address, self.announced))

    def answers(self) -> None:
        """It answers again."""
        if self.announced:
            self._emit(Answers(self._address, self.announced))

    def offline(self, why: str) -> None:
        """Its connection is over."""
        self.forget()
        if self.announced:
            ended, self.announced = self.announced, 0
            self._emit(WentOffline(self._address, ended, why))

    # --- answers ----------------------------------------------------------------------

    def replied(self, command: Message, reply: Message, tag: int | None, waited: float) -> None:
        """It said more than that it understood."""
        self._emit(Replied(self._address, self.connection, command, reply, tag, waited))

    def unwanted(self, reply: Message) -> None:
        """It reported something while its gate was closed."""
        self._counters.unwanted += 1
        self._emit(Unreadable(self._address, self.connection, reply.CODE, "the gate is closed"))

    def unreadable(self, code: int, why: str) -> None:
        """It said something nobody understands."""
        self._counters.unreadable += 1
        self._emit(Unreadable(self._address, self.connection, code, why))

    def alarm(self, what: Alarm, now: float) -> None:
        """Somebody may be meddling with it."""
        if now >= self._alarmed.get(what, -float("inf")) + ALARM_PAUSE:
            self._alarmed[what] = now
            self._emit(Alarming(self._address, what))

    # --- its commissioning ------------------------------------------------------------

    def set_up(
        self,
        window: Window,
        introduction: Introduction,
        identification: Identification,
        capabilities: Capabilities,
    ) -> None:
        """It can be given its key now."""
        window.ready, window.failure = self.connection, None
        evidence = introduction.evidence
        self._emit(
            SetUp(self._address, self.connection, identification, capabilities, evidence)
        )

    def set_up_failed(self, window: Window, why: str) -> None:
        """It cannot, for now."""
        window.ready = 0
        if window.failure != why:
            window.failure = why
            self._emit(SetUpFailed(self._address, why))

    def window_closed(self, why: str, *, done: bool) -> None:
        """Its commissioning is over."""
        self._emit(WindowClosed(self._address, why, done))


def _says_the_same(one: Identified, other: Identified) -> bool:
    """Whether two failed introductions differ in nothing but their number and bytes."""
    return (one.identification, one.capabilities, one.fault) == (
        other.identification,
        other.capabilities,
        other.fault,
    )
