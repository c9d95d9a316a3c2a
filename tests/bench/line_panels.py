"""Panels to be compared, each in a process of its own: ours, and those it must beat.

    python -m tests.bench.line_panels ours|thread|bare|libosdp|shipped --port LINK …

* ours      `OsdpLine` on its event loop, as the daemon runs it
* thread    a blocking thread that knows three frames, checks nothing and waits for ever:
            what Python can do at best; with `--secure` it opens and seals, as it must
* bare      the same on an event loop
* libosdp   libosdp's control panel, refreshed every millisecond
* shipped   the same as its maker ships it: `osdp.ControlPanel.start()`

All of them answer a card with a pulse of output 0 of the same unit. Orders come as JSON
lines: {"do": "begin"}, {"do": "end"}, {"do": "quit"}; what "end" answers is about the time
since "begin": processor seconds, and when which card was told.
"""

import argparse
import asyncio
import json
import os
import queue
import sys
import threading
import time
import tty
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import osdp
import osdp_sys

from gatewayd.core.actions import Release
from gatewayd.core.facts import CardRead, ControllerIdentified, Fact, HealthRead
from gatewayd.core.model import ControllerId, OrderId
from gatewayd.edge import serial_port
from gatewayd.edge.osdp import LineSettings, OsdpLine, Unit
from protocol.osdp.commands import OutputAction, OutputRecord, Poll, SetOutputs
from protocol.osdp.frame import Frame
from protocol.osdp.replies import RawCard
from protocol.osdp.secure_keys import BaseKey
from tests.bench.line_keys import key_of
from tests.bench.line_secure_units import SecureTalk
from tests.interop.far_end import keep_stdout
from tests.interop.libosdp_none import spare_none

PULSE_SECONDS = 0.5
EXPIRES = 2.0
REFRESH = 0.001  # seconds between two refreshes of libosdp's panel
UNPACED = 115200  # what a port is opened with when nobody paces it

Told = Callable[[int], None]  # a card of this address was told


