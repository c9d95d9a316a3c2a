"""Following a conversation: what was said, whether it holds, and what is odd about it."""

from collections.abc import Iterable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.message import Message
from protocol.osdp.commands import Challenge, Identify, Poll, SetKey, TransferFile
from protocol.osdp.frame import BROADCAST, Frame, SecurityBlock
from protocol.osdp.replies import (
    Ack,
    Busy,
    Keypad,
    LocalStatus,
    Nak,
    NakReason,
    RawCard,
)
from protocol.osdp.secure_handshake import REFUSAL, Selector
from protocol.osdp.secure_keys import DEFAULT_KEY
from protocol.osdp.trace import Direction
from protocol.osdp.trace_channel import (
    AFTER_A_FAULT,
    MASKED,
    MOST_KEYS,
    NO_BEGINNING,
    NO_KEY,
    NO_KEY_FITS,
    Verdict,
)
from protocol.osdp.trace_follow import Follower, Seen
from protocol.osdp.trace_mask import Recorder
from tests.protocol.osdp.frames import frames
from tests.protocol.osdp.recorded import ADDRESS, KEY, Talk

OTHER_KEY = bytes.fromhex("c0ffee11c0ffee22c0ffee33c0ffee44")
CARD = RawCard(0, 1, 32, bytes.fromhex("deadbeef"))
PIN = Keypad(0, b"13579")
OPEN, PROVED, WRONG, UNKNOWN = Verdict


def follow(talk: Iterable[Frame], *keys: bytes) -> list[Seen]:
    follower = Follower({ADDRESS: keys})
    return [follower.take(each) for each in talk]


def verdicts(talk: Iterable[Frame], *keys: bytes) -> list[Verdict]:
    return [each.verdict for each in follow(talk, *keys)]


def notes(talk: Iterable[Frame], *keys: bytes) -> list[str]:
    """What is said of the last frame."""
    return list(follow(talk, *keys)[-1].notes)


def command(number: int, message: Message | None = None) -> Frame:
    said = message or Poll()
    return Frame(ADDRESS, number, said.CODE, said.encode())


def reply(number: int, message: Message | None = None) -> Frame:
    said = message or Ack()
    return Frame(ADDRESS, number, said.CODE, said.encode(), reply=True)


def faults(*talk: Frame) -> list[str]:
    return [each.fault for each in follow(talk)]


def session(*said: tuple[Message, Message]) -> Talk:
    talk = Talk()
    talk.handshake()
    for each in said:
        talk.say(*each)
    return talk


def spoilt(frame: Frame) -> Frame:
    return replace(frame, mac=bytes(byte ^ 1 for byte in frame.mac))


# --- in clear -----------------------------------------------------------------------------


def test_a_clear_conversation_is_told() -> None:
    talk = Talk()
    talk.clear(Identify(), Nak(NakReason.SECURITY_REQUIRED))
    talk.clear(Poll(), CARD)
    asked, refused, _, card = follow(talk.frames)
    assert (asked.reply, asked.address, asked.sequence, asked.name) == (False, 3, 0, "ID")
    assert asked.verdict is OPEN
    assert asked.words() == "Identify(type=0)"
    assert (refused.reply, refused.notes) == (True, ("refused: 6 security required",))
    assert card.message == CARD
    assert "(4 bytes)" in card.words()
    assert "deadbeef" in card.words(unmasked=True)
    assert "deadbeef" not in repr(card)


def test_what_cannot_be_read_is_said() -> None:
    *_, unknown = follow([command(0), Frame(ADDRESS, 0, 0x99, b"1", reply=True)])
    (misshapen,) = follow([Frame(ADDRESS, 0, 0x53, b"1", reply=True)])
    assert (unknown.name, unknown.message, unknown.words()) == ("0x99", None, "")
    assert unknown.notes == ("no message has code 0x99",)
    assert "Keypad with a body of 1 bytes" in misshapen.notes[0]


# --- numbers and turns --------------------------------------------------------------------


@pytest.mark.parametrize("count", range(1, 9))
def test_numbers_go_round_without_a_fault(count: int) -> None:
    talk = Talk()
    for _ in range(count):
        talk.clear(Poll(), Ack())
    assert not any(faults(*talk.frames))


def test_a_repeated_command_and_its_repeated_answer_are_known() -> None:
    talk = [command(0), reply(0), command(1), command(1), reply(1), command(1), reply(1)]
    seen = follow(talk)
    assert [each.repeated for each in seen] == [False] * 3 + [True, False, True, True]
    assert not any(each.fault for each in seen)


def test_number_0_begins_again_and_repeats_nothing_that_was_answered() -> None:
    talk = [command(0), reply(0), command(0), reply(0), command(0), command(0)]
    assert [each.repeated for each in follow(talk)] == [False] * 5 + [True]
    assert not any(faults(*talk))


