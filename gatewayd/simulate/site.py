"""A simulated site in a process of its own: OSDP peripherals on a real pseudo-terminal.

`--link` becomes a symbolic link to the terminal, the `device` of a serial line. What people
and wires do arrives as JSON lines on standard input, what the units were driven to leaves as
records for standard output:

    {"do": "card", "address": 1, "format": "H10301", "facility": 12, "number": 345}
    {"do": "card", "address": 1, "bits": 26, "data": "0600ac80"}
    {"do": "keys", "address": 1, "keys": "1234#"}
    {"do": "input", "address": 1, "input": 0, "active": true}
    {"do": "unplug", "address": 1}      {"do": "plug", "address": 1}
    {"do": "cycle_power", "address": 1}
    {"do": "swap", "address": 1, "serial": 4098, "firmware": 1}    another unit in its place
    {"do": "unplug_with_key", "address": 1}    as soon as it has taken a new key
    {"do": "hang_up"}                   the terminal goes away, and comes back a second later
    {"do": "history", "address": 1}

    {"ready": "/path/of/the/link"}
    {"heard": "pulse", "address": 1, "output": 0, "seconds": 5.0, "at": 12.3}
    {"heard": "light", "address": 1, "colour": "green", "at": 12.3}
    {"heard": "sound", "address": 1, "count": 1, "at": 12.3}
    {"heard": "file", "address": 1, "size": 8000, "digest": "9f86…", "at": 12.3}
    {"heard": "key", "address": 1, "at": 12.3}    it has another key, which is not said
    {"history": 1, "codes": ["61", "62"]}    every command that the unit heard, the newest last
    {"complaint": "what no panel may do", "address": 1}
    {"wrong": "an order that makes no sense, and why"}

A unit with several readers is told which by "reader", from 0. `at` is the host's monotonic
clock in seconds.

With a speed the units hear only who opened the terminal at theirs, which osdp_COMSET changes
as it changes their addresses; without one they hear at any. Answers given at once collide.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from gatewayd.simulate.device import Device, usual_capabilities
from gatewayd.simulate.scene import CLASSIC, UNITS, SimulatedUnit
from protocol import wiegand
from protocol.osdp.commands import LedColour
from protocol.osdp.replies import Capabilities, Capability

AWAY = 1.0  # seconds that a terminal stays away
READ_SIZE = 4096
LONGEST_ORDER = 64 << 10  # bytes of one line on standard input
AES = 9  # function of PDCAP

Sink = Callable[[dict[str, object]], None]


async def run(
    link: Path,
    sink: Sink,
    units: Iterable[SimulatedUnit] = UNITS,
    baud: int | None = None,
) -> None:
    """Simulate until standard input ends or the process is asked to end.

    `baud`: the speed of all units to begin with; None: they hear at any.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    devices = [device_of(unit) for unit in units]
    for device in devices:
        device.baud = baud or device.baud
    site = Site(link, devices, sink, any_speed=baud is None)
    site.plug_in()
    sink({"ready": str(link)})
    orders = asyncio.create_task(_read_orders(site))
    orders.add_done_callback(lambda _: ended.set())
    try:
        await ended.wait()
    finally:
        orders.cancel()
        site.pull_out()


def device_of(unit: SimulatedUnit) -> Device:
    """Build a peripheral; a Classic one cannot encrypt, and says so."""
    capabilities = usual_capabilities(unit.readers, unit.inputs, unit.outputs)
    if unit.model == CLASSIC:
        others = tuple(each for each in capabilities.records if each.function != AES)
        capabilities = Capabilities((*others, Capability(AES, 0, 0)))
    return Device(
        unit.address,
        model=unit.model,
        readers=unit.readers,
        inputs=unit.inputs,
        outputs=unit.outputs,
        capabilities=capabilities,
        key=None if unit.model == CLASSIC else unit.key,
        install_mode=unit.install_mode and unit.model != CLASSIC,
        chance=os.urandom,
    )


