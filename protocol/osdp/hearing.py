"""What a frame is that comes while an answer is awaited: the answer, or something else.

It goes by sequence numbers and by the session; what the answer says is not looked at here,
but for the few that are about the line and not about the command.
"""

from enum import Enum, auto

from protocol.osdp.commands import SetKey
from protocol.osdp.exchange import Count, Exchange
from protocol.osdp.frame import Frame
from protocol.osdp.introduction import Introduction
from protocol.osdp.replies import Ack, Busy, Nak

DAMAGED_REPEATS = 2  # times one command is sent again because it arrived damaged (NAK 1)
DAMAGED, OUT_OF_SEQUENCE = 1, 4  # reasons of a NAK that are about the line


class Heard(Enum):
    """What a frame is."""

    ANSWER = auto()
    NOBODYS = auto()  # a late duplicate, or not of this session
    BUSY = auto()
    DAMAGED = auto()  # the command arrived damaged: it was not looked at, and not counted
    REFUSED_NUMBER = auto()
    NEW_START = auto()  # the unit counts from 0
    SESSION_OVER = auto()


def judge(
    frame: Frame, exchange: Exchange, count: Count, introduction: Introduction, now: float
) -> tuple[Heard, Frame]:
    """Say what a frame is that came while `exchange` is pending; return it opened."""
    if frame.sequence != exchange.sequence and count.too_late(frame, now):
        return Heard.NOBODYS, frame
    opened = introduction.session.open(frame)
    if opened is None:
        return _unopened(frame, exchange, introduction), frame
    if opened.code == Busy.CODE and opened.sequence in (0, exchange.sequence):
        return Heard.BUSY, opened
    if opened.sequence != exchange.sequence:
        return _out_of_step(opened), opened
    if opened.code == Nak.CODE and opened.body:
        return _refusal(opened.body[0], exchange, introduction), opened
    return Heard.ANSWER, opened


def _unopened(frame: Frame, exchange: Exchange, introduction: Introduction) -> Heard:
    """Not of this session: somebody else's, or the end of it."""
    if introduction.session.fault is not None:
        return Heard.ANSWER if _took_key_in_clear(frame, exchange) else Heard.SESSION_OVER
    if introduction.in_session and frame.sequence == 0:
        return _out_of_step(frame)
    return Heard.NOBODYS


def _took_key_in_clear(frame: Frame, exchange: Exchange) -> bool:
    """Whether a unit acknowledged a new key in clear, as some do that end their session with
    it. Anybody could have said that; what counts is the handshake that comes next."""
    return (
        isinstance(exchange.command, SetKey)
        and frame.code == Ack.CODE
        and frame.sequence == exchange.sequence
        and frame.security is None
    )


def _out_of_step(frame: Frame) -> Heard:
    """Not the number we wait for: a late duplicate, or the unit counts differently.

    A NAK 4 comes under whatever number.
    """
    if frame.code == Nak.CODE and frame.body[:1] == bytes((OUT_OF_SEQUENCE,)):
        return Heard.REFUSED_NUMBER
    return Heard.NEW_START if frame.sequence == 0 else Heard.NOBODYS


def _refusal(reason: int, exchange: Exchange, introduction: Introduction) -> Heard:
    """A NAK 1 is about the line, unless it is sealed: then the command had arrived whole."""
    if reason == OUT_OF_SEQUENCE:
        return Heard.REFUSED_NUMBER
    again = exchange.damaged < DAMAGED_REPEATS and not introduction.in_session
    return Heard.DAMAGED if reason == DAMAGED and again else Heard.ANSWER
