"""OSDP lines on a secure channel: the figures that count, since no site should speak in clear.

Each is measured as in `line`, with units that have a key and insist on it. Those that answer
at once have to open each command and seal each reply, which takes them a few microseconds.
"""

from collections.abc import Iterator

from tests.bench.line_run import (
    A_CALLBACK,
    A_THREAD,
    AS_SHIPPED,
    BARE,
    DRIVEN,
    FLAT_OUT,
    LIBOSDP,
    OURS,
    SHIPPED,
    THREAD,
    USUAL_INTERVAL,
    Cards,
    Setting,
    best_cards,
    best_polling,
    card_on_a_wire,
    cards,
    cost,
    polling,
    rate,
    say,
    share_of_the_wire,
    wait,
)
from tests.bench.result import Result

BAUDS = (9600, 38400, 115200, 230400)
RUN_SECONDS = 2.0
CARDS_SECONDS = 5.0
DEAD_SECONDS = 15.0  # a p99 needs hundreds of cards
BETTER = 0.05  # of libosdp's time at most
NOT_WORSE = 1.5  # times a bare panel's
BESIDE_A_DEAD_ONE = 1.1


def measure() -> list[Result]:
    """Measure everything about secure lines."""
    return [
        *_polls_of_foreign(),
        *_polls_at_once(),
        *_cards_of_foreign(),
        *_cards_at_once(),
        *_on_a_wire(),
        *_dead_neighbour(),
    ]


def _polls_of_foreign() -> Iterator[Result]:
    """Against libosdp's panel, both with libosdp's peripherals."""
    for count in (1, 8, 32):
        name = f"{count} foreign, secure"
        say(f"polls, {name}")
        flat = polling(Setting(OURS, count, foreign=True, secure=True))
        usual = polling(
            Setting(OURS, count, foreign=True, secure=True, interval=USUAL_INTERVAL)
        )
        driven = polling(Setting(LIBOSDP, count, foreign=True, secure=True))
        yield rate(f"polls, {name}, flat out", flat, DRIVEN, driven)
        yield rate(f"polls, {name}, every 50 ms", usual, DRIVEN, driven)
        yield cost(f"processor a poll, {name}, flat out", flat, DRIVEN, driven)
        yield cost(f"processor a poll, {name}, every 50 ms", usual, DRIVEN, driven)


def _polls_at_once() -> Iterator[Result]:
    """Against a blocking thread, with peripherals that answer at once."""
    for count, least in ((1, 0), (8, 5000), (32, 0)):
        name = f"{count} answering at once, secure"
        say(f"polls, {name}")
        both = (Setting(panel, count, secure=True) for panel in (OURS, THREAD))
        ours, thread = best_polling(*both)
        yield rate(f"polls, {name}", ours, A_THREAD, thread, least)
        yield cost(f"processor a poll, {name}", ours, A_THREAD, thread)


def _cards_of_foreign() -> Iterator[Result]:
    """How long a person waits, with libosdp's peripherals."""
    for count in (1, 8):
        name = f"{count} foreign, secure"
        say(f"cards, {name}")
        ours = _foreign_cards(OURS, count)
        driven = _foreign_cards(LIBOSDP, count)
        shipped = _foreign_cards(SHIPPED, count)
        aim = BETTER if count == 1 else None
        yield wait(f"card to callback, {name}", 50, ours.told, DRIVEN, driven.told, aim)
        yield wait(f"card to callback, {name}", 99, ours.told, DRIVEN, driven.told)
        yield wait(f"card to callback, {name}", 50, ours.told, AS_SHIPPED, shipped.told)
        yield wait(f"card to output, {name}", 50, ours.driven, DRIVEN, driven.driven)
        yield wait(f"card to output, {name}", 99, ours.driven, DRIVEN, driven.driven)
        peers = f"{DRIVEN}: {driven.lost}"
        yield Result(
            f"line: cards lost, {name}", ours.lost, "", peers, None, "0", not ours.lost
        )


def _foreign_cards(panel: str, count: int) -> Cards:
    setting = Setting(panel, count, foreign=True, secure=True)
    return cards(setting, gap=0.1, at_once=True, seconds=CARDS_SECONDS)


def _cards_at_once() -> Iterator[Result]:
    """Against a panel that does nothing else, in turn with it."""
    name = "1 answering at once, secure"
    say(f"cards, {name}")
    both = (Setting(panel, 1, secure=True) for panel in (OURS, BARE))
    ours, bare = best_cards(*both, gap=0.02, at_once=True, seconds=RUN_SECONDS)
    yield wait(f"card to callback, {name}", 50, ours.told, A_CALLBACK, bare.told, NOT_WORSE)
    yield wait(f"card to callback, {name}", 99, ours.told, A_CALLBACK, bare.told)
    yield wait(f"card to output, {name}", 50, ours.driven, A_CALLBACK, bare.driven)
    yield wait(f"card to output, {name}", 99, ours.driven, A_CALLBACK, bare.driven)


def _on_a_wire() -> Iterator[Result]:
    """Beside what the wire itself allows."""
    for baud in BAUDS:
        say(f"share of the wire at {baud} baud, secure")
        yield from share_of_the_wire(baud, RUN_SECONDS, secure=True)
    for count in (1, 8):
        say(f"cards, {count} in turn, secure")
        wire = Setting(OURS, count, baud=115200, secure=True)
        yield from card_on_a_wire(wire, RUN_SECONDS)


def _dead_neighbour() -> Iterator[Result]:
    """Seven units while the eighth is dead."""
    for interval, how in ((USUAL_INTERVAL, "every 50 ms"), (FLAT_OUT, "flat out")):
        say(f"cards beside a dead unit, {how}")
        alone, beside = (
            cards(
                Setting(OURS, 7, baud=115200, interval=interval, dead=dead, secure=True),
                gap=0.02,
                at_once=False,
                seconds=DEAD_SECONDS,
            )
            for dead in (0, 1)
        )
        name = f"card to output, 7 beside a dead one at 115200 baud, secure, {how}"
        yield wait(name, 99, beside.driven, "without it", alone.driven, BESIDE_A_DEAD_ONE)
