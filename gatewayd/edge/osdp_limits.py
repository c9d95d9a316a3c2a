"""What a unit says that it has room for (SIA OSDP 2.2, Annex B). Functions of values only.

It is asked for nothing beyond: no output it does not have, no command longer than its receive
buffer. What it does not mention is not held against it.
"""

from collections.abc import Iterable

from gatewayd.core.actions import Latch, Order, Release, UnitCommand
from gatewayd.core.model import Identity
from protocol.message import Message
from protocol.osdp.replies import Function
from protocol.osdp.sizes import longest_body, receive_size

Capabilities = tuple[tuple[int, int, int], ...]

_LONG_ANSWERS = (
    Function.LARGEST_MESSAGE,
    Function.SMART_CARD,
    Function.BIOMETRICS,
    Function.EXTENDED_IDENTIFICATION,
)


def size_of(capabilities: Capabilities, function: Function) -> int | None:
    """Return a number of bytes, which takes both values of a capability; None: not said."""
    sizes = [low | high << 8 for each, low, high in capabilities if each == function]
    return max(sizes, default=None)


def has_long_answers(capabilities: Capabilities) -> bool:
    """Say whether a unit has a use for knowing how long a frame we take."""
    return any(each in _LONG_ANSWERS and (low or high) for each, low, high in capabilities)


def obstacle(
    order: Order | UnitCommand, commands: Iterable[Message], who: Identity | None
) -> str:
    """Say why a unit cannot be sent this; empty if it can. `who`: None if nobody knows."""
    if who is None:
        return ""
    if isinstance(order, Release | Latch):
        counts = [count for each, _, count in who.capabilities if each == Function.OUTPUTS]
        if counts and order.output >= max(counts):
            return f"it has no output {order.output}"
    said = size_of(who.capabilities, Function.RECEIVE_SIZE)
    room = longest_body(receive_size(said), secure=who.proved)
    if any(len(each.encode()) > room for each in commands):
        return f"its receive buffer takes {room} bytes of a command"
    return ""
