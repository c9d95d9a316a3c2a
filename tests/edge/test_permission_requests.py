"""Requests about permissions: what is asked of the brain, and what is refused before."""

import json
import os
from typing import Any

import pytest

from gatewayd.core.access.model import Holder, LevelId
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.records import Update
from gatewayd.core.model import HolderId
from gatewayd.core.pin_entry import Digits
from gatewayd.core.requests import (
    ApplyPermissions,
    BeginSnapshot,
    Command,
    ConfirmPermissions,
    Manifest,
    ReplacePermissions,
    StagePart,
)
from gatewayd.edge.calls import Call, Refusal, decode_request
from gatewayd.edge.pin_envelopes import MOST_PINS, Secrets
from tests.edge.pin_kit import KEY, OTHER, PIN, sealed

SITE = SiteKey(os.urandom(32))
SECRETS = Secrets(KEY, SITE)
ANNA = HolderId("h-anna")
SUM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def decoded(command: str, args: Any, secrets: Secrets | None = SECRETS) -> Call | Refusal:  # noqa: ANN401 - JSON
    envelope = {
        "id": "r-1",
        "client": "office",
        "issued": "2030-01-01T12:00:00Z",
        "expires": "2030-01-01T12:01:00Z",
        "args": args,
    }
    return decode_request(command, json.dumps(envelope).encode(), secrets)


def asked(command: str, args: Any) -> Command:  # noqa: ANN401 - JSON
    call = decoded(command, args)
    assert isinstance(call, Call), call
    return call.command


def applied(**kinds: Any) -> Update:  # noqa: ANN401 - JSON
    command = asked("permissions.apply", {"base": 1, "version": 2, **kinds})
    assert isinstance(command, ApplyPermissions)
    return command.update


def refused(secrets: Secrets | None = SECRETS, **kinds: Any) -> str:  # noqa: ANN401 - JSON
    refusal = decoded("permissions.apply", {"base": 1, "version": 2, **kinds}, secrets)
    assert isinstance(refusal, Refusal)
    assert PIN not in refusal.message
    return refusal.message


def test_an_update_names_what_it_leads_from_and_to() -> None:
    update = applied(levels={"staff": None}, holders={ANNA: {"levels": ["staff"]}})
    assert (update.base, update.version) == (1, 2)
    assert update.levels == {LevelId("staff"): None}
    assert update.holders == {ANNA: Holder(ANNA, levels=(LevelId("staff"),))}


def test_pins_become_what_is_kept_of_them() -> None:
    sent = {"pin": sealed(), "duress_pin": sealed("1111")}
    holder = applied(holders={ANNA: sent}).holders[ANNA]
    assert holder is not None
    assert holder.pin == SITE.pin_of(ANNA, Digits(PIN))
    assert holder.duress_pin == SITE.pin_of(ANNA, Digits("1111"))


def test_a_pin_alone_becomes_a_key() -> None:
    update = applied(
        credentials={f"PIN:{sealed()}": {"holder": ANNA}, f"PIN:{sealed('1')}": None}
    )
    keys = [SITE.key_of(Digits(PIN)), SITE.key_of(Digits("1"))]
    assert list(update.credentials) == keys
    first, second = update.credentials.values()
    assert first is not None
    assert (first.key, first.holder, second) == (keys[0], ANNA, None)


def test_the_same_pin_alone_twice_is_refused() -> None:
    twice = {f"PIN:{sealed()}": {"holder": ANNA} for _ in range(2)}
    assert refused(credentials=twice) == "args.credentials: must name nothing twice"


@pytest.mark.parametrize(
    "kinds",
    [
        {"holders": {ANNA: {"pin": sealed(key=OTHER)}}},
        {"holders": {ANNA: {"duress_pin": sealed("12a")}}},
        {"credentials": {f"PIN:{sealed(key=OTHER)}": None}},
        {"credentials": {f"PIN:{PIN}": None}},
        {"holders": {ANNA: {"pin": PIN}}},
    ],
)
def test_a_bad_envelope_is_named_with_its_place(kinds: dict[str, Any]) -> None:
    message = refused(**kinds)
    assert message.startswith(("args.holders.h-anna.", "args.credentials: "))
    assert "envelope" in message


def test_without_keys_no_pin_is_taken() -> None:
    assert refused(None, holders={ANNA: {"pin": sealed()}}).endswith("cannot be opened here")


def test_a_request_has_so_many_pins() -> None:
    envelope = sealed()
    many = {f"h-{number}": {"pin": envelope} for number in range(MOST_PINS + 1)}
    assert f"more than {MOST_PINS} PINs" in refused(holders=many)
    del many["h-0"]
    assert len(applied(holders=many).holders) == MOST_PINS
    assert len(applied(holders=many).holders) == MOST_PINS


def test_what_is_held_can_be_confirmed() -> None:
    assert asked("permissions.confirm", {"version": 7}) == ConfirmPermissions(7)
    both = {"version": 7, "digest": SUM}
    assert asked("permissions.confirm", both) == ConfirmPermissions(7, SUM)


def test_a_snapshot_is_begun_filled_and_put_to_use() -> None:
    counts = dict.fromkeys(
        ("schedules", "special_days", "levels", "doors", "areas", "holders", "credentials"), 0
    )
    manifest = {"version": 7, "digest": SUM, "parts": [SUM], "counts": {"holders": 3}}
    assert asked("permissions.begin", manifest) == BeginSnapshot(
        Manifest(7, SUM, (SUM,), {**counts, "holders": 3})
    )
    part = {"version": 7, "number": 0, "records": {"holders": {}}}
    assert asked("permissions.part", part) == StagePart(7, 0, {"holders": {}})
    assert asked("permissions.replace", {"version": 7}) == ReplacePermissions(7)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"parts": []}, "args.parts: "),
        ({"parts": ["x"]}, "args.parts.0: must be 64 hexadecimal digits"),
        ({"digest": SUM.upper()}, "args.digest: must be 64 hexadecimal digits"),
        ({"counts": {"people": 1}}, "args.counts.people: is not known here"),
        ({"version": 0}, "args.version: "),
    ],
)
def test_a_manifest_without_sense_is_refused(change: dict[str, Any], why: str) -> None:
    manifest = {"version": 7, "digest": SUM, "parts": [SUM], "counts": {}, **change}
    refusal = decoded("permissions.begin", manifest)
    assert isinstance(refusal, Refusal)
    assert why in refusal.message
