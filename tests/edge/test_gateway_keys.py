"""What the gateway says can be verified by anybody, and said by nobody else."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.errors import BadSignatureError, SecurityWarning
from joserfc.jwk import OKPKey

from gatewayd.core.claims import HIGHEST_COUNTER
from gatewayd.edge.detached_jws import (
    LONGEST_TOPIC,
    NotSaid,
    Said,
    sign_detached,
    verify_detached,
)
from gatewayd.edge.ed25519 import from_jwk
from gatewayd.edge.gateway_keys import FILE, GatewayKey, gateway_key
from gatewayd.edge.root_key import RootKey
from gatewayd.errors import DamagedState
from tests.edge.jws_kit import GATEWAY, STRANGER, by_hand, plain

TOPIC = "gatewayd/hq/doors/lobby"
PAYLOAD = b'{"door":"lobby","mode":"locked"}'
NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = GatewayKey(GATEWAY)
GOOD = KEY.sign(TOPIC, PAYLOAD, counter=7, time=NOON)


def verified(signature: str, topic: str = TOPIC, payload: bytes = PAYLOAD) -> Said:
    return verify_detached(signature, topic, payload, GATEWAY.public)


def test_what_was_said_is_verified_with_time_and_counter() -> None:
    assert verified(GOOD) == Said(NOON, 7)
    header = json.loads(plain(GOOD.split(".")[0]))
    assert header == {
        "alg": "EdDSA",
        "kid": GATEWAY.thumbprint,
        "typ": "gatewayd-state+jws",
        "topic": TOPIC,
        "time": "2030-01-01T12:00:00.000000Z",
        "counter": 7,
    }


def test_by_hand_with_nothing_but_ed25519() -> None:
    header, nothing, signature = GOOD.split(".")
    assert nothing == ""
    payload = urlsafe_b64encode(PAYLOAD).decode().rstrip("=")
    key = Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(KEY.public["x"] + "="))
    key.verify(urlsafe_b64decode(signature + "=="), f"{header}.{payload}".encode())


def test_with_a_library_that_knows_detached_signatures() -> None:
    key = OKPKey.import_key(dict(KEY.public))
    extra = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        jws.deserialize_compact(GOOD, key, registry=extra, payload=PAYLOAD)
    with pytest.warns(SecurityWarning), pytest.raises(BadSignatureError):
        jws.deserialize_compact(GOOD, key, registry=extra, payload=b"something else")


def test_with_a_library_that_does_not() -> None:
    payload = urlsafe_b64encode(PAYLOAD).decode().rstrip("=")
    key = OKPKey.import_key(dict(KEY.public))
    extra = jws.JWSRegistry(algorithms=["EdDSA"], strict_check_header=False)
    with pytest.warns(SecurityWarning):
        found = jws.deserialize_compact(GOOD.replace("..", f".{payload}."), key, registry=extra)
    assert found.payload == PAYLOAD


# --- 22: a broker that forges ------------------------------------------------------------


def refusal(signature: str, topic: str = TOPIC, payload: bytes = PAYLOAD) -> str:
    with pytest.raises(NotSaid) as caught:
        verified(signature, topic, payload)
    assert f"{caught.value}".isprintable()
    return f"{caught.value}"


def test_22_another_payload_or_topic_was_not_said() -> None:
    assert "does not fit" in refusal(GOOD, payload=PAYLOAD.replace(b"locked", b"unlocked"))
    assert "does not fit" in refusal(GOOD, payload=b"")
    assert "another topic" in refusal(GOOD, topic="gatewayd/hq/doors/vault")


def test_the_first_thing_that_is_said_is_verified() -> None:
    first = KEY.sign(TOPIC, PAYLOAD, counter=1, time=NOON)
    assert verified(first) == Said(NOON, 1)


def test_22_that_something_is_gone_is_signed_too() -> None:
    gone = KEY.sign(TOPIC, b"", counter=8, time=NOON)
    assert verified(gone, payload=b"") == Said(NOON, 8)
    assert "does not fit" in refusal(gone)


def test_22_nobody_else_says_it() -> None:
    theirs = sign_detached(TOPIC, PAYLOAD, STRANGER, counter=7, time=NOON)
    assert "another key" in refusal(theirs)
    forged = GOOD.rsplit(".", 1)[0] + theirs[theirs.rindex(".") :]
    assert "does not fit" in refusal(forged)


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"alg": "none"}, "alg must be"),
        ({"alg": "HS256"}, "alg must be"),
        ({"typ": "gatewayd-request+jws"}, "typ"),
        ({"crit": ["b64"], "b64": False}, "crit"),
        ({"jwk": {}}, "jwk"),
        ({"counter": 0}, "counter"),
        ({"counter": "7"}, "counter"),
        ({"time": "noon"}, "time"),
        ({"topic": None}, "topic"),
    ],
)
def test_22_another_header_is_refused(changed: dict[str, Any], wrong: str) -> None:
    header = {**json.loads(plain(GOOD.split(".")[0])), **changed}
    token = by_hand(json.dumps(header).encode(), PAYLOAD, GATEWAY).decode()
    head, _, signature = token.split(".")
    assert wrong in refusal(f"{head}..{signature}")


@pytest.mark.parametrize(
    "jws_",
    ["", "..", GOOD[:-1], GOOD.replace("..", "."), GOOD.replace("..", ".e30."), "ä" * 99],
)
def test_22_what_is_no_detached_signature_is_refused(jws_: str) -> None:
    assert "no detached JWS" in refusal(jws_)


def test_22_a_header_that_is_no_object_is_refused() -> None:
    head, _, signature = by_hand(b"[]", PAYLOAD, GATEWAY).decode().split(".")
    assert "header: must be a JSON object" in refusal(f"{head}..{signature}")


@given(st.data())
def test_22_any_changed_bit_is_noticed(data: st.DataObject) -> None:
    what = bytearray(data.draw(st.sampled_from([GOOD.encode(), PAYLOAD, TOPIC.encode()])))
    which = [GOOD.encode(), PAYLOAD, TOPIC.encode()].index(bytes(what))
    bit = data.draw(st.integers(0, 8 * len(what) - 1))
    what[bit // 8] ^= 1 << bit % 8
    changed = what.decode("latin-1")
    match which:
        case 0:
            refusal(changed)
        case 1:
            refusal(GOOD, payload=bytes(what))
        case _:
            refusal(GOOD, topic=changed)


@given(st.text(max_size=200), st.binary(max_size=40))
def test_22_anything_is_refused_in_words(signature: str, payload: bytes) -> None:
    refusal(signature, payload=payload)


# --- the key -----------------------------------------------------------------------------


def test_the_longest_topic_fits_and_a_longer_one_is_our_mistake() -> None:
    longest = "t" * LONGEST_TOPIC
    signature = KEY.sign(longest, PAYLOAD, counter=HIGHEST_COUNTER, time=NOON)
    assert verified(signature, longest).counter == HIGHEST_COUNTER
    for topic in ("", longest + "t", "a\nb", 'a"b', "ä", "a/#", "+"):
        with pytest.raises(ValueError, match="a topic that is signed"):
            KEY.sign(topic, PAYLOAD, counter=1, time=NOON)
    for counter in (0, HIGHEST_COUNTER + 1):
        with pytest.raises(ValueError, match="a counter is"):
            KEY.sign(TOPIC, PAYLOAD, counter=counter, time=NOON)


@pytest.mark.parametrize("root", [None, RootKey(os.urandom(32))])
def test_the_key_is_made_once_and_shows_its_public_half(
    tmp_path: Path, root: RootKey | None
) -> None:
    made = gateway_key(tmp_path, root)
    assert gateway_key(tmp_path, root).thumbprint == made.thumbprint
    assert from_jwk(made.public).thumbprint == made.thumbprint
    assert f"{made!r}" == f"<gateway key {made.thumbprint}>"
    (tmp_path / FILE).write_text("gatewayd-own-key 1 pins plain 00\n")
    with pytest.raises(DamagedState, match="every client must be given its fingerprint"):
        gateway_key(tmp_path, root)
