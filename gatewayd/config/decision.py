"""Tables of config.toml about deciding; the defaults are the core's careful ones."""

from typing import Annotated, Literal

from pydantic import Field

from gatewayd.config.values import FacilityCode
from gatewayd.core.access.policy import PinLimit, Policy
from gatewayd.tables import Section

MOST_FACILITIES = 1_000

_DEFAULTS = Policy()
_HOLDER, _READER, _SITE = _DEFAULTS.holder_pins, _DEFAULTS.point_pins, _DEFAULTS.site_pins

Wrong = Annotated[int, Field(ge=1, le=1_000)]
LockSeconds = Annotated[float, Field(ge=1, le=86_400)]
LongestSeconds = Annotated[float, Field(ge=1, le=604_800)]  # a week
WindowSeconds = Annotated[float, Field(ge=1, le=2_592_000)]  # 30 days


class _Pins(Section):
    """So many wrong PINs within a window, and none is compared for a while."""

    wrong: Wrong
    lock_seconds: LockSeconds
    longest_seconds: LongestSeconds
    window_seconds: WindowSeconds

    def limit(self) -> PinLimit:
        """Return it in the core's words."""
        return PinLimit(
            self.wrong, self.lock_seconds, self.longest_seconds, self.window_seconds
        )


class HolderPins(_Pins):
    """Wrong PINs of one holder."""

    wrong: Wrong = _HOLDER.wrong
    lock_seconds: LockSeconds = _HOLDER.lock_seconds
    longest_seconds: LongestSeconds = _HOLDER.longest_seconds
    window_seconds: WindowSeconds = _HOLDER.window_seconds


class ReaderPins(_Pins):
    """Wrong PINs at one reader."""

    wrong: Wrong = _READER.wrong
    lock_seconds: LockSeconds = _READER.lock_seconds
    longest_seconds: LongestSeconds = _READER.longest_seconds
    window_seconds: WindowSeconds = _READER.window_seconds


class SitePins(_Pins):
    """Wrong PINs anywhere."""

    wrong: Wrong = _SITE.wrong
    lock_seconds: LockSeconds = _SITE.lock_seconds
    longest_seconds: LongestSeconds = _SITE.longest_seconds
    window_seconds: WindowSeconds = _SITE.window_seconds


class Decision(Section):
    """What the site decides about deciding."""

    on_clock_lost: Literal["deny", "go_on"] = "deny"
    clock_margin_days: Annotated[float, Field(ge=0, le=366)] = 1.0
    facilities: Annotated[tuple[FacilityCode, ...], Field(max_length=MOST_FACILITIES)] = ()
    facility_only: bool = False
    holder_pins: HolderPins = HolderPins()
    reader_pins: ReaderPins = ReaderPins()
    site_pins: SitePins = SitePins()


class Permissions(Section):
    """What happens when nobody has confirmed the permissions for long."""

    max_age_days: Annotated[int, Field(ge=1, le=3_650)] | None = None  # None: they never age
    on_stale: Literal["go_on", "deny"] = "go_on"
