"""PyPI `uhppoted` as a client of our simulated board, through its whole API, over loopback."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from ipaddress import IPv4Address
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest
from uhppoted.structs import DoorMode, FirstCard, Weekdays
from uhppoted.uhppote_async import UhppoteAsync

from gatewayd.simulate.board import SimulatedBoard
from gatewayd.simulate.board_decision import Swipe
from gatewayd.simulate.board_store import Store, identity_of
from gatewayd.simulate.board_udp import BROADCAST, Boards

SERIALS = (405419896, 303986753)
START, END = dt.date(2026, 1, 1), dt.date(2026, 12, 31)
NOON = dt.datetime(2026, 11, 23, 12, 0, 0)  # noqa: DTZ001 - boards know no zones
CARD = 8165538
WORKDAYS = (True, True, True, True, True, False, False)
SOON = 30.0  # seconds; how long it may take on a busy machine


class Bench:
    """Two boards on a network, and a client that speaks to the first."""

    def __init__(self, network: Boards) -> None:
        self.network = network
        self.board = network.boards[0]
        host, port = network.address_of(self.board)
        self.controller = (SERIALS[0], f"{host}:{port}", "udp")
        self.client: Any = UhppoteAsync("127.0.0.1", f"{BROADCAST}:{port}", "127.0.0.1:0")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Two boards that answer at 127.0.0.41 and 127.0.0.42."""
    boards = [
        SimulatedBoard(Store(serial, identity_of(serial, IPv4Address(f"127.0.0.{last}"))))
        for last, serial in enumerate(SERIALS, 41)
    ]
    async with Boards(boards, port=0) as network:
        yield Bench(network)


async def test_it_finds_every_board_by_broadcast(bench: Bench) -> None:
    found = await bench.client.get_all_controllers(timeout=1.0)
    assert sorted(each.controller for each in found) == sorted(SERIALS)


