"""The simulated site: its units, its people and what they do.

Two doors. The lobby's parts hang on one unit; the lab's reader is one unit, its lock, contact
and exit button another. A fourth unit is of a generation that is out of support.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

VENDOR = bytes.fromhex("02475f")  # locally administered: no maker has it
SUPPORTED, CLASSIC = 1, 9  # models, as in the shipped catalogue

CONFIG = """\
[site]
id = "demo"
state_dir = "{where}/state"
control_socket = "{where}/control"

[mqtt]
host = "127.0.0.1"
port = {port}
trust = "broker"      # the demo's broker is on loopback; never do this on a real network

[audit]
on_classic = "block"

[keys]
root_key_file = "{where}/root-key"

[lines.north]
kind = "serial"
device = "{where}/line"
baud = 115200

[controllers]
lobby-reader = {{ line = "north", address = 1 }}
lab-reader   = {{ line = "north", address = 2 }}
lab-io       = {{ line = "north", address = 3 }}
old-reader   = {{ line = "north", address = 4 }}

[doors.lobby]
reader      = {{ controller = "lobby-reader" }}
lock        = {{ controller = "lobby-reader" }}
contact     = {{ controller = "lobby-reader", number = 0 }}
exit_button = {{ controller = "lobby-reader", number = 1 }}
release_seconds = 3

[doors.lab]
reader      = {{ controller = "lab-reader" }}
lock        = {{ controller = "lab-io" }}
contact     = {{ controller = "lab-io", number = 0 }}
exit_button = {{ controller = "lab-io", number = 1 }}
release_seconds = 3
inside      = "lab"
"""

Card = tuple[str, int, int]  # format, facility, number

ANNA: Card = ("H10301", 12, 345)
BOB: Card = ("H10301", 12, 346)
STRANGER: Card = ("H10301", 99, 1)

PIN, WRONG_PIN = "2468", "1111"


def permissions(pin: str) -> dict[str, dict[str, object]]:
    """Return who may pass where; `pin` is Anna's, in an envelope for the gateway."""
    return {
        "levels": {
            "everywhere": {"rules": [{"doors": ["lobby", "lab"]}]},
            "lab": {"rules": [{"doors": ["lab"]}]},
        },
        "doors": {"lab": {"entry": {"default": "card_and_pin"}}},
        "areas": {"lab": {"passback": "hard"}},
        "holders": {
            "anna": {"levels": ["everywhere"], "pin": pin},
            "bob": {"levels": ["lab"]},
        },
        "credentials": {
            "H10301:12:345": {"holder": "anna"},
            "H10301:12:346": {"holder": "bob", "valid_until": "2020-01-01T00:00:00Z"},
        },
    }


@dataclass(frozen=True, slots=True)
class SimulatedUnit:
    """One peripheral of the site; `name` as in the configuration above."""

    name: str
    address: int
    model: int
    readers: int
    inputs: int
    outputs: int
    key: bytes | None = field(default=None, repr=False)  # it insists on a secure channel
    install_mode: bool = False  # without a key it waits to be given one


UNITS = (
    SimulatedUnit("lobby-reader", 1, SUPPORTED, readers=2, inputs=2, outputs=1),
    SimulatedUnit("lab-reader", 2, SUPPORTED, readers=1, inputs=0, outputs=0),
    SimulatedUnit("lab-io", 3, SUPPORTED, readers=0, inputs=2, outputs=1),
    SimulatedUnit("old-reader", 4, CLASSIC, readers=1, inputs=0, outputs=1),
)

READER = {"lobby": 1, "lab": 2}
CONTACT = {"lobby": (1, 0), "lab": (3, 0)}
BUTTON = {"lobby": (1, 1), "lab": (3, 1)}

OPENING, PASSING, PRESSING = 0.4, 0.6, 0.3  # seconds


class Show:
    """People at doors, as orders to the simulated site."""

    def __init__(self, write: Callable[[dict[str, object]], None]) -> None:
        self._write = write

    async def card(self, door: str, card: Card) -> None:
        """Hold a card to the reader."""
        kind, facility, number = card
        self._write(
            {
                "do": "card",
                "address": READER[door],
                "format": kind,
                "facility": facility,
                "number": number,
            }
        )

    async def keys(self, door: str, keys: str) -> None:
        """Press keys at the reader: digits, # to enter, * to clear."""
        self._write({"do": "keys", "address": READER[door], "keys": keys})

    async def walk_through(self, door: str) -> None:
        """Open the door and let it fall shut."""
        await asyncio.sleep(OPENING)
        self._input(CONTACT[door], active=True)
        await asyncio.sleep(PASSING)
        self._input(CONTACT[door], active=False)

    async def press(self, door: str) -> None:
        """Press the exit button."""
        self._input(BUTTON[door], active=True)
        await asyncio.sleep(PRESSING)
        self._input(BUTTON[door], active=False)

    def _input(self, at: tuple[int, int], *, active: bool) -> None:
        address, number = at
        self._write({"do": "input", "address": address, "input": number, "active": active})
