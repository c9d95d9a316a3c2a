"""What a conversation with a board reports, in the order it became known."""

from dataclasses import dataclass
from enum import Enum

from protocol.uhppote.message import Reply
from protocol.uhppote.status import Event, Status


@dataclass(frozen=True, slots=True)
class Answers:
    """The board answers, for the first time or again."""


@dataclass(frozen=True, slots=True)
class Silent:
    """The board left several plain questions in a row unanswered."""


@dataclass(frozen=True, slots=True)
class StatusRead:
    """How the board is."""

    status: Status


@dataclass(frozen=True, slots=True)
class EventRead:
    """The next event of the log, each exactly once and without a gap in an epoch.

    `announced`: told before as `Announced`.
    """

    epoch: int
    event: Event
    announced: bool


@dataclass(frozen=True, slots=True)
class Announced:
    """An event out of its turn, because earlier ones are still to be read. Once each."""

    epoch: int
    event: Event


@dataclass(frozen=True, slots=True)
class EventsLost:
    """The board no longer has these: both ends included."""

    epoch: int
    first: int
    last: int

    @property
    def count(self) -> int:
        """How many there were."""
        return self.last - self.first + 1


class Why(Enum):
    """Why event numbers begin anew."""

    FIRST_CONTACT = "no event of this board was ever read"
    RESET = "the board begins to count anew"
    REPLACED = "the board has another history"


@dataclass(frozen=True, slots=True)
class NewEpoch:
    """Event numbers of the epoch before mean nothing any more; `last` is taken as read."""

    epoch: int
    last: int
    why: Why


@dataclass(frozen=True, slots=True)
class Answered:
    """The board did what was asked, or refused, as its reply says.

    `sure`: nothing else can have been meant. Most replies do not say what they answer, so
    after an unanswered try the next reply of that kind may be that one's, come late.
    """

    reply: Reply
    tries: int
    sure: bool


@dataclass(frozen=True, slots=True)
class Unanswered:
    """It was sent, so it may have been done: lost, refused in silence, or the answer lost."""

    tries: int


@dataclass(frozen=True, slots=True)
class Sent:
    """It was sent, and no board ever answers it."""


@dataclass(frozen=True, slots=True)
class Expired:
    """It was never sent."""


Outcome = Answered | Unanswered | Sent | Expired


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of an order."""

    ticket: int
    outcome: Outcome


BoardEvent = (
    Answers | Silent | StatusRead | EventRead | Announced | EventsLost | NewEpoch | Ended
)