def test_a_busy_unit_is_asked_the_same_again() -> None:
    talk = [command(0), reply(0), command(1), reply(0, Busy()), command(1), reply(1)]
    assert not any(faults(*talk))
    assert follow(talk)[4].repeated


@pytest.mark.parametrize(
    ("talk", "fault"),
    [
        ([command(0), reply(0), command(2)], "number 2 where 1 or 0 comes next"),
        ([command(0), command(1)], "number 1 where 0 or 0 comes next"),
        (
            [command(1), command(1, Identify())],
            "another command has number 1",
        ),
        ([command(1), reply(2)], "number 2 answers number 1"),
        ([command(1), reply(0)], "the unit asks to begin again at 0"),
        ([reply(1)], "answers nothing in the recording"),
        ([command(1), reply(1), reply(1)], "a second answer"),
        ([command(1), reply(3, Nak(NakReason.SEQUENCE))], ""),
        ([command(0), command(0, Identify())], ""),
    ],
)
def test_a_wrong_number_or_turn_is_named(talk: list[Frame], fault: str) -> None:
    said = faults(*talk)
    assert (said[:-1], said[-1]) == ([""] * (len(talk) - 1), fault)


def test_units_are_told_apart() -> None:
    other = replace(command(0), address=9)
    assert not any(faults(command(0), other, reply(0), replace(reply(0), address=9)))


# --- secure sessions ----------------------------------------------------------------------


def test_a_whole_session_is_checked_and_decrypted() -> None:
    talk = session((Poll(), CARD), (Identify(), LocalStatus(0, 1)), (Poll(), PIN))
    seen = follow(talk.frames, OTHER_KEY, KEY)
    assert [each.verdict for each in seen] == [OPEN] + [PROVED] * 9
    assert [each.name for each in seen[:6]] == [
        "CHLNG",
        "CCRYPT",
        "SCRYPT",
        "RMAC_I",
        "POLL",
        "RAW",
    ]
    assert [each.message for each in seen[4:]] == [
        Poll(), CARD, Identify(), LocalStatus(0, 1), Poll(), PIN,
    ]  # fmt: skip
    assert not any(each.fault for each in seen)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([Poll(), Identify(), TransferFile(1, 90, 0, bytes(90))]),
            st.sampled_from([Ack(), CARD, PIN, LocalStatus(1, 0)]),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_any_session_with_repetitions_is_followed(
    said: list[tuple[Message, Message]], chance: Random
) -> None:
    talk = session(*said).frames
    heard = list(talk[:4])
    for asked, answered in zip(talk[4::2], talk[5::2], strict=True):
        for _ in range(chance.randint(1, 3)):
            heard += [asked] * chance.randint(1, 2) + [answered]
    follower = Follower({ADDRESS: [KEY]})
    seen = [follower.take(each) for each in heard]
    assert {each.verdict for each in seen[1:]} == {PROVED}
    assert follower.summary.faults == follower.summary.wrong == 0
    assert follower.summary.macs_checked == len(heard) - 4


def test_a_key_that_is_set_is_the_next_sessions() -> None:
    talk = Talk(DEFAULT_KEY, Selector.DEFAULT)
    talk.handshake()
    talk.say(SetKey(1, KEY), Ack())
    own = session((Poll(), CARD))
    follower = Follower(default_key=True)
    seen = [follower.take(each) for each in talk.frames + own.frames]
    assert WRONG not in [each.verdict for each in seen]
    assert UNKNOWN not in [each.verdict for each in seen]
    assert seen[-1].message == CARD
    assert follower.summary.sessions == 2
    assert KEY.hex() not in seen[4].words(unmasked=True)


@pytest.mark.parametrize("body", [bytes(2), b"\1\x10" + bytes(3), b"\2\x02ab"])
def test_what_is_no_base_key_is_not_taken_for_one(body: bytes) -> None:
    clear = Frame(ADDRESS, 0, SetKey.CODE, body)
    assert verdicts([clear, *session().frames], KEY)[-1] is PROVED


def test_candidates_are_bounded() -> None:
    keys = [bytes([number]) * 16 for number in range(MOST_KEYS)]
    assert verdicts(session().frames, KEY, *keys)[1] is UNKNOWN
    assert verdicts(session().frames, KEY, *keys[1:])[1] is PROVED


def test_the_default_key_is_tried_only_if_asked_for() -> None:
    talk = Talk(DEFAULT_KEY, Selector.DEFAULT)
    talk.handshake()
    assert verdicts(talk.frames)[-1] is UNKNOWN
    assert Follower(default_key=True).take(talk.frames[0]).notes == (
        "asks for the default key",
    )


