"""What the doors ask of each controller, and whether it has that.

A unit says how many readers, inputs and outputs it has (SIA OSDP 2.2, Annex B). A part of a
door that is none of these is a mistake that would show on the day somebody needs the door, so
it is named before anything is driven: door, part, number, and what the unit has.

A reader without light and sounder reads cards all the same; nobody in front of it learns what
became of the card. That is worth a note, no more.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gatewayd.core.model import ControllerId, Door, DoorId, Identity

INPUTS, OUTPUTS, LIGHTS, SOUNDS, READERS = 1, 2, 4, 5, 13  # functions of OSDP PDCAP
MOST_NAMED = 5  # parts in one sentence

LOCK, READER, EXIT_READER = "lock", "reader", "exit reader"
CONTACT, EXIT_BUTTON = "contact", "exit button"
_KINDS = {
    LOCK: ("output", OUTPUTS),
    READER: ("reader", READERS),
    EXIT_READER: ("reader", READERS),
    CONTACT: ("input", INPUTS),
    EXIT_BUTTON: ("input", INPUTS),
}


@dataclass(frozen=True, slots=True)
class Use:
    """One part of a door that hangs on a controller, as that controller's `number`."""

    door: DoorId
    part: str  # one of the five above
    number: int


def uses_of(doors: Iterable[Door]) -> dict[ControllerId, tuple[Use, ...]]:
    """Return what the doors use, controller by controller."""
    used: dict[ControllerId, tuple[Use, ...]] = {}
    for door in doors:
        parts = (
            (LOCK, door.lock),
            (READER, door.reader),
            (EXIT_READER, door.exit_reader),
            (CONTACT, door.contact),
            (EXIT_BUTTON, door.exit_button),
        )
        for part, point in parts:
            if point is not None:
                use = Use(door.id, part, point.number)
                used[point.controller] = (*used.get(point.controller, ()), use)
    return used


def lacking(identity: Identity, uses: Iterable[Use]) -> str:
    """Name every part that the unit does not have; empty if it has all."""
    counts = {function: count for function, _, count in identity.capabilities}
    counts[READERS] = max(1, counts.get(READERS, 1))  # 0 and 1 both mean one
    return _listed(_lacking(counts, uses))


def unseen(identity: Identity, uses: Iterable[Use]) -> str:
    """Name the doors whose reader can tell nobody anything; empty if there is none."""
    able = {function for function, compliance, _ in identity.capabilities if compliance}
    if able & {LIGHTS, SOUNDS}:
        return ""
    return _listed(
        f"the {use.part} of door {use.door} has neither light nor sounder"
        for use in uses
        if use.part in (READER, EXIT_READER)
    )


def _lacking(counts: dict[int, int], uses: Iterable[Use]) -> Iterator[str]:
    for use in uses:
        kind, function = _KINDS[use.part]
        there = counts.get(function, 0)
        if use.number >= there:
            yield (
                f"the {use.part} of door {use.door} is {kind} {use.number}, "
                f"but the unit has {_counted(there, kind)}"
            )


def _counted(there: int, kind: str) -> str:
    if there < 2:
        return f"one {kind}, number 0" if there else f"no {kind}"
    return f"{there} {kind}s, 0 to {there - 1}"


def _listed(sentences: Iterable[str]) -> str:
    said = list(sentences)
    more = [f"and {len(said) - MOST_NAMED} more"] if len(said) > MOST_NAMED else []
    return "; ".join(said[:MOST_NAMED] + more)
