"""What is counted about one peripheral."""

from dataclasses import dataclass, field, replace

from protocol.osdp.round_trips import RoundTrips


@dataclass(slots=True)
class Counters:
    """What happened with one peripheral so far. Times in seconds."""

    polls: int = 0  # answered
    reports: int = 0  # of them, those that were answered with something
    replies: int = 0  # accepted, to anything
    retries: int = 0  # identical frames sent again
    timeouts: int = 0
    bad_checks: int = 0  # while it was its turn to speak
    dropped_bytes: int = 0  # likewise
    busy: int = 0
    stragglers: int = 0  # sound frames that answered nothing we had asked just then
    unreadable: int = 0
    unwanted: int = 0  # reports while the gate was closed
    connections: int = 0
    resets: int = 0  # connections that ended because the count of sequence numbers broke
    naks: dict[int, int] = field(default_factory=dict)  # by reason
    sessions: int = 0  # begun, both sides proved
    unproved: int = 0  # introductions that failed
    lost_sessions: int = 0  # ended by an answer that did not belong into them
    round_trips: RoundTrips = field(default_factory=RoundTrips)

    def count_nak(self, reason: int) -> None:
        """It refused something."""
        self.naks[reason] = self.naks.get(reason, 0) + 1

    def copy(self) -> "Counters":
        """Return the numbers as they stand now."""
        return replace(self, naks=dict(self.naks), round_trips=self.round_trips.copy())
