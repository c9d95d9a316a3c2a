"""Serial lines, by pyserial-asyncio.

The library opens, watches and closes the port. Bytes go straight to and from the port's file
descriptor: the library asks the kernel once more whether there is something to read, and
waits for the event loop to say that the port is writable, which on a line of short frames it
always is. Whatever the kernel does not take at once goes the library's way.

RS-485 direction control and low latency are asked of the driver where it has them.
Pseudo-terminals and most USB adapters refuse; that is never fatal.
"""

import asyncio
import contextlib
import os
import termios
from pathlib import Path

import serial
import serial.rs485
import serial_asyncio

from gatewayd.edge.link import Factory, Opener

READ_SIZE = 1024  # bytes at once, as the library reads


class PortTransport(serial_asyncio.SerialTransport):  # type: ignore[misc]  # it has no types
    """The library's transport with a shorter way in and out."""

    def write(self, data: bytes) -> None:
        """Send now what the kernel takes now."""
        if not self._closing and not self._write_buffer:
            try:
                data = data[os.write(self._serial.fd, data) :]
            except BlockingIOError:
                pass
            except OSError as exc:
                self._abort(exc)  # a port that was pulled out is no fault of ours
                return
        if data:
            super().write(data)

    def _read_ready(self) -> None:
        """Read once; the event loop has just said that there is something."""
        try:
            data = os.read(self._serial.fd, READ_SIZE)
        except BlockingIOError:
            return
        except OSError as exc:
            self._abort(exc)
            return
        if data:
            self._protocol.data_received(data)
        else:  # ready to be read, and nothing to read: it was pulled out
            self._abort(OSError("the port is gone"))

    def _call_connection_lost(self, exc: Exception | None) -> None:
        """End without a drain: the library would wait, and everybody with it, until the port
        has sent what it holds; and what is late must not be sent."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.reset_output_buffer()
        super()._call_connection_lost(exc)


def opener(device: Path, baud: int, *, rs485: bool = True, low_latency: bool = True) -> Opener:
    """Return how to open `device` at `baud`, 8 bits, no parity, one stop bit."""

    async def connect(factory: Factory) -> asyncio.WriteTransport:
        try:
            port = serial.Serial(str(device), baud, exclusive=True)
            if rs485:
                _prefer_rs485(port)
            if low_latency:
                _prefer_low_latency(port)
            loop = asyncio.get_running_loop()
            transport: asyncio.WriteTransport = PortTransport(loop, factory(), port)
        except termios.error as exc:  # it went away while we opened it; no OSError of Python's
            raise OSError(*exc.args) from exc
        return transport

    return connect


def _prefer_rs485(port: serial.Serial) -> None:
    """Let the driver turn the transmitter on and off, if it can."""
    try:
        port.rs485_mode = serial.rs485.RS485Settings()
    except (OSError, ValueError):
        port._rs485_mode = None  # noqa: SLF001  pyserial would try, and fail, again at each change


def _prefer_low_latency(port: serial.Serial) -> None:
    """Have bytes handed over as they arrive, not after the adapter's 16 ms."""
    try:
        port.set_low_latency_mode(True)
    except (OSError, ValueError):
        return
