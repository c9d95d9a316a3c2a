"""The window in which one unit is given its first key.

    window opens     the connection ends, the gate becomes `Commissioning`
    handshake        with the default key, which everybody knows
    SetUp            who it is, read inside that session; nothing is secret yet
    osdp_KEYSET      the new key; what follows is a new handshake, with that key
    Identified       proved with its own key, and the same unit as before
    WindowClosed     once for each window, whatever happened in it

Nothing of this happens by itself: somebody opened the window for this one unit, for a time.
"""

from dataclasses import dataclass

from protocol.osdp.replies import Identification

LONGEST_WINDOW = 3600.0  # seconds; one that was asked for longer ends then


@dataclass(slots=True)
class Window:
    """What is known of one commissioning. `until`: when it ends by itself."""

    until: float
    given_to: Identification | None = None  # who was sent a key, last
    ready: int = 0  # the connection told as `SetUp` that stands; 0: none
    failure: str | None = None  # told last
