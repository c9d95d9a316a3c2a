"""Keys that may sign are named by their thumbprint, and none is taken that anybody can use."""

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.edge.ed25519 import FIELD, BadKey, PrivateKey, from_jwk, public_key
from gatewayd.edge.secret import Secret
from tests.edge.jws_kit import OFFICE, plain, text

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "jws.json").read_text())
PUBLIC = {key: value for key, value in VECTOR["private"].items() if key != "d"}


def test_the_key_of_rfc_8037_has_the_name_that_stands_there() -> None:
    assert from_jwk(PUBLIC).thumbprint == VECTOR["thumbprint"]
    assert from_jwk(PUBLIC).jwk == PUBLIC
    private = PrivateKey(Secret(plain(VECTOR["private"]["d"])))
    assert private.public == from_jwk({**PUBLIC, "kid": VECTOR["thumbprint"], "use": "sig"})


def test_a_private_key_is_never_shown() -> None:
    assert f"{OFFICE!r}" == f"<signing key {OFFICE.thumbprint}>"
    with pytest.raises(BadKey, match="this is a private key") as caught:
        from_jwk(VECTOR["private"])
    assert VECTOR["private"]["d"] not in f"{caught.value}"


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"kty": "EC"}, 'the key must have kty "OKP" and crv "Ed25519"'),
        ({"crv": "X25519"}, 'the key must have kty "OKP" and crv "Ed25519"'),
        ({"crv": "Ed448"}, 'the key must have kty "OKP" and crv "Ed25519"'),
        ({"x5c": []}, "the key must not have 'x5c'"),
        ({"x": None}, "43 characters of base64url"),
        ({"x": 7}, "43 characters of base64url"),
        ({"x": PUBLIC["x"] + "="}, "43 characters of base64url"),
        ({"x": PUBLIC["x"][:-1] + "p"}, "43 characters of base64url"),  # the same 32 bytes
        ({"kid": "another"}, f"kid must be the key's thumbprint, {VECTOR['thumbprint']}"),
    ],
)
def test_what_is_no_such_key_is_named(changed: dict[str, Any], wrong: str) -> None:
    with pytest.raises(BadKey, match=wrong.replace("(", r"\(")):
        from_jwk({**PUBLIC, **changed})


# --- points of small order ------------------------------------------------------------

Point = tuple[int, int]
D = -121665 * pow(121666, -1, FIELD) % FIELD
NOTHING: Point = (0, 1)


def plus(one: Point, other: Point) -> Point:
    (a, b), (c, d) = one, other
    twist = D * a * b * c * d
    x = (a * d + b * c) * pow(1 + twist, -1, FIELD)
    y = (b * d + a * c) * pow(1 - twist, -1, FIELD)
    return x % FIELD, y % FIELD


def root(square: int) -> int | None:
    found = pow(square, (FIELD + 3) // 8, FIELD)
    for each in (found, found * pow(2, (FIELD - 1) // 4, FIELD) % FIELD):
        if each * each % FIELD == square % FIELD:
            return each
    return None


def on_the_curve(y: int) -> Point | None:
    x = root((y * y - 1) * pow(D * y * y + 1, -1, FIELD))
    return None if x is None else (x, y)


def small_ones() -> set[int]:
    """Return the y of every point whose order divides 8: multiples of those of large order."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[int] = set()
    for y in range(2, 60):
        point, left = on_the_curve(y), order
        if point is None:
            continue
        total = NOTHING
        while left:
            total = plus(total, point) if left & 1 else total
            point, left = plus(point, point), left >> 1
        found |= {plus(total, each)[1] for each in (NOTHING, total)} | {total[1]}
    return found


def test_no_key_of_small_order_is_taken() -> None:
    small = small_ones()
    assert len(small) == 5
    for y in small:
        for sign in (0, 1 << 255):
            with pytest.raises(BadKey, match="small order"):
                public_key(text((y | sign).to_bytes(32, "little")))


def test_why_not_because_anybody_signs_for_it() -> None:
    nothing = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(nothing).verify(nothing + bytes(32), b"open the door")


@given(st.integers(FIELD, 2**255 - 1), st.booleans())
def test_a_key_has_one_spelling(y: int, sign: bool) -> None:  # noqa: FBT001 - hypothesis
    with pytest.raises(BadKey, match="canonical"):
        public_key(text((y | sign << 255).to_bytes(32, "little")))


@given(st.dictionaries(st.sampled_from(["kty", "crv", "x", "kid", "d"]), st.text() | st.none()))
def test_anything_else_is_refused_in_words(jwk: dict[str, Any]) -> None:
    with pytest.raises(BadKey):
        from_jwk(jwk)
