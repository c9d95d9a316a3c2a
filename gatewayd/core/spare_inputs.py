"""Inputs that belong to no door: nobody acts on them, but a fault of their wiring is told.

A supervised loop that somebody ran through a cabinet says that it was cut even if no door of
this configuration looks at it.
"""

from collections.abc import Iterable, Iterator

from gatewayd.core.events import ControllerInputFault
from gatewayd.core.facts import InputsRead
from gatewayd.core.model import ControllerId, Door


class SpareInputs:
    """Which of them are at fault."""

    def __init__(self, doors: Iterable[Door]) -> None:
        points = (point for door in doors for point in (door.contact, door.exit_button))
        self._used = {point for point in points if point is not None}
        self._faulty: dict[ControllerId, frozenset[int]] = {}

    def read(self, fact: InputsRead) -> Iterator[ControllerInputFault]:
        """Tell what begins and ends to be at fault."""
        before = self._faulty.get(fact.controller, frozenset())
        used = {point.number for point in self._used if point.controller == fact.controller}
        faulty = {
            number
            for number, level in enumerate(fact.inputs)
            if level.faulty and number not in used
        }
        self._faulty[fact.controller] = frozenset(faulty)
        for number in sorted(faulty ^ before):
            fault = number in faulty
            what = fact.inputs[number] if fault else ""
            yield ControllerInputFault(fact.controller, number, fault, what)
