"""The whole decision over 1,000 doors, 200 levels and 100 schedules, at up to a million people.

Every decision is timed by itself, the clock's own cost taken off, over people and doors drawn
at random: half of them reach their door. Areas with anti-passback and occupancy, validities,
clearances and uses are on, as on a large site.

Beside it stand the same rights in a prepared SQLite query, in Cedar and in Casbin, at sizes
that they can hold. They are asked for credential, validity, level and hours alone: less than
is decided here.
"""

import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Event, Thread
from zoneinfo import ZoneInfo

import casbin
import cedarpy

from gatewayd.core.access.attempt import Around, Attempt, DoorNow
from gatewayd.core.access.book import Book, PermissionSet
from gatewayd.core.access.decide import decide
from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Credential,
    Holder,
    LevelId,
    LevelRule,
    Passback,
    Portal,
    Side,
)
from gatewayd.core.access.people import Person
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.state import Presence, PresenceIs, State
from gatewayd.core.model import AreaId, Card, DoorId, HolderId, Moment
from gatewayd.core.schedule import Period, Schedule, ScheduleId
from gatewayd.core.schedules import Schedules
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.people_store import PeopleStore
from tests.bench.result import Result, percentile

BUILD = Path(__file__).parents[2] / "build"
SIZES = (10_000, 100_000, 1_000_000)
SMALL = SIZES[0]  # what the peers are given
DOORS, LEVELS, SCHEDULES, AREAS = 1_000, 200, 100, 50
DOORS_OF_LEVEL = 40
ASKED = 20_000  # decisions
ASKED_CASBIN = 30
ROWS_OF_PART = 2_500
HOUR = 3600
NOW = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)  # a Tuesday
END = datetime(2035, 1, 1, tzinfo=UTC)


def hours(number: int) -> tuple[int, int]:
    """Return from when until when, in hours of every day, a schedule is active."""
    return number % 9, 14 + number % 9


def doors_of(level: int) -> list[int]:
    """Return the doors of a level."""
    return [(level * 5 + each * 25) % DOORS for each in range(DOORS_OF_LEVEL)]


def levels_of(number: int) -> tuple[int, int]:
    """Return the levels of a person."""
    return number % LEVELS, number * 7 % LEVELS


def key_of(number: int) -> str:
    """Return the card of a person."""
    return f"H10301:{number >> 16}:{number & 0xFFFF}"


def somebody(number: int) -> Person:
    """Return one of the people; one in ten has a time limit."""
    whoever = HolderId(f"{number * 2654435761 % (1 << 32):08x}")
    levels = tuple(LevelId(f"level {each}") for each in levels_of(number))
    until = END if number % 10 == 3 else None
    return Person(
        Holder(whoever, valid_until=until, levels=levels, clearance=number % 3),
        (Credential(key_of(number), whoever),),
    )


def permission_set() -> PermissionSet:
    """Return everything but the people."""
    schedules = []
    for number in range(SCHEDULES):
        begin, end = hours(number)
        day = (Period(begin * HOUR, end * HOUR),)
        schedules.append(Schedule(ScheduleId(f"hours {number}"), f"Hours {number}", (day,) * 7))
    levels = tuple(
        AccessLevel(
            LevelId(f"level {level}"),
            (
                LevelRule(
                    ScheduleId(f"hours {level % SCHEDULES}"),
                    frozenset(DoorId(f"door {each}") for each in doors_of(level)),
                ),
            ),
        )
        for level in range(LEVELS)
    )
    areas = tuple(
        AreaRules(AreaId(f"area {each}"), Passback.SOFT, max_occupancy=1_000_000)
        for each in range(0, AREAS, 5)
    )
    return PermissionSet(Schedules(ZoneInfo("UTC"), schedules), levels, (), areas)


