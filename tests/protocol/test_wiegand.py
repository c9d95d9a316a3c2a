"""Card formats."""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.wiegand import FORMATS, Reading, decode, encode
from tests.protocol.vectors import vectors

names = st.sampled_from(list(FORMATS))


def numbers(width: int) -> st.SearchStrategy[int]:
    return st.integers(0, (1 << width) - 1)


@st.composite
def cards(draw: st.DrawFn) -> tuple[str, int | None, int]:
    """A format with numbers that fit it."""
    layout = FORMATS[draw(names)]
    facility = None if layout.facility is None else draw(numbers(layout.facility[1]))
    return layout.name, facility, draw(numbers(layout.number[1]))


def flipped(data: bytes, at: int) -> bytes:
    whole = int.from_bytes(data, "big") ^ 1 << len(data) * 8 - 1 - at
    return whole.to_bytes(len(data), "big")


@pytest.mark.parametrize("vector", vectors("cards"), ids=lambda vector: vector["data"])
def test_other_peoples_cards_are_read_as_they_read_them(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["data"])
    read = decode(vector["bits"], data)
    assert read.raw == f"{vector['bits']}:{vector['data']}"
    assert (read.format, read.facility, read.number, read.parity_ok) == (
        vector["format"],
        vector["facility"],
        vector["number"],
        vector["parity_ok"],
    )
    if read.parity_ok:
        assert encode(vector["format"], read.facility, vector["number"]) == (26, data)


@given(cards())
def test_a_card_survives_the_reader(card: tuple[str, int | None, int]) -> None:
    name, facility, number = card
    bits, data = encode(name, facility, number)
    read = decode(bits, data, (name,))
    assert read == Reading(f"{bits}:{data.hex()}", name, facility, number)


@given(cards(), st.data())
def test_one_wrong_bit_is_a_parity_failure_not_another_card(
    card: tuple[str, int | None, int], data: st.DataObject
) -> None:
    """Every bit of these formats is covered by some parity."""
    name = card[0]
    assume(FORMATS[name].parities)
    bits, sent = encode(*card)
    read = decode(bits, flipped(sent, data.draw(st.integers(0, bits - 1))), (name,))
    assert (read.format, read.parity_ok, read.facility, read.number) == (
        name,
        False,
        None,
        None,
    )


@given(st.binary(max_size=40), st.data(), st.lists(names, max_size=3).map(tuple))
def test_any_bits_are_read_somehow_and_kept(
    data: bytes, draw: st.DataObject, formats: tuple[str, ...]
) -> None:
    bits = draw.draw(st.integers(0, len(data) * 8))
    read = decode(bits, data, formats)
    count, kept = read.raw.split(":")
    assert int(count) == bits
    assert len(bytes.fromhex(kept)) == (bits + 7) // 8
    whole = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}" if data else ""
    left = "".join(f"{byte:08b}" for byte in bytes.fromhex(kept))
    assert left == whole[:bits].ljust(len(left), "0")


# --- which format -----------------------------------------------------------------------


def test_a_length_nobody_knows_is_an_unknown_format() -> None:
    assert decode(27, bytes(4)) == Reading("27:00000000")
    assert decode(0, b"") == Reading("0:")


def test_a_length_the_reader_does_not_expect_is_an_unknown_format() -> None:
    bits, data = encode("H10301", 12, 345)
    assert decode(bits, data, ("H10306",)).format is None


def test_a_fasc_n_of_200_bits_is_kept_raw() -> None:
    assert decode(200, bytes(range(25))) == Reading(f"200:{bytes(range(25)).hex()}")


def test_37_bits_without_further_notice_have_no_facility() -> None:
    bits, data = encode("H10304", 1, 2)
    assert decode(bits, data).format == "H10302"
    assert decode(bits, data, ("H10304",)) == Reading(f"37:{data.hex()}", "H10304", 1, 2)


def test_of_several_expected_formats_the_first_that_holds_is_taken() -> None:
    bits, data = encode("H10304", 1, 2)
    assert decode(bits, data, ("H10301", "H10304", "H10302")).format == "H10304"


def test_of_several_that_all_fail_the_first_is_named() -> None:
    bits, data = encode("H10304", 1, 2)
    read = decode(bits, flipped(data, 5), ("H10304", "H10302"))
    assert (read.format, read.parity_ok) == ("H10304", False)


def test_a_uid_has_no_parity_to_fail() -> None:
    read = decode(32, bytes.fromhex("deadbeef"))
    assert (read.format, read.facility, read.number) == ("UID32", None, 0xDEADBEEF)


# --- the parities, from published masks ---------------------------------------------------


@given(cards())
def test_parities_are_those_of_the_published_masks(card: tuple[str, int | None, int]) -> None:
    """Proxmark3's masks over the whole card, last bit right: [parity bit, mask, even]."""
    name = card[0]
    assume(name in MASKS)
    bits, data = encode(*card)
    value = int.from_bytes(data, "big") >> len(data) * 8 - bits
    for at, mask, even in MASKS[name]:
        ones = (value & mask).bit_count() + (value >> bits - 1 - at & 1)
        assert ones % 2 == (0 if even else 1)


MASKS = {
    "H10301": [(0, 0xFFF << 13, True), (25, 0xFFF << 1, False)],
    "H10306": [(0, 0xFFFF << 17, True), (33, 0x1FFFE, False)],
    "C1K35S": [
        (1, 0x1_B6DB6DB6, True),
        (34, 0x3_6DB6DB6C, False),
        (0, 0x3_FFFFFFFF, False),
    ],
    "C1K48S": [
        (1, 0x1B6D_B6DB6DB6, True),
        (47, 0x36DB_6DB6DB6C, False),
        (0, 0x7FFF_FFFFFFFF, False),
    ],
}


# --- our own mistakes -------------------------------------------------------------------


def test_numbers_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="65536 does not fit 16 bits of H10301"):
        encode("H10301", 1, 65_536)
    with pytest.raises(ValueError, match="256 does not fit 8 bits of H10301"):
        encode("H10301", 256, 1)
    with pytest.raises(ValueError, match="-1 does not fit"):
        encode("UID32", None, -1)
    with pytest.raises(ValueError, match="H10302 has no facility code"):
        encode("H10302", 1, 1)


def test_more_bits_than_bytes_are_refused() -> None:
    for bits in (9, -1):
        with pytest.raises(ValueError, match="bits in 1 bytes"):
            decode(bits, b"\x00")
