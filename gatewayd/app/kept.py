"""What the journal kept of what moves, given back to whom it belongs at a start.

    presence/…, misses/…, lockdown, …    the decision's (core.access.state_values)
    mode/…, fire/…                       the doors' (core.mode_orders)
    confirmed                            when upstream last said that permissions are the newest

An entry that makes no sense is left out and said; everything else is used all the same. So
whoever it was about stands as if nothing was known: nobody passes on what was not kept.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

import structlog

from gatewayd.core.access.state import State
from gatewayd.core.access.state_values import Fields, Value, from_entry, restore
from gatewayd.core.mode_orders import FIRE, MODE, KeptModes, kept_modes

CONFIRMED = "confirmed"
DAMAGED = "state_damaged"


log = structlog.get_logger()


class Kept(NamedTuple):
    """What was so when the last run ended."""

    state: State
    modes: KeptModes
    confirmed: datetime | None


def as_kept(kept: Mapping[str, Value], trouble: Callable[[str], object]) -> Kept:
    """Return what was kept; `trouble` is told, once, if any of it makes no sense."""
    sound = {key: value for key, value in kept.items() if _makes_sense(key, value)}
    if len(sound) < len(kept):
        trouble(DAMAGED)
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
        log.critical(DAMAGED, why=str(error), next="it is left out; the rest is used")
        return False
    return True


def _confirmed(value: Value) -> datetime:
    fields = Fields(value)
    at = fields.time("at")
    fields.done()
    return at