class Panel(Protocol):
    """Something that polls peripherals until the process ends."""

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Say `ready` once every peripheral is there."""


class Ours:
    """The daemon's line, with the gate opened for whoever introduces itself."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._line = OsdpLine(
            LineSettings(
                "bench",
                serial_port.opener(given.port, given.baud or UNPACED),
                tuple(_unit(each, secure=given.secure) for each in given.addresses),
                baud=given.baud,
                poll_interval=given.poll_interval,
            ),
            self._tell,
        )
        self._missing = {str(each) for each in given.addresses if each not in given.dead}
        self._ready: Callable[[], None] = lambda: None
        self._told: Told = lambda _: None
        self._orders = 0

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Run the event loop in this thread."""
        self._ready, self._told = ready, told
        asyncio.run(self._line.run())

    def _tell(self, fact: Fact) -> None:
        match fact:
            case ControllerIdentified():
                self._line.admit(fact.controller, fact.connection)
            case HealthRead() if self._missing:
                self._missing.discard(fact.controller)
                if not self._missing:
                    self._ready()
            case CardRead():
                self._told(int(fact.controller))
                self._line.send(self._release(fact))

    def _release(self, read: CardRead) -> Release:
        self._orders += 1
        order, expires = OrderId(self._orders), time.monotonic() + EXPIRES
        return Release(order, read.controller, read.connection, 0, PULSE_SECONDS, expires)


def _unit(address: int, *, secure: bool) -> Unit:
    keys = (BaseKey("bench", key_of(address)),) if secure else ()
    return Unit(ControllerId(str(address)), address, secure=secure, keys=keys)


class Known:
    """The frames of a panel that knows POLL and OUT, and whose turn it is."""

    complete = True

    def __init__(self, addresses: Sequence[int]) -> None:
        self._addresses = tuple(addresses)
        self._turn = 0
        self._sequences = dict.fromkeys(addresses, 0)
        self.heard_card = False  # in the reply that `next` was given
        pulse = SetOutputs((OutputRecord(0, OutputAction.PULSE_ON, 5),))
        self._frames = {
            (address, sequence, command.CODE): _wire(address, sequence, command)
            for address in addresses
            for sequence in range(4)
            for command in (Poll(), pulse)
        }

    @property
    def address(self) -> int:
        """Whose turn it is."""
        return self._addresses[self._turn]

    def next(self, reply: bytes) -> bytes:
        """Return what to write after a reply: OUT after a card, else the next POLL."""
        self.heard_card = len(reply) > 5 and reply[5] == RawCard.CODE
        if self.heard_card:
            return self._frame(SetOutputs.CODE)
        self._turn = (self._turn + 1) % len(self._addresses)
        return self._frame(Poll.CODE)

    def _frame(self, code: int) -> bytes:
        address, sequence = self.address, self._sequences[self.address]
        self._sequences[address] = sequence % 3 + 1
        return self._frames[address, sequence, code]


def talk(given: argparse.Namespace) -> Known | SecureTalk:
    """Return what the panels to compare with say."""
    return (SecureTalk if given.secure else Known)(given.addresses)


def whole(received: bytes) -> bytes:
    """Return the reply in it without its mark, nothing while it is not complete."""
    frame = received.lstrip(b"\xff")
    complete = len(frame) >= 8 and len(frame) >= frame[2] | frame[3] << 8
    return frame if complete else b""


class Thread:
    """Write, read until a reply is whole, write."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._port = _open(given.port, blocking=True)
        self._talk = talk(given)

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Poll for ever."""
        said = self._talk.next(b"")
        while not self._talk.complete:
            said = self._talk.next(self._exchange(said))
        ready()
        while True:
            said = self._talk.next(self._exchange(said))
            if self._talk.heard_card:
                told(self._talk.address)

    def _exchange(self, said: bytes) -> bytes:
        os.write(self._port, said)
        received = b""
        while not (frame := whole(received)):
            received += os.read(self._port, 4096)
        return frame


class Bare:
    """The same in one callback of an event loop, and nothing else on it."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._port = _open(given.port, blocking=False)
        self._talk = talk(given)
        self._received = b""
        self._told: Told = lambda _: None
        self._ready: Callable[[], None] | None = None

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Poll for ever."""
        self._told, self._ready = told, ready
        loop = asyncio.new_event_loop()
        loop.add_reader(self._port, self._read)
        os.write(self._port, self._talk.next(b""))
        loop.run_forever()

    def _read(self) -> None:
        self._received += os.read(self._port, 4096)
        if frame := whole(self._received):
            self._received = b""
            said = self._talk.next(frame)
            if self._talk.heard_card:
                self._told(self._talk.address)
            os.write(self._port, said)
            if self._ready is not None and self._talk.complete:
                self._ready()
                self._ready = None


def _wire(address: int, sequence: int, command: Poll | SetOutputs) -> bytes:
    return b"\xff" + Frame(address, sequence, command.CODE, command.encode()).encode()


class Channel(osdp.Channel):  # type: ignore[misc]  # it has no types
    """A port as libosdp's panel wants it."""

    def __init__(self, port: Path) -> None:
        self.id = 1
        self._port = _open(port, blocking=False)

    def read(self, most: int) -> bytes:
        """Called by libosdp."""
        try:
            return os.read(self._port, most)
        except BlockingIOError:
            return b""

    def write(self, data: bytes) -> int:
        """Called by libosdp."""
        return os.write(self._port, data)

    def flush(self) -> None:
        """Called by libosdp."""