@pytest.mark.parametrize(("at", "which"), [(4, 0), (5, 1), (8, 4), (9, 5)])
def test_a_wrong_mac_is_found(at: int, which: int) -> None:
    talk = session((Poll(), CARD), (Poll(), PIN), (Poll(), Ack())).frames
    talk[at] = spoilt(talk[at])
    seen = follow(talk, KEY)
    assert [each.verdict for each in seen].index(WRONG) == at == which + 4
    assert seen[at].notes == ("the MAC does not match",)
    assert seen[at].message is None


def test_an_injected_frame_is_wrong_and_the_rest_is_followed() -> None:
    talk = session((Poll(), CARD), (Poll(), PIN)).frames
    talk.insert(6, spoilt(talk[6]))
    assert verdicts(talk, KEY)[5:] == [PROVED, WRONG, PROVED, PROVED]


def test_behind_a_gap_only_the_first_mac_is_called_wrong() -> None:
    talk = session((Poll(), CARD), (Poll(), PIN), (Poll(), Ack())).frames
    del talk[6]
    seen = follow(talk, KEY)
    assert [each.verdict for each in seen[5:]] == [PROVED, WRONG, UNKNOWN, UNKNOWN]
    assert seen[7].notes == (AFTER_A_FAULT,)


def test_busy_leaves_the_chain_where_it_was() -> None:
    talk = session((Poll(), CARD)).frames
    assert verdicts([*talk[:5], reply(0, Busy()), *talk[4:]], KEY)[4:] == [
        PROVED, OPEN, PROVED, PROVED,
    ]  # fmt: skip
    signed = Talk()
    signed.handshake()
    assert signed.panel is not None
    assert signed.unit is not None
    asked = Frame.decode(signed.panel.seal(2, Poll.CODE, b""))
    signed.unit.open(asked)
    busy = Frame.decode(signed.unit.seal(2, Busy.CODE, b""))
    assert signed.panel.open(busy) is not None
    assert verdicts([*signed.frames, asked, busy], KEY)[-1] is PROVED


def test_a_clear_frame_ends_a_session_and_is_told_once() -> None:
    refused = reply(3, Nak(NakReason.SECURITY_REQUIRED))
    talk = [*session((Poll(), CARD)).frames, command(3), refused]
    seen = follow(talk, KEY)
    assert seen[-2].notes == ("in clear: the session is over",)
    assert seen[-1].notes == ("refused: 6 security required",)


def test_frames_of_the_wrong_shape_are_named() -> None:
    talk = session((Poll(), Ack()))
    *before, poll, _ = talk.frames
    assert talk.panel is not None
    cipher = talk.panel._cipher
    first = int.from_bytes(before[3].body, "big")

    def signed(frame: Frame) -> list[str | Verdict]:
        mac = cipher.mac(replace(frame, mac=bytes(4)).head(), first)[:4]
        seen = follow([*before, replace(frame, mac=mac)], KEY)[-1]
        return [seen.verdict, *seen.notes]

    other = replace(poll, security=SecurityBlock(0x16))
    assert signed(other) == [WRONG, "the block is the other direction's"]
    bare = replace(poll, code=Identify.CODE, body=b"\0")
    assert signed(bare) == [PROVED, "signed but not encrypted"]
    cut = replace(poll, security=SecurityBlock(0x17), body=bytes(5))
    assert signed(cut) == [PROVED, "it does not end like an encrypted body"]


# --- what cannot be followed --------------------------------------------------------------


def test_without_a_key_nothing_is_judged() -> None:
    seen = follow(session((Poll(), CARD)).frames)
    assert [each.verdict for each in seen] == [OPEN] + [UNKNOWN] * 5
    assert seen[-1].notes == (NO_KEY,)
    assert seen[-1].message is None


def test_with_another_key_nothing_is_called_wrong() -> None:
    seen = follow(session((Poll(), CARD)).frames, OTHER_KEY)
    assert [each.verdict for each in seen] == [OPEN] + [UNKNOWN] * 5
    assert seen[-1].notes == (NO_KEY_FITS,)


def test_without_the_handshake_nothing_is_judged() -> None:
    talk = session((Poll(), CARD)).frames
    for cut in (talk[4:], talk[1:], talk[2:], talk[3:]):
        seen = follow(cut, KEY)
        assert {each.verdict for each in seen} == {UNKNOWN}
        assert seen[-1].notes == (NO_BEGINNING,)


