"""What may be said to a peripheral before it is known, and after.

The gate is a value with a type, not a flag somebody might forget to ask: whatever goes on
the wire has passed `admits` of the gate as it stood at that moment, retries included.

* Closed          who are you, what can you do, prove it; nothing else
* Commissioning   also set it up: address, speed, key, handshake (one unit, an open window)
* Open            everything, for one connection only
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


@dataclass(frozen=True, slots=True)
class Closed:
    """Nobody approved this unit: it is asked for its identity and no more."""

    def admits(self, command: Message) -> bool:
        """Only questions about identity, and the handshake that proves it."""
        return isinstance(command, Identify | ReadCapabilities | Challenge | ServerCryptogram)


@dataclass(frozen=True, slots=True)
class Commissioning:
    """A unit is being set up: identity, address and speed, handshake, key."""

    def admits(self, command: Message) -> bool:
        """What setting up needs; no polls, no outputs."""
        return isinstance(
            command,
            Identify
            | ReadCapabilities
            | SetCommunication
            | Challenge
            | ServerCryptogram
            | SetKey,
        )


@dataclass(frozen=True, slots=True)
class Open:
    """The unit was approved as it introduced itself at the start of `connection`."""

    connection: int

    def admits(self, _command: Message) -> bool:
        """Everything."""
        return True


Gate = Closed | Commissioning | Open

CLOSED = Closed()
