"""Eight foreign peripherals are given keys, moved and cut off, and the whole is recorded.

The recording is ours, in OSDPCAP, and `gatewayd trace` follows it from the default key to the
last: every cryptogram and every MAC is computed anew. Between our panel and these peripherals
nothing is agreed on but the standard.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from protocol.osdp.bus import Alarm, Alarming, BusEvent, Done, Identified, WentOffline
from protocol.osdp.commands import (
    KeyType,
    LedRecord,
    Permanent,
    SetCommunication,
    SetKey,
    SetLeds,
    SoundBuzzer,
)
from protocol.osdp.happenings import SetUp, SetUpFailed, WindowClosed
from protocol.osdp.replies import Keypad, LocalStatus, RawCard
from protocol.osdp.secure_keys import BaseKey
from protocol.osdp.settings import PeripheralSettings
from tests.cli.conftest import gatewayd
from tests.interop.foreign import ForeignPeripherals, Who
from tests.interop.panel import Panel
from tests.simulate.line import pulse

EVERYBODY = tuple(range(1, 9))
FARTHER = 42
CARD = "12345680"
WINDOW = 60.0  # seconds
SOON = 3.0  # seconds in which a report comes, unless it was lost
TRIES = 10
KEYSET = 9  # a tag
LIGHT = SetLeds((LedRecord(permanent=Permanent.SET, permanent_on=1, permanent_on_colour=1),))
SOUND = SoundBuzzer(0, 2, 1, 1, 2)


def key(generation: int, address: int) -> BaseKey:
    content = f"8f1d4ac2077eb93351e60bd4729c{generation:02x}{address:02x}"
    return BaseKey(f"key {generation}", bytes.fromhex(content))


def alarms(panel: Panel) -> list[Alarming]:
    return [event for event in panel.events if isinstance(event, Alarming)]


def of(address: int) -> Callable[[WentOffline], bool]:
    return lambda event: event.address == address


def secure(address: int, *keys: BaseKey) -> PeripheralSettings:
    return PeripheralSettings(address, secure=True, keys=keys)


async def pair(panel: Panel, address: int, given: BaseKey) -> Identified:
    """Give a unit its first key, in a window of its own."""
    order, mark = SetKey(KeyType.SCBK, given.content), panel.mark

    def hand_over(event: BusEvent) -> None:
        if isinstance(event, SetUp):
            panel.bus.set_keys(address, (given,))
            panel.bus.set_up(address, order, tag=KEYSET, connection=event.connection)

    panel.listeners.append(hand_over)
    assert panel.do(lambda bus: bus.commission(address, panel.now + WINDOW))
    closed = await panel.told(WindowClosed, after=mark)
    panel.listeners.remove(hand_over)
    assert closed.done, closed.why
    return await panel.admitted(address, after=mark)


async def rotate(panel: Panel, address: int, new: BaseKey, old: BaseKey) -> None:
    """Give a unit another key, inside its session; again if an answer came too late."""
    for _ in range(TRIES):
        mark = panel.mark
        panel.do(lambda bus: bus.set_keys(address, (new, old)))
        panel.send(address, SetKey(KeyType.SCBK, new.content), KEYSET)
        await panel.told(
            Done, lambda event: (event.tag, event.address) == (KEYSET, address), after=mark
        )
        if (await panel.admitted(address, after=mark)).key == new.name:
            return
    raise AssertionError(f"unit {address} does not take its key")


async def use(panel: Panel, foreign: ForeignPeripherals, address: int) -> None:
    """Card, keys, housing, light, sound and lock of one unit.

    Again if an answer came too late: this library forgets a card once it was asked for it.
    """
    for _ in range(TRIES):
        if await used(panel, foreign, address):
            return
    raise AssertionError(f"unit {address} is of no use")


async def used(panel: Panel, foreign: ForeignPeripherals, address: int) -> bool:
    mark, heard = panel.mark, foreign.mark
    await foreign.present_card(address, 26, CARD)
    await foreign.press_keys(address, "12")
    await foreign.do("health", address=address, tamper=True, power=False)
    try:
        card = await panel.reported(address, RawCard, after=mark, patience=SOON)
        keys = await panel.reported(address, Keypad, after=mark, patience=SOON)
        status = await panel.reported(address, LocalStatus, after=mark, patience=SOON)
        for tag, command in enumerate((LIGHT, SOUND, pulse(30)), 100):
            panel.send(address, command, tag)
        for what in ("led", "buzzer", "output"):
            await foreign.wait_heard(what, after=heard, address=address)
    except AssertionError:
        return False
    assert isinstance(card, RawCard)
    assert (card.bits, card.data) == (26, bytes.fromhex(CARD))
    assert (keys, status) == (Keypad(0, b"12"), LocalStatus(1, 0))
    return True


async def follow(
    tmp_path: Path, recording: list[str], keys: Mapping[int, list[BaseKey]]
) -> list[dict[str, Any]]:
    """Return what `gatewayd trace` makes of a recording, once it found nothing wrong."""
    capture, secrets = tmp_path / "line.osdpcap", tmp_path / "keys"
    capture.write_text("\n".join(recording) + "\n")
    secrets.touch(0o600)
    secrets.write_text(
        "".join(f"{at} {each.content.hex()}\n" for at, known in keys.items() for each in known)
    )
    ended = await gatewayd("trace", capture, "--key-file", secrets, "--default-key", "--json")
    assert (ended.code, ended.err) == (0, "")
    return [json.loads(line) for line in ended.out.splitlines()]


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[ForeignPeripherals]:
    async with ForeignPeripherals(
        tmp_path / "bus", EVERYBODY, install=EVERYBODY
    ) as peripherals:
        yield peripherals


async def test_eight_units_are_paired_used_and_given_other_keys(
    fresh: ForeignPeripherals, tmp_path: Path
) -> None:
    keys = {address: [key(1, address), key(2, address)] for address in EVERYBODY}
    async with Panel(fresh.path, [secure(each) for each in EVERYBODY]) as panel:
        for address in EVERYBODY:
            said = await pair(panel, address, keys[address][0])
            assert (said.proved, said.key) == (True, "key 1")
            assert said.identification.serial == Who.at(address).serial
            await use(panel, fresh, address)
        async with asyncio.TaskGroup() as everybody:
            for address, (first, second) in keys.items():
                everybody.create_task(rotate(panel, address, second, first))
        for address in EVERYBODY[::3]:
            await use(panel, fresh, address)
        calm = panel.undisturbed()
    assert not calm or not alarms(panel)

    *seen, last = await follow(tmp_path, panel.recording, keys)
    summary = last["summary"]
    assert (summary["wrong"], summary["not_followable"], summary["faults"]) == (0, 0, 0)
    assert (summary["unreadable"], summary["noise"], summary["bad_checks"]) == (0, 0, 0)
    assert summary["sessions"] >= 3 * len(EVERYBODY)  # default key, first key, second key
    assert summary["macs_checked"] > 20 * summary["sessions"]
    handed_over = [each for each in seen if each["name"] == "KEYSET"]
    assert len(handed_over) >= 2 * len(EVERYBODY)
    assert {each["verdict"] for each in handed_over} == {"ok"}


async def test_a_unit_keeps_its_new_address_and_its_key_without_power(
    fresh: ForeignPeripherals,
) -> None:
    given = key(1, 3)
    async with Panel(fresh.path, [secure(3), secure(FARTHER, given), secure(4)]) as panel:
        await pair(panel, 3, given)
        panel.send(3, SetCommunication(FARTHER, 9600))
        moved = await fresh.wait_heard("move", address=3)
        assert (moved["to"], moved["baud"]) == (FARTHER, 9600)
        there = await panel.admitted(FARTHER)
        assert (there.proved, there.key) == (True, given.name)
        assert there.identification.serial == Who.at(3).serial

        mark = panel.mark
        await fresh.restart(3)
        await panel.told(WentOffline, lambda event: event.address == FARTHER, after=mark)
        back = await panel.admitted(FARTHER, after=mark)
        assert (back.proved, back.key) == (True, given.name)
        assert 3 not in panel.connections


async def test_everybody_is_secure_again_after_a_cut_in_the_midst_of_it(tmp_path: Path) -> None:
    keys = {address: key(1, address) for address in EVERYBODY}
    foreign = ForeignPeripherals(
        tmp_path / "bus", EVERYBODY, {at: each.content for at, each in keys.items()}
    )
    async with (
        foreign,
        Panel(foreign.path, [secure(at, each) for at, each in keys.items()]) as panel,
    ):
        for address in EVERYBODY:
            await panel.admitted(address)
        mark = panel.mark
        await foreign.kill()
        for address in EVERYBODY:
            await panel.told(WentOffline, of(address), after=mark)
        await foreign.start()
        for address in EVERYBODY:
            back = await panel.admitted(address, after=mark)
            assert (back.proved, back.connection) == (True, 2)
        await use(panel, foreign, 5)
        calm = panel.undisturbed()
    # after each loss of power these units draw the same numbers
    assert not calm or {each.what for each in alarms(panel)} <= {Alarm.REPEATED_RANDOM}


async def test_a_unit_that_would_talk_in_clear_is_not_talked_to_in_clear(
    tmp_path: Path,
) -> None:
    given = key(1, 1)
    foreign = ForeignPeripherals(tmp_path / "bus", [1], {1: given.content}, lenient=True)
    async with foreign, Panel(foreign.path, [secure(1, given)]) as panel:
        assert (await panel.admitted(1)).proved
        await use(panel, foreign, 1)
        mark = panel.mark
        await foreign.restart(1)
        assert (await panel.admitted(1, after=mark)).proved
    *seen, _ = await follow(tmp_path, panel.recording, {1: [given]})
    in_clear = {
        each["name"] for each in seen if each["verdict"] == "open" and not each["reply"]
    }
    assert in_clear == {"ID", "CAP", "CHLNG"}


async def test_a_unit_that_has_a_key_takes_none_by_the_default_key(tmp_path: Path) -> None:
    foreign = ForeignPeripherals(tmp_path / "bus", [1], {1: key(1, 1).content})
    async with foreign, Panel(foreign.path, [secure(1)]) as panel:
        said = await panel.told(Identified)
        assert (said.proved, said.connection in panel.connections.values()) == (False, False)
        assert panel.do(lambda bus: bus.commission(1, panel.now + WINDOW))
        await panel.told(SetUpFailed)
        panel.do(lambda bus: bus.end_commissioning(1))
        closed = await panel.told(WindowClosed)
        assert not closed.done
    assert not [event for event in panel.events if isinstance(event, SetUp)]
    assert not foreign.heard("key")
