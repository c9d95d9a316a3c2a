"""`gatewayd osdp`: errands to one unit, for whoever sets it up."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from gatewayd.app import errands, moving
from gatewayd.app.errands import Place, Portrait
from gatewayd.app.known import known_at
from gatewayd.app.moving import Moved, Spot
from gatewayd.app.ports import NO_BAUD, Port
from gatewayd.cli import firmware
from gatewayd.cli.options import AsJson
from gatewayd.cli.portrait import capabilities_of, lines_of
from gatewayd.cli.where import Device, LineName, SomeConfig, Tcp, port_of, require_baud
from gatewayd.config import TcpLine
from gatewayd.core.audit import Finding
from gatewayd.core.model import Identity
from gatewayd.edge import log
from gatewayd.errors import LineFailed, TryAgain, UsageError
from protocol.osdp.commands import (
    LedColour,
    LedRecord,
    OutputAction,
    OutputRecord,
    SetLeds,
    SetOutputs,
    Temporary,
)
from protocol.osdp.replies import Function

TENTHS = 10
LONGEST_PULSE = 60.0  # seconds: a strike that is tested, not a door that is held
LONGEST_BLINK = 60.0
HALF_BLINK = 2  # tenths of a second on, and as many off
WIDTH = 10

Address = Annotated[
    int,
    typer.Option("--address", "-a", min=0, max=126, metavar="N", help="Where the unit is now."),
]
Baud = Annotated[
    int | None,
    typer.Option(metavar="N", help="The speed it speaks at now; the line's own, or 9600."),
]
Checksum = Annotated[
    bool, typer.Option("--checksum", help="Speak as old units want it, without CRC.")
]


def identify(  # noqa: PLR0913 - a command line has options
    *,
    address: Address,
    line: LineName = None,
    device: Device = None,
    tcp: Tcp = None,
    config: SomeConfig = None,
    baud: Baud = None,
    checksum: Checksum = False,
    as_json: AsJson = False,
) -> None:
    """Say who a unit is and what it can do; of an approved one also how it is.

    It is asked, and nothing is driven.

        gatewayd osdp identify --line north --address 5
    """
    with _place(port_of(line, device, tcp, config), baud, address, crc=not checksum) as place:
        portrait = asyncio.run(errands.identify(place))
    found = errands.verdict_on(portrait.identity, place, portrait.fault)
    if as_json:
        typer.echo(json.dumps(_as_json(place, portrait, found)))
    else:
        for what, said in lines_of(portrait, found):
            typer.echo(f"{what:<{WIDTH}} {said}")


def address(  # noqa: PLR0913 - a command line has options
    *,
    address: Address,
    to: Annotated[
        int | None,
        typer.Option(
            min=0, max=126, metavar="N", help="Its new address; the old one unless given."
        ),
    ] = None,
    to_baud: Annotated[
        int | None, typer.Option(metavar="N", help="Its new speed; the old one unless given.")
    ] = None,
    line: LineName = None,
    device: Device = None,
    tcp: Tcp = None,
    config: SomeConfig = None,
    baud: Baud = None,
    checksum: Checksum = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a unit another address, speed or both, and say where it is afterwards.

    Nothing is sent if somebody answers at the new place already, or the configuration has the
    new address for another controller. Exit code 74 if the unit is not where it should be; what
    is said then tells where it is.

        gatewayd osdp address --line north --address 0 --to 5
        gatewayd osdp address --device /dev/ttyUSB0 --address 5 --to-baud 115200
    """
    if to is None and to_baud is None:
        raise UsageError("say where to: --to N, --to-baud N or both")
    with _place(port_of(line, device, tcp, config), baud, address, crc=not checksum) as place:
        speed = _new_speed(place, to_baud)
        spot = Spot(speed if place.baud else NO_BAUD, address if to is None else to)
        moving.require_no_other(place.port, place, spot.address)
        moved = asyncio.run(_move(place, spot, speed, ask=not yes))
    if as_json:
        typer.echo(json.dumps(_moved_as_json(moved)))
    else:
        typer.echo(_moved(place, moved, speed), err=not moved.done)
    if not moved.done:
        raise typer.Exit(LineFailed.exit_code)


def blink(  # noqa: PLR0913 - a command line has options
    *,
    address: Address,
    line: LineName = None,
    device: Device = None,
    tcp: Tcp = None,
    config: SomeConfig = None,
    baud: Baud = None,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=LONGEST_BLINK, metavar="N", help="For how long.")
    ] = 5.0,
    checksum: Checksum = False,
) -> None:
    """Let the light of a unit's first reader blink for a while, to see which one it is.

    Exit code 69 if the audit does not approve the unit.

        gatewayd osdp blink --line north --address 5
    """
    with _place(port_of(line, device, tcp, config), baud, address, crc=not checksum) as place:
        asyncio.run(
            errands.drive(place, lambda identity: _blinking(identity, seconds), stay=seconds)
        )
    typer.echo(f"it blinked amber for {seconds:g} s")


def output(  # noqa: PLR0913 - a command line has options
    *,
    address: Address,
    number: Annotated[
        int, typer.Option(min=0, max=255, metavar="N", help="Which output; 0 is first.")
    ] = 0,
    line: LineName = None,
    device: Device = None,
    tcp: Tcp = None,
    config: SomeConfig = None,
    baud: Baud = None,
    seconds: Annotated[
        float, typer.Option(min=0.1, max=LONGEST_PULSE, metavar="N", help="For how long.")
    ] = 1.0,
    checksum: Checksum = False,
) -> None:
    """Switch an output on for a moment: a strike releases, a relay clicks.

    The unit itself ends it. Exit code 69 if the audit does not approve the unit.

        gatewayd osdp output --line north --address 5 --number 0 --seconds 1
    """
    with _place(port_of(line, device, tcp, config), baud, address, crc=not checksum) as place:
        asyncio.run(errands.drive(place, lambda identity: _pulse(identity, number, seconds)))
    typer.echo(f"output {number} is on for {seconds:g} s; the unit ends it")


