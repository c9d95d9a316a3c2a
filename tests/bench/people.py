"""Who holds what, at 10,000, 100,000 and a million people: looked up, changed, replaced.

Beside it stand a dictionary and a prepared SQLite query over the same people, and for stalls a
loop that has nothing to do. Every lookup is timed by itself, the clock's own cost taken off.
Memory is that of this process: pages of the mapped file, and what is really its own.
"""

import asyncio
import gc
import json
import random
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.people import PeopleChange, Person
from gatewayd.core.model import HolderId
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.people_rows import person_of, person_row
from gatewayd.edge.people_store import PeopleStore
from tests.bench.result import Result, percentile

BUILD = Path(__file__).parents[2] / "build"
SIZES = (10_000, 100_000, 1_000_000)
ASKED = 20_000  # lookups of each kind
ROWS_OF_PART = 2_500
ROWS = 1_000  # of a change
TICK = 0.001  # seconds
LEVELS = [LevelId(f"level {number}") for number in range(200)]
END = datetime(2035, 1, 1, tzinfo=UTC)
MIB = 1 << 20

_COLD = """
import sys
from pathlib import Path
from gatewayd.edge.people_store import PeopleStore
store = PeopleStore.open(Path(sys.argv[1]), post=lambda call: call())
assert store.view.find(sys.argv[2]) is not None
print("right", flush=True)
"""


def key_of(number: int) -> str:
    """Return a card number: many facilities, numbers in a row."""
    return f"H10301:{number >> 16}:{number & 0xFFFF}"


def somebody(number: int) -> Person:
    """Return one of the people; one in ten has a time limit, one in ten a PIN."""
    whoever = HolderId(f"{number * 2654435761 % (1 << 32):08x}")
    holder = Holder(
        whoever,
        valid_until=END if number % 10 == 3 else None,
        levels=(LEVELS[number % 200], LEVELS[number % 7]),
        pin=number.to_bytes(32) if number % 10 == 7 else None,
    )
    return Person(holder, (Credential(key_of(number), whoever),))


def crowd(count: int) -> Iterator[Person]:
    """Return so many of them."""
    return map(somebody, range(count))


class Ticker:
    """Notes how late a loop calls back."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + TICK
        self._handle = self._loop.call_at(self._due, self._tick)

    def stop(self) -> float:
        """Return the worst stall in milliseconds."""
        self._handle.cancel()
        return max(self.late, default=0.0) * 1e3

    def _tick(self) -> None:
        now = self._loop.time()
        self.late.append(now - self._due)
        self._due = now + TICK
        self._handle = self._loop.call_at(self._due, self._tick)


def stage(directory: Path, count: int) -> Staging:
    """Write all parts."""
    staging = Staging(directory)
    staging.begin(b"bench")
    people = crowd(count)
    number = 0
    while part := list(islice(people, ROWS_OF_PART)):
        cards = (card for each in part for card in each.credentials)
        staging.put(number, bytes(32), (each.holder for each in part), cards)
        number += 1
    return staging


def memory() -> tuple[float, float]:
    """Return MiB that are the process's own, and MiB of mapped files."""
    words = dict(
        line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
    )
    own, mapped = (float(words[each].split()[0]) / 1024 for each in ("RssAnon", "RssFile"))
    return own, mapped


def lookups(find: Callable[[str], object], keys: list[str]) -> tuple[float, float]:
    """Return p50 and p99 in microseconds."""
    clock = time.perf_counter_ns
    bare = median(-clock() + clock() for _ in range(2000))
    times = []
    for key in keys:
        begun = clock()
        find(key)
        times.append(float(clock() - begun - bare))
    return median(times) / 1e3, percentile(times, 99) / 1e3


def asked(count: int) -> tuple[list[str], list[str]]:
    """Return keys that are held, and keys that are not."""
    chance = random.Random(1)  # noqa: S311 - a benchmark
    numbers = [chance.randrange(count) for _ in range(ASKED)]
    return [key_of(each) for each in numbers], [key_of(each) + "0" for each in numbers]


async def _done(do: Callable[[Callable[[Exception | None], None]], None]) -> float:
    """Return the seconds until it is answered; raise what it is answered with."""
    answer: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    begun = time.perf_counter()
    do(answer.set_result)
    why = await answer
    if why is not None:
        raise why
    return time.perf_counter() - begun


async def _idle() -> float:
    ticker = Ticker()
    await asyncio.sleep(2.0)
    return ticker.stop()


async def _replaced(store: PeopleStore, staging: Staging, name: str) -> list[Result]:
    idle = await _idle()
    ticker = Ticker()
    took = await _done(lambda done: store.replace(staging, store.version + 1, done))
    await asyncio.sleep(0.2)
    worst, usual = ticker.stop(), percentile(ticker.late, 99) * 1e3
    beside = f"idle loop: {idle:.1f} ms"
    return [
        Result(f"{name}: replaced", took, "s"),
        _goal(f"{name}: stall while replaced, worst", worst, "ms", 20, beside),
        Result(f"{name}: stall while replaced, p99", usual, "ms"),
    ]


