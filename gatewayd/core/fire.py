"""Fire inputs: while one is active, its doors stand open above every rule.

An input is a level, not an edge: one that is active when it is seen first releases too. What
cannot be seen does not end a fire, and begins none: a fault of the wiring, a controller that
is away and a restart of ours leave standing what was seen last.

This is for convenience and the record. The way out must never depend on it: egress is wired.
"""

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass

from gatewayd.core.actions import Action, KeepState, Record
from gatewayd.core.events import FireAlarm, FireEnded, FireFault
from gatewayd.core.facts import InputsRead, InputState
from gatewayd.core.mode_orders import fire_entry
from gatewayd.core.model import ControllerId, Door, DoorId, Point


@dataclass(frozen=True, slots=True)
class FireInput:
    """An input that a fire panel switches, and the doors that it opens."""

    name: str
    point: Point
    active_when: bool = True  # False: the input rests while there is a fire
    doors: frozenset[DoorId] = frozenset()  # none: all of the site


def contradiction(fires: Iterable[FireInput], doors: Iterable[Door]) -> str | None:
    """Say what is wrong between the fire inputs and the doors of a site, if anything is."""
    found: set[str] = set()
    wired = {each.id: {each.contact, each.exit_button} for each in doors}
    for fire in fires:
        if fire.name in found:
            return f"two fire inputs are named {fire.name}"
        found.add(fire.name)
        for door in sorted(fire.doors - wired.keys()):
            return f"fire {fire.name} opens {door}, which is missing"
        for door, inputs in wired.items():
            if fire.point in inputs:
                return f"fire {fire.name} has an input of door {door}"
    return None


class _Seen:
    """One fire input as it was seen last."""

    def __init__(self, fire: FireInput, every: frozenset[DoorId], *, active: bool) -> None:
        self.fire = fire
        self.doors = fire.doors or every
        self.active = active
        self.fault = False


class Fires:
    """All fire inputs, and which of them are active."""

    def __init__(
        self,
        fires: Iterable[FireInput],
        doors: Iterable[DoorId],
        kept: Container[str],
        out: list[Action],
    ) -> None:
        """`kept`: the names of those that were active when they were seen last."""
        self._out = out
        every = frozenset(doors)
        self._fires = [_Seen(each, every, active=each.name in kept) for each in fires]
        self._wired: dict[ControllerId, list[_Seen]] = {}
        for each in self._fires:
            self._wired.setdefault(each.fire.point.controller, []).append(each)

    def __contains__(self, name: object) -> bool:
        """Say whether there is a fire input of this name."""
        return any(each.fire.name == name for each in self._fires)

    def at(self, door: DoorId) -> str | None:
        """Return the name of a fire that holds a door open."""
        active = (each for each in self._fires if each.active and door in each.doors)
        return next((each.fire.name for each in active), None)

    def inputs(self, fact: InputsRead) -> list[DoorId]:
        """Take note of the inputs of a controller; return the doors that it matters to."""
        moved: set[DoorId] = set()
        for each in self._wired.get(fact.controller, ()):
            moved.update(self._read(each, _level(fact, each.fire.point.number)))
        return sorted(moved)

    def _read(self, seen: _Seen, level: InputState) -> Iterator[DoorId]:
        fire = seen.fire
        if level.faulty is not seen.fault:
            seen.fault = level.faulty
            what = level.value if level.faulty else ""
            self._out.append(Record(FireFault(fire.name, level.faulty, seen.active, what)))
        if level.faulty:
            return
        active = (level is InputState.ACTIVE) is fire.active_when
        if active is not seen.active:
            seen.active = active
            kind = FireAlarm if active else FireEnded
            self._out.append(Record(kind(fire.name, tuple(sorted(seen.doors)))))
            self._out.append(KeepState((fire_entry(fire.name, active=active),)))
            yield from seen.doors


def _level(fact: InputsRead, number: int) -> InputState:
    return fact.inputs[number] if number < len(fact.inputs) else InputState.MISSING
