"""The standard's own example, Annex E, and keys nobody should use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.secure_keys import (
    DEFAULT_KEY,
    PUBLISHED_KEYS,
    SessionKeys,
    client_cryptogram,
    derive,
    initial_rmac,
    server_cryptogram,
    weakness,
)

RANDOM_A, RANDOM_B = bytes(range(0xB0, 0xB8)), bytes(range(0xA0, 0xA8))
GOOD_KEY = bytes.fromhex("8f1d4ac2077eb93351e60bd4729cfa18")


def test_the_keys_are_those_of_annex_e() -> None:
    assert derive(DEFAULT_KEY, RANDOM_A) == SessionKeys(
        encryption=bytes.fromhex("bf8dc2a8329acb8c67c6d0cd9a451682"),
        first_mac=bytes.fromhex("5e86c676603bdee2d8beafe178637332"),
        last_mac=bytes.fromhex("6fda86e857777e81132035758239172e"),
    )


def test_the_cryptograms_are_those_of_annex_e() -> None:
    keys = derive(DEFAULT_KEY, RANDOM_A)
    client = client_cryptogram(keys, RANDOM_A, RANDOM_B)
    server = server_cryptogram(keys, RANDOM_A, RANDOM_B)
    assert client.hex() == "fde5d2f428ec16312471ea3c02bd7796"
    assert server.hex() == "26d3356e07762d262801fc8e6665a891"
    assert initial_rmac(keys, server).hex() == "b2a30057eb98ba2229ec1f875662b524"


@pytest.mark.parametrize("length", [0, 15, 17, 32])
def test_a_key_has_sixteen_bytes(length: int) -> None:
    with pytest.raises(ValueError, match=f"a key has 16 bytes, not {length}"):
        derive(bytes(length), RANDOM_A)


def test_a_random_number_has_eight_bytes() -> None:
    with pytest.raises(ValueError, match="a random number has 8 bytes, not 7"):
        derive(GOOD_KEY, bytes(7))


def test_keys_do_not_show() -> None:
    assert repr(derive(GOOD_KEY, RANDOM_A)) == "SessionKeys()"


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (bytes(15), "has 15 bytes, must have 16"),
        (DEFAULT_KEY, "is the default key"),
        (bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), "is a published example"),
        (b"Thats my Kung Fu", "is a published example"),
        (bytes(16), "is one byte repeated"),
        (b"\xff" * 16, "is one byte repeated"),
        (bytes.fromhex("00112233445566778899aabbccddeeff"), "only rises"),
        (b"0123456789ABCDEF", "only rises"),
        (bytes(range(0xF8, 0x100)) + bytes(range(8)), "only rises"),
        (bytes(range(16, 0, -1)), "only falls"),
        (bytes(range(7, -1, -1)) + bytes(range(0xFF, 0xF7, -1)), "only falls"),
        (bytes(at * 32 & 0xFF for at in range(16)), "repeats itself"),
        (bytes(at * 35 & 0xFF for at in range(16)), "counts in equal steps"),
        (bytes.fromhex("deadbeefdeadbeefdeadbeefdeadbeef"), "repeats itself"),
        (bytes.fromhex("8f1d4ac2077eb933") * 2, "repeats itself"),
        (b"secretsecretsecr", "repeats itself"),
        (b"0123456789012345", "repeats itself"),
        (bytes.fromhex("0123456789abcdeffedcba9876543210"), "reads the same backwards"),
    ],
)
def test_weak_keys_are_told_apart(key: bytes, why: str) -> None:
    assert weakness(key) == why


@pytest.mark.parametrize("key", sorted(PUBLISHED_KEYS))
def test_every_published_key_is_weak_and_would_not_be_otherwise(key: bytes) -> None:
    """One that is weak anyway needs no place in the list."""
    assert weakness(key) == "is a published example"
    assert weakness(key[:-1] + bytes((key[-1] ^ 1,))) is None


@pytest.mark.parametrize(
    "key", ["000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "00" * 16]
)
def test_the_examples_of_standards_that_count_up_are_weak_too(key: str) -> None:
    assert weakness(bytes.fromhex(key)) is not None


@given(st.integers(0, 255), st.sampled_from([-1, 0, 1]))
def test_every_key_of_the_known_attack_is_weak(start: int, step: int) -> None:
    """Single bytes, rising and falling sequences, from any start."""
    assert weakness(bytes(start + step * at & 0xFF for at in range(16))) is not None


@given(st.binary(min_size=16, max_size=16))
def test_why_a_key_is_weak_does_not_tell_the_key(key: bytes) -> None:
    assert key.hex() not in (weakness(key) or "")


@pytest.mark.parametrize("key", [GOOD_KEY, bytes(range(15)) + b"\x0d"])
def test_one_byte_out_of_line_is_enough(key: bytes) -> None:
    """The rest is for whoever makes keys: they come from the system's chance."""
    assert weakness(key) is None
