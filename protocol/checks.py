"""The two sums OSDP puts at the end of a frame (SIA OSDP 2.2, 5.9 and Annex C)."""

from binascii import crc_hqx

CRC_START = 0x1D0F


def crc16(data: bytes) -> int:
    """CRC-16 with polynomial 0x1021 and initial value 0x1D0F, most significant bit first."""
    return crc_hqx(data, CRC_START)


def checksum(data: bytes) -> int:
    """Two's complement of the sum of all bytes, one byte wide."""
    return -sum(data) & 0xFF
