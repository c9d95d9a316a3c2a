"""OSDP lines: how fast, at what cost, how long a card takes, how near to the wire's limit.

Each run is two processes and a pseudo-terminal: peripherals (libosdp's, or ones that answer
at once) and a panel (ours, or one to be compared with). Polls and the times of cards are
counted at the peripherals' end, the same for everybody: a card's time is when it was held
to the reader, and it ends when that reader heard the pulse for its output.
"""

import asyncio
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.result import Result, percentile
from tests.interop.companion import Companion
from tests.interop.foreign import ForeignPeripherals, Peripherals

SECONDS = 1.5  # of polling
WIRE_SECONDS = 3.0  # likewise, at 9600 baud few polls go by
SETTLE = 0.2
DRILL_SECONDS = 3.0
MILLI, MICRO = 1e3, 1e6

DRIVEN, AS_SHIPPED = "libosdp's panel", "libosdp's as shipped"
A_THREAD, A_CALLBACK = "a blocking thread", "a bare callback"
BETTER = 0.05  # of libosdp's time at most
NOT_WORSE = 1.5  # times a bare panel's

OURS, THREAD, BARE, LIBOSDP, SHIPPED = "ours", "thread", "bare", "libosdp", "shipped"
USUAL_INTERVAL = 0.05  # seconds between two polls of a peripheral, ours and libosdp's
FLAT_OUT = 0.0

BITS_PER_CHARACTER = 10
EXCHANGE = 8 + 8 + 2 * 3  # characters of POLL and ACK, each after two idle ones and a mark
ANSWER = 16 + 12 + 2 * 3  # RAW of 26 bits and OUT, likewise


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: who polls whom over what."""

    panel: str
    peripherals: int
    foreign: bool = False  # libosdp's peripherals; else those that answer at once
    baud: int = 0  # 0: as fast as the kernel
    interval: float = FLAT_OUT
    dead: int = 0  # configured, but not there


@dataclass(frozen=True, slots=True)
class Polling:
    """What a panel did with nothing going on."""

    per_second: float  # polls, all peripherals together
    processor: float  # seconds a poll
    late: float = 0.0  # seconds a reply: the paced wire's own


@dataclass(frozen=True, slots=True)
class Cards:
    """Seconds from card to callback and from card to output, each card's."""

    told: list[float]
    driven: list[float]
    lost: int


# --- one run --------------------------------------------------------------------------


class Bench:
    """The two processes of a run."""

    def __init__(self, setting: Setting, directory: Path) -> None:
        port = directory / "line"
        alive = range(1, setting.peripherals + 1)
        dead = range(alive.stop, alive.stop + setting.dead)
        self.far_end = _far_end(setting, port, alive)
        self.panel = Companion(
            "tests.bench.line_panels",
            setting.panel,
            *("--port", str(port), "--baud", str(setting.baud)),
            *("--addresses", _listed([*alive, *dead]), "--dead", _listed(dead)),
            *("--poll-interval", str(setting.interval)),
        )


def _far_end(setting: Setting, port: Path, addresses: Sequence[int]) -> Peripherals:
    if setting.foreign:
        return ForeignPeripherals(port, addresses)
    speed = ["--baud", str(setting.baud)]
    return Peripherals("tests.bench.line_far_end", port, addresses, speed)


def _listed(addresses: Sequence[int]) -> str:
    return ",".join(map(str, addresses))


