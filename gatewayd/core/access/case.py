"""One attempt, with everything that was looked up for it: what a rule is asked about.

Whoever is not known is `NOBODY`, who is disabled, has no levels and no PIN. So every rule
can be asked about every case, and a rule that is asked too early denies.
"""

from gatewayd.core.access.attempt import Around, Attempt
from gatewayd.core.access.book import Book, Point
from gatewayd.core.access.model import (
    Authentication,
    Credential,
    CredentialState,
    Flag,
    Holder,
)
from gatewayd.core.access.policy import PinLimit
from gatewayd.core.access.state import SITE, CompanionWait, State, Subject
from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import Digits

_NO_ID = HolderId("")
_CARD_AND_PIN = Authentication.CARD_AND_PIN  # here and elsewhere: a member costs a call
_PIN_ALONE = (Authentication.PIN, Authentication.CARD_OR_PIN)
NOTHING = Credential("", _NO_ID, CredentialState.UNASSIGNED)
NOBODY = Holder(_NO_ID, enabled=False)


class Case:
    """Fixed once made, apart from an answer it need not find twice."""

    __slots__ = (
        "_match",
        "alone",
        "around",
        "book",
        "card",
        "compares",
        "credential",
        "guessed",
        "holder",
        "hours",
        "known",
        "late",
        "mode",
        "now",
        "pin",
        "point",
        "state",
        "wait",
    )

    def __init__(
        self, book: Book, state: State, around: Around, attempt: Attempt, point: Point
    ) -> None:
        self.book, self.state, self.around, self.point = book, state, around, point
        self.now = attempt.heard
        self.mode = around.doors[point.door].mode
        self.hours = book.hours(point, attempt.heard)
        self.card, self.pin = attempt.card, attempt.pin
        self.late = self.alone = False  # late: a card waited for this PIN, but not so long
        self.guessed = False  # a PIN alone was looked up, and is nobody's
        if self.card is None and self.pin is not None:
            self._join()
        found = self._find()
        if found is None:
            self.known, self.credential, self.holder = False, NOTHING, NOBODY
        else:
            self.known, self.credential = True, found
            self.holder = book.people.holder(found.holder) or NOBODY
        self.compares = self.alone or (
            self.hours.authentication is _CARD_AND_PIN
            and Flag.PIN_EXEMPT not in self.holder.flags
        )
        self.wait = _wait_at(point, state, attempt) if state.companions else None
        self._match: tuple[bool, bool] | None = None

    def locked(self, subject: Subject, limit: PinLimit) -> bool:
        """Say whether PINs are locked out under this subject.

        Not by what a wrong clock wrote: no lockout ends later than the longest one would.
        """
        misses = self.state.misses.get(subject)
        if misses is None or misses.until is None:
            return False
        left = (misses.until - self.now.utc).total_seconds()
        return left > 0 and (left <= limit.longest_seconds or not self.now.trusted)

    def match(self, pin: Digits) -> tuple[bool, bool]:
        """Compare a PIN: whether it is the holder's, and the one for duress."""
        self._match = self.book.key.is_pin_of(self.holder, pin)
        return self._match

    @property
    def duress(self) -> bool:
        """Whether something was presented that says so; no PIN is compared for this."""
        return self.credential.duress or (self._match is not None and self._match[1])

    @property
    def forgives(self) -> bool:
        """Whether the holder's wrong PINs are forgotten: the right one came."""
        return self._match is not None and any(self._match)

    def of(self, credential: str) -> "Case":
        """Return the case of another credential at this point, now."""
        return _Named(self, credential)

    def _join(self) -> None:
        """Take the card that waits for this PIN."""
        wait = self.state.cards.get(self.point.id)
        if wait is not None:
            self.late = self.now.mono >= wait.until
            self.card = None if self.late else wait.card
        self.alone = self.card is None

    def _find(self) -> Credential | None:
        card, find = self.card, self.book.people.credential
        if card is not None:
            decoded = card.decoded
            found = None if decoded is None else find(decoded)
            return find(card.raw) if found is None else found
        if self.pin is None or self.hours.authentication not in _PIN_ALONE:
            return None
        policy = self.book.policy
        if self.locked(self.point.pins, policy.point_pins):
            return None
        if self.locked(SITE, policy.site_pins):
            return None  # nobody learns whether it would have been right
        found = self.book.people.credential(self.book.key.key_of(self.pin))
        self.guessed = found is None
        return found


class _Named(Case):
    """A credential is named, not presented."""

    __slots__ = ("_key",)

    def __init__(self, other: Case, credential: str) -> None:
        self._key = credential
        attempt = Attempt(other.point.door, other.point.side, other.now)
        super().__init__(other.book, other.state, other.around, attempt, other.point)

    def _find(self) -> Credential | None:
        return self.book.people.credential(self._key)


def _wait_at(point: Point, state: State, attempt: Attempt) -> CompanionWait | None:
    """Return who waits for company here, if not for too long."""
    wait = state.companions.get(point.id)
    return None if wait is None or attempt.heard.mono >= wait.until else wait
