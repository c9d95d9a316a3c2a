"""What the secure channel costs the processor, one message at a time.

Seconds depend on the machine; the ratios are to a straightforward implementation that makes
a `Cipher` for each block. Both do the same from message to bytes and from bytes to message,
check characters included.
"""

from collections.abc import Callable
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

ROUNDS, TIMES = 400, 200  # others use this machine too, so many short rounds, and the best
POLL_GOAL, CARD_GOAL = 1.5, 4.0  # µs


def measure() -> list[Result]:
    """Measure both sides of the poll cycle, a fragment of a file and a handshake."""
    return [
        _beside("secure poll: build and seal", _seal_poll(), _plain_poll(), POLL_GOAL),
        _beside(
            "secure card: read, check and open", _decode_card(), _decode_plain_card(), CARD_GOAL
        ),
        _beside("secure card: open the frame that was read", _open_card(), _plain_card()),
        _beside("file fragment of 1024 bytes: seal", _seal_file(), _plain_file()),
        Result("handshake, the panel's half", _best(_handshake(), 20), "µs"),
    ]


def _beside(
    name: str, ours: Callable[[], None], plain: Callable[[], None], goal: float | None = None
) -> Result:
    value, beside = _best(ours), _best(plain, 20)
    return Result(
        name,
        value,
        "µs",
        peer=f"a cipher for each block: {beside:.1f} µs",
        ratio=value / beside,
        goal="" if goal is None else f"≤ {goal} µs",
        met=None if goal is None else value <= goal,
    )


def _best(work: Callable[[], None], times: int = TIMES) -> float:
    """Return microseconds of the best round, without the empty call."""
    return max(0.0, _round(work, times) - _round(lambda: None, times)) * 1e6


def _round(work: Callable[[], None], times: int) -> float:
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(times):
            work()
        best = min(best, perf_counter() - began)
    return best / times


def _seal_poll() -> Callable[[], None]:
    session = SecureSession(1, MADE_UP, FIRST)

    def work() -> None:
        session.seal(1, Poll.CODE, b"")
        session.withdraw()

    return work


def _plain_poll() -> Callable[[], None]:
    plain = Plain()
    return lambda: _forget(plain.seal(1, Poll.CODE, b""))


def _seal_file() -> Callable[[], None]:
    session = SecureSession(1, MADE_UP, FIRST)

    def work() -> None:
        session.seal(1, 0x7C, FRAGMENT)
        session.withdraw()

    return work


def _plain_file() -> Callable[[], None]:
    plain = Plain()
    return lambda: _forget(plain.seal(1, 0x7C, FRAGMENT))


def _card() -> bytes:
    unit = PeripheralSession(1, MADE_UP, FIRST)
    unit.open(Frame.decode(SecureSession(1, MADE_UP, FIRST).seal(1, Poll.CODE, b"")))
    return unit.seal(1, RawCard.CODE, CARD)


def _panel() -> Callable[[Frame], Frame | None]:
    """A panel that hears the same card again and again, since its state is put back."""
    session = SecureSession(1, MADE_UP, FIRST)
    session.seal(1, Poll.CODE, b"")
    heard = session._heard

    def hear(frame: Frame) -> Frame | None:
        session._heard = heard
        session._may_seal = False
        return session.open(frame)

    opened = hear(Frame.decode(_card()))
    assert opened is not None
    assert opened.body == CARD
    return hear


def _open_card() -> Callable[[], None]:
    hear, frame = _panel(), Frame.decode(_card())
    return lambda: _forget(hear(frame))


def _decode_card() -> Callable[[], None]:
    hear, raw = _panel(), _card()
    return lambda: _forget(hear(Frame.decode(raw)))


def _plain_panel() -> Plain:
    plain = Plain()
    plain.seal(1, Poll.CODE, b"")
    return plain


def _plain_card() -> Callable[[], None]:
    plain, frame = _plain_panel(), Frame.decode(_card())
    return lambda: _forget(plain.open(frame))


def _decode_plain_card() -> Callable[[], None]:
    plain, raw = _plain_panel(), _card()
    return lambda: _forget(plain.open(Frame.decode(raw)))


def _handshake() -> Callable[[], None]:
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
