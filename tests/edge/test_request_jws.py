"""A signed request is what its signer wrote, for this site and this command, or nothing at all.

Numbers in names are those of the checks in docs/security/requests.md.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, OKPKey

from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.model import ClientId, RequestId
from gatewayd.edge.compact_jws import LONGEST_HEADER, content, signed
from gatewayd.edge.ed25519 import PrivateKey, PublicKey, from_jwk
from gatewayd.edge.request_jws import LONGEST, Refusal, Wrong, claims_of
from gatewayd.edge.secret import Secret
from tests.edge.jws_kit import (
    CLIENT,
    HEADER,
    OFFICE,
    PAYLOAD,
    SEEDS,
    STRANGER,
    by_hand,
    known,
    plain,
    text,
    token,
)

VECTOR = json.loads((Path(__file__).parents[1] / "vectors" / "jws.json").read_text())
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def taken(request: bytes, command: str = "door.unlock", site: str = "hq") -> Claims | Refusal:
    return claims_of(request, command=command, site=site, keys=known)


def refused(request: bytes, code: Wrong, **where: str) -> Refusal:
    refusal = taken(request, **where)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.code is code, refusal
    assert refusal.message.isprintable()
    assert len(refusal.message) < 200
    return refusal


def test_a_good_request_is_what_its_signer_wrote() -> None:
    assert taken(token()) == Claims(
        CLIENT,
        RequestId("r-0001"),
        17,
        NOON,
        NOON.replace(second=10),
        "door.unlock",
        {"door": "lobby"},
    )
    with_nonce = taken(token(nonce="n0nce", counter=HIGHEST_COUNTER))
    assert isinstance(with_nonce, Claims)
    assert (with_nonce.nonce, with_nonce.counter) == ("n0nce", HIGHEST_COUNTER)


@pytest.mark.parametrize(
    ("key", "value"),
    [("counter", 1), ("nonce", "n"), ("nonce", "n" * 64), ("id", "r" * 64), ("args", {})],
)
def test_what_is_just_within_bounds_is_taken(key: str, value: object) -> None:
    changed: dict[str, Any] = {key: value}
    assert isinstance(taken(token(**changed)), Claims)


def test_arguments_are_not_shown() -> None:
    assert "lobby" not in repr(taken(token()))


@pytest.mark.parametrize("name", ["EdDSA", "Ed25519"])
def test_both_names_of_the_algorithm_are_taken(name: str) -> None:
    assert isinstance(taken(token({"alg": name})), Claims)


def test_an_off_the_shelf_library_signs_what_is_taken() -> None:
    key = OKPKey.import_key({**OFFICE.public.jwk, "d": text(SEEDS[0])})
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        request = jws.serialize_compact(dict(HEADER), json.dumps(PAYLOAD), key, ["EdDSA"])
    assert isinstance(taken(request.encode()), Claims)
    newer = {**HEADER, "alg": "Ed25519"}
    request = jws.serialize_compact(newer, json.dumps(PAYLOAD), key, ["Ed25519"])
    assert isinstance(taken(request.encode()), Claims)


def test_the_signature_of_rfc_8037_is_right_and_ours_are_the_same() -> None:
    key = from_jwk({key: VECTOR["private"][key] for key in ("kty", "crv", "x")})
    assert content(VECTOR["jws"].encode(), key) == VECTOR["payload"].encode()
    private = PrivateKey(Secret(plain(VECTOR["private"]["d"])))
    ours = signed({}, VECTOR["payload"].encode(), private)
    assert (
        plain(ours.split(".")[0])
        == json.dumps(
            {**VECTOR["header"], "kid": VECTOR["thumbprint"]}, separators=(",", ":")
        ).encode()
    )
    assert content(ours.encode(), key) == VECTOR["payload"].encode()


# --- 18: unsigned, wrong key, wrong algorithm, cut, too much ----------------------------


@pytest.mark.parametrize(
    "request_",
    [
        b"",
        json.dumps(PAYLOAD).encode(),
        b"..",
        b"." * 200,
        token().rsplit(b".", 1)[0] + b".",
        token()[:-1],
        token() + b"A",
        token()[:-1] + b"=",
        b"." + token(),
    ],
    ids=[
        "empty",
        "plain",
        "dots",
        "many dots",
        "unsigned",
        "cut",
        "long",
        "padded",
        "headless",
    ],
)
def test_18_what_is_not_signed_is_nothing(request_: bytes) -> None:
    refused(request_, Wrong.NOT_SIGNED)


@pytest.mark.parametrize(
    "name", ["none", "None", "HS256", "ES256", "RS256", "Ed448", "", None, 7]
)
def test_18_no_other_algorithm_is_looked_at(name: object) -> None:
    refused(token({"alg": name}), Wrong.WRONG_ALGORITHM)
    refused(token({"alg": ...}), Wrong.WRONG_ALGORITHM)


def test_18_a_public_key_is_no_shared_secret() -> None:
    key = OctKey.import_key(plain(OFFICE.public.x))
    header = {**HEADER, "alg": "HS512"}  # its signature is as long as ours
    forged = jws.serialize_compact(header, json.dumps(PAYLOAD), key, ["HS512"]).encode()
    refused(forged, Wrong.WRONG_ALGORITHM)


@pytest.mark.parametrize(
    "extra",
    [
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"b64": False, "crit": ["b64"]},
        {"jwk": STRANGER.public.jwk},
        {"jku": "https://example.org/keys"},
        {"x5c": ["MII"]},
        {"x5u": "https://example.org/chain"},
        {"x5t#S256": "aa"},
        {"zip": "DEF"},
        {"cty": "JWT"},
    ],
    ids=lambda extra: next(iter(extra)),
)
def test_18_a_header_that_says_more_is_refused(extra: dict[str, Any]) -> None:
    refusal = refused(token(extra), Wrong.BAD_HEADER)
    assert "must not have" in refusal.message


@pytest.mark.parametrize(
    ("header", "wrong"),
    [
        ({"typ": "JWT"}, "typ must be"),
        ({"typ": ...}, "typ must be"),
        ({"typ": ["gatewayd-request+jws"]}, "typ must be"),
        ({"kid": ...}, "kid must be"),
        ({"kid": "office"}, "kid must be"),
        ({"kid": OFFICE.thumbprint + "="}, "kid must be"),
        ({"kid": [OFFICE.thumbprint]}, "kid must be"),
    ],
)
def test_18_a_header_that_is_not_as_agreed_is_refused(
    header: dict[str, Any], wrong: str
) -> None:
    assert wrong in refused(token(header), Wrong.BAD_HEADER).message


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"null",
        b"{",
        b"\xff",
        b'{"alg":"EdDSA","alg":"none"}',
        b'{"alg":1e400}',
        b'{"a":' * 50 + b"1" + b"}" * 50,
    ],
)
def test_18_a_header_that_is_no_json_object_is_refused(header: bytes) -> None:
    refused(by_hand(header, b"{}"), Wrong.BAD_HEADER)


def test_18_a_header_in_other_letters_is_refused() -> None:
    good = token().split(b".", 1)
    for segment in (b"e+J9", b"eyJ9=", b"eyJ9A", b"{}", b"e"):
        refused(segment + b"." + good[1], Wrong.BAD_HEADER)
    long_one = by_hand(json.dumps({**HEADER, "pad": "x" * LONGEST_HEADER}).encode(), b"{}")
    refused(long_one, Wrong.NOT_SIGNED)


def test_18_another_key_does_not_sign_for_this_one() -> None:
    refused(token(key=STRANGER), Wrong.BAD_SIGNATURE)
    refusal = refused(token({"kid": STRANGER.thumbprint}, key=STRANGER), Wrong.UNKNOWN_KEY)
    assert STRANGER.thumbprint in refusal.message
    assert (refusal.client, refusal.id) == (None, None)


def test_18_the_same_signature_spelt_otherwise_is_refused() -> None:
    good = token()
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = letters[letters.index(good[-1:]) + 1 : letters.index(good[-1:]) + 2]
    refused(good[:-1] + same, Wrong.NOT_SIGNED)


def test_18_what_is_too_long_is_not_looked_at() -> None:
    assert str(LONGEST) in refused(b"a" * (LONGEST + 1), Wrong.TOO_LONG).message
    refused(b"a" * LONGEST, Wrong.NOT_SIGNED)
    room = LONGEST - len(token(args={"pad": ""}))
    assert isinstance(taken(token(args={"pad": "x" * (room * 3 // 4 - 3)})), Claims)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"id":"r","id":"s"}',
        json.dumps(PAYLOAD).replace("17", "1e400").encode(),
        json.dumps(PAYLOAD).replace("17", "NaN").encode(),
        json.dumps(PAYLOAD).replace("17", "1" * 5000).encode(),
        json.dumps(PAYLOAD).replace('"lobby"', "[" * 200 + "]" * 200).encode(),
        json.dumps(PAYLOAD).replace("lobby", "\\ud800").encode(),
    ],
)
def test_18_what_is_signed_must_be_json_as_we_take_it(payload: bytes) -> None:
    refusal = refused(by_hand(json.dumps(HEADER).encode(), payload), Wrong.INVALID_REQUEST)
    assert (refusal.client, refusal.id) == (CLIENT, None)


@pytest.mark.parametrize(
    ("key", "value"),
    [(key, ...) for key in PAYLOAD]
    + [
        ("id", "a b"),
        ("site", "+"),
        ("command", "door/unlock"),
        ("counter", 0),
        ("counter", -1),
        ("counter", HIGHEST_COUNTER + 1),
        ("counter", "17"),
        ("counter", 17.0),
        ("counter", True),
        ("issued", "2030-01-01T12:00:00+00:00"),
        ("issued", 1893499200),
        ("expires", "soon"),
        ("args", []),
        ("args", None),
        ("nonce", ""),
        ("nonce", "n" * 65),
        ("client", "office"),
    ],
)
def test_18_every_claim_is_there_and_no_other(key: str, value: object) -> None:
    changed: dict[str, Any] = {key: value}
    refusal = refused(token(**changed), Wrong.INVALID_REQUEST)
    assert key in refusal.message
    assert refusal.client == CLIENT
    assert refusal.id == (None if key == "id" else "r-0001")


# --- 22: somewhere else than where it was meant to go -------------------------------


def test_22_a_request_moved_to_another_topic_is_nothing() -> None:
    refusal = refused(token(), Wrong.WRONG_COMMAND, command="door.mode")
    assert (refusal.client, refusal.id) == (CLIENT, "r-0001")


def test_22_a_request_for_another_site_is_nothing() -> None:
    assert "for hq" in refused(token(), Wrong.WRONG_SITE, site="annex").message


# --- 21: anything -----------------------------------------------------------------------


@given(st.data())
def test_21_any_changed_bit_is_a_refusal(data: st.DataObject) -> None:
    good = token()
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    changed = bytearray(good)
    changed[bit // 8] ^= 1 << bit % 8
    assert isinstance(taken(bytes(changed)), Refusal)


def test_21_every_changed_bit_of_header_and_signature_is_a_refusal() -> None:
    good = token()
    first, last = good.index(b".") + 1, good.rindex(b".")
    for at in [*range(first), *range(last, len(good))]:
        for bit in range(8):
            changed = bytearray(good)
            changed[at] ^= 1 << bit
            assert isinstance(taken(bytes(changed)), Refusal), (at, bit)


anything = (
    st.binary(max_size=400)
    | st.from_regex(rb"[A-Za-z0-9_-]{1,90}\.[A-Za-z0-9_.-]{0,40}\.[A-Za-z0-9_-]{85}[AQgw]")
    | st.builds(by_hand, st.binary(max_size=60), st.binary(max_size=60))
)


@given(anything)
@example(b"e30." + b"A" * 20 + b".A." + b"A" * 86)
def test_21_anything_is_a_refusal(request_: bytes) -> None:
    assert isinstance(taken(request_), Refusal)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=3), each),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from([*PAYLOAD, "nonce"]), values))
def test_21_whatever_is_signed_is_claims_or_a_refusal(changed: dict[str, Any]) -> None:
    answer = taken(token(**changed))
    assert isinstance(answer, Claims | Refusal)
    assert answer.client == CLIENT


@given(st.dictionaries(st.sampled_from([*HEADER, "crit", "b64", "jwk"]), values, min_size=1))
def test_21_whatever_header_is_signed_is_a_refusal(changed: dict[str, Any]) -> None:
    assert isinstance(taken(token(changed)), Refusal)


# --- 20: what a stranger costs ----------------------------------------------------------


def test_20_a_key_is_looked_up_once_and_nothing_computed_for_a_stranger() -> None:
    asked: list[ClientId] = []

    def nobody(client: ClientId) -> PublicKey | None:
        asked.append(client)
        return None

    claims_of(token(), command="door.unlock", site="hq", keys=nobody)
    assert asked == [CLIENT]
