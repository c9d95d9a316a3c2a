"""What a site decides about deciding."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class ClockLost(StrEnum):
    """What happens to what depends on the time while the clock may be wrong."""

    DENY = "deny"  # hours do not count, only "always" does
    GO_ON = "go_on"  # the clock is believed all the same; events are flagged


@dataclass(frozen=True, slots=True)
class PinLimit:
    """After so many wrong PINs, no PIN is compared for a while, longer every time.

    Each lockout lasts twice as long as the one before, up to `longest_seconds`, until a
    right PIN comes (a holder's only) or none that is wrong for `forget_seconds`.
    """

    wrong: int
    lock_seconds: float = 30.0
    longest_seconds: float = 3_600.0
    forget_seconds: float = 600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The site's values; the defaults are the careful ones."""

    clock_lost: ClockLost = ClockLost.DENY
    clock_margin: timedelta = timedelta(days=1)  # how wrong a clock that is not trusted may be
    holder_pins: PinLimit = PinLimit(5, forget_seconds=86_400.0)
    point_pins: PinLimit = PinLimit(10)
    site_pins: PinLimit = PinLimit(50, lock_seconds=60.0)
    facilities: frozenset[str] = frozenset()  # "H10301:36"; none: any is taken
    facility_only: bool = False  # while degraded, a known facility is enough
