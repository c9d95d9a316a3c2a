"""What the journal kept of what moves, given back to whom it belongs at a start.

    presence/…, misses/…, lockdown, …    the decision's (core.access.state_values)
    mode/…, fire/…                       the doors' (core.mode_orders)
    confirmed                            when upstream last said that permissions are the newest

An entry that makes no sense is said, and everything else is used all the same. Where leaving
it out would let somebody in, it counts as the strictest thing that it can have said: a site
locked down, a door blocked, a threat that nobody is cleared for, a credential used up. Somebody
orders that anew, or upstream replaces the credential.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog

from gatewayd.core.access.state import State
from gatewayd.core.access.state_values import MOST, Fields, Value, from_entry, restore
from gatewayd.core.mode_orders import FIRE, MODE, KeptModes, kept_modes
from gatewayd.core.model import DoorMode

CONFIRMED = "confirmed"
DAMAGED = "state_damaged"
STRICTEST: Mapping[str, Value] = {
    "lockdown": {"on": True},
    "threat_level": {"level": MOST},
    "uses/": {"uses": MOST},
    MODE: {"mode": DoorMode.BLOCKED, "until": None, "by": "damaged state"},
}

log = structlog.get_logger()


class Kept(NamedTuple):
    """What was so when the last run ended."""

    state: State
    modes: KeptModes
    confirmed: datetime | None


def as_kept(kept: Mapping[str, Value], trouble: Callable[[str], object]) -> Kept:
    """Return what was kept; `trouble` is told, once, if any of it makes no sense."""
    damaged = [key for key, value in kept.items() if not _makes_sense(key, value)]
    if damaged:
        trouble(DAMAGED)
    sound = {key: value for key, value in kept.items() if key not in damaged}
    sound |= {key: value for key in damaged if (value := _strictest(key)) is not None}
    modes = {key: value for key, value in sound.items() if key.startswith((MODE, FIRE))}
    moved = [each for each in sound.items() if each[0] not in modes and each[0] != CONFIRMED]
    confirmed = sound.get(CONFIRMED)
    return Kept(
        restore(moved),
        kept_modes(modes),
        None if confirmed is None else _confirmed(confirmed),
    )


def _makes_sense(key: str, value: Value) -> bool:
    try:
        if key == CONFIRMED:
            _confirmed(value)
        elif key.startswith((MODE, FIRE)):
            kept_modes({key: value})
        else:
            from_entry(key, value)
    except ValueError as error:
        next_ = "it counts as the strictest that it can have said; the rest is used"
        log.critical(DAMAGED, why=str(error), next=next_)
        return False
    return True


def _strictest(key: str) -> Value | None:
    """Return what stands in for a damaged entry; None: nothing is strict enough."""
    kind = "".join(key.partition("/")[:2])
    value = STRICTEST.get(kind)
    return value if value is not None and _makes_sense(key, value) else None


def _confirmed(value: Value) -> datetime:
    fields = Fields(value)
    at = fields.time("at")
    fields.done()
    return at
