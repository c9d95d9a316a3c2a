"""The sums at the end of a frame."""

import pytest

from protocol.checks import checksum, crc16


@pytest.mark.parametrize(
    ("covered", "check"),
    [
        ("53 7f 0d 00 04 6e 00 80 25 00 00", "6e 38"),
        ("53 00 09 00 04 61 00", "c0 66"),
    ],
)
def test_the_crc_matches_the_examples_of_the_standard(covered: str, check: str) -> None:
    """SIA OSDP 2.2, Annex E."""
    assert crc16(bytes.fromhex(covered)).to_bytes(2, "little") == bytes.fromhex(check)


@pytest.mark.parametrize(
    ("covered", "check"),
    [
        ("53 7f 0c 00 00 6e 00 80 25 00 00", 0x0F),
        ("53 00 08 00 00 61 00", 0x44),
    ],
)
def test_the_checksum_matches_the_examples_of_the_standard(covered: str, check: int) -> None:
    """SIA OSDP 2.2, Annex E."""
    assert checksum(bytes.fromhex(covered)) == check


def test_the_crc_is_the_one_catalogues_call_spi_fujitsu() -> None:
    """AUG-CCITT: the catalogue's check value for the digits 1 to 9."""
    assert crc16(b"123456789") == 0xE5CC


def test_the_checksum_of_nothing_is_nothing() -> None:
    assert checksum(b"") == 0
