"""A whole site for one story: real broker, real daemon, real terminals, units, and upstream.

    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.units.card(1, ANNA)
        await world.event("access.granted", door="lobby")

When a story ends well, what must hold in every story is looked at (`Promises` below): no
lock was released without a cause on record, no event is missing or out of order, nothing
of ours failed inside, and the daemon is alive and has nothing to complain of.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import (
    AsyncExitStack,
    asynccontextmanager,
    closing,
    contextmanager,
    suppress,
)
from pathlib import Path
from random import Random
from typing import Any

from gatewayd.edge.control_client import NotRunning, ask
from gatewayd.simulate.scene import Card
from protocol import wiegand
from tests.interop.foreign import ForeignPeripherals
from tests.simulate.mosquitto import Mosquitto
from tests.stories.keys import write_keys, write_units_keys
from tests.stories.news import PATIENCE, News
from tests.stories.processes import Daemon, Pulse, Record, Units
from tests.stories.relay import Relay
from tests.stories.scenery import (
    CLASSIC,
    CONTACT,
    LOCK,
    READER,
    UNIT,
    write_catalogue,
    write_config,
)
from tests.stories.upstream import Document, Upstream, request
from tests.stories.wire import Wire

IN_TIME = 2.0  # seconds from a cause until its unlock must not be sent any more
LOOK = 0.02  # seconds between two looks at what nobody tells
UNDER_WAY = 1.0  # seconds that a busy machine may take to bring it to the unit
CAUSES = ("access.granted", "rex.pressed", "lock.released")
SEED = 20_261_123
SUPPORTED = tuple(name for name in UNIT if name != CLASSIC)


class World:
    """Everything and everybody of one story."""

    def __init__(self, place: Path, broker: Mosquitto, relay: Relay, config: Path) -> None:
        news = News()
        self.place = place
        self.broker = broker
        self.relay = relay  # the daemon's way to the broker
        self.news = news
        self.upstream = Upstream(broker.port, news)
        self.daemon = Daemon(config, news)
        self.version = 0  # of the permissions, as last acknowledged
        self.may_fail_inside = False  # a story that breaks something expects gateway.error

    @property
    def pulses(self) -> list[Pulse]:
        """Every release of a lock that a unit obeyed."""
        raise NotImplementedError

    @property
    def complaints(self) -> list[Record]:
        """What a unit says no panel may do."""
        return []

    # --- waiting --------------------------------------------------------------------------

    def events(self, kind: str, *, after: int = 0, **fields: object) -> list[Document]:
        """Return the events that arrived and are so, with numbers beyond `after`."""
        wanted = {"kind": kind, **fields}
        return [e for e in self.upstream.first if e["seq"] > after and _fits(e, wanted)]

    async def event(self, kind: str, *, after: int = 0, **fields: object) -> Document:
        """Return the first such event, of those that arrived or will."""
        return await self.news.until(
            lambda: next(iter(self.events(kind, after=after, **fields)), None),
            lambda: f"{kind} {fields} after {after}; {self.upstream.first[-8:]}\n{self._end()}",
        )

    async def several(self, count: int, kind: str, *, after: int = 0, **fields: object) -> None:
        """Wait until that many such events have arrived."""
        await self.news.until(
            lambda: len(self.events(kind, after=after, **fields)) >= count,
            lambda: f"{count} of {kind} {fields}; {self.upstream.first[-8:]}\n{self._end()}",
        )

    async def shows(
        self, topic: str, *, patience: float = PATIENCE, **fields: object
    ) -> Document:
        """Return a retained document as soon as it is so."""

        def look() -> Document | None:
            document = self.upstream.state.get(topic, {})
            return document if _fits(document, fields) else None

        return await self.news.until(
            look, lambda: f"{topic}: {self.upstream.state.get(topic)}\n{self._end()}", patience
        )

    async def verdicts(self, wanted: Mapping[str, str]) -> None:
        """Wait until the retained audit report says this of every controller."""

        def said() -> dict[str, str]:
            report = self.upstream.state.get("audit", {"controllers": []})
            return {each["controller"]: each["verdict"] for each in report["controllers"]}

        await self.news.until(lambda: said() == wanted, said)

    async def online(self, names: Iterable[str], *, after: int = 0) -> None:
        """Wait until these controllers have been admitted since event `after`, and what they
        kept from before is out."""
        names = list(names)
        for name in names:
            await self.event("controller.online", after=after, controller=name)
        await self.caught_up(names)

    async def caught_up(self, names: Iterable[str]) -> None:
        """Wait until these have had nothing to report: what is shown to them is new now."""
        before = now = await self._quiet_polls()
        wanted = list(names)
        async with asyncio.timeout(PATIENCE):
            while any(now.get(each, 0) < before.get(each, 0) + 2 for each in wanted):
                await asyncio.sleep(LOOK)
                now = await self._quiet_polls()

    async def _quiet_polls(self) -> dict[str, int]:
        """How often each controller was polled and had nothing to report, in this run."""
        try:
            answer = await asyncio.to_thread(ask, self.place / "control", "site.lines", {})
        except NotRunning:
            return {}
        units = [unit for line in answer["result"] for unit in line["controllers"]]
        counted = {unit["controller"]: unit["counters"] for unit in units}
        return {name: each["polls"] - each["reports"] for name, each in counted.items()}

    @property
    def now(self) -> int:
        """The number of the newest event that arrived."""
        return self.upstream.last

    def _end(self) -> str:
        return self.daemon.log[-2000:]

    # --- asking ---------------------------------------------------------------------------

    async def ask(self, command: str, **args: object) -> Document:
        """Return the answer to a request over MQTT."""
        document = request(args)
        await self.upstream.send(command, document)
        return await self.upstream.answer_to(document["id"])

    async def permit(self, records: Mapping[str, object]) -> Document:
        """Lead the permissions on by one version; `records` by kind and id, None: gone."""
        answer = await self.ask(
            "permissions.apply", base=self.version, version=self.version + 1, **records
        )
        assert answer["ok"], answer
        self.version += 1
        result: Document = answer["result"]
        return result

    async def broker_dies(self) -> None:
        """Kill the broker; return when upstream has noticed."""
        self.broker.kill()
        await self.news.until(lambda: not self.upstream.connected, lambda: "upstream to notice")

    async def broker_returns(self, *, upstream_first: bool) -> None:
        """Start the broker again; one that forgets needs upstream before the daemon."""
        self.relay.open = not upstream_first
        self.broker.start()
        await self.news.until(lambda: self.upstream.connected, lambda: "upstream to return")
        self.relay.open = True

    async def health(self) -> Document:
        """Ask the daemon how it is, through its socket."""
        try:
            answer = await asyncio.to_thread(ask, self.place / "control", "health.read", {})
        except NotRunning as error:
            raise AssertionError(f"{error}\n{self._end()}") from error
        result: Document = answer["result"]
        return result

    async def settle(self) -> None:
        """Wait until upstream has every event there is."""
        while (newest := (await self.health())["journal_last"]) != self.now:
            await self._arrived(newest)

    async def _arrived(self, number: int) -> None:
        await self.news.until(
            lambda: self.now >= number,
            lambda: f"event {number}; {self.now} arrived\n{self._end()}",
        )

    @contextmanager
    def still_disk(self) -> Iterator[None]:
        """Let nothing be committed to the journal for as long as this lasts."""
        with closing(sqlite3.connect(self.place / "state" / "journal.db")) as intruder:
            intruder.isolation_level = None
            intruder.execute("BEGIN IMMEDIATE")
            yield

    # --- what must hold in every story ----------------------------------------------------

    def promises(self) -> None:
        """Look at what must hold whatever happened."""
        assert not self.complaints
        first = {each["seq"]: each for each in self.upstream.first}
        assert list(first) == list(range(1, len(first) + 1)), "missing or out of order"
        for again in (*self.upstream.events, *self.upstream.live):
            assert again == first.get(again["seq"], again), "one number, two events"
        assert not self.unexplained()
        assert self.may_fail_inside or not self.events("gateway.error")
        assert not self.events("events.lost")
        assert not self.daemon.surprises, self._end()
        assert "Traceback" not in self.daemon.log, self._end()

    def unexplained(self) -> list[Pulse]:
        """Return the releases without a cause of their own on record, or too late after it."""
        return unexplained(self.pulses, self.upstream.first)


def _fits(document: Document, wanted: Mapping[str, object]) -> bool:
    return all(document.get(key) == value for key, value in wanted.items())


def unexplained(pulses: Iterable[Pulse], events: Sequence[Document]) -> list[Pulse]:
    """Match every release with the oldest cause that may still be it; return what is left."""
    causes = {
        address: [e["mono"] for e in events if e["kind"] in CAUSES and e["door"] == door]
        for door, address in LOCK.items()
    }
    left = []
    for pulse in sorted(pulses, key=lambda each: each.at):
        waiting = causes.get(pulse.address, [])
        fitting = [mono for mono in waiting if mono <= pulse.at <= mono + IN_TIME + UNDER_WAY]
        if pulse.output == 0 and fitting:
            waiting.remove(fitting[0])
        else:
            left.append(pulse)
    return left


class SimulatedWorld(World):
    """A world with units of our own making, perhaps behind a bad wire."""

    def __init__(self, place: Path, broker: Mosquitto, relay: Relay, config: Path) -> None:
        super().__init__(place, broker, relay, config)
        self.units = Units(place / "units", self.news)
        self.wire = Wire(place / "line", self.units.link, Random(SEED))  # noqa: S311

    @property
    def pulses(self) -> list[Pulse]:
        return self.units.pulses

    @property
    def complaints(self) -> list[Record]:
        return self.units.complaints

    async def pulse(self, door: str, *, count: int = 1) -> Pulse:
        """Return the so-manieth release of a door."""

        def look() -> Pulse | None:
            found = [each for each in self.pulses if each.address == LOCK[door]]
            return found[count - 1] if len(found) >= count else None

        return await self.news.until(look, lambda: f"pulse {count} at {door}; {self.pulses}")

    async def light(self, door: str, colour: str, *, count: int = 1) -> None:
        """Wait until a door's reader has shown a light so often."""
        await self.news.until(
            lambda: (
                len(self.units.heard("light", address=READER[door], colour=colour)) >= count
            ),
            lambda: f"{count} times {colour} at {door}: {self.units.heard('light')}",
        )

    def card(self, door: str, card: Card, *, inside: bool = False) -> None:
        """Hold a card to a door's reader, or to the one inside."""
        self.units.card(READER[door], card, reader=int(inside))

    def press(self, door: str, keys: str) -> None:
        """Press keys at a door's reader."""
        self.units.do("keys", address=READER[door], keys=keys)

    async def pass_through(self, door: str, after: int) -> Document:
        """Open a door that was released since, let it fall shut, and return who passed."""
        await self.event("access.granted", after=after, door=door)
        self.input(CONTACT[door], active=True)
        taken = await self.event("access.taken", after=after, door=door)
        self.input(CONTACT[door], active=False)
        await self.event("door.closed", after=after, door=door)
        return taken

    def input(self, at: tuple[int, int], *, active: bool) -> None:
        """Change the level of an input, given as unit and number."""
        self.units.input(*at, active=active)