def portals() -> list[Portal]:
    """Return the doors."""
    return [
        Portal(DoorId(f"door {each}"), inside=AreaId(f"area {each // (DOORS // AREAS)}"))
        for each in range(DOORS)
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question: who, and at which door."""

    person: int
    door: int


def questions(count: int, number: int) -> list[Asked]:
    """Draw questions; about half of them of people who have a level that includes the door."""
    chance = random.Random(7)  # noqa: S311 -- a benchmark
    drawn = []
    for _ in range(number):
        person = chance.randrange(count)
        reached = doors_of(chance.choice(levels_of(person)))
        door = chance.choice(reached) if chance.random() < 0.5 else chance.randrange(DOORS)
        drawn.append(Asked(person, door))
    return drawn


def timed(decisions: Iterator[Callable[[], object]]) -> list[float]:
    """Return the microseconds of each."""
    clock = time.perf_counter_ns
    bare = median(-clock() + clock() for _ in range(2000))
    times = []
    for each in decisions:
        begun = clock()
        each()
        times.append((clock() - begun - bare) / 1e3)
    return times


class Deciding:
    """A site of so many people, who lie in the store of the product."""

    def __init__(self, count: int, directory: Path) -> None:
        self._done = Event()
        self.store = PeopleStore.open(directory / "people", post=lambda call: call())
        staging = _stage(directory / "staging", count)
        self.store.replace(staging, 1, self._ended)
        self._done.wait()
        began = time.perf_counter()
        self.book = Book(portals(), permission_set(), self.store.view, SiteKey(bytes(32)))
        self.built = time.perf_counter() - began
        self.state = State()
        self.around = Around({each.door: DoorNow() for each in portals()})
        self._moves()

    def _ended(self, why: Exception | None) -> None:
        if why is not None:
            raise why
        self._done.set()

    def _moves(self) -> None:
        """Let 10,000 people be somewhere."""
        for number in range(SMALL):
            area = AreaId(f"area {number % AREAS}")
            holder = somebody(number).holder.id
            self.state.apply(PresenceIs(holder, Presence(area, NOW - timedelta(hours=1))))

    def decisions(self, asked: list[Asked]) -> Iterator[Callable[[], object]]:
        """Yield what has to be timed."""
        now = Moment(0.0, NOW)
        for each in asked:
            facility, number = each.person >> 16, each.person & 0xFFFF
            card = Card("26:00000000", "H10301", facility, number)
            attempt = Attempt(DoorId(f"door {each.door}"), Side.IN, now, card)
            yield lambda attempt=attempt: decide(  # type: ignore[misc]  # bound now
                self.book, self.state, self.around, attempt
            )

    def granted(self, asked: list[Asked]) -> list[bool]:
        """Return the answers."""
        return [each().granted for each in self.decisions(asked)]  # type: ignore[attr-defined]  # a Decision


def _stage(directory: Path, count: int) -> Staging:
    staging = Staging(directory)
    staging.begin(b"bench")
    people = map(somebody, range(count))
    number = 0
    while part := list(islice(people, ROWS_OF_PART)):
        cards = (card for each in part for card in each.credentials)
        staging.put(number, bytes(32), (each.holder for each in part), cards)
        number += 1
    return staging


# --- peers --------------------------------------------------------------------------


def sqlite(path: Path, count: int, asked: list[Asked]) -> tuple[list[bool], list[float]]:
    """Ask a prepared query: whether there is a level that is open now."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(
            """
            CREATE TABLE card (
                key TEXT PRIMARY KEY, person INTEGER, state INTEGER, until INTEGER
            ) WITHOUT ROWID;
            CREATE TABLE has (person INTEGER, level INTEGER, PRIMARY KEY (person, level))
                WITHOUT ROWID;
            CREATE TABLE reaches (level INTEGER, door INTEGER, hours INTEGER,
                PRIMARY KEY (level, door)) WITHOUT ROWID;
            CREATE TABLE hours (id INTEGER PRIMARY KEY, begin INTEGER, end INTEGER);
            BEGIN;
            """
        )
        database.executemany("INSERT INTO hours VALUES (?,?,?)", _hours())
        database.executemany("INSERT INTO reaches VALUES (?,?,?)", _reaches())
        people = range(count)
        database.executemany(
            "INSERT INTO card VALUES (?,?,1,?)",
            ((key_of(n), n, int(END.timestamp()) if n % 10 == 3 else None) for n in people),
        )
        database.executemany(
            "INSERT OR IGNORE INTO has VALUES (?,?)",
            ((n, level) for n in people for level in levels_of(n)),
        )
        database.execute("COMMIT")
        query = (
            "SELECT 1 FROM card JOIN has USING (person) JOIN reaches USING (level) "
            "JOIN hours ON hours.id = reaches.hours WHERE key = ? AND state = 1 "
            "AND (until IS NULL OR until > ?) AND door = ? AND begin <= ? AND ? < end LIMIT 1"
        )
        now, hour = int(NOW.timestamp()), NOW.hour

        def ask(each: Asked) -> bool:
            values = key_of(each.person), now, each.door, hour, hour
            return database.execute(query, values).fetchone() is not None

        times = timed(lambda each=each: ask(each) for each in asked)  # type: ignore[misc]  # bound now
        return [ask(each) for each in asked], times


def _hours() -> Iterator[tuple[int, int, int]]:
    yield from ((number, *hours(number)) for number in range(SCHEDULES))


def _reaches() -> Iterator[tuple[int, int, int]]:
    for level in range(LEVELS):
        yield from ((level, door, level % SCHEDULES) for door in dict.fromkeys(doors_of(level)))