commands: Mapping[str, Callable[..., None]] = {
    "identify": identify,
    "address": address,
    "blink": blink,
    "output": output,
    "firmware": firmware.command,
}


# --- where ----------------------------------------------------------------------------


@contextmanager
def _place(port: Port, baud: int | None, address: int, *, crc: bool) -> Iterator[Place]:
    """Give the unit's place, and what the site knows of it."""
    log.configure("error")
    speed = _speed(port, baud)
    with known_at(port, address) as known:
        yield Place(port, speed, address, crc, known)


def _speed(port: Port, baud: int | None) -> int:
    if isinstance(port.line, TcpLine):
        if baud is not None:
            raise UsageError("over TCP the serial server sets the speed: leave --baud out")
        return NO_BAUD
    return port.baud if baud is None else require_baud(baud)


def _new_speed(place: Place, to_baud: int | None) -> int:
    if to_baud is not None:
        return require_baud(to_baud)
    if not place.baud:
        raise UsageError(
            "over TCP nobody here knows the speed of the wire: --to-baud must say the one that "
            "the serial server is set to"
        )
    return place.baud


# --- moving ---------------------------------------------------------------------------


async def _move(place: Place, spot: Spot, speed: int, *, ask: bool) -> Moved:
    async with errands.visiting(place) as visit:
        who, identity = visit.met.identification, visit.identity
    here = Spot(place.baud, place.address)
    if spot == here and place.baud:
        return Moved(here, spot, "it was there already")
    if spot != here:
        await moving.require_free(place.port, spot, crc=place.crc)
    if ask:
        await asyncio.to_thread(_confirm, here, spot, identity)
    return await moving.move(place, who, spot, speed)


def _confirm(here: Spot, spot: Spot, identity: Identity) -> None:
    unit = f"vendor {identity.vendor} model {identity.model} serial {identity.serial}"
    if not typer.confirm(f"{unit}: from {here} to {spot}?", err=True):
        raise TryAgain("nothing was changed")


def _moved(place: Place, moved: Moved, speed: int) -> str:
    if moved.now is None:
        return (
            f"gatewayd: the unit was not found where it was nor where it should be "
            f"({moved.said}); `gatewayd discover` looks everywhere"
            + ("" if place.baud else f", with the serial server at {speed} baud, too")
        )
    if not moved.done:
        return f"gatewayd: the unit is at {moved.now}, not at {moved.wanted}: {moved.said}"
    text = f"the unit is at {moved.now}: {moved.said}"
    if place.port.name is not None:
        text += f"; let the configuration say so: {_to_write(place, moved.now)}"
    return text


def _to_write(place: Place, spot: Spot) -> str:
    assert place.port.name is not None
    controller = place.port.controller_at(place.address)
    name = "the controller" if controller is None else f"controllers.{controller}"
    changes = f"address = {spot.address} in {name}"
    if spot.baud != place.port.baud:
        changes += f", baud = {spot.baud} in lines.{place.port.name} for all its units"
    return changes


def _moved_as_json(moved: Moved) -> dict[str, Any]:
    return {
        "moved": moved.done,
        "wanted": {"address": moved.wanted.address, "baud": moved.wanted.baud or None},
        "now": None
        if moved.now is None
        else {"address": moved.now.address, "baud": moved.now.baud or None},
        "said": moved.said,
    }


# --- driving --------------------------------------------------------------------------


def _blinking(identity: Identity, seconds: float) -> SetLeds:
    if not errands.count_of(identity, Function.LEDS):
        raise UsageError("the unit says that it has no light")
    record = LedRecord(
        temporary=Temporary.SET,
        temporary_on=HALF_BLINK,
        temporary_off=HALF_BLINK,
        temporary_on_colour=LedColour.AMBER,
        timer=round(seconds * TENTHS),
    )
    return SetLeds((record,))


def _pulse(identity: Identity, number: int, seconds: float) -> SetOutputs:
    there = errands.count_of(identity, Function.OUTPUTS)
    if number >= there:
        raise UsageError(f"there is no output {number}: the unit says that it has {there}")
    return SetOutputs((OutputRecord(number, OutputAction.PULSE_ON, round(seconds * TENTHS)),))


# --- identity -------------------------------------------------------------------------


def _as_json(place: Place, portrait: Portrait, found: Finding) -> dict[str, Any]:
    identity = portrait.identity
    return {
        "port": place.port.place,
        "baud": place.baud or None,
        "address": place.address,
        "controller": place.port.controller_at(place.address),
        "vendor": identity.vendor,
        "model": identity.model,
        "hardware": identity.hardware,
        "serial": identity.serial,
        "firmware": list(identity.firmware),
        "proved": identity.proved,
        "fault": portrait.fault,
        "verdict": found.verdict.value,
        "why": found.why,
        "has": list(capabilities_of(identity)),
        "tamper": None if portrait.local is None else bool(portrait.local.tamper),
        "power_failing": None if portrait.local is None else bool(portrait.local.power),
        "inputs": None if portrait.inputs is None else list(portrait.inputs.inputs),
        "outputs": None if portrait.outputs is None else list(portrait.outputs.outputs),
        "refusal": portrait.refusal,
    }