class Site:
    """Peripherals on one pseudo-terminal."""

    def __init__(
        self, link: Path, devices: list[Device], sink: Sink, *, any_speed: bool = True
    ) -> None:
        self._link = link
        self._devices = devices
        self._sink = sink
        self._any_speed = any_speed
        self._ends: tuple[int, int] | None = None
        self._keys = {device: device.key for device in devices}
        self._leaving: set[Device] = set()  # whose plug is pulled with the next key

    def plug_in(self) -> None:
        """Make a terminal and let the link point to it."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._ends = master, slave
        fresh = self._link.with_name(self._link.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self._link)
        asyncio.get_running_loop().add_reader(master, self._hear, master)

    def pull_out(self) -> None:
        """Take the terminal away."""
        if self._ends is None:
            return
        asyncio.get_running_loop().remove_reader(self._ends[0])
        for end in self._ends:
            os.close(end)
        self._ends = None
        self._link.unlink(missing_ok=True)

    def obey(self, order: Mapping[str, object]) -> None:
        """Do one thing to the site; raises KeyError, TypeError or ValueError for nonsense."""
        match order["do"]:
            case "hang_up":
                self.pull_out()
                asyncio.get_running_loop().call_later(AWAY, self.plug_in)
            case "card":
                self._device(order).present_card(*_bits(order), reader=_reader(order))
            case "keys":
                self._device(order).press(_reader(order), str(order["keys"]))
            case "input":
                self._device(order).set_input(_number(order, "input"), bool(order["active"]))
            case "unplug" | "plug":
                self._device(order).off = order["do"] == "unplug"
            case "unplug_with_key":
                self._leaving.add(self._device(order))
            case "cycle_power":
                self._device(order).cycle_power()
            case "swap":
                self._device(order).swap(_number(order, "serial"), _number(order, "firmware"))
            case "history":
                device = self._device(order)
                codes = [f"{each.frame.code:02x}" for each in device.heard]
                self._sink({"history": device.address, "codes": codes})
            case unknown:
                raise ValueError(f"nothing is called {unknown!r}")

    def complain(self, what: str) -> None:
        """Say that an order made no sense."""
        self._sink({"wrong": what})

    def _device(self, order: Mapping[str, object]) -> Device:
        address = _number(order, "address")
        for device in self._devices:
            if device.address == address:
                return device
        raise ValueError(f"no unit at address {address}")

    def _hear(self, master: int) -> None:
        with contextlib.suppress(BlockingIOError, OSError):  # the daemon may have hung up
            data = os.read(master, READ_SIZE)
            now = asyncio.get_running_loop().time()
            speed = None if self._any_speed else _speed(master)
            hearing = [each for each in self._devices if speed in (None, each.baud)]
            answers = [answer for each in hearing if (answer := each.answer(data, now))]
            if answers:
                os.write(master, _on_the_wire(answers))
            for device in hearing:
                self._tell(device)

    def _tell(self, device: Device) -> None:
        """Say what the unit was driven to since last time."""
        while device.pulses:
            pulse = device.pulses.popleft()
            self._heard("pulse", device, pulse.at, output=pulse.output, seconds=pulse.seconds)
        now = asyncio.get_running_loop().time()
        while device.lights:
            colour = LedColour(device.lights.popleft().temporary_on_colour)
            self._heard("light", device, now, colour=colour.name.lower())
        while device.sounds:
            self._heard("sound", device, now, count=device.sounds.popleft().count)
        while device.files.files:
            content = device.files.files.popleft()
            digest = hashlib.sha256(content).hexdigest()
            self._heard("file", device, now, size=len(content), digest=digest)
        if device.key != self._keys[device]:
            self._keys[device] = device.key
            self._heard("key", device, now)
            device.off = device.off or device in self._leaving
            self._leaving.discard(device)
        while device.complaints:
            self._sink({"complaint": device.complaints.popleft(), "address": device.address})

    def _heard(self, what: str, device: Device, at: float, **details: object) -> None:
        self._sink({"heard": what, "address": device.address, **details, "at": round(at, 6)})


def _speed(master: int) -> int | None:
    """Return the speed that the terminal was opened at."""
    return _SPEEDS.get(termios.tcgetattr(master)[5])


_SPEEDS = {
    termios.B9600: 9600,
    termios.B19200: 19200,
    termios.B38400: 38400,
    termios.B57600: 57600,
    termios.B115200: 115200,
    termios.B230400: 230400,
}


def _on_the_wire(answers: Sequence[bytes]) -> bytes:
    """Return what is left of answers given at once."""
    first, *others = answers
    for other in others:
        first = bytes(map(int.__and__, first, other))
    return first


def _number(order: Mapping[str, object], key: str) -> int:
    value = order[key]
    if not isinstance(value, int):
        raise TypeError(f"{key} is a whole number")
    return value


def _reader(order: Mapping[str, object]) -> int:
    return _number({"reader": 0, **order}, "reader")


def _bits(order: Mapping[str, object]) -> tuple[int, bytes]:
    """Return the bits of a card, given as such or by format and numbers."""
    if "bits" in order:
        return _number(order, "bits"), bytes.fromhex(str(order["data"]))
    facility = None if order.get("facility") is None else _number(order, "facility")
    return wiegand.encode(str(order["format"]), facility, _number(order, "number"))


async def _read_orders(site: Site) -> None:
    """Obey standard input, line by line, until it ends."""
    reader = asyncio.StreamReader(limit=LONGEST_ORDER)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        try:
            site.obey(json.loads(line))
        except (KeyError, TypeError, ValueError) as exc:
            site.complain(f"{type(exc).__name__}: {exc}")
