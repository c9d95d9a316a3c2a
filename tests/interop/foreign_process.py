"""Peripherals of somebody else's making: PyPI libosdp's, in a process of their own.

    python -m tests.interop.foreign_process --port LINK --addresses 1,2,3,4 [--keyed]
        [--install 3,4] [--lenient] [--shared] [--flash DIRECTORY]

All of them hang on one pseudo-terminal, which appears behind the path LINK, and hear every
byte of it. What is said to the process and what it says is described in `far_end`; besides:

    in   {"do": "card", "address": 1, "bits": 26, "data": "12345680"}
         {"do": "keys", "address": 1, "digits": "123"}
         {"do": "input", "address": 1, "input": 0, "active": true}
         {"do": "health", "address": 1, "tamper": false, "power": true}
         {"do": "silence", "address": 1}     unplugged: hears nothing, says nothing
         {"do": "answer", "address": 1}      plugged in again, its power was never gone
         {"do": "restart", "address": 1}     its power was gone
    out  {"heard": "output", "address": 1, "at": 12.3, "output": 0, "code": 5, "tenths": 50}
         {"heard": "led" | "buzzer" | "text" | …, "address": 1, "at": 12.3, …}
         {"heard": "move", "address": 1, "at": 12.3, "to": 9, "baud": 9600}
         {"heard": "key", "address": 1, "at": 12.3}
         {"heard": "file", "address": 1, "at": 12.3, "size": 8000, "digest": "9f86…"}

Those of `--install` have no key and take one from anybody who knows the default key; what they
are given they keep, and their address too, through a loss of power. `address` remains the one
they began with. With `--lenient` those that have a key can be spoken to in clear as well.

With `--shared` LINK is a wire that other processes hang on too (`shared_wire`), and there is
one address. With `--flash` a key that a unit is given outlives the process.

With `--keyed` the first line on standard input is {"1": "<32 hexadecimal digits>", …}: the
base keys of those that insist on a secure channel. Command lines can be read by everybody.
"""

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import osdp_sys

from tests.interop.far_end import FarEnd, read_line
from tests.interop.foreign import Who
from tests.interop.foreign_file import ReceivedFile
from tests.interop.libosdp_none import spare_none
from tests.interop.pseudo_terminal import Port, PseudoTerminal
from tests.interop.shared_wire import WireEnd

CHANNEL = 1  # all of them share one wire
INPUTS, OUTPUTS = 2, 2
OK = (0, None)  # one constant: the library never gives it back

CAPABILITIES = (  # function, compliance, count
    (osdp_sys.CAP_CONTACT_STATUS_MONITORING, 1, INPUTS),
    (osdp_sys.CAP_OUTPUT_CONTROL, 2, OUTPUTS),
    (osdp_sys.CAP_CARD_DATA_FORMAT, 1, 1),
    (osdp_sys.CAP_READER_LED_CONTROL, 4, 1),
    (osdp_sys.CAP_READER_AUDIBLE_OUTPUT, 2, 1),
    (osdp_sys.CAP_READERS, 0, 1),
)
CARD_BITS, CARD_DATA = 26, "12345680"  # of a drill
PERMANENT = {1: False, 2: True, 3: False, 4: True}  # control codes that last
TEMPORARY = {5: True, 6: False}
# Its Python half cannot answer these questions: NAK 9. The states follow with a poll.
OWED = (osdp_sys.STATUS_REPORT_INPUT, osdp_sys.STATUS_REPORT_OUTPUT)


class Tap:
    """One peripheral's share of the wire, as libosdp wants it."""

    def __init__(self, port: Port) -> None:
        self.id = CHANNEL
        self.waiting = bytearray()
        self.plugged = True
        self.written = 0
        self._port = port

    def read(self, most: int) -> bytes:
        """Called by libosdp."""
        taken = bytes(self.waiting[:most])
        del self.waiting[:most]
        return taken

    def write(self, data: bytes) -> int:
        """Called by libosdp."""
        if self.plugged:
            self.written += 1
            self._port.write(data)
        return len(data)

    def flush(self) -> None:
        """Called by libosdp."""


@dataclass(slots=True)
class Flash:
    """What one of them still knows after a loss of power."""

    address: int
    key: bytes | None
    install_mode: bool  # it takes the default key, as long as it has none of its own
    lenient: bool  # it can be spoken to in clear though it has a key
    kept: Path | None = None  # where its key outlives the process

    def __post_init__(self) -> None:
        if self.kept is not None and self.kept.exists():
            self.key = self.kept.read_bytes()

    def take_key(self, key: bytes) -> None:
        """Have another key, whole or not at all."""
        self.key = key
        if self.kept is not None:
            fresh = self.kept.with_suffix(".new")
            fresh.write_bytes(key)
            fresh.replace(self.kept)

    @property
    def flags(self) -> int:
        """How it treats whoever speaks to it, as libosdp counts it."""
        if self.key is not None:
            return 0 if self.lenient else int(osdp_sys.FLAG_ENFORCE_SECURE)
        return int(osdp_sys.FLAG_INSTALL_MODE) if self.install_mode else 0


