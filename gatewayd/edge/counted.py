"""What a line counts of each controller, as `R/controllers/<controller>` shows it."""

from collections.abc import Mapping
from dataclasses import dataclass

from protocol.osdp.counters import Counters
from protocol.osdp.round_trips import RoundTrips

MS = 1000


@dataclass(frozen=True, slots=True)
class RoundTripMs:
    """From the end of a command to the end of its reply, in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float  # of the whole run; the others are of the newest tens of thousands


@dataclass(frozen=True, slots=True)
class Counted:
    """Since the start of the process."""

    polls: int  # answered
    reports: int  # of them, those that were answered with something
    replies: int  # to anything, polls included
    retries: int
    timeouts: int
    bad_checks: int
    busy: int
    naks: Mapping[str, int]  # by their code
    unreadable: int
    connections: int
    resets: int  # connections that ended as the sequence numbers did not fit
    sessions: int  # secure ones that began
    lost_sessions: int  # of them, ended by an answer that did not belong there
    unproved: int  # introductions in which the unit did not prove who it is
    round_trip_ms: RoundTripMs


def counted(counters: Counters) -> Counted:
    """Lay the counters of a unit out."""
    return Counted(
        polls=counters.polls,
        reports=counters.reports,
        replies=counters.replies,
        retries=counters.retries,
        timeouts=counters.timeouts,
        bad_checks=counters.bad_checks,
        busy=counters.busy,
        naks={str(code): count for code, count in sorted(counters.naks.items())},
        unreadable=counters.unreadable,
        connections=counters.connections,
        resets=counters.resets,
        sessions=counters.sessions,
        lost_sessions=counters.lost_sessions,
        unproved=counters.unproved,
        round_trip_ms=_in_ms(counters.round_trips),
    )


def _in_ms(trips: RoundTrips) -> RoundTripMs:
    seconds = (*map(trips.quantile, (0.5, 0.95, 0.99)), trips.slowest)
    return RoundTripMs(*(round(each * MS, 2) for each in seconds))