async def _changed(store: PeopleStore, name: str, count: int) -> list[Result]:
    idle, ticker, times = await _idle(), Ticker(), []
    for turn in range(5):
        people = [somebody(turn * ROWS + each) for each in range(ROWS // 2)]
        change = PeopleChange(
            store.version,
            store.version + 1,
            {each.holder.id: each.holder._replace(clearance=turn + 1) for each in people},
            {key_of(count - turn * ROWS - each - 1): None for each in range(ROWS // 2)},
        )
        times.append(await _done(lambda done, change=change: store.apply(change, done)))  # type: ignore[misc]  # bound now
    worst, took = ticker.stop(), median(times) * 1e3
    beside = f"idle loop: {idle:.1f} ms"
    return [
        _goal(f"{name}: {ROWS} rows durable and shown", took, "ms", 50),
        _goal(f"{name}: stall at {ROWS} rows, worst", worst, "ms", 10, beside),
    ]


async def _checked(store: PeopleStore, name: str) -> list[Result]:
    answer: asyncio.Future[tuple[str, ...]] = asyncio.get_running_loop().create_future()
    ticker, begun = Ticker(), time.perf_counter()
    store.verify(answer.set_result)
    assert await answer == ()
    return [
        Result(f"{name}: whole file checked", time.perf_counter() - begun, "s"),
        Result(f"{name}: stall while checked, worst", ticker.stop(), "ms"),
    ]


async def _at(count: int, directory: Path) -> list[Result]:
    name = f"people at {count:,}"
    staging = await asyncio.to_thread(stage, directory / "staging", count)
    gc.collect()
    before = memory()
    loop = asyncio.get_running_loop()

    def post(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    store = PeopleStore.open(directory / "people", post=post)
    results = await _replaced(store, staging, name)
    results += _looked_up(store, name, count)
    most = memory()
    results += await _replaced(store, staging, f"{name}, again")
    _looked_up(store, name, count)
    most = max(most, memory(), key=sum)
    results += await _checked(store, name)
    own, mapped = (now - then for now, then in zip(most, before, strict=True))
    results += [
        Result(f"{name}: memory of its own", own, "MiB"),
        _goal(f"{name}: memory, mapped pages too", own + mapped, "MiB", 80),
        Result(f"{name}: memory of the child that builds, at most", _child(), "MiB"),
        Result(f"{name}: file, a person", _size(directory) / count, "bytes"),
    ]
    results += await _changed(store, name, count)
    store.close()
    return [*results, _cold(directory / "people", name, count)]


def _looked_up(store: PeopleStore, name: str, count: int) -> list[Result]:
    results = []
    for what, keys in zip(("hit", "miss"), asked(count), strict=True):
        store.view.find(keys[0])
        p50, p99 = lookups(store.view.find, keys)
        results += [
            Result(f"{name}: {what}, p50", p50, "µs", goal="~ 1"),
            Result(f"{name}: {what}, p99", p99, "µs"),
        ]
    return results


def _goal(name: str, value: float, unit: str, most: float, beside: str = "") -> Result:
    return Result(name, value, unit, beside, None, f"<= {most}", value <= most)


def _child() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _size(directory: Path) -> int:
    return sum(each.stat().st_size for each in (directory / "people").glob("*.table"))


def _cold(directory: Path, name: str, count: int) -> Result:
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        command = [sys.executable, "-c", _COLD, f"{directory}", key_of(count // 2)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import asyncio"], check=True)
    beside = f"an interpreter with asyncio: {time.perf_counter() - begun:.2f} s"
    return _goal(f"{name}: process start to a right answer", min(times), "s", 0.5, beside)


# --- beside it --------------------------------------------------------------------


def _dictionary(count: int) -> list[Result]:
    gc.collect()
    before = memory()[0]
    held = {
        card.key: (card, person.holder)
        for person in crowd(count)
        for card in person.credentials
    }
    own = memory()[0] - before
    keys, _ = asked(count)
    p50, p99 = lookups(held.get, keys)
    name = f"a dictionary of {count:,}"
    return [
        Result(f"{name}: hit, p50", p50, "µs"),
        Result(f"{name}: hit, p99", p99, "µs"),
        Result(f"{name}: memory", own, "MiB"),
    ]


def _database(count: int, path: Path) -> list[Result]:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE held (key TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID")
        rows = (
            (each.credentials[0].key, json.dumps(person_row(each))) for each in crowd(count)
        )
        database.execute("BEGIN")
        database.executemany("INSERT INTO held VALUES (?, ?)", rows)
        database.execute("COMMIT")

        def find(key: str) -> object:
            row = database.execute("SELECT body FROM held WHERE key = ?", (key,)).fetchone()
            return None if row is None else person_of(json.loads(row[0]))

        keys, _ = asked(count)
        p50, p99 = lookups(find, keys)
        begun = time.perf_counter()
        database.execute("BEGIN")
        changed = (
            (json.dumps(person_row(somebody(each))), key_of(each)) for each in range(ROWS)
        )
        database.executemany("UPDATE held SET body = ? WHERE key = ?", changed)
        database.execute("COMMIT")
        took = (time.perf_counter() - begun) * 1e3
    name = f"SQLite of {count:,}"
    return [
        Result(f"{name}: hit, p50", p50, "µs"),
        Result(f"{name}: hit, p99", p99, "µs"),
        Result(f"{name}: {ROWS} rows durable", took, "ms"),
    ]


def measure() -> list[Result]:
    """All of it; some minutes, most of them to make a million people up."""
    BUILD.mkdir(exist_ok=True)
    results: list[Result] = []
    for count in SIZES:
        with TemporaryDirectory(dir=BUILD) as directory:
            results += asyncio.run(_at(count, Path(directory)))
            results += _database(count, Path(directory) / "beside.db")
        results += _dictionary(count)
    return results


if __name__ == "__main__":
    for result in measure():
        print(result)