class ForeignWorld(World):
    """A world with units of somebody else's making."""

    def __init__(
        self,
        place: Path,
        broker: Mosquitto,
        relay: Relay,
        config: Path,
        units: ForeignPeripherals,
    ) -> None:
        super().__init__(place, broker, relay, config)
        self.units = units

    @property
    def pulses(self) -> list[Pulse]:
        return [
            Pulse(each["at"], each["address"], each["output"], each["tenths"] / 10)
            for each in self.units.heard("output", code=5)
        ]

    async def card(self, door: str, card: Card) -> None:
        """Hold a card to a door's reader."""
        bits, data = wiegand.encode(*card)
        await self.units.present_card(READER[door], bits, data.hex())


@asynccontextmanager
async def simulated(
    place: Path,
    *,
    begin: bool = True,
    bad_wire: bool = False,
    persistence: bool = False,
    units: int = 3,
    trust: str = "broker",
    on_classic: str = "block",
    secure: Mapping[int, bytes] | None = None,
    **words: Any,  # noqa: ANN401 - as `write_config` takes them
) -> AsyncIterator[SimulatedWorld]:
    """Set up a site of simulated units. With `begin`, wait until it works.

    `secure`: keys of units that have one, by address; the others wait to be given theirs.
    `words`: what else the configuration says.
    """
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(place / "broker", persistence=persistence))
        relay = await stack.enter_async_context(Relay(broker.port))
        line = "line" if bad_wire else "units"
        path = write_config(
            place,
            relay.port,
            line=line,
            units=units,
            trust=trust,
            on_classic=on_classic,
            root_key=None if secure is None else write_keys(place, secure),
            **words,
        )
        world = SimulatedWorld(place, broker, relay, path)
        if secure is not None:
            world.units.options = "--install-mode", "--keys", write_units_keys(place, secure)
        await world.units.start()
        stack.push_async_callback(world.units.kill)
        stack.callback(world.wire.close)
        await stack.enter_async_context(_alive(world))
        if begin:
            await world.daemon.start()  # a port that is not there yet is tried again
        await world.units.ready()
        if bad_wire:
            world.wire.open()
        if begin:
            await world.online(SUPPORTED)
        yield world


