"""Readers that a controller has behind it: which of them are cut off or were tampered with.

What hangs on a cable from a controller is easier to get at than the controller itself.
"""

from collections.abc import Iterator

from gatewayd.core.events import ControllerReaderFault
from gatewayd.core.facts import ReadersRead, ReaderState
from gatewayd.core.model import ControllerId


class ReaderFaults:
    """How each reader was said to be last."""

    def __init__(self) -> None:
        self._states: dict[tuple[ControllerId, int], ReaderState] = {}

    def read(self, fact: ReadersRead) -> Iterator[ControllerReaderFault]:
        """Tell what begins, changes and ends."""
        for number, state in enumerate(fact.readers):
            place = fact.controller, number
            if state is not self._states.get(place, ReaderState.NORMAL):
                fault = state is not ReaderState.NORMAL
                yield ControllerReaderFault(
                    fact.controller, number, fault, state.value if fault else ""
                )
            self._states[place] = state