async def run_polling(setting: Setting, seconds: float = SECONDS) -> Polling:
    """Count polls for a while."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(setting, Path(directory))
        async with bench.far_end, bench.panel:
            await asyncio.sleep(SETTLE)
            await bench.panel.do("begin")
            first = await bench.far_end.count()
            await asyncio.sleep(seconds)
            last = await bench.far_end.count()
            spent = (await bench.panel.do("end"))["cpu"]
    polls = sum(last["replies"].values()) - sum(first["replies"].values())
    rate = polls / (last["at"] - first["at"])
    return Polling(rate, spent / max(1, polls), last.get("late", 0.0))


async def run_cards(
    setting: Setting, *, gap: float, at_once: bool, seconds: float = DRILL_SECONDS
) -> Cards:
    """Hold cards to readers for a while."""
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(setting, Path(directory))
        async with bench.far_end, bench.panel:
            await asyncio.sleep(SETTLE)
            await bench.panel.do("begin")
            drill = await bench.far_end.do("drill", seconds=seconds, gap=gap, at_once=at_once)
            told = (await bench.panel.do("end"))["cards"]
    answered = drill["answered"]
    return Cards(
        _told(answered, told), [end - begin for _, begin, end in answered], drill["lost"]
    )


def _told(
    answered: list[tuple[int, float, float]], told: list[tuple[int, float]]
) -> list[float]:
    """Match each card with the callback about it: the same address, between its two ends."""
    waits = []
    for address, begin, end in answered:
        times = [at for who, at in told if who == address and begin <= at <= end]
        waits += [min(times) - begin] if times else []
    return waits


def _say(what: str) -> None:
    sys.stderr.write(f"  line: {what}\n")


# --- what is measured -----------------------------------------------------------------


def measure() -> list[Result]:
    """Measure everything about lines."""
    return [
        *_polls_of_foreign(),
        *_polls_at_once(),
        *_cards_of_foreign(),
        *_cards_at_once(),
        *_share_of_the_wire(),
        *_cards_on_a_wire(),
        *_dead_neighbour(),
    ]


def _polls_of_foreign() -> Iterator[Result]:
    """Against libosdp's panel, both with libosdp's peripherals."""
    for count in (1, 8, 32):
        _say(f"polls, {_foreign(count)}")
        flat = _run_polling(Setting(OURS, count, foreign=True))
        usual = _run_polling(Setting(OURS, count, foreign=True, interval=USUAL_INTERVAL))
        driven = _run_polling(Setting(LIBOSDP, count, foreign=True))
        shipped = _run_polling(Setting(SHIPPED, count, foreign=True))
        name = _foreign(count)
        yield _rate(f"polls, {name}, flat out", flat, DRIVEN, driven)
        yield _rate(f"polls, {name}, every 50 ms", usual, DRIVEN, driven)
        yield _rate(f"polls, {name}, every 50 ms", usual, AS_SHIPPED, shipped)
        yield _cost(f"processor a poll, {name}, flat out", flat, DRIVEN, driven)
        yield _cost(f"processor a poll, {name}, every 50 ms", usual, DRIVEN, driven)


def _foreign(count: int) -> str:
    return f"{count} foreign peripheral{'s' * (count > 1)}"


def _polls_at_once() -> Iterator[Result]:
    """Against a blocking thread, with peripherals that answer at once."""
    for count, least in ((1, 0), (8, 5000), (32, 0)):
        _say(f"polls, {count} answering at once")
        name = f"{count} answering at once"
        ours = _run_polling(Setting(OURS, count))
        thread = _run_polling(Setting(THREAD, count))
        yield _rate(f"polls, {name}", ours, A_THREAD, thread, least)
        yield _cost(f"processor a poll, {name}", ours, A_THREAD, thread)


def _run_polling(setting: Setting, seconds: float = SECONDS) -> Polling:
    return asyncio.run(run_polling(setting, seconds))


def _run_cards(setting: Setting, *, gap: float, at_once: bool) -> Cards:
    return asyncio.run(run_cards(setting, gap=gap, at_once=at_once))


def _rate(name: str, ours: Polling, who: str, peer: Polling, least: float = 0.0) -> Result:
    return Result(
        f"line: {name}",
        ours.per_second,
        "1/s",
        f"{who}: {peer.per_second:.0f}",
        ours.per_second / peer.per_second,
        f"≥ {least:.0f}" if least else "",
        ours.per_second >= least if least else None,
    )


def _cost(name: str, ours: Polling, who: str, peer: Polling) -> Result:
    return Result(
        f"line: {name}",
        ours.processor * MICRO,
        "µs",
        f"{who}: {peer.processor * MICRO:.0f}",
        ours.processor / peer.processor,
    )


def _cards_of_foreign() -> Iterator[Result]:
    """How long a person waits, with libosdp's peripherals."""
    for count in (1, 8):
        name = _foreign(count)
        _say(f"cards, {name}")
        ours = _foreign_cards(OURS, count)
        driven = _foreign_cards(LIBOSDP, count)
        shipped = _foreign_cards(SHIPPED, count)
        aim = BETTER if count == 1 else None
        yield _wait(f"card to callback, {name}", 50, ours.told, DRIVEN, driven.told, aim)
        yield _wait(f"card to callback, {name}", 99, ours.told, DRIVEN, driven.told)
        yield _wait(f"card to output, {name}", 50, ours.driven, DRIVEN, driven.driven)
        yield _wait(f"card to output, {name}", 99, ours.driven, DRIVEN, driven.driven)
        yield _wait(f"card to output, {name}", 50, ours.driven, AS_SHIPPED, shipped.driven)
        peers = f"{DRIVEN}: {driven.lost}"
        yield Result(
            f"line: cards lost, {name}", ours.lost, "", peers, None, "0", not ours.lost
        )


