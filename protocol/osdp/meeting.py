"""What follows from each answer of a unit that says who it is.

The introduction knows what was said, this draws the conclusions: who is told, what raises an
alarm, when the next question goes out (`Next`). One that fails is told with its fault and
tried again, soon and then slower.

A key that proves wrong is no alarm as long as another one is left. In a commissioning window
it is none at all: there it is not yet known which key the unit has.
"""

from dataclasses import dataclass

from protocol.message import Message
from protocol.osdp.commissioning import Window
from protocol.osdp.counters import Counters
from protocol.osdp.frame import Frame
from protocol.osdp.happenings import Alarm
from protocol.osdp.introduction import Introduction
from protocol.osdp.replies import Capabilities, Identification
from protocol.osdp.secure_handshake import Failed, Reason, Selector
from protocol.osdp.telling import Telling

PRESENCE_INTERVAL = 1.0  # seconds between questions for the identity, while the gate is closed
PROOF_PAUSES = (0.1, 0.3, 1.0, 2.0, 5.0)  # seconds after failed proofs in a row, then the last
NO_KEY = "it has no key yet: commission it"  # what a secure unit without one is told of
OTHER_UNIT = "another unit than the one that was given the key has it"

_ALARMS = {
    Reason.IN_CLEAR: Alarm.CLEAR_ANSWER,
    Reason.WRONG_SELECTOR: Alarm.WRONG_SELECTOR,
    Reason.REFUSED: Alarm.CRYPTOGRAM_REFUSED,
    Reason.WRONG_RMAC: Alarm.WRONG_RMAC,
}
_KEYS_DIFFER = (Reason.WRONG_SELECTOR, Reason.REFUSED)  # expected in a window


@dataclass(frozen=True, slots=True)
class Next:
    """What follows from an answer."""

    after: float | None = 0.0  # seconds until the next question; None: as it was to be
    anew: bool = False  # it begins at sequence number 0
    over: str | None = None  # the connection ends, and why
    done: bool = False  # the commissioning window closes, and with it the gate


AT_ONCE = Next()
AT_ONCE_FROM_ZERO = Next(anew=True)
LATER = Next(PRESENCE_INTERVAL)


