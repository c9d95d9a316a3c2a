"""What the secure channel costs the processor, one message at a time.

Seconds depend on the machine; the ratios are to a straightforward implementation that makes
a `Cipher` for each block. Both do the same from message to bytes and from bytes to message,
check characters included.
"""

from collections.abc import Callable, Sequence
from time import perf_counter

from protocol.osdp.commands import Poll
from protocol.osdp.frame import Frame
from protocol.osdp.replies import RawCard
from protocol.osdp.secure_handshake import (
    Answering,
    Established,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
    Welcoming,
)
from protocol.osdp.secure_session import PeripheralSession, SecureSession
from tests.bench.result import Result
from tests.protocol.osdp.plain_secure import FIRST, MADE_UP, Plain

CARD = bytes.fromhex("00011a00deadbec0")
KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
FRAGMENT = bytes(1024)  # of a file

ROUNDS, TIMES, FEW = 300, 100, 10  # others use this machine too: short rounds, and the best
POLL_GOAL, CARD_GOAL = 1.5, 4.0  # µs

Work = Callable[[], None]


def measure() -> list[Result]:
    """Measure both sides of the poll cycle, a fragment of a file and a handshake."""
    works = {
        "secure poll: build and seal": (_seal_poll(), _plain_poll()),
        "secure card: read, check and open": (_decode_card(), _decode_plain_card()),
        "secure card: open the frame that was read": (_open_card(), _plain_card()),
        "file fragment of 1024 bytes: seal": (_seal_file(), _plain_file()),
    }
    goals = (POLL_GOAL, CARD_GOAL, None, None)
    best = _best([(work, TIMES) for work, _ in works.values()])
    plain = _best([(work, FEW) for _, work in works.values()])
    (handshake,) = _best([(_handshake(), FEW)])
    return [
        *map(_result, works, best, plain, goals),
        Result("handshake, the panel's half", handshake, "µs"),
    ]


def _result(name: str, value: float, plain: float, goal: float | None) -> Result:
    return Result(
        name,
        value,
        "µs",
        peer=f"a cipher for each block: {plain:.1f} µs",
        ratio=value / plain,
        goal="" if goal is None else f"≤ {goal} µs",
        met=None if goal is None else value <= goal,
    )


def _best(works: Sequence[tuple[Work, int]]) -> list[float]:
    """Return microseconds of each one's best round, without the empty call.

    They take turns, so that all of them see the machine at its best at some time.
    """
    best = [float("inf")] * len(works)
    empty = float("inf")
    for _ in range(ROUNDS):
        empty = min(empty, _round(lambda: None, TIMES))
        for at, (work, times) in enumerate(works):
            best[at] = min(best[at], _round(work, times))
    return [max(0.0, each - empty) * 1e6 for each in best]


def _round(work: Work, times: int) -> float:
    began = perf_counter()
    for _ in range(times):
        work()
    return (perf_counter() - began) / times


def _seal_poll() -> Work:
    session = SecureSession(1, MADE_UP, FIRST)

    def work() -> None:
        session.seal(1, Poll.CODE, b"")
        session.withdraw()

    return work


def _plain_poll() -> Work:
    plain = Plain()
    return lambda: _forget(plain.seal(1, Poll.CODE, b""))


def _seal_file() -> Work:
    session = SecureSession(1, MADE_UP, FIRST)

    def work() -> None:
        session.seal(1, 0x7C, FRAGMENT)
        session.withdraw()

    return work


def _plain_file() -> Work:
    plain = Plain()
    return lambda: _forget(plain.seal(1, 0x7C, FRAGMENT))


def _card() -> bytes:
    unit = PeripheralSession(1, MADE_UP, FIRST)
    unit.open(Frame.decode(SecureSession(1, MADE_UP, FIRST).seal(1, Poll.CODE, b"")))
    return unit.seal(1, RawCard.CODE, CARD)


def _panel() -> tuple[SecureSession, int]:
    """A panel that polled, and where its chain was then, so that it can be put back."""
    session = SecureSession(1, MADE_UP, FIRST)
    session.seal(1, Poll.CODE, b"")
    heard = session._heard
    opened = session.open(Frame.decode(_card()))
    assert opened is not None
    assert opened.body == CARD
    return session, heard


def _open_card() -> Work:
    (session, heard), frame = _panel(), Frame.decode(_card())

    def work() -> None:
        session._heard = heard
        session._may_seal = False
        session.open(frame)

    return work


def _decode_card() -> Work:
    (session, heard), raw = _panel(), _card()

    def work() -> None:
        session._heard = heard
        session._may_seal = False
        session.open(Frame.decode(raw))

    return work


def _plain_panel() -> Plain:
    plain = Plain()
    plain.seal(1, Poll.CODE, b"")
    return plain


def _plain_card() -> Work:
    plain, frame = _plain_panel(), Frame.decode(_card())
    return lambda: _forget(plain.open(frame))


def _decode_plain_card() -> Work:
    plain, raw = _plain_panel(), _card()
    return lambda: _forget(plain.open(Frame.decode(raw)))


def _handshake() -> Work:
    handshake, chance = Handshake(1, KEY), bytes(8)
    asking = handshake.start(chance)
    answering = HandshakeAsPeripheral(1, KEY, bytes(8)).take(asking.said.frame(1, 0), chance)
    assert isinstance(answering, Answering)
    ccrypt = answering.said.frame(1, 0, reply=True)
    proving = asking.take(ccrypt)
    assert isinstance(proving, Proving)
    welcoming = answering.take(proving.said.frame(1, 1))
    assert isinstance(welcoming, Welcoming)
    rmac = welcoming.said.frame(1, 1, reply=True)

    def work() -> None:
        asking = handshake.start(chance)
        asking.said.frame(1, 0).encode()
        proving = asking.take(ccrypt)
        assert isinstance(proving, Proving)
        proving.said.frame(1, 1).encode()
        assert isinstance(proving.take(rmac), Established)

    return work


def _forget(_: object) -> None:
    """Make an expression a statement."""