class ForeignPeripheral:
    """One peripheral of libosdp with the contacts and outputs it pretends to have."""

    def __init__(
        self,
        flash: Flash,
        port: Port,
        tell: Callable[[dict[str, Any]], None],
    ) -> None:
        self.address = flash.address  # it began with this one
        self.tap = Tap(port)
        self._tell = tell
        self._inputs = [False] * INPUTS
        self._outputs = [False] * OUTPUTS
        self._pulses: dict[int, tuple[bool, float]] = {}  # output: state, until
        self._owed: list[int] = []  # kinds of status to report with the next poll
        self._flash = flash
        self.restart()

    def restart(self) -> None:
        """Take its power and give it back: all it had in memory is gone."""
        self.tap.waiting.clear()
        self._device = osdp_sys.PeripheralDevice(
            self._settings(),
            capabilities=[
                {"function_code": function, "compliance_level": level, "num_items": count}
                for function, level, count in CAPABILITIES
            ],
        )
        self._device.set_command_callback(self._hear)
        self._device.register_file_ops(0, ReceivedFile(self._hear_file).operations)

    def _settings(self) -> dict[str, Any]:
        who = Who.at(self.address)
        return {
            "name": f"foreign-{self.address}",
            "address": self._flash.address,
            "flags": self._flash.flags,
            "scbk": self._flash.key,
            "channel": self.tap,
            "version": who.version,
            "model": who.model,
            "vendor_code": int.from_bytes(bytes.fromhex(who.vendor), "little"),
            "serial_number": who.serial,
            "firmware_version": int.from_bytes(bytes(who.firmware), "big"),
        }

    def refresh(self) -> None:
        """Let it work; without its plug it stands still."""
        if self.tap.plugged:
            self._device.refresh()
            if self._owed:
                self._report_owed()

    def overhear(self, data: bytes) -> None:
        """Everybody on a wire gets every byte."""
        if self.tap.plugged:
            self.tap.waiting += data

    # --- what happens at the reader ---------------------------------------------------

    def card(self, bits: int, data: str) -> None:
        """Hold a card to it."""
        self._report(
            osdp_sys.EVENT_CARDREAD,
            reader_no=0,
            format=osdp_sys.CARD_FMT_RAW_WIEGAND,
            direction=0,
            length=bits,
            data=bytes.fromhex(data),
        )

    def keys(self, digits: str) -> None:
        """Press keys."""
        self._report(osdp_sys.EVENT_KEYPRESS, reader_no=0, data=digits.encode())

    def input(self, input: int, active: bool) -> None:  # noqa: A002, FBT001  # its names are the line's
        """Change a contact."""
        self._inputs[input] = active
        self._report_status(osdp_sys.STATUS_REPORT_INPUT, self._inputs)

    def health(self, tamper: bool, power: bool) -> None:  # noqa: FBT001  # its names are the line's
        """Open its housing, cut its supply."""
        self._report_status(osdp_sys.STATUS_REPORT_LOCAL, [tamper, power])

    def silence(self) -> None:
        """Pull its plug."""
        self.tap.plugged = False
        self.tap.waiting.clear()

    def answer(self) -> None:
        """Plug it in again."""
        self.tap.plugged = True

    def _report_status(self, kind: int, states: list[bool]) -> None:
        self._report(
            osdp_sys.EVENT_STATUS, type=kind, nr_entries=len(states), report=bytes(states)
        )

    def _report(self, event: int, **fields: object) -> None:
        if not self._device.submit_event({"event": event, **fields}):
            raise OverflowError(f"peripheral {self.address} takes no more events")

    # --- what the panel wants ---------------------------------------------------------

    def _hear(self, command: dict[str, Any]) -> tuple[int, None]:
        code = command["command"]
        if code == osdp_sys.CMD_STATUS:
            if command["type"] in OWED:
                self._owed.append(command["type"])
            return OK
        told: dict[str, Any] = {"heard": str(code)}
        if code in _TOLD:
            told = _TOLD[code](command)
        if code == osdp_sys.CMD_OUTPUT:
            self._drive(told["output"], told["code"], told["tenths"] / 10)
        if code == osdp_sys.CMD_KEYSET:
            self._flash.take_key(bytes(command["data"]))
        if code == osdp_sys.CMD_COMSET:
            self._flash.address = told["to"]
        self._tell({**told, "address": self.address, "at": time.monotonic()})
        return OK

    def _hear_file(self, size: int, digest: str) -> None:
        what = {"heard": "file", "size": size, "digest": digest}
        self._tell({**what, "address": self.address, "at": time.monotonic()})

    def _drive(self, output: int, code: int, seconds: float) -> None:
        if output >= OUTPUTS:
            return
        if code in PERMANENT:
            self._outputs[output] = PERMANENT[code]
        if code in (1, 2):
            self._pulses.pop(output, None)
        if code in TEMPORARY:
            self._pulses[output] = (TEMPORARY[code], time.monotonic() + seconds)

    def _output_states(self) -> list[bool]:
        now = time.monotonic()
        states = list(self._outputs)
        for output, (state, until) in self._pulses.items():
            if now < until:
                states[output] = state
        return states

    def _report_owed(self) -> None:
        owed, self._owed = self._owed, []
        for kind in owed:
            inputs = kind == osdp_sys.STATUS_REPORT_INPUT
            self._report_status(kind, self._inputs if inputs else self._output_states())


