"""Envelopes of PINs: one kind is opened, everything else is named and gives nothing away."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from joserfc import jwe
from joserfc.jwk import OctKey, OKPKey

from gatewayd.core.access.pins import SiteKey
from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import MAX_DIGITS, Digits
from gatewayd.edge.box_key import LONGEST, BadEnvelope
from gatewayd.edge.pin_envelopes import Secrets
from tests.edge.pin_kit import KEY, OTHER, PIN, sealed


def refusal(envelope: str) -> str:
    with pytest.raises(BadEnvelope) as caught:
        KEY.open(envelope)
    assert PIN not in f"{caught.value}"
    assert caught.value.__cause__ is None
    return f"{caught.value}"


@pytest.mark.parametrize("pin", ["0", PIN, "9" * MAX_DIGITS])
def test_a_pin_comes_out_as_it_went_in(pin: str) -> None:
    assert KEY.open(sealed(pin)) == Digits(pin)
    assert KEY.open(sealed(pin, kid=KEY.thumbprint)) == Digits(pin)


def test_the_public_key_is_told_and_the_private_one_never() -> None:
    assert set(KEY.public) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert (
        KEY.public["kid"] == KEY.thumbprint == OKPKey.import_key(dict(KEY.public)).thumbprint()
    )
    assert f"{KEY!r}" == f"<box key {KEY.thumbprint}>"


@pytest.mark.parametrize(
    "content", ["", "1" * (MAX_DIGITS + 1), "12a4", " 123", "١٢٣٤", b"\xff"]
)
def test_what_is_no_pin_is_refused(content: str | bytes) -> None:
    assert refusal(sealed(content)).startswith("what is in the envelope is no PIN")


def test_another_kind_of_encryption_is_refused() -> None:
    wanted = "the envelope must have alg ECDH-ES and enc A256GCM"
    assert refusal(sealed(alg="ECDH-ES+A256KW")) == wanted
    assert refusal(sealed(enc="A128GCM")) == wanted
    direct = jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM"},
        PIN,
        OctKey.import_key(os.urandom(32)),
        ["dir", "A256GCM"],
    )
    assert refusal(direct) == wanted


def test_an_envelope_for_another_key_is_refused() -> None:
    assert "for another key; this one is" in refusal(sealed(kid=OTHER.thumbprint))
    assert "does not open" in refusal(sealed(key=OTHER))


def test_a_header_that_says_more_is_refused() -> None:
    assert "must not have 'zip'" in refusal(sealed(zip="DEF"))
    assert "must not have 'crit'" in refusal(with_head(crit=["x"], x=1))


def with_head(**more: Any) -> str:  # noqa: ANN401 - JSON
    """Return a good envelope under another header."""
    head, rest = sealed().split(".", 1)
    document = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    changed = json.dumps({**document, **more}).encode()
    return urlsafe_b64encode(changed).rstrip(b"=").decode() + "." + rest


def test_an_envelope_without_bounds_is_not_looked_at() -> None:
    assert refusal("a" * (LONGEST + 1)) == f"the envelope is longer than {LONGEST} characters"


@given(st.text() | st.from_regex(r"[\w-]{0,40}\.[\w-]{0,3}\.[\w-]{16}\.[\w-]*\.[\w-]{22}"))
@example(PIN)
@example("....")
@example(f"{'W1tb' * 200}..{'a' * 16}.aa.{'a' * 22}")
def test_anything_is_refused_in_words(envelope: str) -> None:
    refusal(envelope)


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=9),
    lambda each: (
        st.lists(each, max_size=2) | st.dictionaries(st.text(max_size=3), each, max_size=2)
    ),
)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "enc", "kid", "epk", "apu", "apv", "typ"]),
        json_values,
        min_size=1,
    )
)
@example({"epk": {"kty": "OKP", "crv": "X25519", "x": "A" * 43}})
@example({"epk": {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}})
@example({"epk": {"kty": "OKP", "crv": "X448", "x": "A" * 43}})
@example({"apu": {}})
def test_any_other_header_is_refused_in_words(head: dict[str, Any]) -> None:
    refusal(with_head(**head))


@given(st.data())
def test_no_changed_character_goes_unnoticed(data: st.DataObject) -> None:
    good = sealed()
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(st.sampled_from("AZaz09-_."))
    changed = good[:at] + other + good[at + 1 :]
    try:
        opened = KEY.open(changed)
    except BadEnvelope:
        return
    assert opened == Digits(PIN)  # the very same, or other bits behind the last byte
    assert at in {len(good) - 1, good.rindex(".") - 1} or changed == good


# --- what is kept of them -------------------------------------------------------------------


def test_digits_go_no_further_than_the_site_key() -> None:
    site = SiteKey(os.urandom(32))
    pin = Secrets(KEY, site).opening().open(sealed())
    assert pin.of(HolderId("anna")) == site.pin_of(HolderId("anna"), Digits(PIN))
    assert pin.alone() == site.key_of(Digits(PIN))
    assert PIN not in f"{pin!r}"


def test_one_request_has_so_many_pins() -> None:
    opening = Secrets(KEY, SiteKey(os.urandom(32))).opening(2)
    opening.open(sealed())
    opening.open(sealed())
    with pytest.raises(BadEnvelope, match="more than 2 PINs"):
        opening.open(sealed())
