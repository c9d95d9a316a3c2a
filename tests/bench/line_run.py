"""One run of a panel against peripherals, and what becomes a row of it.

Each run is two processes and a pseudo-terminal: peripherals (libosdp's, or ones that answer
at once) and a panel (ours, or one to be compared with). Polls and the times of cards are
counted at the peripherals' end, the same for everybody: a card's time is when it was held
to the reader, and it ends when that reader heard the pulse for its output.
"""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from tests.bench.line_keys import key_of
from tests.bench.result import Result, percentile
from tests.interop.companion import Companion
from tests.interop.foreign import ForeignPeripherals, Peripherals

SECONDS = 1.5  # of polling
SETTLE = 0.2
DRILL_SECONDS = 3.0
LONGEST_DRILL = 5.0  # of one order to a far end
ROUNDS = 3  # of what others on this machine disturb most
MILLI, MICRO = 1e3, 1e6

OURS, THREAD, BARE, LIBOSDP, SHIPPED = "ours", "thread", "bare", "libosdp", "shipped"
DRIVEN, AS_SHIPPED = "libosdp's panel", "libosdp's as shipped"
A_THREAD, A_CALLBACK = "a blocking thread", "a bare callback"

USUAL_INTERVAL = 0.05  # seconds between two polls of a peripheral, ours and libosdp's
FLAT_OUT = 0.0
BITS_PER_CHARACTER = 10
SHARE = 0.97  # of a blocking thread's
NEAR = 1.1  # times the wire's limit
MARK_AND_IDLE = 3  # characters around each frame


@dataclass(frozen=True, slots=True)
class Setting:
    """One run: who polls whom over what."""

    panel: str
    peripherals: int
    foreign: bool = False  # libosdp's peripherals; else those that answer at once
    baud: int = 0  # 0: as fast as the kernel
    interval: float = FLAT_OUT
    dead: int = 0  # configured, but not there
    secure: bool = False

    @property
    def exchange(self) -> int:
        """Characters of POLL and ACK, each after two idle ones and a mark."""
        return (14 + 14 if self.secure else 8 + 8) + 2 * MARK_AND_IDLE

    @property
    def answer(self) -> int:
        """Characters of RAW with 26 bits and of OUT, likewise."""
        return (30 + 30 if self.secure else 16 + 12) + 2 * MARK_AND_IDLE

    @property
    def character(self) -> float:
        """Seconds."""
        return BITS_PER_CHARACTER / self.baud


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
            *_secure(setting),
        )


def _far_end(setting: Setting, port: Path, addresses: Sequence[int]) -> Peripherals:
    if setting.foreign:
        keys = {each: key_of(each) for each in addresses} if setting.secure else None
        return ForeignPeripherals(port, addresses, keys)
    options = ["--baud", str(setting.baud), *_secure(setting)]
    return Peripherals("tests.bench.line_far_end", port, addresses, options)


def _secure(setting: Setting) -> list[str]:
    return ["--secure"] if setting.secure else []


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
            drills = []
            for _ in range(ceil(seconds / LONGEST_DRILL)):
                length = min(seconds, LONGEST_DRILL)
                how = {"seconds": length, "gap": gap, "at_once": at_once}
                drills.append(await bench.far_end.do("drill", **how))
            told = (await bench.panel.do("end"))["cards"]
    answered = [each for drill in drills for each in drill["answered"]]
    lost = sum(drill["lost"] for drill in drills)
    return Cards(_told(answered, told), [end - begin for _, begin, end in answered], lost)


def _told(
    answered: list[tuple[int, float, float]], told: list[tuple[int, float]]
) -> list[float]:
    """Match each card with the callback about it: the same address, between its two ends."""
    waits = []
    for address, begin, end in answered:
        times = [at for who, at in told if who == address and begin <= at <= end]
        waits += [min(times) - begin] if times else []
    return waits


def say(what: str) -> None:
    """Tell whoever waits what is measured now."""
    sys.stderr.write(f"  line: {what}\n")


# --- rows -----------------------------------------------------------------------------


def polling(setting: Setting, seconds: float = SECONDS) -> Polling:
    """Run it."""
    return asyncio.run(run_polling(setting, seconds))