def cedar(count: int, asked: list[Asked]) -> tuple[list[bool], list[float]]:
    """Ask Cedar, with policies and entities that are parsed beforehand."""
    text = []
    for level in range(LEVELS):
        begin, end = hours(level % SCHEDULES)
        text.append(
            f'permit(principal in Level::"{level}", action == Action::"open", '
            f'resource in Level::"{level}") when '
            f"{{ context.hour >= {begin} && context.hour < {end} }};"
        )
    policies = cedarpy.PolicySet.from_str("\n".join(text))
    entities = [
        {
            "uid": {"type": "Card", "id": key_of(n)},
            "attrs": {},
            "parents": [{"type": "Level", "id": f"{each}"} for each in levels_of(n)],
        }
        for n in range(count)
    ]
    reached: dict[int, list[int]] = {}
    for level, door, _ in _reaches():
        reached.setdefault(door, []).append(level)
    entities += [
        {
            "uid": {"type": "Door", "id": f"{door}"},
            "attrs": {},
            "parents": [{"type": "Level", "id": f"{each}"} for each in reached.get(door, ())],
        }
        for door in range(DOORS)
    ]
    handle = cedarpy.Entities.from_json_str(json.dumps(entities))

    def ask(each: Asked) -> bool:
        request = {
            "principal": f'Card::"{key_of(each.person)}"',
            "action": 'Action::"open"',
            "resource": f'Door::"{each.door}"',
            "context": {"hour": NOW.hour},
        }
        return bool(cedarpy.is_authorized(request, policies, handle).allowed)

    some = asked[:2_000]
    times = timed(lambda each=each: ask(each) for each in some)  # type: ignore[misc]  # bound now
    return [ask(each) for each in some], times


CASBIN = """
[request_definition]
r = sub, obj, hour
[policy_definition]
p = sub, obj, begin, end
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.hour >= p.begin && r.hour < p.end
"""


def casbin_(count: int, asked: list[Asked]) -> tuple[list[bool], list[float]]:
    """Ask Casbin, with roles for levels."""
    model = casbin.Model()
    model.load_model_from_text(CASBIN)
    enforcer = casbin.Enforcer(model)
    enforcer.add_policies(
        [[f"level{level}", f"{door}", *hours(number)] for level, door, number in _reaches()]
    )
    enforcer.add_grouping_policies(
        [[key_of(n), f"level{each}"] for n in range(count) for each in set(levels_of(n))]
    )

    def ask(each: Asked) -> bool:
        return bool(enforcer.enforce(key_of(each.person), f"{each.door}", NOW.hour))

    some = asked[:ASKED_CASBIN]
    times = timed(lambda each=each: ask(each) for each in some)  # type: ignore[misc]  # bound now
    return [ask(each) for each in some], times


# --- all of it ----------------------------------------------------------------------


def _at(count: int, directory: Path) -> tuple[list[Result], list[bool], float]:
    site = Deciding(count, directory)
    asked = questions(count, ASKED)
    answers = site.granted(asked)
    times = timed(site.decisions(asked))
    busy = _busy(site, asked)
    site.store.close()
    name = f"decide() at {count:,}"
    p50 = median(times)
    return (
        [
            _goal(f"{name}: p50", p50, "µs", 3),
            _goal(f"{name}: p99", percentile(times, 99), "µs", 10),
            Result(f"{name}: p99.9", percentile(times, 99.9), "µs"),
            _goal(f"{name}: p99.9, another thread busy", percentile(busy, 99.9), "µs", 1_000),
            Result(f"{name}: decisions a second", 1e6 * len(times) / sum(times), "/s"),
            Result(f"{name}: the book of {DOORS} doors built", site.built * 1e3, "ms"),
        ],
        answers,
        p50,
    )


def _busy(site: Deciding, asked: list[Asked]) -> list[float]:
    """Time decisions while another thread works, as the journal's does."""
    ended = Event()

    def work() -> None:
        with closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, body TEXT)")
            while not ended.is_set():
                database.executemany(
                    "INSERT INTO event (body) VALUES (?)", [("x" * 200,)] * 100
                )
                database.execute("DELETE FROM event")
                ended.wait(0.001)

    thread = Thread(target=work)
    thread.start()
    try:
        return timed(site.decisions(asked))
    finally:
        ended.set()
        thread.join()


def _goal(name: str, value: float, unit: str, most: float) -> Result:
    return Result(name, value, unit, goal=f"<= {most:g}", met=value <= most)


def _beside(
    name: str,
    ours: float,
    peer: tuple[list[bool], list[float]],
    right: list[bool],
    least: float,
) -> Result:
    answers, times = peer
    if answers != right[: len(answers)]:
        raise AssertionError(f"{name} decides otherwise")
    value = median(times)
    ratio = value / ours
    return Result(
        f"{name} at {SMALL:,}: p50",
        value,
        "µs",
        f"decide(): {ours:.2f} µs",
        ratio,
        f">= {least:g} times ours",
        ratio >= least,
    )


def measure() -> list[Result]:
    """Decide at every size, and let the peers decide the same questions."""
    BUILD.mkdir(exist_ok=True)
    results: list[Result] = []
    for count in SIZES:
        with TemporaryDirectory(dir=BUILD) as directory:
            found, answers, ours = _at(count, Path(directory))
            results += found
            if count == SMALL:
                asked = questions(count, ASKED)
                path = Path(directory) / "peer.db"
                results += [
                    _beside("SQLite", ours, sqlite(path, count, asked), answers, 5),
                    _beside("Cedar", ours, cedar(count, asked), answers, 40),
                    _beside("Casbin", ours, casbin_(count, asked), answers, 5_000),
                ]
    return results


if __name__ == "__main__":
    for result in measure():
        print(result)
