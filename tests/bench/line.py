"""OSDP lines in clear: how fast, at what cost, how long a card takes, how near to the limit.

What a run is, `line_run` says; the same on a secure channel is `line_secure`.
"""

from collections.abc import Iterator

from tests.bench.line_run import (
    A_CALLBACK,
    A_THREAD,
    AS_SHIPPED,
    BARE,
    DRIVEN,
    LIBOSDP,
    OURS,
    SHIPPED,
    THREAD,
    USUAL_INTERVAL,
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

WIRE_SECONDS = 2.0  # of polling; at 9600 baud few polls go by
CARDS_SECONDS = 2.0
NOT_WORSE = 1.5  # times a bare panel's


def measure() -> list[Result]:
    """Measure the main figures of lines in clear."""
    return [
        *_polls_of_foreign(),
        *_polls_at_once(),
        *_cards_of_foreign(),
        *_cards_at_once(),
        *_on_a_wire(),
    ]


def _polls_of_foreign() -> Iterator[Result]:
    """Against libosdp's panel, both with libosdp's peripherals."""
    for count in (1, 8):
        name = f"{count} foreign in clear"
        say(f"polls, {name}")
        flat = polling(Setting(OURS, count, foreign=True))
        usual = polling(Setting(OURS, count, foreign=True, interval=USUAL_INTERVAL))
        driven = polling(Setting(LIBOSDP, count, foreign=True))
        yield rate(f"polls, {name}, flat out", flat, DRIVEN, driven)
        yield rate(f"polls, {name}, every 50 ms", usual, DRIVEN, driven)
        yield cost(f"processor a poll, {name}, flat out", flat, DRIVEN, driven)


def _polls_at_once() -> Iterator[Result]:
    """Against a blocking thread, with peripherals that answer at once."""
    for count, least in ((1, 0), (8, 5000), (32, 0)):
        name = f"{count} answering at once in clear"
        say(f"polls, {name}")
        ours, thread = best_polling(Setting(OURS, count), Setting(THREAD, count))
        yield rate(f"polls, {name}", ours, A_THREAD, thread, least)
        yield cost(f"processor a poll, {name}", ours, A_THREAD, thread)


def _cards_of_foreign() -> Iterator[Result]:
    """How long a person waits, with libosdp's peripherals."""
    name = "1 foreign in clear"
    say(f"cards, {name}")
    ours, driven, shipped = (
        cards(Setting(panel, 1, foreign=True), gap=0.1, at_once=True)
        for panel in (OURS, LIBOSDP, SHIPPED)
    )
    yield wait(f"card to callback, {name}", 50, ours.told, DRIVEN, driven.told)
    yield wait(f"card to output, {name}", 50, ours.driven, DRIVEN, driven.driven)
    yield wait(f"card to output, {name}", 50, ours.driven, AS_SHIPPED, shipped.driven)


def _cards_at_once() -> Iterator[Result]:
    """Against a panel that does nothing else."""
    name = "1 answering at once in clear"
    say(f"cards, {name}")
    both = Setting(OURS, 1), Setting(BARE, 1)
    ours, bare = best_cards(*both, gap=0.02, at_once=True, seconds=CARDS_SECONDS)
    yield wait(f"card to callback, {name}", 50, ours.told, A_CALLBACK, bare.told, NOT_WORSE)
    yield wait(f"card to callback, {name}", 99, ours.told, A_CALLBACK, bare.told)


def _on_a_wire() -> Iterator[Result]:
    """Beside what the wire itself allows."""
    for baud in (9600, 115200):
        say(f"share of the wire at {baud} baud")
        yield from share_of_the_wire(baud, WIRE_SECONDS, secure=False)
    say("cards on a wire")
    yield from card_on_a_wire(Setting(OURS, 1, baud=115200), CARDS_SECONDS)
