"""Parts of one long answer come together, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.assembly import LONGEST_WHOLE, PATIENCE, Assembly, Broken, Whole
from protocol.osdp.parts import Part

TEXT = b"a certificate of somebody"


def part(offset: int, length: int = 10, whole: bytes = TEXT) -> Part:
    return Part(len(whole), offset, whole[offset : offset + length])


@given(st.binary(max_size=300), st.integers(1, 60))
def test_parts_in_order_become_the_whole(whole: bytes, length: int) -> None:
    assembly = Assembly()
    said = [
        assembly.take(part(at, length, whole), 1.0) for at in range(0, len(whole) or 1, length)
    ]
    assert said == [None] * (len(said) - 1) + [Whole(whole)]
    assert assembly.size == 0


@given(
    st.lists(st.builds(Part, *[st.integers(0, 70)] * 2, st.binary(max_size=40)), max_size=20)
)
def test_whatever_comes_nothing_grows_and_wholes_are_whole(parts: list[Part]) -> None:
    assembly = Assembly()
    for each in parts:
        said = assembly.take(each, 1.0)
        assert assembly.size <= LONGEST_WHOLE
        if isinstance(said, Whole):
            assert len(said.data) >= each.total


def test_a_part_that_comes_again_changes_nothing() -> None:
    assembly = Assembly()
    for offset in (0, 0, 10, 10, 5):
        assert assembly.take(part(offset), 1.0) is None
    assert assembly.take(part(20), 1.0) == Whole(TEXT)


def test_a_shorter_part_again_takes_nothing_away() -> None:
    assembly = Assembly()
    assembly.take(part(0, 20), 1.0)
    assert assembly.take(part(10, 3), 1.0) is None
    assert assembly.take(part(20), 1.0) == Whole(TEXT)


def test_offset_0_begins_anew() -> None:
    assembly = Assembly()
    assembly.take(part(0), 1.0)
    other = b"another one"
    assert assembly.take(part(0, 20, other), 1.0) == Whole(other)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (part(20), "bytes 10 to 20 are missing"),
        (Part(len(TEXT), 5, b"xxxxx"), "a part came again and was another"),
        (Part(99, 10, b"x"), "it has 99 bytes now, and had 25 before"),
        (Part(len(TEXT), len(TEXT), b""), "it was ended after 10 of 25 bytes"),
        (Part(LONGEST_WHOLE + 1, 0, b"x"), "it would have 16385 bytes, 16384 is the limit"),
    ],
)
def test_what_does_not_fit_ends_the_answer(wrong: Part, why: str) -> None:
    assembly = Assembly()
    assembly.take(part(0), 1.0)
    assert assembly.take(wrong, 1.0) == Broken(why)
    assert assembly.size == 0
    assert isinstance(assembly.take(part(10), 1.0), Broken)


def test_parts_that_come_too_slowly_are_none_of_it_any_more() -> None:
    assembly = Assembly()
    assembly.take(part(0), 1.0)
    assert assembly.take(part(10), 1.1 + PATIENCE) == Broken("its parts came too slowly")


def test_what_came_is_in_no_repr() -> None:
    assert "certificate" not in repr(Whole(TEXT))
