"""The reference client asks as the gateway wants it, and believes nobody else.

Numbers in names are those of the checks in docs/security/requests.md.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.client.asking import Asked, Question, Signer, TooLong
from gatewayd.client.hearing import MOST_TOPICS, Answered, Heard, Hearing, Unbelieved, answer_of
from gatewayd.client.pins import GatewayKeys, NotPinned, Pins, pinned
from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.model import Moment
from gatewayd.core.nonces import SIZE
from gatewayd.core.replay import Accepted, Refusal, Replay, Stale
from gatewayd.edge.gateway_keys import GatewayKey
from gatewayd.edge.request_jws import claims_of
from tests.edge.jws_kit import CLIENT, GATEWAY, OFFICE, STRANGER, known
from tests.edge.pin_kit import KEY as BOX
from tests.edge.pin_kit import OTHER as OTHER_BOX

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
NOW = Moment(10_000.0, NOON)
SAYS = GatewayKey(GATEWAY)
STATUS = {"online": True, "signing_key": SAYS.public, "encryption_key": dict(BOX.public)}
PINS = Pins(SAYS.thumbprint, BOX.thumbprint)
UNLOCK, HEALTH = Question("door.unlock", {"door": "lobby"}), Question("health.read")
LOBBY = "gatewayd/hq/doors/lobby"
REPLIES = f"gatewayd/hq/replies/{OFFICE.thumbprint}"


# --- asking -----------------------------------------------------------------------------


def signer(counter: int = 0) -> Signer:
    return Signer(OFFICE, "gatewayd", "hq", counter)


def understood(asked: Asked) -> Claims:
    claims = claims_of(asked.payload, command=asked.command, site="hq", keys=known)
    assert isinstance(claims, Claims), claims
    return claims


def test_what_is_asked_is_understood() -> None:
    office = signer()
    asked = office.ask(UNLOCK, id_="r1", now=NOON)
    claims = understood(asked)
    assert (claims.client, claims.id, claims.args) == (CLIENT, "r1", {"door": "lobby"})
    assert (claims.issued, claims.expires) == (NOON, asked.expires)
    assert asked.expires == NOON + timedelta(seconds=10)
    assert asked.topic == "gatewayd/hq/requests/door.unlock"
    assert office.replies == REPLIES


def test_a_counter_rises_though_the_clock_goes_back() -> None:
    office = signer()
    times = [NOON, NOON, NOON - timedelta(days=1), NOON + timedelta(seconds=1)]
    asked = [office.ask(HEALTH, id_="r", now=each) for each in times]
    counters = [each.counter for each in asked]
    assert counters == sorted(set(counters))
    again = signer().ask(HEALTH, id_="r", now=NOON + timedelta(seconds=2))
    assert again.counter > counters[-1]
    assert [understood(each).counter for each in asked] == counters


def test_a_counter_goes_above_what_the_gateway_says() -> None:
    office = signer()
    office.above(HIGHEST_COUNTER - 1)
    office.above(5)
    assert office.ask(HEALTH, id_="r", now=NOON).counter == HIGHEST_COUNTER
    with pytest.raises(ValueError, match="register a new key"):
        office.ask(HEALTH, id_="r", now=NOON)


def test_what_the_gateway_would_not_look_at_is_not_sent() -> None:
    with pytest.raises(TooLong, match="262144 bytes at most"):
        signer().ask(Question("x", {"records": "x" * 200_000}), id_="r", now=NOON)


def test_a_new_client_is_told_to_get_a_nonce_and_is_heard_with_it() -> None:
    office, gateway = signer(), Replay({}, 0.0)
    first = office.ask(UNLOCK, id_="r1", now=NOON)
    refusal = gateway.accept(understood(first), NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code is Stale.NONCE_NEEDED
    nonce = gateway.nonce(CLIENT, bytes(SIZE), NOW)
    again = office.ask(UNLOCK, id_="r2", now=NOON, nonce=nonce)
    assert isinstance(gateway.accept(understood(again), NOW), Accepted)
    third = office.ask(UNLOCK, id_="r3", now=NOON)
    assert isinstance(gateway.accept(understood(third), NOW), Accepted)


# --- pins -------------------------------------------------------------------------------


def test_the_pinned_keys_are_the_gateways() -> None:
    keys = pinned(STATUS, PINS)
    assert isinstance(keys, GatewayKeys)
    assert keys.signing == GATEWAY.public
    assert keys.encryption == {key: BOX.public[key] for key in ("kty", "crv", "x", "kid")}


@pytest.mark.parametrize(
    ("status", "wrong"),
    [
        ({}, "shows no signing_key"),
        ({**STATUS, "signing_key": None}, "shows no signing_key"),
        ({**STATUS, "signing_key": {}}, "signing_key: the key must have"),
        ({**STATUS, "signing_key": STRANGER.public.jwk}, "not the one that was pinned"),
        ({**STATUS, "signing_key": dict(BOX.public)}, "signing_key: the key must have"),
        ({**STATUS, "encryption_key": None}, "shows no encryption_key"),
        ({**STATUS, "encryption_key": SAYS.public}, "no public X25519 key"),
        ({**STATUS, "encryption_key": {"kty": "OKP", "crv": "X25519"}}, "no public X25519"),
        ({**STATUS, "encryption_key": {**BOX.public, "x": "AA"}}, "no public X25519 key"),
        ({**STATUS, "encryption_key": {**BOX.public, "d": "AA"}}, "no public X25519 key"),
        ({**STATUS, "encryption_key": dict(OTHER_BOX.public)}, "not the one that was pinned"),
    ],
)
def test_22_other_keys_are_not_the_gateways(status: dict[str, Any], wrong: str) -> None:
    with pytest.raises(NotPinned, match=wrong):
        pinned(status, PINS)


@pytest.mark.parametrize("pins", [("", PINS.encryption), (PINS.signing, "AB")])
def test_what_is_no_fingerprint_pins_nothing(pins: tuple[str, str]) -> None:
    with pytest.raises(NotPinned, match="fingerprint is not 43 characters"):
        Pins(*pins)


# --- hearing ----------------------------------------------------------------------------


def hearing() -> Hearing:
    return Hearing(pinned(STATUS, PINS).signing, 100.0)


def said(counter: int, payload: bytes = b"{}", topic: str = LOBBY) -> str:
    return SAYS.sign(topic, payload, counter=counter, time=NOON)


def test_what_the_gateway_says_is_believed() -> None:
    heard = hearing().hear(LOBBY, b"{}", said(7), 101.0)
    assert heard == Heard(LOBBY, b"{}", NOON, 7, again=False)


def test_22_what_is_not_signed_or_by_somebody_else_is_not_believed() -> None:
    theirs = GatewayKey(STRANGER).sign(LOBBY, b"{}", counter=9, time=NOON)
    for jws, wrong in ((None, "not signed"), ("", "no detached JWS"), (theirs, "another key")):
        with pytest.raises(Unbelieved, match=wrong):
            hearing().hear(LOBBY, b"{}", jws, 101.0)


def test_22_an_old_state_is_not_believed_and_the_same_again_is() -> None:
    ear = hearing()
    assert not ear.hear(LOBBY, b"open", said(7, b"open"), 101.0).again
    assert not ear.hear(LOBBY, b"shut", said(9, b"shut"), 102.0).again
    with pytest.raises(Unbelieved, match="older than what was heard before"):
        ear.hear(LOBBY, b"open", said(7, b"open"), 103.0)
    assert ear.hear(LOBBY, b"shut", said(9, b"shut"), 104.0).again


def test_22_an_old_state_is_noticed_by_the_next_run_too() -> None:
    first = hearing()
    first.hear(LOBBY, b"{}", said(9), 101.0)
    second = Hearing(GATEWAY.public, 0.0, first.highest)
    with pytest.raises(Unbelieved, match="older"):
        second.hear(LOBBY, b"{}", said(8), 1.0)


def test_22_state_of_many_topics_comes_in_any_order() -> None:
    ear = hearing()
    ear.hear(LOBBY, b"{}", said(9), 101.0)
    vault = "gatewayd/hq/doors/vault"
    assert ear.hear(vault, b"{}", said(3, topic=vault), 102.0).counter == 3


def test_22_a_view_that_is_frozen_is_noticed() -> None:
    ear, health = hearing(), "gatewayd/hq/health"
    ear.hear(health, b"{}", said(5, topic=health), 110.0)
    assert ear.quiet_since == 110.0
    ear.hear(health, b"{}", said(5, topic=health), 120.0)
    ear.hear(LOBBY, b"{}", said(4), 130.0)
    assert ear.quiet_since == 110.0
    ear.hear(health, b"{}", said(6, topic=health), 140.0)
    assert ear.quiet_since == 140.0


def test_what_is_remembered_is_bounded() -> None:
    many = {f"t{number}": 1 for number in range(MOST_TOPICS)}
    ear = Hearing(GATEWAY.public, 0.0, many)
    with pytest.raises(Unbelieved, match="more topics than a site has"):
        ear.hear(LOBBY, b"{}", said(9), 1.0)


def answered(payload: bytes) -> Answered:
    return answer_of(hearing().hear(REPLIES, payload, said(7, payload, REPLIES), 101.0))


def test_an_answer_is_a_result_or_an_error() -> None:
    good = {"id": "r1", "ok": True, "result": {"door": "lobby"}}
    assert answered(json.dumps(good).encode()) == Answered("r1", {"door": "lobby"}, None, "")
    bad = {"id": "r1", "ok": False, "error": {"code": "busy", "message": "wait"}}
    assert answered(json.dumps(bad).encode()) == Answered("r1", None, "busy", "wait")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b'{"id":null,"ok":true,"result":1}',
        b'{"id":"r","ok":1}',
        b'{"id":"r","ok":false,"error":{}}',
        b'{"id":"r","ok":false,"error":7}',
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_answer_is_none(payload: bytes) -> None:
    with pytest.raises(Unbelieved, match="no answer"):
        answered(payload)


@given(st.text(max_size=60), st.binary(max_size=60), st.text(max_size=120) | st.none())
def test_22_anything_else_is_not_believed(topic: str, payload: bytes, jws: str | None) -> None:
    with pytest.raises(Unbelieved):
        hearing().hear(topic, payload, jws, 101.0)
