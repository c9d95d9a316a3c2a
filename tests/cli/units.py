"""Simulated units on a pseudo-terminal, in the test's own process, for tools in another.

async with terminal(tmp_path / "line", [Device(5)]) as units:
    ended = await gatewayd("discover", "--device", units.link)
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gatewayd.simulate.device import Device
from gatewayd.simulate.site import Site
from protocol.osdp.commands import Identify, ReadCapabilities

IDENTITY = {Identify.CODE, ReadCapabilities.CODE}


@dataclass(frozen=True, slots=True)
class Units:
    """Devices and where they hang."""

    link: Path
    devices: tuple[Device, ...]
    told: list[dict[str, object]]

    def codes(self) -> set[int]:
        """Return the codes of all commands that anybody heard."""
        return {heard.frame.code for device in self.devices for heard in device.heard}

    def driven(self, what: str) -> list[dict[str, object]]:
        """Return every "pulse" or "light" that a unit obeyed."""
        return [each for each in self.told if each.get("heard") == what]

    def asked_only_who_they_are(self) -> bool:
        return self.codes() <= IDENTITY


@asynccontextmanager
async def terminal(
    link: Path, devices: Iterable[Device], *, any_speed: bool = False
) -> AsyncIterator[Units]:
    """Let devices answer at `link`, each at its own speed."""
    units = Units(link, tuple(devices), [])
    site = Site(link, list(units.devices), units.told.append, any_speed=any_speed)
    site.plug_in()
    try:
        yield units
    finally:
        site.pull_out()
    assert not [each for each in units.told if "complaint" in each]


@asynccontextmanager
async def server(devices: Iterable[Device]) -> AsyncIterator[str]:
    """Let devices answer behind a serial server; yields its HOST:PORT."""
    units, loop = list(devices), asyncio.get_running_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            for unit in units:
                writer.write(unit.answer(data, loop.time()))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        host, port = listening.sockets[0].getsockname()
        yield f"{host}:{port}"


def at_speed(device: Device, baud: int) -> Device:
    device.baud = baud
    return device