def _cards_at_once() -> Iterator[Result]:
    """Against a panel that does nothing else."""
    _say("cards, 1 answering at once")
    ours = _run_cards(Setting(OURS, 1), gap=0.02, at_once=True).told
    bare = _run_cards(Setting(BARE, 1), gap=0.02, at_once=True).told
    name = "card to callback, 1 answering at once"
    yield _wait(name, 50, ours, A_CALLBACK, bare, NOT_WORSE)
    yield _wait(name, 99, ours, A_CALLBACK, bare)


def _foreign_cards(panel: str, count: int) -> Cards:
    return _run_cards(Setting(panel, count, foreign=True), gap=0.1, at_once=True)


def _wait(
    name: str,
    percent: float,
    ours: list[float],
    who: str,
    peer: list[float],
    most: float | None = None,
) -> Result:
    value, beside = percentile(ours, percent), percentile(peer, percent)
    ratio = value / beside
    return Result(
        f"line: {name}, p{percent}",
        value * MILLI,
        "ms",
        f"{who}: {beside * MILLI:.3g}",
        ratio,
        f"ratio ≤ {most}" if most else "",
        ratio <= most if most else None,
    )


def _share_of_the_wire() -> Iterator[Result]:
    """Saturated polling of one peripheral on a wire with a speed."""
    for baud in (9600, 115200):
        _say(f"share of the wire at {baud} baud")
        limit = baud / BITS_PER_CHARACTER / EXCHANGE
        ours, thread = (
            _run_polling(Setting(panel, 1, baud=baud), seconds=WIRE_SECONDS)
            for panel in (OURS, THREAD)
        )
        ratio = ours.per_second / thread.per_second
        yield Result(
            f"line: share of the wire's limit at {baud} baud",
            100 * ours.per_second / limit,
            "%",
            f"{A_THREAD}: {100 * thread.per_second / limit:.1f}",
            ratio,
            "ratio ≥ 0.97",
            ratio >= 0.97,
        )
        yield Result(
            f"line: lateness of the wire's simulation at {baud} baud",
            ours.late * MICRO,
            "µs",
            f"with the thread: {thread.late * MICRO:.0f}",
        )


def _cards_on_a_wire() -> Iterator[Result]:
    """One card at a time, at any moment of the cycle, at 115200 baud."""
    baud = 115200
    for count in (1, 8):
        _say(f"cards, {count} in turn at {baud} baud")
        # Half of all cards wait for longer than half a cycle until they are asked for.
        limit = (count * EXCHANGE / 2 + ANSWER) * BITS_PER_CHARACTER / baud
        cycle = count * EXCHANGE * BITS_PER_CHARACTER / baud
        ours = _run_cards(Setting(OURS, count, baud=baud), gap=cycle, at_once=False)
        waited = percentile(ours.driven, 50)
        yield Result(
            f"line: card to output at {baud} baud, {count} in turn, p50",
            waited * MILLI,
            "ms",
            f"the wire's limit: {limit * MILLI:.3g}",
            waited / limit,
            "ratio ≤ 1.1",
            waited <= 1.1 * limit,
        )


def _dead_neighbour() -> Iterator[Result]:
    """Seven units while the eighth is dead."""
    _say("cards beside a dead unit")
    alone = _run_cards(Setting(OURS, 7, baud=115200), gap=0.02, at_once=False)
    beside = _run_cards(Setting(OURS, 7, baud=115200, dead=1), gap=0.02, at_once=False)
    name = "card to output, 7 beside a dead one at 115200 baud"
    yield _wait(name, 99, beside.driven, "without it", alone.driven, 1.1)