class Meeting:
    """Gets to know one unit."""

    def __init__(
        self, introduction: Introduction, telling: Telling, counters: Counters
    ) -> None:
        self.introduction = introduction
        self._telling = telling
        self._counters = counters
        self._failures = 0  # introductions in a row that proved nothing

    def forget(self) -> None:
        """Begin anew, as with somebody never met."""
        self.introduction.forget()
        self._failures = 0

    def hurry(self) -> None:
        """Something changed: what failed before may succeed now."""
        self._failures = 0

    @property
    def window(self) -> Window | None:
        """The commissioning that is under way."""
        return self.introduction.window

    # --- who are you ------------------------------------------------------------------

    def identified(self, reply: Message | None, frame: Frame, now: float) -> Next:
        """Hear who it is, or that it is still there."""
        known = self.introduction.identification
        if not isinstance(reply, Identification):
            return LATER if known is not None else self._stay_unknown()
        if known is None:
            return self._get_to_know(reply, frame, now)
        if reply == known:
            return LATER
        if self.introduction.in_session:
            self._telling.alarm(Alarm.IDENTITY_CHANGED, now)
        return Next(over="another unit answers")

    def _stay_unknown(self) -> Next:
        if self.introduction.in_session:
            return self.fail("it does not say who it is inside the session")
        return Next(PRESENCE_INTERVAL, anew=True)

    def _get_to_know(self, reply: Identification, frame: Frame, now: float) -> Next:
        introduction, telling = self.introduction, self._telling
        if not introduction.identified(reply, frame):
            telling.alarm(Alarm.IDENTITY_CHANGED, now)
            return self.fail(Alarm.IDENTITY_CHANGED)
        if self._proved_by_another(reply):
            telling.alarm(Alarm.IDENTITY_CHANGED, now)
            return self.fail(OTHER_UNIT)
        if not introduction.in_session or telling.connection == telling.announced:
            telling.count_connection()
        return AT_ONCE

    def _proved_by_another(self, reply: Identification) -> bool:
        """Whether the new key is with somebody else than who was given it."""
        introduction = self.introduction
        return (
            introduction.window is not None
            and introduction.in_session
            and not introduction.by_default_key
            and reply != introduction.window.given_to
        )

    # --- what can you do --------------------------------------------------------------

    def able(self, known: Capabilities, frame: Frame, now: float) -> Next:
        """Hear what it can do; with that everything is said that can be said here."""
        introduction = self.introduction
        identification = introduction.identification
        if identification is None:  # it is to be identified again meanwhile
            return AT_ONCE
        introduction.able(known, frame)
        if introduction.proving:
            return AT_ONCE_FROM_ZERO
        if introduction.lacks_key:
            self._telling.identified(introduction, identification, known, fault=NO_KEY)
            return LATER
        if introduction.outside is not None and known != introduction.outside[1]:
            self._telling.alarm(Alarm.CAPABILITIES_CHANGED, now)
        self._failures = 0
        return self._introduced(identification, known)

    def _introduced(self, identification: Identification, known: Capabilities) -> Next:
        introduction, telling = self.introduction, self._telling
        window = introduction.window
        if window is not None and introduction.by_default_key:
            telling.set_up(window, introduction, identification, known)
            return LATER
        telling.identified(introduction, identification, known)
        return LATER if window is None else Next(PRESENCE_INTERVAL, done=True)

    # --- prove it ---------------------------------------------------------------------

    def proved(self, frame: Frame, now: float) -> Next:
        """Go on with the handshake, if the answer lets us."""
        introduction = self.introduction
        failed = introduction.proved(frame)
        if failed is None:
            self._counters.sessions += introduction.in_session
            if introduction.careless and introduction.in_session:
                self._telling.alarm(Alarm.REPEATED_RANDOM, now)
            return AT_ONCE
        self._alarm_about(failed, now)
        if introduction.proving:
            return AT_ONCE_FROM_ZERO
        self._alarm_about_keys(now)
        detail = "" if failed.detail is None else f" ({failed.detail})"
        return self.fail(f"{failed.reason.value}{detail}")

    def _alarm_about(self, failed: Failed, now: float) -> None:
        expected = self.window is not None and failed.reason in _KEYS_DIFFER
        if failed.reason in _ALARMS and not expected:
            self._telling.alarm(_alarm_of(failed), now)

    def _alarm_about_keys(self, now: float) -> None:
        """No key is left."""
        wrong = any(
            each.reason is Reason.WRONG_CRYPTOGRAM for each in self.introduction.failures
        )
        if wrong and self.window is None:
            self._telling.alarm(Alarm.WRONG_CRYPTOGRAM, now)

    def unanswered(self) -> Next:
        """It says who it is and leaves the handshake unanswered."""
        self.introduction.unanswered()
        return self.fail("the handshake was left unanswered")

    def fail(self, why: str) -> Next:
        """Tell who did not prove itself and why, once; begin anew after a pause."""
        introduction = self.introduction
        self._counters.unproved += 1
        if introduction.window is None:
            self._telling.identified(introduction, *introduction.claimed(), fault=why)
        else:
            self._telling.set_up_failed(introduction.window, why)
        introduction.forget()
        pause = PROOF_PAUSES[min(self._failures, len(PROOF_PAUSES) - 1)]
        self._failures += 1
        return Next(pause, anew=True)


def _alarm_of(failed: Failed) -> Alarm:
    if failed == Failed(Reason.WRONG_SELECTOR, Selector.DEFAULT):
        return Alarm.DEFAULT_KEY
    return _ALARMS[failed.reason]
