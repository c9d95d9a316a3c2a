"""Every mistake in an update of permissions is named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.record_check import (
    MAX_ROWS,
    MAX_VERSION,
    levels_gone,
    mistakes,
    mistakes_of_people,
    mistakes_of_rules,
    well_formed,
)
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.named import MAX_NAMED
from tests.core.access.world import (
    ANNA,
    BORIS,
    EVERYWHERE,
    HALL,
    LAB,
    LAB_ROOM,
    LOBBY,
    NOON,
    STAFF,
)

DOORS: frozenset[DoorId] = frozenset({LOBBY, LAB})
AREAS: frozenset[AreaId] = frozenset({HALL, LAB_ROOM})
HELD = Rules(levels={STAFF: EVERYWHERE})
KEY, OTHER, PIN = "H10301:36:1", "H10301:36:2", "PIN:" + "0a" * 32
DAY = timedelta(days=1)
NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - the mistake


def wrong(update: Update) -> list[str]:
    return mistakes(update, HELD.after(update), DOORS, AREAS)


def wrong_holder(**fields: Any) -> list[str]:  # noqa: ANN401 - names fields
    holder = Holder(ANNA)._replace(**fields)
    return wrong(Update(1, 2, holders={ANNA: holder}))


def wrong_credential(key: str = KEY, **fields: Any) -> list[str]:  # noqa: ANN401 - as above
    credential = Credential(key, ANNA)._replace(**fields)
    return wrong(Update(1, 2, credentials={key: credential}))


def test_a_sound_update_has_no_mistakes() -> None:
    holders: Mapping[HolderId, Holder | None] = {
        ANNA: Holder(ANNA, valid_from=NOON, valid_until=NOON + DAY, levels=(STAFF,)),
        BORIS: None,
    }
    credentials = {KEY: Credential(KEY, ANNA), OTHER: None, PIN: Credential(PIN, ANNA)}
    assert wrong(Update(1, 2, holders=holders, credentials=credentials)) == []
    assert wrong(Update(0, MAX_VERSION)) == []


# --- the update as a whole --------------------------------------------------------


def test_a_version_comes_after_its_base() -> None:
    assert wrong(Update(2, 2)) == ["version 2 does not come after base 2"]
    assert wrong(Update(2, 1)) == ["version 1 does not come after base 2"]
    assert len(wrong(Update(2, MAX_VERSION + 1))) == 1


def test_an_update_has_a_bounded_number_of_rows() -> None:
    many: dict[str, Credential | None] = dict.fromkeys(
        f"H10301:1:{number}" for number in range(MAX_ROWS)
    )
    assert wrong(Update(1, 2, credentials=many)) == []
    expected = f"{MAX_ROWS + 1} holders and credentials in one update, at most {MAX_ROWS}"
    assert wrong(Update(1, 2, holders={ANNA: None}, credentials=many)) == [expected]


def test_mistakes_of_all_kinds_are_named_at_once() -> None:
    found = wrong(
        Update(
            2,
            2,
            levels={LevelId("no id"): replace(EVERYWHERE, id=LevelId("no id"))},
            doors={DoorId("attic"): None},
            holders={ANNA: Holder(ANNA, levels=(LevelId("gone"),))},
            credentials={"x": None},
        )
    )
    assert len(found) == 4
    assert found[1].startswith("level 'no id': the id is not")


def test_mistakes_are_named_up_to_a_bound() -> None:
    found = wrong(Update(1, 2, credentials=dict.fromkeys((str(n) for n in range(50)), None)))
    assert len(found) == MAX_NAMED + 1
    assert found[-1] == f"and {50 - MAX_NAMED} more"


# --- people -----------------------------------------------------------------------


@pytest.mark.parametrize("key", [KEY, "P10001::7", "X:0:0", "26:12345680", "8:ff", "1:80", PIN])
def test_a_key_is_a_decoded_number_raw_bits_or_what_became_of_a_pin(key: str) -> None:
    assert well_formed(key)


@pytest.mark.parametrize(
    "key",
    ["", "x", "H10301:01:2", "H10301:1:", "26:123456", "26:1234568000", "26:123456FF", "0:00",
     "26:12345681", "8:FF", "H10301:1:2\n", "8:ff\n", "a b:1:2", "26:", "13:abcd", "PIN:1234",
     PIN.upper(), PIN + "00", PIN + "\n"],
)  # fmt: skip
def test_anything_else_would_never_match_what_is_presented(key: str) -> None:
    assert not well_formed(key)
    assert len(wrong_credential(key)) == 1
    assert len(wrong(Update(1, 2, credentials={key: None}))) == 1


def test_a_pin_is_not_repeated() -> None:
    (mistake,) = wrong_credential("PIN:1234")
    assert "1234" not in mistake
    (mistake,) = wrong_credential(PIN, valid_from=NOON, valid_until=NOON)
    assert "0a" not in mistake


def test_a_long_key_is_not_repeated_whole() -> None:
    (mistake,) = wrong(Update(1, 2, credentials={"x" * 10_000: None}))
    assert len(mistake) < 200


TIMES = [
    ({"valid_from": NOON, "valid_until": NOON}, "valid_from is not before valid_until"),
    ({"valid_until": NOON.replace(year=9999)}, "years 1970 to 9998"),
    ({"valid_from": NOON.replace(year=1969)}, "years 1970 to 9998"),
    ({"valid_from": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9)))}, "years"),
]


@pytest.mark.parametrize(("fields", "part"), TIMES)
def test_times_are_in_order_and_in_range(fields: dict[str, Any], part: str) -> None:
    for who, found in (("anna", wrong_holder(**fields)), (KEY, wrong_credential(**fields))):
        (mistake,) = found
        assert who in mistake
        assert part in mistake


def test_times_without_an_offset_are_left_to_who_names_them() -> None:
    assert wrong_holder(valid_from=NAIVE, valid_until=NOON) == []


def test_a_level_of_a_holder_is_there_after_the_update() -> None:
    visitors = LevelId("visitors")
    assert wrong_holder(levels=(STAFF, visitors)) == ["holder 'anna': no such level: visitors"]
    anna = Holder(ANNA, levels=(STAFF, visitors))
    added = replace(EVERYWHERE, id=visitors)
    assert wrong(Update(1, 2, levels={visitors: added}, holders={ANNA: anna})) == []
    gone = Update(1, 2, levels={STAFF: None}, holders={ANNA: Holder(ANNA, levels=(STAFF,))})
    assert wrong(gone) == ["holder 'anna': no such level: staff"]
    assert levels_gone(gone) == {STAFF}


def test_people_are_looked_at_in_themselves() -> None:
    anna = Holder(ANNA, levels=(LevelId("any"),))
    assert mistakes_of_people({ANNA: anna, BORIS: None}, {KEY: Credential(KEY, BORIS)}) == []
    late = anna._replace(valid_from=NOON, valid_until=NOON)
    assert len(mistakes_of_people({ANNA: late}, {"x": None})) == 2


def test_rules_are_looked_at_as_a_whole() -> None:
    assert mistakes_of_rules(HELD, DOORS, AREAS) == []
    assert mistakes_of_rules(HELD, {LAB}, AREAS) == ["level 'staff': no such door: lobby"]
