"""A wire as a process: what the panel says goes to every unit, what a unit says to the panel.

python -m tests.interop.shared_wire_process --port LINK --meeting SOCKET

in   {"do": "cut", "addresses": [3]}     these hear nothing and are not heard
     {"do": "join", "addresses": [3]}
     {"do": "quit"}
out  {"ready": LINK}, once
     {"did": "cut", "at": 12.3}
     {"came": 3, "at": 12.3}   {"went": 3, "at": 12.3}    its process
"""

import argparse
import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.interop.pseudo_terminal import CHUNK, PseudoTerminal

KEPT_UNREAD = 16 << 10  # bytes the kernel counts for a unit that does not read: some 20 frames


class Wire:
    """One pseudo-terminal and the units' sockets."""

    def __init__(self, port: PseudoTerminal, meeting: Path) -> None:
        self._port = port
        self._units: dict[int, socket.socket] = {}
        self._cut: set[int] = set()
        self._typed = b""
        self._going = True
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(meeting))
        self._listener.listen()

    def run(self) -> None:
        """Work until told to quit, or until nobody is left to tell us."""
        self._port.plug_in()
        tell(ready=str(self._port.path))
        try:
            while self._going:
                self._wait()
        finally:
            self._port.hang_up()

    def _wait(self) -> None:
        panel, orders, newcomers = self._port.descriptor, sys.stdin.fileno(), self._listener
        assert panel is not None  # it is there for as long as we run
        units = dict(self._units)
        watched = [
            panel,
            orders,
            newcomers.fileno(),
            *(each.fileno() for each in units.values()),
        ]
        ready, _, _ = select.select(watched, [], [])
        if panel in ready:
            self._panel_said(self._port.read())
        for address, unit in units.items():
            if unit.fileno() in ready:
                self._unit_said(address, unit)
        if orders in ready:
            self._take_orders(os.read(orders, CHUNK))
        if newcomers.fileno() in ready:
            self._welcome()

    def _panel_said(self, data: bytes) -> None:
        for address, unit in self._units.items():
            if address not in self._cut:
                with suppress(BlockingIOError, ConnectionError):
                    unit.send(data)

    def _unit_said(self, address: int, unit: socket.socket) -> None:
        try:
            data = unit.recv(CHUNK)
        except ConnectionError:
            data = b""
        if not data:
            unit.close()
            del self._units[address]
            tell(went=address, at=time.monotonic())
        elif address not in self._cut:
            self._port.write(data)

    def _welcome(self) -> None:
        unit, _ = self._listener.accept()
        unit.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KEPT_UNREAD)
        address = unit.recv(1)[0]  # it is said at once
        unit.settimeout(0)
        self._units[address] = unit
        tell(came=address, at=time.monotonic())

    def _take_orders(self, typed: bytes) -> None:
        self._going = bool(typed)
        *lines, self._typed = (self._typed + typed).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, object]) -> None:
        match order:
            case {"do": "cut", "addresses": list(addresses)}:
                self._cut.update(addresses)
            case {"do": "join", "addresses": list(addresses)}:
                self._cut.difference_update(addresses)
            case {"do": "quit"}:
                self._going = False
            case _:
                raise ValueError(f"nobody knows how to do {order}")
        tell(did=order["do"], at=time.monotonic())


def tell(**what: object) -> None:
    """Write a line."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser(description="a wire that several processes hang on")
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--meeting", type=Path, required=True)
    given = parser.parse_args()
    Wire(PseudoTerminal(given.port), given.meeting).run()


if __name__ == "__main__":
    main()
