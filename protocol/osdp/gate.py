"""What may be said to a peripheral before it is known, and after.

The gate is a value with a type, not a flag somebody might forget to ask: whatever goes on
the wire has passed `admits` of the gate as it stood at that moment, retries included.

* Closed          who are you, what can you do, prove it; nothing else
* Commissioning   also set it up: address, speed, key (one unit, an open window)
* Open            everything, for one connection only

What is sealed with the default key, which everybody knows, passes in a commissioning window
and nowhere else; and there nothing else sets a unit up.
"""

from dataclasses import dataclass

from protocol.message import Message
from protocol.osdp.commands import (
    Challenge,
    Identify,
    ReadCapabilities,
    ServerCryptogram,
    SetCommunication,
    SetKey,
)

_QUESTIONS = (Identify, ReadCapabilities, Challenge, ServerCryptogram)


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody approved this unit: it is asked for its identity and no more."""

    def admits(self, command: Message, *, by_default_key: bool = False) -> bool:
        """Only questions about identity, and the handshake that proves it."""
        return isinstance(command, _QUESTIONS) and not by_default_key


@dataclass(frozen=True, slots=True)
class Commissioning:
    """A unit is being set up: identity, address and speed, handshake, key."""

    def admits(self, command: Message, *, by_default_key: bool = False) -> bool:
        """What setting up needs; no polls, no outputs."""
        if isinstance(command, SetCommunication | SetKey):
            return by_default_key
        return isinstance(command, _QUESTIONS)


@dataclass(frozen=True, slots=True)
class Open:
    """The unit was approved as it introduced itself at the start of `connection`."""

    connection: int

    def admits(self, _command: Message, *, by_default_key: bool = False) -> bool:
        """Everything that is not under the default key."""
        return not by_default_key


Gate = Closed | Commissioning | Open

CLOSED = Closed()
COMMISSIONING = Commissioning()