def cards(
    setting: Setting, *, gap: float, at_once: bool, seconds: float = DRILL_SECONDS
) -> Cards:
    """Run it."""
    return asyncio.run(run_cards(setting, gap=gap, at_once=at_once, seconds=seconds))


def best_polling(*settings: Setting, seconds: float = 1.0) -> list[Polling]:
    """Run all of them in turn, a few times; return the best of each.

    What is slower was somebody else's work on this machine.
    """
    rounds = [[polling(each, seconds) for each in settings] for _ in range(ROUNDS)]
    return [max(runs, key=_rate_of) for runs in zip(*rounds, strict=True)]


def best_cards(*settings: Setting, gap: float, at_once: bool, seconds: float) -> list[Cards]:
    """Likewise; the best is the one with the shortest usual wait."""
    rounds = [
        [cards(each, gap=gap, at_once=at_once, seconds=seconds) for each in settings]
        for _ in range(ROUNDS)
    ]
    return [min(runs, key=_usual_wait) for runs in zip(*rounds, strict=True)]


def _rate_of(polling: Polling) -> float:
    return polling.per_second


def _usual_wait(cards: Cards) -> float:
    return percentile(cards.driven, 50)


def rate(name: str, ours: Polling, who: str, peer: Polling, least: float = 0.0) -> Result:
    """Polls a second beside somebody's."""
    return Result(
        f"line: {name}",
        ours.per_second,
        "1/s",
        f"{who}: {peer.per_second:.0f}",
        ours.per_second / peer.per_second,
        f"≥ {least:.0f}" if least else "",
        ours.per_second >= least if least else None,
    )


def cost(name: str, ours: Polling, who: str, peer: Polling) -> Result:
    """Processor a poll beside somebody's."""
    return Result(
        f"line: {name}",
        ours.processor * MICRO,
        "µs",
        f"{who}: {peer.processor * MICRO:.0f}",
        ours.processor / peer.processor,
    )


def wait(
    name: str,
    percent: float,
    ours: list[float],
    who: str,
    peer: list[float],
    most: float | None = None,
) -> Result:
    """A percentile of waiting beside somebody's."""
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


def share_of_the_wire(baud: int, seconds: float, *, secure: bool) -> list[Result]:
    """Saturated polling of one peripheral, in turn with a panel that does nothing else."""
    ours, peer = (Setting(panel, 1, baud=baud, secure=secure) for panel in (OURS, THREAD))
    mine, theirs = best_polling(ours, peer, seconds=seconds)
    limit = 1 / (ours.exchange * ours.character)
    ratio = mine.per_second / theirs.per_second
    name = f"at {ours.baud} baud{', secure' * ours.secure}"
    return [
        Result(
            f"line: share of the wire's limit {name}",
            100 * mine.per_second / limit,
            "%",
            f"{A_THREAD}: {100 * theirs.per_second / limit:.1f}",
            ratio,
            f"ratio ≥ {SHARE}",
            ratio >= SHARE,
        ),
        Result(
            f"line: lateness of the wire's simulation {name}",
            mine.late * MICRO,
            "µs",
            f"with the thread: {theirs.late * MICRO:.0f}",
        ),
    ]


def card_on_a_wire(setting: Setting, seconds: float = DRILL_SECONDS) -> list[Result]:
    """One card at a time, at any moment of the cycle."""
    count, character = setting.peripherals, setting.character
    # Half of all cards wait for longer than half a cycle until they are asked for.
    half = (count * setting.exchange / 2 + setting.answer) * character
    longest = (count * setting.exchange + setting.answer) * character
    cycle = count * setting.exchange * character
    driven = best_cards(setting, gap=cycle, at_once=False, seconds=seconds)[0].driven
    name = f"{count} in turn at {setting.baud} baud{', secure' * setting.secure}"
    rows = []
    for percent, limit, goal in ((50, half, NEAR), (99, longest, None)):
        waited = percentile(driven, percent)
        rows.append(
            Result(
                f"line: card to output, {name}, p{percent}",
                waited * MILLI,
                "ms",
                f"the wire's limit: {limit * MILLI:.3g}",
                waited / limit,
                f"ratio ≤ {goal}" if goal else "",
                waited <= goal * limit if goal else None,
            )
        )
    return rows
