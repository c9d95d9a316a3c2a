"""How long a command may be (SIA OSDP 2.2, 5.6, Annex B function 10).

A unit's receive buffer holds whole frames, so what a body may have is less: the frame around
it, and inside a session signature, padding and their block.
"""

from protocol.osdp.frame import LONGEST
from protocol.osdp.secure_cipher import BLOCK

SMALLEST_RECEIVE = 128  # bytes of a frame that every unit can take
_AROUND_CLEAR = 8  # mark of the frame, address, length, control, code, CRC
_AROUND_SEALED = 14  # likewise, with block and MAC


def receive_size(said: int | None) -> int:
    """Return the longest frame a unit takes; `said`: what its capabilities say, if anything.

    Some say 0, and some a number no frame could have.
    """
    return min(said, LONGEST) if said else SMALLEST_RECEIVE


def longest_body(frame: int, *, secure: bool) -> int:
    """Return how long the body of a command in a frame of so many bytes may be, 0 or more.

    Encrypted bodies are whole blocks of 16 bytes, of which one byte at least is padding.
    """
    if secure:
        return max(0, (frame - _AROUND_SEALED) // BLOCK * BLOCK - 1)
    return max(0, frame - _AROUND_CLEAR)
