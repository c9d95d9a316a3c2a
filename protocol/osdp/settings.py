"""One peripheral as configured."""

from dataclasses import dataclass

from protocol.osdp.secure_keys import BaseKey

LAST_ADDRESS = 0x7E
LONGEST_POLL_INTERVAL = 5.0  # seconds; a peripheral gives us up after 8
MOST_KEYS = 2  # the one it should have, and the one it had before


@dataclass(frozen=True, slots=True)
class PeripheralSettings:
    """One peripheral. `poll_interval`: seconds from a reply to the next poll.

    A `secure` one is spoken to inside a session only; its `keys` are tried in turn, the most
    likely first. Without any it says who it is and waits to be commissioned. Keys of one that
    is not secure are never used.
    """

    address: int
    crc: bool = True  # False: checksums, for old units
    poll_interval: float = 0.05  # 0: as fast as the line and the others allow
    secure: bool = False
    keys: tuple[BaseKey, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for what no line can carry, and for too many keys."""
        if not 0 <= self.address <= LAST_ADDRESS:
            raise ValueError(f"address is {self.address}, must be 0 to {LAST_ADDRESS}")
        if not 0 <= self.poll_interval <= LONGEST_POLL_INTERVAL:
            raise ValueError(
                f"poll_interval is {self.poll_interval} s, must be 0 to {LONGEST_POLL_INTERVAL}"
            )
        require_keys(self.address, self.keys)


def require_keys(address: int, keys: tuple[BaseKey, ...]) -> None:
    """Raise ValueError for more keys than are ever tried."""
    if len(keys) > MOST_KEYS:
        raise ValueError(
            f"address {address} has {len(keys)} keys, must have at most {MOST_KEYS}"
        )
