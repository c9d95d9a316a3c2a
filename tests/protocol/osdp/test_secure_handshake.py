"""Beginning a secure channel, from both sides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.commands import Challenge, Poll, ServerCryptogram
from protocol.osdp.frame import Frame, SecurityBlock
from protocol.osdp.replies import Ack, Busy, ClientCryptogram, InitialRMac, Nak
from protocol.osdp.secure_handshake import (
    REFUSAL,
    Answering,
    Challenging,
    Established,
    Failed,
    Handshake,
    HandshakeAsPeripheral,
    Proving,
    Reason,
    Said,
    Selector,
    Welcoming,
)
from protocol.osdp.secure_keys import DEFAULT_KEY
from tests.protocol.osdp.frames import frames

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")
OTHER_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa19")
RANDOM_A, RANDOM_B = bytes(range(0xB0, 0xB8)), bytes(range(0xA0, 0xA8))
UNIT = bytes.fromhex("0a00170300cafede")

randoms = st.binary(min_size=8, max_size=8)
keys = st.binary(min_size=16, max_size=16)


def command(said: Said) -> Frame:
    return Frame.decode(said.frame(1, 0).encode())


def reply(said: Said) -> Frame:
    return Frame.decode(said.frame(1, 0, reply=True).encode())


def challenge(handshake: Handshake | None = None) -> Challenging:
    return (handshake or Handshake(1, KEY)).start(RANDOM_A)


def answer(ours: Challenging, theirs: HandshakeAsPeripheral | None = None) -> Answering:
    theirs = theirs or HandshakeAsPeripheral(1, KEY, UNIT)
    answering = theirs.take(command(ours.said), RANDOM_B)
    assert isinstance(answering, Answering)
    return answering


def prove(ours: Challenging, theirs: Answering) -> Proving:
    proving = ours.take(reply(theirs.said))
    assert isinstance(proving, Proving)
    return proving


def welcome(ours: Proving, theirs: Answering) -> Welcoming:
    welcoming = theirs.take(command(ours.said))
    assert isinstance(welcoming, Welcoming)
    return welcoming


# --- when all goes well -------------------------------------------------------------------


def test_the_messages_are_those_of_annex_e() -> None:
    ours = challenge(Handshake.by_default_key(0))
    theirs = answer(ours, HandshakeAsPeripheral(0, None, UNIT, allow_default=True))
    proving = prove(ours, theirs)
    welcoming = welcome(proving, theirs)
    assert ours.said == Said(Challenge(RANDOM_A), SecurityBlock(0x11, b"\0"))
    assert theirs.said == Said(
        ClientCryptogram(UNIT, RANDOM_B, bytes.fromhex("fde5d2f428ec16312471ea3c02bd7796")),
        SecurityBlock(0x12, b"\0"),
    )
    assert proving.said == Said(
        ServerCryptogram(bytes.fromhex("26d3356e07762d262801fc8e6665a891")),
        SecurityBlock(0x13, b"\0"),
    )
    assert welcoming.said == Said(
        InitialRMac(bytes.fromhex("b2a30057eb98ba2229ec1f875662b524")),
        SecurityBlock(0x14, b"\1"),
    )
    established = proving.take(reply(welcoming.said))
    assert isinstance(established, Established)
    assert (established.unit, established.selector) == (UNIT, Selector.DEFAULT)


def test_a_handshake_has_a_hundred_and_sixteen_bytes() -> None:
    """Without the mark characters."""
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    said = (ours.said, theirs.said, proving.said, welcome(proving, theirs).said)
    assert [len(each.frame(1, 0).encode()) for each in said] == [19, 43, 27, 27]


@given(
    key=keys,
    random_a=randoms,
    random_b=randoms,
    address=st.integers(0, 0x7E),
    crc=st.booleans(),
)
def test_who_has_the_same_key_gets_a_session(
    *, key: bytes, random_a: bytes, random_b: bytes, address: int, crc: bool
) -> None:
    ours = Handshake(address, key, crc=crc).start(random_a)
    said = ours.said.frame(address, 0, crc=crc)
    theirs = HandshakeAsPeripheral(address, key, UNIT).take(said, random_b)
    assert isinstance(theirs, Answering)
    proving = prove(ours, theirs)
    welcoming = welcome(proving, theirs)
    established = proving.take(reply(welcoming.said))
    assert isinstance(established, Established)
    poll = established.session.seal(1, Poll.CODE, b"")
    assert welcoming.session.open(Frame.decode(poll)) is not None
    ack = welcoming.session.seal(1, Ack.CODE, b"")
    assert established.session.open(Frame.decode(ack)) is not None
    assert Frame.decode(poll).crc == Frame.decode(ack).crc == crc


def test_a_step_says_the_same_again_and_judges_the_same_again() -> None:
    ours = challenge()
    theirs = answer(ours)
    assert ours.said == ours.said
    assert theirs.said == answer(ours).said
    assert ours.take(reply(theirs.said)) == ours.take(reply(theirs.said))


# --- what the panel does not accept -------------------------------------------------------


def test_another_key_proves_nothing() -> None:
    ours = challenge()
    theirs = answer(ours, HandshakeAsPeripheral(1, OTHER_KEY, UNIT))
    assert ours.take(reply(theirs.said)) == Failed(Reason.WRONG_CRYPTOGRAM)


@pytest.mark.parametrize("selector", [Selector.DEFAULT, 2])
def test_a_unit_that_offers_another_key_is_told_apart(selector: int) -> None:
    """The default key, offered unasked, is what somebody in between would offer."""
    ours = challenge()
    said = replace(answer(ours).said, security=SecurityBlock(0x12, bytes((selector,))))
    assert ours.take(reply(said)) == Failed(Reason.WRONG_SELECTOR, selector)


def test_the_default_key_is_not_accepted_in_place_of_the_own() -> None:
    ours = challenge()
    by_default = Handshake.by_default_key(1).start(RANDOM_A)
    theirs = answer(by_default, HandshakeAsPeripheral(1, KEY, UNIT, allow_default=True))
    assert ours.take(reply(theirs.said)) == Failed(Reason.WRONG_SELECTOR, Selector.DEFAULT)
    disguised = replace(theirs.said, security=SecurityBlock(0x12, b"\1"))
    assert ours.take(reply(disguised)) == Failed(Reason.WRONG_CRYPTOGRAM)


def test_an_old_answer_proves_nothing() -> None:
    old = reply(answer(challenge()).said)
    fresh = Handshake(1, KEY).start(bytes(8))
    assert fresh.take(old) == Failed(Reason.WRONG_CRYPTOGRAM)


@given(st.integers(0, 15), st.integers(1, 0xFF))
def test_every_byte_of_the_initial_rmac_counts(place: int, change: int) -> None:
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    mac = bytearray(welcome(proving, theirs).initial_rmac)
    mac[place] ^= change
    wrong = Said(InitialRMac(bytes(mac)), SecurityBlock(0x14, b"\1"))
    assert proving.take(reply(wrong)) == Failed(Reason.WRONG_RMAC)


def test_a_short_initial_rmac_is_wrong() -> None:
    proving = prove(challenge(), answer(challenge()))
    frame = Frame(1, 1, 0x78, b"", reply=True, security=SecurityBlock(0x14, b"\1"))
    assert proving.take(frame) == Failed(Reason.WRONG_RMAC)


@pytest.mark.parametrize("status", [0x00, 0x02, 0xFF])
def test_a_refused_cryptogram_is_no_session(status: int) -> None:
    """Also when R-MAC-I is the right one."""
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    said = welcome(proving, theirs).said
    refused = replace(said, security=SecurityBlock(0x14, bytes((status,))))
    assert proving.take(reply(refused)) == Failed(Reason.REFUSED, status)


@pytest.mark.parametrize(
    ("heard", "failed"),
    [
        (Frame(1, 0, Nak.CODE, b"\5", reply=True), Failed(Reason.NOT_SUPPORTED, 5)),
        (Frame(1, 0, Nak.CODE, b"\3", reply=True), Failed(Reason.NOT_SUPPORTED, 3)),
        (Frame(1, 0, Nak.CODE, b"\6", reply=True), Failed(Reason.NAK, 6)),
        (Frame(1, 0, Nak.CODE, b"", reply=True), Failed(Reason.NAK)),
        (Frame(1, 0, Busy.CODE, b"", reply=True), Failed(Reason.BUSY)),
        (Frame(1, 0, Ack.CODE, b"", reply=True), Failed(Reason.IN_CLEAR)),
        (Frame(1, 0, 0x76, bytes(32), reply=True), Failed(Reason.IN_CLEAR)),
        (Frame(1, 0, 0x78, bytes(16), reply=True), Failed(Reason.IN_CLEAR)),
        (Frame(1, 0, 0x76, bytes(8)), Failed(Reason.UNEXPECTED)),
    ],
)
def test_every_other_answer_is_told_apart(heard: Frame, failed: Failed) -> None:
    ours = challenge()
    assert ours.take(heard) == failed
    assert prove(ours, answer(ours)).take(heard) == failed


def test_the_answer_to_another_step_is_unexpected() -> None:
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    assert ours.take(reply(welcome(proving, theirs).said)) == Failed(Reason.UNEXPECTED)
    assert proving.take(reply(theirs.said)) == Failed(Reason.UNEXPECTED)
    wrong_block = replace(theirs.said, security=SecurityBlock(0x14, b"\1"))
    assert ours.take(reply(wrong_block)) == Failed(Reason.UNEXPECTED)
    wrong_code = Frame(1, 0, 0x50, b"", reply=True, security=SecurityBlock(0x12, b"\1"))
    assert ours.take(wrong_code) == Failed(Reason.UNEXPECTED)


@pytest.mark.parametrize(
    ("block", "body"), [(b"", bytes(32)), (b"\1\1", bytes(32)), (b"\1", bytes(31))]
)
def test_an_answer_of_another_shape_is_malformed(block: bytes, body: bytes) -> None:
    frame = Frame(1, 0, 0x76, body, reply=True, security=SecurityBlock(0x12, block))
    assert challenge().take(frame) == Failed(Reason.MALFORMED)


# --- what the unit does not accept --------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "allowed", "selector"),
    [(KEY, False, 0), (None, True, 1), (None, False, 0), (KEY, True, 2)],
)
def test_a_unit_uses_no_key_but_those_it_may(
    *, key: bytes | None, allowed: bool, selector: int
) -> None:
    theirs = HandshakeAsPeripheral(1, key, UNIT, allow_default=allowed)
    said = Said(Challenge(RANDOM_A), SecurityBlock(0x11, bytes((selector,))))
    assert theirs.take(command(said), RANDOM_B) == Failed(Reason.WRONG_SELECTOR, selector)


def test_a_challenge_of_another_length_is_malformed() -> None:
    frame = Frame(1, 0, 0x76, bytes(7), security=SecurityBlock(0x11, b"\1"))
    theirs = HandshakeAsPeripheral(1, KEY, UNIT)
    assert theirs.take(frame, RANDOM_B) == Failed(Reason.MALFORMED)


@pytest.mark.parametrize("code", [Poll.CODE, Busy.CODE, Nak.CODE])
def test_a_unit_expects_a_handshake(code: int) -> None:
    heard = Frame(1, 0, code, b"\5")
    assert HandshakeAsPeripheral(1, KEY, UNIT).take(heard, RANDOM_B) == Failed(Reason.IN_CLEAR)
    assert answer(challenge()).take(heard) == Failed(Reason.IN_CLEAR)


def test_a_panel_without_the_key_is_refused() -> None:
    theirs = answer(challenge())
    guess = Said(ServerCryptogram(bytes(16)), SecurityBlock(0x13, b"\1"))
    assert theirs.take(command(guess)) == Failed(Reason.WRONG_CRYPTOGRAM)


def test_a_panel_cannot_give_the_units_proof_back() -> None:
    theirs = answer(challenge())
    message = theirs.said.message
    assert isinstance(message, ClientCryptogram)
    mirrored = Said(ServerCryptogram(message.cryptogram), SecurityBlock(0x13, b"\1"))
    assert theirs.take(command(mirrored)) == Failed(Reason.WRONG_CRYPTOGRAM)


def test_a_panel_cannot_change_the_key_half_way() -> None:
    ours = challenge()
    theirs = answer(ours)
    said = replace(prove(ours, theirs).said, security=SecurityBlock(0x13, b"\0"))
    assert theirs.take(command(said)) == Failed(Reason.WRONG_SELECTOR, 0)


def test_a_refused_panel_understands() -> None:
    proving = prove(challenge(), answer(challenge()))
    assert proving.take(reply(REFUSAL)) == Failed(Reason.REFUSED, 0xFF)


# --- anything -----------------------------------------------------------------------------


@given(
    frames(),
    st.sampled_from([0x11, 0x12, 0x13, 0x14]),
    st.binary(max_size=2),
    st.sampled_from([0x41, 0x76, 0x77, 0x78, 0x79]),
    st.binary(max_size=40),
)
def test_any_frame_is_judged_by_every_step(
    heard: Frame, kind: int, data: bytes, code: int, body: bytes
) -> None:
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    shaped = replace(heard, code=code, body=body, security=SecurityBlock(kind, data), mac=b"")
    for frame in (heard, shaped):
        assert isinstance(ours.take(frame), Failed)
        assert isinstance(proving.take(frame), Failed)
        assert isinstance(theirs.take(frame), Failed)
        begun = HandshakeAsPeripheral(1, KEY, UNIT).take(frame, RANDOM_B)
        assert isinstance(begun, Answering | Failed)


@pytest.mark.parametrize("length", [0, 7, 9])
def test_chance_comes_in_eight_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="a random number has 8 bytes"):
        Handshake(1, KEY).start(bytes(length))
    with pytest.raises(ValueError, match="a random number has 8 bytes"):
        HandshakeAsPeripheral(1, KEY, UNIT).take(command(challenge().said), bytes(length))


def test_a_key_of_another_length_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match=r"^a key has 16 bytes, not 15$"):
        Handshake(1, KEY[:15])
    with pytest.raises(ValueError, match=r"^a key has 16 bytes, not 15$"):
        HandshakeAsPeripheral(1, KEY[:15], UNIT)


def test_no_step_shows_a_secret() -> None:
    ours = challenge()
    theirs = answer(ours)
    proving = prove(ours, theirs)
    welcoming = welcome(proving, theirs)
    steps = (ours.intention, ours, theirs.identity, theirs, proving, welcoming)
    text = " ".join(f"{each!r} {getattr(each, 'said', '')!r}" for each in steps)
    secrets = (KEY, DEFAULT_KEY, proving.cryptogram, welcoming.initial_rmac)
    for secret in (*secrets, ours.keys.encryption, ours.keys.first_mac):
        assert repr(secret) not in text


@pytest.mark.parametrize("address", [-1, 0x7F, 300])
def test_an_address_no_unit_can_have_is_refused_before_anything_is_said(address: int) -> None:
    with pytest.raises(ValueError, match="address is"):
        Handshake(address, KEY)
    with pytest.raises(ValueError, match="address is"):
        Handshake.by_default_key(address)
    with pytest.raises(ValueError, match="address is"):
        HandshakeAsPeripheral(address, KEY, UNIT)
