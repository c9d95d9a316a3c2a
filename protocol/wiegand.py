"""Card formats: what the bits of a card mean.

A reader delivers bits and no more. Their number alone does not tell the format (several are
37 bits long), so each reader is told which formats to expect; without being told, the
commonest of each length is taken. The raw bits are kept whatever they mean, and bits that
fit a format but fail its parity are a result of their own: a damaged read or a foreign
format, never a crash and never a number to look up.

Bit 0 is the first bit sent, the most significant one of the first byte.
Source: HID Corporate, "Understanding card data formats" (H10301, H10302, H10304, H10306);
Corporate 1000 parities as published by several independent decoders.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parity:
    """One parity bit: how far it is from the last bit, what it covers, and which kind."""

    shift: int
    mask: int  # of the bits it covers, as they stand in the whole
    even: bool


@dataclass(frozen=True, slots=True)
class Format:
    """Where facility and number stand, as (first bit, how many), and what protects them."""

    name: str
    bits: int
    number: tuple[int, int]
    facility: tuple[int, int] | None = None
    parities: tuple[Parity, ...] = ()  # in the order in which they are computed


def _parity(bits: int, at: int, covers: tuple[int, ...], *, even: bool) -> Parity:
    """Return the parity bit at place `at` of `bits`."""
    return Parity(bits - 1 - at, sum(1 << (bits - 1 - each) for each in covers), even)


def _span(first: int, last: int) -> tuple[int, ...]:
    return tuple(range(first, last + 1))


def _split(
    name: str, bits: int, number: tuple[int, int], facility: tuple[int, int] | None, half: int
) -> Format:
    """Return a format with even parity over its first half and odd over its second."""
    first = _parity(bits, 0, _span(1, half), even=True)
    last = _parity(bits, bits - 1, _span(bits - 1 - half, bits - 2), even=False)
    return Format(name, bits, number, facility, (first, last))


def _two_of_three(first: int, last: int, without: int) -> tuple[int, ...]:
    return tuple(at for at in range(first, last + 1) if at % 3 != without)


_ALL = (
    _split("H10301", 26, (9, 16), (1, 8), 12),
    _split("H10306", 34, (17, 16), (1, 16), 16),
    _split("H10302", 37, (1, 35), None, 18),
    _split("H10304", 37, (17, 19), (1, 16), 18),
    Format(
        "C1K35S",
        35,
        (14, 20),
        (2, 12),
        (
            _parity(35, 1, _two_of_three(2, 33, without=1), even=True),
            _parity(35, 34, _two_of_three(1, 32, without=0), even=False),
            _parity(35, 0, _span(1, 34), even=False),
        ),
    ),
    Format(
        "C1K48S",
        48,
        (24, 23),
        (2, 22),
        (
            _parity(48, 1, _two_of_three(3, 46, without=2), even=True),
            _parity(48, 47, _two_of_three(2, 45, without=1), even=False),
            _parity(48, 0, _span(1, 47), even=False),
        ),
    ),
    Format("UID32", 32, (0, 32)),
    Format("UID56", 56, (0, 56)),
)

FORMATS: Mapping[str, Format] = {each.name: each for each in _ALL}


@dataclass(frozen=True, slots=True)
class Reading:
    """The bits of one card and, if their format is known, what they say."""

    raw: str  # "<bits>:<hex>", left aligned, pad bits zero
    format: str | None = None  # None: no format of that length is expected here
    facility: int | None = None
    number: int | None = None
    parity_ok: bool = True  # False: the length fits, the parity does not; no numbers then


def decode(bits: int, data: bytes, formats: tuple[str, ...] = ()) -> Reading:
    """Read `bits` bits from `data`, left aligned, as one of `formats`.

    `formats` are names in `FORMATS`, most likely first; empty: all of them. Of several of the
    same length the first whose parity holds is taken. Bits after the last are ignored.

    Raises ValueError if there are fewer bits than that, KeyError for an unknown name.
    """
    if not 0 <= bits <= len(data) * 8:
        raise ValueError(f"{bits} bits in {len(data)} bytes")
    value = int.from_bytes(data, "big") >> (len(data) * 8 - bits) if bits else 0
    raw = f"{bits}:{_left_aligned(value, bits).hex()}"
    expected = [FORMATS[name] for name in formats] or _ALL
    fitting = [each for each in expected if each.bits == bits]
    for each in fitting:
        if _parity_holds(each, value):
            facility = None if each.facility is None else _field(each, value, each.facility)
            return Reading(raw, each.name, facility, _field(each, value, each.number))
    if fitting:
        return Reading(raw, fitting[0].name, parity_ok=False)
    return Reading(raw)


def encode(name: str, facility: int | None, number: int) -> tuple[int, bytes]:
    """Return the bits of a card and the bytes that hold them, left aligned.

    Raises ValueError if a number does not fit the format.
    """
    layout = FORMATS[name]
    value = _placed(layout, number, layout.number)
    if layout.facility is not None:
        value |= _placed(layout, facility or 0, layout.facility)
    elif facility is not None:
        raise ValueError(f"{name} has no facility code")
    for parity in layout.parities:
        value |= _parity_bit(value, parity) << parity.shift
    return layout.bits, _left_aligned(value, layout.bits)


def _left_aligned(value: int, bits: int) -> bytes:
    length = (bits + 7) // 8
    return (value << (length * 8 - bits)).to_bytes(length, "big")


def _field(layout: Format, value: int, place: tuple[int, int]) -> int:
    first, width = place
    return value >> (layout.bits - first - width) & ((1 << width) - 1)


def _placed(layout: Format, value: int, place: tuple[int, int]) -> int:
    first, width = place
    if not 0 <= value < 1 << width:
        raise ValueError(f"{value} does not fit {width} bits of {layout.name}")
    return value << (layout.bits - first - width)


def _parity_bit(value: int, parity: Parity) -> int:
    odd = (value & parity.mask).bit_count() & 1
    return odd if parity.even else 1 - odd


def _parity_holds(layout: Format, value: int) -> bool:
    return all(
        value >> parity.shift & 1 == _parity_bit(value, parity) for parity in layout.parities
    )