class Libosdp:
    """libosdp's panel, refreshed by ourselves."""

    def __init__(self, given: argparse.Namespace) -> None:
        spare_none()
        osdp_sys.set_loglevel(osdp_sys.LOG_CRIT)
        self._addresses: Sequence[int] = given.addresses
        self._all = sum(
            1 << at for at, each in enumerate(self._addresses) if each not in given.dead
        )
        channel = Channel(given.port)
        self._secure = given.secure
        self._panel = osdp_sys.ControlPanel(
            [_their_unit(each, channel, given).get() for each in self._addresses]
        )
        self._told: Told = lambda _: None

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Refresh for ever."""
        self._told = told
        self._panel.set_event_callback(self._hear)
        announced = False
        while True:
            self._panel.refresh()
            if not announced and self._there & self._all == self._all:
                announced = True
                ready()
            time.sleep(REFRESH)

    @property
    def _there(self) -> int:
        """One bit for each unit that answers, or has a session if it should."""
        return int(self._panel.sc_status() if self._secure else self._panel.status())

    def _hear(self, at: int, event: dict[str, Any]) -> int:
        if event["event"] == osdp_sys.EVENT_CARDREAD:
            self._told(self._addresses[at])
            self._panel.submit_command(at, _pulse())
        return 0


class Shipped:
    """libosdp's panel as it comes, with its own thread."""

    def __init__(self, given: argparse.Namespace) -> None:
        spare_none()
        self._addresses: Sequence[int] = given.addresses
        self._alive = sum(each not in given.dead for each in self._addresses)
        self._secure = given.secure
        self._cards: queue.SimpleQueue[int] = queue.SimpleQueue()
        channel = Channel(given.port)
        self._panel = osdp.ControlPanel(
            [_their_unit(each, channel, given) for each in self._addresses],
            log_level=osdp.LogLevel.Critical,
            event_handler=self._hear,
        )
        self._told: Told = lambda _: None

    def run(self, ready: Callable[[], None], told: Told) -> None:
        """Answer cards in this thread: its own one holds a lock that commands need."""
        self._told = told
        self._panel.start()
        while self._there < self._alive:
            time.sleep(0.05)
        ready()
        while True:
            self._panel.submit_command(self._cards.get(), _pulse())

    @property
    def _there(self) -> int:
        panel = self._panel
        return int(panel.get_num_sc_active() if self._secure else panel.get_num_online())

    def _hear(self, at: int, event: dict[str, Any]) -> int:
        if event["event"] == osdp_sys.EVENT_CARDREAD:
            self._told(self._addresses[at])
            self._cards.put(self._addresses[at])
        return 0


def _their_unit(address: int, channel: Channel, given: argparse.Namespace) -> osdp.PDInfo:
    if not given.secure:
        return osdp.PDInfo(address, channel, flags=[])
    flags = [osdp.LibFlag.EnforceSecure]
    return osdp.PDInfo(address, channel, scbk=key_of(address), flags=flags)


def _pulse() -> dict[str, Any]:
    tenths = round(PULSE_SECONDS * 10)
    return {
        "command": osdp_sys.CMD_OUTPUT,
        "output_no": 0,
        "control_code": int(OutputAction.PULSE_ON),
        "timer_count": tenths,
    }


def _open(port: Path, *, blocking: bool) -> int:
    descriptor = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(descriptor)
    os.set_blocking(descriptor, blocking)
    return descriptor


class Desk:
    """Takes orders on standard input beside a panel that runs."""

    def __init__(self) -> None:
        self._out = keep_stdout()
        self._cards: list[tuple[int, float]] = []
        self._processor = 0.0

    def ready(self) -> None:
        """Every peripheral is there."""
        self._say(ready=True)

    def told(self, address: int) -> None:
        """A card was told."""
        self._cards.append((address, time.monotonic()))

    def serve(self) -> None:
        """Return when told to quit."""
        for line in sys.stdin:
            match json.loads(line)["do"]:
                case "quit":
                    return
                case "begin":
                    self._cards.clear()
                    self._processor = time.process_time()
                    self._say(did="begin")
                case "end":
                    spent = time.process_time() - self._processor
                    self._say(did="end", cpu=spent, cards=self._cards)

    def _say(self, **what: object) -> None:
        os.write(self._out, json.dumps(what).encode() + b"\n")


PANELS: dict[str, Callable[[argparse.Namespace], Panel]] = {
    "ours": Ours,
    "thread": Thread,
    "bare": Bare,
    "libosdp": Libosdp,
    "shipped": Shipped,
}


def main() -> None:
    """Run one panel beside its desk; the process ends with the desk."""
    parser = argparse.ArgumentParser(description="panels to be compared")
    parser.add_argument("panel", choices=PANELS)
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--addresses", type=_addresses, required=True)
    parser.add_argument("--dead", type=_addresses, default=[])
    parser.add_argument("--baud", type=int, default=0)
    parser.add_argument("--poll-interval", type=float, default=0.0)
    parser.add_argument("--secure", action="store_true")
    given = parser.parse_args()
    desk = Desk()
    panel = PANELS[given.panel](given)
    worker = threading.Thread(target=panel.run, args=(desk.ready, desk.told), daemon=True)
    worker.start()
    desk.serve()
    os._exit(0)  # the worker is in the middle of something


def _addresses(listed: str) -> list[int]:
    return [int(address) for address in listed.split(",") if address]


if __name__ == "__main__":
    main()
