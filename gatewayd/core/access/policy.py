"""What a site decides about deciding."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ClockLost(StrEnum):
    """What happens to what depends on the time while the clock may be wrong."""

    DENY = "deny"  # hours do not count, only "always" does
    GO_ON = "go_on"  # the clock is believed all the same; events are flagged


class Stale(StrEnum):
    """What happens when nobody has confirmed the permissions for longer than `max_age`."""

    GO_ON = "go_on"  # they decide all the same; it is told
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class PinLimit:
    """So many wrong PINs within `window_seconds`, and none is compared for a while.

    A lockout that begins less than a window after the end of the one before lasts twice as
    long, up to `longest_seconds`. The window begins with its first wrong PIN and does not
    slide: mistakes that are few and far between never add up.
    """

    wrong: int
    lock_seconds: float = 30.0
    longest_seconds: float = 3_600.0
    window_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The site's values; the defaults are the careful ones."""

    clock_lost: ClockLost = ClockLost.DENY
    clock_margin: timedelta = timedelta(days=1)  # how wrong a clock that is not trusted may be
    holder_pins: PinLimit = PinLimit(5, window_seconds=86_400.0)
    point_pins: PinLimit = PinLimit(10)
    site_pins: PinLimit = PinLimit(50, lock_seconds=60.0)
    facilities: frozenset[str] = frozenset()  # "H10301:36"; none: any is taken
    facility_only: bool = False  # while degraded, a known facility is enough
    max_age: timedelta | None = None  # of permissions that nobody confirms; None: any
    on_stale: Stale = Stale.GO_ON
