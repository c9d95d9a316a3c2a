"""What is nobody's business is not in a recording, and the rest of it is."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import MessageError
from protocol.message import Message
from protocol.message import Record as Fields
from protocol.osdp.commands import Identify, Poll, SetKey, decode_command
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Ack, Keypad, LocalStatus, RawCard, decode_reply
from protocol.osdp.secure_handshake import Selector
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.trace import Direction, Record
from protocol.osdp.trace_mask import PRIVATE, Mask, Recorder
from tests.protocol.osdp.frames import frames
from tests.protocol.osdp.messages import KINDS, bodies_of
from tests.protocol.osdp.recorded import ADDRESS, Talk

CARD = RawCard(0, 1, 32, bytes.fromhex("deadbeef"))
PIN = Keypad(0, b"13579")
NEW_KEY = SetKey(1, bytes.fromhex("c0ffee11c0ffee22c0ffee33c0ffee44"))


def frame_of(message: Message, *, reply: bool) -> Frame:
    return Frame(ADDRESS, 1, message.CODE, message.encode(), reply)


def is_reply(kind: type[Message]) -> bool:
    return KINDS.index(kind) >= KINDS.index(Ack)


def kept(talk: Talk, *, unmasked: bool = False) -> list[Record]:
    recorder = Recorder(unmasked=unmasked)
    return [
        record
        for at, frame in enumerate(talk.frames)
        for record in recorder.take(
            at, Direction.INPUT if frame.reply else Direction.OUTPUT, b"\xff" + frame.encode()
        )
    ]


# --- in clear -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PRIVATE, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_private_is_zero_and_the_rest_is_as_it_was(
    kind: type[Message], data: st.DataObject
) -> None:
    message = data.draw(bodies_of(kind))
    assert isinstance(message, Message)
    frame = frame_of(message, reply=is_reply(kind))
    masked = Mask().take(frame)
    assert len(masked.body) == len(frame.body)
    assert not any(masked.body[PRIVATE[kind] :])
    decoded = (decode_reply if frame.reply else decode_command)(Frame.decode(masked.encode()))
    *heads, tail = [each.name for each in fields(kind)]
    for name in heads:
        assert getattr(decoded, name) == getattr(message, name)
    assert getattr(decoded, tail) == bytes(len(getattr(message, tail)))


@given(st.sampled_from([each for each in KINDS if each not in PRIVATE]).flatmap(bodies_of))
def test_everything_else_is_kept(message: Fields) -> None:
    assert isinstance(message, Message)
    frame = frame_of(message, reply=is_reply(type(message)))
    assert Mask().take(frame) is frame


@pytest.mark.parametrize(("code", "reply"), [(0x99, True), (0x52, True), (0x53, False)])
def test_nothing_of_an_unknown_message_is_kept(code: int, *, reply: bool) -> None:
    frame = Frame(ADDRESS, 1, code, b"13579", reply)
    assert Mask().take(frame) == replace(frame, body=bytes(5))


def test_nothing_of_a_misshapen_private_message_is_kept() -> None:
    frame = Frame(ADDRESS, 1, Keypad.CODE, b"13579", reply=True)  # a unit without a count
    with pytest.raises(MessageError):
        decode_reply(frame)
    assert not any(Mask().take(frame).body)


def test_a_signed_body_that_is_not_encrypted_is_masked() -> None:
    clear = frame_of(PIN, reply=True)
    frame = replace(clear, security=SecurityBlock(0x16), mac=b"1234")
    assert Mask().take(frame).body == b"\0\5" + bytes(5)


# --- in a session -------------------------------------------------------------------------


def test_what_only_the_units_key_opens_is_kept_as_it_is() -> None:
    talk = Talk()
    talk.handshake()
    talk.say(Poll(), CARD)
    talk.say(Poll(), PIN)
    assert [Frame.decode(each.data) for each in kept(talk)] == talk.frames


def test_a_key_is_masked_even_where_it_is_encrypted() -> None:
    talk = Talk()
    talk.handshake()
    talk.say(NEW_KEY, Ack())
    sealed = talk.frames[-2]
    masked = kept(talk)[-2]
    assert masked.masked
    assert Frame.decode(masked.data) == replace(sealed, body=bytes(len(sealed.body)))


def test_what_the_default_key_opens_is_masked() -> None:
    talk = Talk(DEFAULT_KEY, Selector.DEFAULT)
    talk.handshake()
    talk.say(Identify(), LocalStatus(0, 0))
    talk.say(Poll(), CARD)
    assert [each.masked for each in kept(talk)] == [False] * 7 + [True]
    assert not any(Frame.decode(kept(talk)[-1].data).body)


def test_a_session_of_unknown_beginning_is_masked() -> None:
    talk = Talk()
    talk.handshake()
    talk.frames.clear()
    talk.say(Poll(), CARD)
    assert [each.masked for each in kept(talk)] == [False, True]


@pytest.mark.parametrize(
    "block", [None, SecurityBlock(0x13, b"\1"), SecurityBlock(0x11), SecurityBlock(0x11, b"\0")]
)
def test_a_challenge_of_another_kind_ends_the_trust_in_ciphertext(
    block: SecurityBlock | None,
) -> None:
    talk = Talk()
    talk.handshake()
    talk.frames.append(replace(talk.frames[0], security=block))
    talk.say(Poll(), CARD)
    assert kept(talk)[-1].masked


# --- recording ----------------------------------------------------------------------------


def test_no_secret_is_in_a_recording() -> None:
    talk = Talk()
    for command, reply in [(Poll(), CARD), (Poll(), PIN), (NEW_KEY, Ack())]:
        talk.clear(command, reply)
    text = " ".join(each.encode() for each in kept(talk))
    for secret in (CARD.data, PIN.keys, NEW_KEY.key):
        assert secret.hex(" ") not in text
        assert secret.hex(" ") in " ".join(each.encode() for each in kept(talk, unmasked=True))


def test_unmasked_everything_is_kept_as_it_came() -> None:
    recorder = Recorder(unmasked=True)
    for chunk in (b"\xff\x53", b"noise", b""):
        assert recorder.take(5, Direction.INPUT, chunk) == [Record(5, Direction.INPUT, chunk)]


def test_of_noise_only_the_length_is_kept() -> None:
    cut = b"\xff\x01" + frame_of(PIN, reply=True).encode()[2:]
    (record,) = Recorder().take(5, Direction.INPUT, cut)
    assert record == Record(5, Direction.INPUT, bytes(len(cut) - 1), masked=True)


@given(st.lists(frames(), max_size=8), st.integers(1, 50))
def test_every_frame_is_recorded_once_and_still_a_frame(given_: list[Frame], size: int) -> None:
    raw = b"".join(each.encode() for each in given_)
    recorder = Recorder()
    found = [
        Frame.decode(record.data)
        for at in range(0, len(raw), size)
        for record in recorder.take(at, Direction.TRACE, raw[at : at + size])
    ]
    assert [replace(each, body=b"") for each in found] == [
        replace(each, body=b"") for each in given_
    ]
    assert [len(each.body) for each in found] == [len(each.body) for each in given_]
