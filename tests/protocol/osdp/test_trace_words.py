"""Messages in words for whoever reads a trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.message import Message, Record
from protocol.osdp.commands import (
    COMMANDS,
    Poll,
    ServerCryptogram,
    SetKey,
    SetOutputs,
)
from protocol.osdp.commands import OutputRecord as Output
from protocol.osdp.frame import Frame
from protocol.osdp.mnemonics import COMMAND_NAMES, REPLY_NAMES, mnemonic
from protocol.osdp.replies import (
    REPLIES,
    Capabilities,
    FormattedCard,
    InputStatus,
    Keypad,
    Nak,
    NakReason,
    RawCard,
    RawFormat,
)
from protocol.osdp.trace_words import describe
from protocol.osdp.transfer import TransferFile
from tests.protocol.osdp.messages import KINDS, bodies_of

KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")


@pytest.mark.parametrize(
    ("message", "masked", "unmasked"),
    [
        (
            RawCard(0, RawFormat.WIEGAND, 32, b"\xde\xad\xbe\xef"),
            "RawCard(reader=0, format=WIEGAND, bits=32, data=(4 bytes))",
            "RawCard(reader=0, format=WIEGAND, bits=32, data=deadbeef)",
        ),
        (
            FormattedCard(0, 1, b"anna"),
            "FormattedCard(reader=0, direction=1, characters=(4 bytes))",
            "FormattedCard(reader=0, direction=1, characters=616e6e61)",
        ),
        (
            Keypad(0, b"12"),
            "Keypad(reader=0, keys=(2 bytes))",
            "Keypad(reader=0, keys=3132)",
        ),
        (
            TransferFile(1, 9, 0, b"123"),
            "TransferFile(type=1, total=9, offset=0, data=(3 bytes))",
            "TransferFile(type=1, total=9, offset=0, data=313233)",
        ),
    ],
)
def test_what_is_private_is_shown_if_asked_for(
    message: Message, masked: str, unmasked: str
) -> None:
    assert describe(message) == masked
    assert describe(message, unmasked=True) == unmasked


@pytest.mark.parametrize("message", [SetKey(1, KEY), ServerCryptogram(KEY)])
def test_keys_and_cryptograms_are_never_shown(message: Message) -> None:
    for said in (describe(message), describe(message, unmasked=True)):
        assert "(16 bytes)" in said
        assert KEY.hex() not in said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (Poll(), "Poll()"),
        (Nak(NakReason.SEQUENCE), "Nak(reason=SEQUENCE, details=-)"),
        (Nak(0x81), "Nak(reason=129, details=-)"),
        (InputStatus(b"\0\1"), "InputStatus(inputs=0001)"),
        (Capabilities(()), "Capabilities(records=[])"),
        (
            SetOutputs((Output(1, 5, 50), Output(2, 1))),
            (
                "SetOutputs(records=[OutputRecord(output=1, action=5, tenths=50), "
                "OutputRecord(output=2, action=1, tenths=0)])"
            ),
        ),
    ],
)
def test_the_rest_is_said_in_full(message: Message, said: str) -> None:
    assert describe(message) == said


@given(st.sampled_from(KINDS).flatmap(bodies_of))
def test_every_message_has_words(message: Record) -> None:
    assert describe(message).startswith(type(message).__name__)


def test_every_message_has_the_name_its_class_tells() -> None:
    for kinds, names in ((COMMANDS, COMMAND_NAMES), (REPLIES, REPLY_NAMES)):
        assert {each.CODE for each in kinds} == set(names)
        for kind in kinds:
            assert (kind.__doc__ or "").startswith(f"osdp_{names[kind.CODE]}:")


def test_what_has_no_name_has_a_number() -> None:
    assert mnemonic(Frame(1, 0, 0x99, b"")) == "0x99"
    assert mnemonic(Frame(1, 0, 0x40, b"", reply=True)) == "ACK"
