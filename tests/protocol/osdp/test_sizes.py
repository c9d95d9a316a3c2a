"""What fits a unit's receive buffer."""

import pytest

from protocol.osdp.frame import LONGEST, Frame
from protocol.osdp.secure_session import LONGEST_SECURED
from protocol.osdp.sizes import SMALLEST_RECEIVE, longest_body, receive_size


@pytest.mark.parametrize(
    ("said", "taken"),
    [(None, SMALLEST_RECEIVE), (0, SMALLEST_RECEIVE), (64, 64), (1024, 1024), (65535, LONGEST)],
)
def test_a_unit_is_believed_as_far_as_a_frame_goes(said: int | None, taken: int) -> None:
    assert receive_size(said) == taken


@pytest.mark.parametrize("size", [64, 128, 1440])
def test_the_longest_body_in_clear_fills_the_frame(size: int) -> None:
    body = bytes(longest_body(size, secure=False))
    assert len(Frame(1, 1, 0x7C, body).encode()) == size


def test_the_longest_body_inside_a_session_is_that_of_the_session() -> None:
    assert longest_body(LONGEST, secure=True) == LONGEST_SECURED
    assert longest_body(128, secure=True) == 111


def test_a_frame_that_is_too_short_has_no_body() -> None:
    assert longest_body(5, secure=False) == 0
    assert longest_body(15, secure=True) == 0
