"""Inputs that belong to no door and no fire panel: a fault of their wiring is told.

A supervised loop that somebody ran through a cabinet says that it was cut even if nothing of
this configuration looks at it. An input that a local reaction waits for must be there as well.
Doors and fire inputs tell of their own.
"""

from collections.abc import Iterable, Iterator

from gatewayd.core.events import ControllerInputFault
from gatewayd.core.facts import InputsRead, InputState
from gatewayd.core.fire import FireInput
from gatewayd.core.model import ControllerId, Door, Point
from gatewayd.core.reaction import OnInput, Reaction


class SpareInputs:
    """Which of them are at fault."""

    def __init__(
        self,
        doors: Iterable[Door],
        fires: Iterable[FireInput] = (),
        reactions: Iterable[Reaction] = (),
    ) -> None:
        points = (point for door in doors for point in (door.contact, door.exit_button))
        self._used = {point for point in points if point is not None}
        self._used.update(fire.point for fire in fires)
        triggers = (reaction.trigger for reaction in reactions)
        self._awaited = {each.point for each in triggers if isinstance(each, OnInput)}
        self._faulty: dict[ControllerId, dict[int, InputState]] = {}

    def read(self, fact: InputsRead) -> Iterator[ControllerInputFault]:
        """Tell what begins and ends to be at fault."""
        before = self._faulty.get(fact.controller, {})
        faulty = self._faulty[fact.controller] = dict(self._at_fault(fact))
        for number in sorted(faulty.keys() ^ before.keys()):
            what = faulty[number].value if number in faulty else ""
            yield ControllerInputFault(fact.controller, number, number in faulty, what)

    def _at_fault(self, fact: InputsRead) -> Iterator[tuple[int, InputState]]:
        for number, level in enumerate(fact.inputs):
            if level.faulty and Point(fact.controller, number) not in self._used:
                yield number, level
        for point in self._awaited:
            if point.controller == fact.controller and point.number >= len(fact.inputs):
                yield point.number, InputState.MISSING