@asynccontextmanager
async def foreign(
    place: Path, secure: Mapping[int, bytes] | None = None
) -> AsyncIterator[ForeignWorld]:
    """Set up a site of four units of somebody else's making, and wait until it works.

    `secure`: the keys of all of them, by address; they insist on a secure channel.
    """
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(Mosquitto(place / "broker"))
        relay = await stack.enter_async_context(Relay(broker.port))
        path = write_config(
            place,
            relay.port,
            line="units",
            units=4,
            catalogue=write_catalogue(place),
            root_key=None if secure is None else write_keys(place, secure),
        )
        units = ForeignPeripherals(place / "units", tuple(UNIT.values()), secure)
        await stack.enter_async_context(units)
        world = ForeignWorld(place, broker, relay, path, units)
        await stack.enter_async_context(_alive(world))
        await world.daemon.start()
        await world.online(UNIT)
        yield world


@asynccontextmanager
async def _alive(world: World) -> AsyncIterator[None]:
    """Let upstream listen; in the end see whether all promises were kept."""
    listening = asyncio.create_task(world.upstream.run())
    try:
        await world.news.until(lambda: world.upstream.connected, lambda: "upstream")
        yield
        if world.daemon.running:
            await world.settle()
        world.promises()
    finally:
        if world.daemon.running:
            await world.daemon.kill()
        if not listening.done():
            listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