_TOLD: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    osdp_sys.CMD_OUTPUT: lambda said: {
        "heard": "output",
        "output": said["output_no"],
        "code": said["control_code"],
        "tenths": said["timer_count"],
    },
    osdp_sys.CMD_LED: lambda said: {
        "heard": "led",
        "reader": said["reader"],
        "led": said["led_number"],
        "temporary": said["temporary"],
        "code": said["control_code"],
        "on": said["on_count"],
        "off": said["off_count"],
        "on_colour": said["on_color"],
        "off_colour": said["off_color"],
        "tenths": said.get("timer_count", 0),
    },
    osdp_sys.CMD_BUZZER: lambda said: {
        "heard": "buzzer",
        "reader": said["reader"],
        "tone": said["control_code"],
        "on": said["on_count"],
        "off": said["off_count"],
        "count": said["rep_count"],
    },
    osdp_sys.CMD_TEXT: lambda said: {
        "heard": "text",
        "reader": said["reader"],
        "text": said["data"],
    },
    osdp_sys.CMD_COMSET: lambda said: {
        "heard": "move",
        "to": said["address"],
        "baud": said["baud_rate"],
    },
    osdp_sys.CMD_KEYSET: lambda _: {"heard": "key"},
}


class ForeignLine(FarEnd):
    """All of libosdp's peripherals on one wire."""

    def __init__(self, port: Port, flashes: Sequence[Flash]) -> None:
        super().__init__(port, [each.address for each in flashes])
        self._peripherals = {
            each.address: ForeignPeripheral(each, port, self._heard) for each in flashes
        }

    def overhear(self, data: bytes) -> None:
        """Everybody hears it; the library wants to be called now and then all the same."""
        for each in self._peripherals.values():
            each.overhear(data)
            each.refresh()

    def present(self, address: int) -> None:
        """One card like another."""
        self._peripherals[address].card(CARD_BITS, CARD_DATA)

    def replies(self) -> Mapping[int, int]:
        """Return how many replies each address sent."""
        return {each.address: each.tap.written for each in self._peripherals.values()}

    def obey(self, what: str, order: dict[str, Any]) -> None:
        """Do something at one reader."""
        peripheral = self._peripherals[order.pop("address")]
        match what:
            case "card" | "keys" | "input" | "health" | "silence" | "answer" | "restart":
                getattr(peripheral, what)(**order)
            case _:
                super().obey(what, order)

    def _heard(self, what: dict[str, Any]) -> None:
        if what["heard"] == "output":
            self.drove_output(what["address"], what["at"])
        self.tell(**what)


def _key(keys: Mapping[str, str], address: str) -> bytes | None:
    return bytes.fromhex(keys[address]) if address in keys else None


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser(description="libosdp peripherals on a pseudo-terminal")
    parser.add_argument("--port", type=Path, required=True)
    parser.add_argument("--addresses", required=True)
    parser.add_argument("--keyed", action="store_true")
    parser.add_argument("--install", default="")
    parser.add_argument("--lenient", action="store_true")
    parser.add_argument("--shared", action="store_true")
    parser.add_argument("--flash", type=Path)
    given = parser.parse_args()
    keys = json.loads(read_line()) if given.keyed else {}
    spare_none()
    osdp_sys.set_loglevel(osdp_sys.LOG_CRIT)
    fresh = given.install.split(",")
    flashes = [
        Flash(
            int(address),
            _key(keys, address),
            address in fresh,
            given.lenient,
            given.flash and given.flash / address,
        )
        for address in given.addresses.split(",")
    ]
    port: Port = PseudoTerminal(given.port)
    if given.shared:
        port = WireEnd(given.port, flashes[0].address)
    ForeignLine(port, flashes).run()


if __name__ == "__main__":
    main()