def test_behind_a_masked_frame_a_session_is_not_followed() -> None:
    talk = session((Poll(), CARD), (SetKey(1, OTHER_KEY), Ack()), (Poll(), CARD))
    recorder, follower = Recorder(), Follower({ADDRESS: [KEY]})
    seen = [
        follower.take(Frame.decode(record.data), masked=record.masked)
        for frame in talk.frames
        for record in recorder.take(0, Direction.TRACE, frame.encode())
    ]
    assert [each.verdict for each in seen[4:]] == [PROVED] * 2 + [UNKNOWN] * 4
    assert {each.notes for each in seen[6:]} == {(MASKED,)}


def test_a_masked_frame_in_clear_is_said_to_be_one() -> None:
    follower = Follower({ADDRESS: [OTHER_KEY]})
    masked = command(0, SetKey(1, bytes(16)))
    assert follower.take(masked, masked=True).notes == (MASKED,)


# --- handshakes that go wrong -------------------------------------------------------------


def handshake(at: int, **changes: object) -> list[Frame]:
    talk = session().frames
    talk[at] = replace(talk[at], **changes)  # type: ignore[arg-type]  # fields of Frame
    return talk[: at + 1]


def test_a_wrong_cryptogram_of_the_panel_is_found() -> None:
    talk = handshake(2, body=bytes(16))
    seen = follow(talk, KEY)[-1]
    assert (seen.verdict, seen.notes) == (WRONG, ("the panel's cryptogram is wrong",))


def test_a_wrong_initial_mac_is_found() -> None:
    talk = handshake(3, body=bytes(16))
    seen = follow(talk, KEY)[-1]
    assert (seen.verdict, len(seen.notes)) == (WRONG, 1)
    assert not seen.signed


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        (0, {"body": bytes(7)}, "the answer does not have the parts it must have"),
        (0, {"security": SecurityBlock(0x11, b"\2")}, "does not have the parts"),
        (0, {"security": SecurityBlock(0x11)}, "does not have the parts"),
        (0, {"code": Identify.CODE}, "belongs to something else"),
        (0, {"reply": True}, "belongs to something else"),
        (1, {"body": bytes(31)}, "does not have the parts"),
        (1, {"security": SecurityBlock(0x12, b"\0")}, "another one"),
        (2, {"security": SecurityBlock(0x13, b"\0")}, "belongs to something else"),
        (2, {"code": Identify.CODE}, "belongs to something else"),
        (2, {"reply": True}, "belongs to something else"),
        (3, {"code": Ack.CODE}, "belongs to something else"),
        (
            3,
            {"security": REFUSAL.security, "body": bytes(16)},
            "the unit refused the panel's cryptogram",
        ),
        (3, {"security": SecurityBlock(0x1A)}, "security block of type 0x1a"),
    ],
)
def test_a_handshake_of_the_wrong_shape_is_named(
    at: int, changes: dict[str, object], said: str
) -> None:
    seen = follow(handshake(at, **changes), KEY)[-1]
    assert seen.verdict is UNKNOWN
    assert said in " ".join(seen.notes)


def test_the_address_of_all_has_no_session() -> None:
    everybody = [replace(each, address=BROADCAST) for each in session().frames]
    follower = Follower({BROADCAST: [KEY]}, default_key=True)
    assert {follower.take(each).verdict for each in everybody} == {UNKNOWN}


# --- altogether ---------------------------------------------------------------------------


def test_a_summary_counts_what_happened() -> None:
    talk = session((Poll(), CARD), (Poll(), Nak(NakReason.RECORD)))
    *before, last = talk.frames
    follower = Follower({ADDRESS: [KEY]})
    for frame in (
        command(0),
        *before,
        before[-1],
        last,
        spoilt(before[-1]),
        reply(0, Nak(200)),
    ):
        follower.take(frame)
    told = follower.summary
    assert (told.commands, told.replies, told.repeated, told.unanswered) == (7, 5, 1, 2)
    assert (told.sessions, told.macs_checked, told.wrong) == (1, 6, 1)
    assert (told.not_followable, told.faults) == (0, 1)
    assert told.naks == {"9 record": 1, "0xc8": 1}


@given(talk=st.lists(frames(), max_size=20), masked=st.booleans())
def test_anything_can_be_followed(talk: list[Frame], *, masked: bool) -> None:
    follower = Follower({each: [KEY] for each in range(128)}, default_key=True)
    for frame in talk:
        follower.take(frame, masked=masked).words(unmasked=True)
    assert follower.summary.commands + follower.summary.replies == len(talk)


@given(st.data())
def test_any_handshake_can_be_followed(data: st.DataObject) -> None:
    follower = Follower({ADDRESS: [KEY]})
    talk = session((Poll(), CARD)).frames
    for frame in data.draw(st.lists(st.sampled_from(talk), max_size=20)):
        follower.take(frame)
    assert talk[0].code == Challenge.CODE