async def test_it_reads_and_sets_who_a_board_is_and_what_time_it_has(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    told = await client.get_controller(board)
    assert (told.ip_address, told.version) == (IPv4Address("127.0.0.41"), "v8.92")
    assert (await client.get_time(board)).datetime is None
    assert (await client.set_time(board, NOON)).datetime == NOON
    assert (await client.get_time(board)).datetime - NOON < dt.timedelta(seconds=SOON)
    mask, gateway = IPv4Address("255.0.0.0"), IPv4Address("127.0.0.1")
    assert await client.set_ip(board, IPv4Address("127.0.0.99"), mask, gateway)
    assert (await client.get_controller(board)).gateway == gateway


async def test_it_keeps_cards(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    for card in (CARD, 7):
        stored = await client.put_card(board, card, START, END, 0, 1, 29, 0, 7531, {3: True})
        assert stored.stored
    assert (await client.get_cards(board)).cards == 2
    record = await client.get_card_record(board, CARD)
    assert (record.card, record.start_date, record.end_date) == (CARD, START, END)
    assert record.permissions == {1: 0, 2: 1, 3: 29, 4: 0}
    assert (record.pin, record.firstcard[3]) == (7531, True)
    assert await client.put_card_record(board, record)
    assert (await client.get_card_record_by_index(board, 2)).card == 7
    assert (await client.delete_card(board, CARD)).deleted
    assert not (await client.delete_card(board, CARD)).deleted
    assert (await client.get_card(board, CARD)).card_number == 0
    assert (await client.get_card_by_index(board, 1)).card_number == 0xFFFFFFFF
    assert (await client.delete_all_cards(board)).deleted
    assert (await client.get_cards(board)).cards == 0


async def test_it_drives_doors(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    told = await client.set_door_control(board, 3, 2, 9)
    assert (told.door, told.mode, told.delay) == (3, 2, 9)
    told = await client.get_door_control(board, 3)
    assert (told.door, told.mode, told.delay) == (3, 2, 9)
    assert (await client.open_door(board, 1)).opened
    status = await client.get_status(board)
    assert (status.relays, status.event_reason, status.event_index) == (0b0001, 44, 1)
    assert (await client.set_antipassback(board, 2)).ok
    assert (await client.get_antipassback(board)).antipassback == 2
    assert (await client.set_interlock(board, 4)).ok
    assert (await client.activate_keypads(board, *(True, True, False, True))).ok
    assert (await client.set_door_passcodes(board, 3, 12345, 0, 999999, 54321)).ok
    assert await client.set_door_passcodes_record(board, 3, [12345])
    assert bench.board.store.settings.passcodes[3] == (12345, 0, 0, 0)
    first = FirstCard(
        start_time=dt.time(8, 30),
        end_time=dt.time(17, 45),
        active_mode=DoorMode.NORMALLY_OPEN,
        inactive_mode=DoorMode.FIRSTCARD_ONLY,
        weekdays=Weekdays(*WORKDAYS),
    )
    assert await client.set_firstcard(board, 3, first)


async def test_it_keeps_time_profiles_and_tasks(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    eight, noon, none = dt.time(8, 30), dt.time(12, 0), dt.time(0, 0)
    segments = (eight, noon, none, none, none, none)
    stored = await client.set_time_profile(board, 29, START, END, *WORKDAYS, *segments, 30)
    assert stored.stored
    profile = await client.get_time_profile_record(board, 29)
    assert (profile.id, profile.start_date, profile.linked_profile) == (29, START, 30)
    assert (profile.segments[1].start, profile.segments[1].end) == (eight, noon)
    assert await client.set_time_profile_record(board, profile)
    assert (await client.get_time_profile(board, 30)).profile_id == 0
    assert (await client.delete_all_time_profiles(board)).deleted
    assert (await client.clear_tasklist(board)).cleared
    assert (await client.add_task(board, START, END, *WORKDAYS, noon, 3, 2, 0)).added
    assert (await client.refresh_tasklist(board)).refreshed
    assert [task.door for task in bench.board.store.settings.tasks] == [3]


async def test_it_reads_events_and_listens_to_them(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    now = asyncio.get_running_loop().time
    assert (await client.record_special_events(board, enable=True)).updated
    await client.set_time(board, NOON)
    await client.put_card(board, CARD, START, END, 1, 1, 1, 1, 0)
    bench.board.swipe(Swipe(4, CARD), now())
    event = await client.get_event(board, 1)
    assert (event.index, event.event_type, event.access_granted) == (1, 1, True)
    assert (event.door, event.card, event.reason) == (4, CARD, 1)
    assert (await client.get_event_record(board, 0xFFFFFFFF)).index == 1
    assert (await client.set_event_index(board, 1)).updated
    assert (await client.get_event_index(board)).event_index == 1
    heard: asyncio.Queue[Any] = asyncio.Queue()
    with socket(AF_INET, SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    listening: Any = UhppoteAsync("127.0.0.1", listen=f"127.0.0.1:{port}")
    close = asyncio.Event()
    task = asyncio.create_task(listening.listen(heard.put_nowait, close=close))
    assert (await client.set_listener(board, IPv4Address("127.0.0.1"), port, 1)).ok
    listener = await client.get_listener(board)
    assert (listener.address, listener.port, listener.interval) == (
        *(IPv4Address("127.0.0.1"), port, 1),
    )
    async with asyncio.timeout(SOON):
        pushed = await heard.get()
    assert (pushed.controller, pushed.event_index, pushed.event_card) == (SERIALS[0], 1, CARD)
    close.set()
    await task


async def test_the_host_decides_and_is_obeyed(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    now = asyncio.get_running_loop().time
    assert (await client.set_pc_control(board, enable=True)).ok
    bench.board.swipe(Swipe(1, CARD), now())
    event = await client.get_event(board, 1)
    assert (event.reason, event.access_granted) == (5, False)
    assert (await client.open_door(board, 1)).opened
    assert len(bench.board.pulses) == 1


async def test_it_brings_the_defaults_back(bench: Bench) -> None:
    client, board = bench.client, bench.controller
    await client.put_card(board, CARD, START, END, 1, 1, 1, 1, 0)
    assert (await client.restore_default_parameters(board)).reset
    assert (await client.get_cards(board)).cards == 0
