"""Every mistake in an update is named."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from gatewayd.core import update_check
from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.permissions import Grant, Permissions, Update
from gatewayd.core.update_check import (
    MAX_DOORS,
    MAX_GRANTS,
    MAX_NAMED,
    MAX_VERSION,
    mistakes,
    well_formed,
)
from tests.core.site import ANNA, LAB, LOBBY, NOON

KEY = "H10301:36:6765"
GRANT = Grant(ANNA, frozenset({LOBBY}), NOON, NOON + timedelta(days=1))
OTHER = "H10301:1:2"
DOORS = {LOBBY, LAB}
NOBODY = Permissions(1)


def wrong(grant: Grant | None, key: str = KEY) -> list[str]:
    return mistakes(Update(1, 2, {key: grant}), DOORS, NOBODY)


def test_a_sound_update_has_no_mistakes() -> None:
    assert wrong(GRANT) == []
    assert wrong(None) == []


@pytest.mark.parametrize("key", [KEY, "P10001::7", "X:0:0", "26:12345680", "8:ff", "1:80"])
def test_a_key_is_a_decoded_number_or_raw_bits(key: str) -> None:
    assert well_formed(key)


@pytest.mark.parametrize(
    "key",
    ["", "x", "H10301:01:2", "H10301:1:", "26:123456", "26:1234568000", "26:123456FF", "0:00",
     "26:12345681", "8:FF", "H10301:1:2\n", "8:ff\n", "a b:1:2", "26:", "13:abcd"],
)  # fmt: skip
def test_anything_else_would_never_match_a_card(key: str) -> None:
    assert not well_formed(key)
    assert len(wrong(GRANT, key)) == 1


@pytest.mark.parametrize(
    ("grant", "part"),
    [
        (replace(GRANT, holder=HolderId("")), "holder"),
        (replace(GRANT, holder=HolderId("a\tb")), "holder"),
        (replace(GRANT, holder=HolderId("\ud800")), "holder"),
        (replace(GRANT, holder=HolderId("x" * 65)), "holder"),
        (replace(GRANT, doors=frozenset({LOBBY, DoorId("attic")})), "no such door: attic"),
        (replace(GRANT, valid_until=NOON), "not before"),
        (replace(GRANT, valid_from=datetime(2030, 1, 1)), "offset"),  # noqa: DTZ001 -- the mistake
        (replace(GRANT, valid_until=NOON.replace(year=9999)), "years 1970 to 9998"),
        (
            replace(GRANT, valid_from=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))),
            "years",
        ),
    ],
)
def test_what_is_wrong_with_a_grant_is_said_with_its_key(grant: Grant, part: str) -> None:
    (mistake,) = wrong(grant)
    assert KEY in mistake
    assert part in mistake


def test_a_grant_has_a_bounded_number_of_doors() -> None:
    many = frozenset(DoorId(f"d{number}") for number in range(MAX_DOORS + 1))
    (mistake,) = wrong(replace(GRANT, doors=many))
    assert f"at most {MAX_DOORS}" in mistake


def test_a_version_comes_after_its_base() -> None:
    assert mistakes(Update(2, 2, {}), DOORS, NOBODY) == ["version 2 does not come after base 2"]
    assert mistakes(Update(2, MAX_VERSION + 1, {}), DOORS, NOBODY) != []


def test_an_update_has_a_bounded_number_of_grants() -> None:
    many = dict.fromkeys((str(number) for number in range(MAX_GRANTS + 1)), None)
    (mistake,) = mistakes(Update(1, 2, many), DOORS, NOBODY)
    assert f"at most {MAX_GRANTS}" in mistake


def test_the_number_of_credentials_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(update_check, "MAX_CREDENTIALS", 1)
    full = Permissions(1, {KEY: GRANT})
    assert mistakes(Update(1, 2, {OTHER: GRANT}), DOORS, full) == ["more than 1 credentials"]
    assert mistakes(Update(1, 2, {KEY: GRANT, OTHER: None}), DOORS, full) == []


def test_mistakes_are_named_up_to_a_bound() -> None:
    found = mistakes(
        Update(1, 2, dict.fromkeys((str(n) for n in range(50)), None)), DOORS, NOBODY
    )
    assert len(found) == MAX_NAMED + 1
    assert found[-1] == f"and {50 - MAX_NAMED} more"


def test_a_long_key_is_not_repeated_whole() -> None:
    (mistake,) = wrong(None, "x" * 10_000)
    assert len(mistake) < 200
