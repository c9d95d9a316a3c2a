"""Records of permissions: what upstream writes is what is held, kept and summed up."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from gatewayd.core.access.model import (
    AccessLevel,
    AreaRules,
    Authentication,
    Credential,
    CredentialState,
    DoorRules,
    Flag,
    Holder,
    Interlock,
    LevelId,
    LevelRule,
    Passback,
    PointRules,
    ScheduledAuthentication,
    Side,
)
from gatewayd.core.access.people import KEPT, digest
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.model import AreaId, DoorId, HolderId
from gatewayd.core.schedule import (
    Day,
    Period,
    Schedule,
    ScheduleId,
    SpecialDays,
    SpecialDaysId,
    SpecialHours,
    YearlyDay,
)
from gatewayd.edge.permission_json import (
    rules_from_bytes,
    rules_of,
    rules_to_bytes,
    rules_total,
    update_of,
)
from gatewayd.edge.permission_models import ChangesModel, RulesModel
from gatewayd.edge.request_mistakes import in_words
from gatewayd.errors import DamagedState
from tests.edge import permission_kit as kit

OFFICE, HOLIDAYS = ScheduleId("office"), SpecialDaysId("holidays")
HOUR = 3600


def read(**kinds: Any) -> Update:  # noqa: ANN401 - JSON
    return update_of(ChangesModel.model_validate(kinds), 1, 2)


def mistake(**kinds: Any) -> str:  # noqa: ANN401 - JSON
    with pytest.raises(ValidationError) as caught:
        ChangesModel.model_validate(kinds)
    return in_words(caught.value)


# --- one record of each kind ---------------------------------------------------------------


def test_a_schedule() -> None:
    sent = {
        "name": "Office hours",
        "week": {
            "mon": [["22:00", "30:00"], ["08:00", "18:00:30"]],
            "sun": [["00:00", "24:00"]],
        },
        "special": [{"days": "holidays"}],
    }
    update = read(schedules={"office": sent}, special_days={})
    week: list[tuple[Period, ...]] = [()] * 7
    week[0] = (Period(8 * HOUR, 18 * HOUR + 30), Period(22 * HOUR, 30 * HOUR))
    week[6] = (Period(0, 24 * HOUR),)
    assert update.schedules == {
        OFFICE: Schedule(OFFICE, "Office hours", tuple(week), (SpecialHours(HOLIDAYS),))
    }


def test_a_schedule_without_a_name_is_called_by_its_id() -> None:
    assert read(schedules={"office": {}}).schedules == {
        OFFICE: Schedule(OFFICE, "office", ((),) * 7)
    }


def test_special_days() -> None:
    update = read(special_days={"holidays": {"days": ["2030-12-24", "12-25"]}})
    days: frozenset[Day] = frozenset({date(2030, 12, 24), YearlyDay(12, 25)})
    assert update.special_days == {HOLIDAYS: SpecialDays(HOLIDAYS, days)}


def test_a_level() -> None:
    rules = [{"doors": ["lobby"], "sides": ["in"], "schedule": "office"}, {"areas": ["lab"]}]
    level = LevelId("staff")
    assert read(levels={"staff": {"rules": rules}}).levels[level] == AccessLevel(
        level,
        (
            LevelRule(OFFICE, frozenset({DoorId("lobby")}), sides=frozenset({Side.IN})),
            LevelRule(ScheduleId("always"), areas=frozenset({AreaId("lab")})),
        ),
    )


def test_rules_of_a_door() -> None:
    sent = {
        "entry": {
            "authentication": [{"schedule": "office", "authentication": "card"}],
            "default": "card_and_pin",
            "first_person": "office",
        },
        "exit": {"two_person": True, "two_person_seconds": 20},
        "unlock": "office",
        "unlock_needs_first_person": True,
    }
    assert read(doors={"lobby": sent}).doors[DoorId("lobby")] == DoorRules(
        DoorId("lobby"),
        PointRules(
            authentication=(ScheduledAuthentication(OFFICE, Authentication.CARD),),
            default=Authentication.CARD_AND_PIN,
            first_person=OFFICE,
        ),
        PointRules(two_person=True, two_person_seconds=20.0),
        OFFICE,
        unlock_needs_first_person=True,
    )


def test_rules_of_an_area() -> None:
    sent = {
        "passback": "timed",
        "passback_seconds": 600,
        "max_occupancy": 5,
        "interlock": "open",
    }
    area = AreaId("lab")
    assert read(areas={"lab": sent}).areas[area] == AreaRules(
        area, Passback.TIMED, 600.0, 5, interlock=Interlock.OPEN
    )


def test_a_holder() -> None:
    sent = {
        "enabled": False,
        "valid_until": "2031-01-01T00:00:00Z",
        "levels": ["staff", "lab"],
        "clearance": 3,
        "flags": ["escort"],
        "pin": "kept",
        "duress_pin": None,
    }
    anna = HolderId("h-anna")
    assert read(holders={anna: sent}).holders[anna] == Holder(
        anna,
        enabled=False,
        valid_until=datetime(2031, 1, 1, tzinfo=UTC),
        levels=(LevelId("lab"), LevelId("staff")),
        pin=KEPT,
        clearance=3,
        flags=frozenset({Flag.ESCORT}),
    )


def test_a_credential() -> None:
    key, sent = "H10301:12:345", {"holder": "h-anna", "state": "lost", "max_uses": 3}
    assert read(credentials={key: sent}).credentials[key] == Credential(
        key, HolderId("h-anna"), CredentialState.LOST, max_uses=3
    )


def test_null_takes_a_record_away() -> None:
    update = read(**{many: {"x": None} for many in kit.KINDS})
    assert all(list(getattr(update, many).items()) == [("x", None)] for many in kit.KINDS)


def test_defaults_are_those_of_the_core() -> None:
    everything = read(
        levels={"x": {"rules": [{}]}}, doors={"x": {}}, areas={"x": {}}, holders={"x": {}}
    )
    assert everything.doors[DoorId("x")] == DoorRules(DoorId("x"))
    assert everything.areas[AreaId("x")] == AreaRules(AreaId("x"))
    assert everything.holders[HolderId("x")] == Holder(HolderId("x"))
    level = AccessLevel(LevelId("x"), (LevelRule(ScheduleId("always")),))
    assert everything.levels[LevelId("x")] == level


# --- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        ({"grants": {}}, "grants: is not known here"),
        ({"levels": {"x": {"rule": []}}}, "levels.x.rule: is not known here"),
        ({"levels": {"x": {"rules": [{"sides": ["up"]}]}}}, "must be 'in' or 'out'"),
        ({"levels": {"x": {"rules": [{"doors": ["a", "a"]}]}}}, "must name nothing twice"),
        ({"schedules": {"x": {"week": {"mon": [["8:00", "18:00"]]}}}}, "must be a time like"),
        ({"schedules": {"x": {"week": {"mon": [["08:00", 64800]]}}}}, "must be a time like"),
        ({"schedules": {"x": {"week": {"mon": [["08:00"]]}}}}, "must be a start and an end"),
        ({"schedules": {"x": {"week": {"mon": ["08:00-18:00"]}}}}, "must be a start"),
        ({"schedules": {"x": {"week": {"monday": []}}}}, "week.monday: is not known here"),
        ({"special_days": {"x": {"days": ["2030-02-30"]}}}, "is no day of any year"),
        ({"special_days": {"x": {"days": ["24.12."]}}}, "must be a day like"),
        ({"special_days": {"x": {"days": [1]}}}, "must be a day like"),
        ({"special_days": {"x": {"days": ["12-25", "12-25"]}}}, "must name nothing twice"),
        ({"areas": {"x": {"passback": "strict"}}}, "must be 'off', 'soft', 'hard' or 'timed'"),
        ({"areas": {"x": {"passback_seconds": 1.5}}}, "must be a whole number"),
        ({"doors": {"x": {"entry": {"factor_seconds": -1}}}}, "must be greater than or equal"),
        ({"holders": {"x": {"pin": 1234}}}, 'must be an envelope, "kept" or null'),
        ({"holders": {"x": {"pin": "1234"}}}, "holders.x.pin: cannot be opened here"),
        ({"holders": {"x": {"valid_from": "2030-01-01"}}}, "must be a time like 2026"),
        ({"holders": {"x": {"enabled": 1}}}, "must be true or false"),
        ({"credentials": {"26:00000000": {}}}, "holder: is missing"),
        ({"credentials": {"PIN:1234": {"holder": "x"}}}, "credentials: cannot be opened here"),
        ({"credentials": []}, "credentials: must be an object"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(kinds: dict[str, Any], why: str) -> None:
    assert why in mistake(**kinds)


def test_no_mistake_shows_a_pin() -> None:
    for pin in ("918273", 918273, ["918273"]):
        assert "918273" not in mistake(holders={"x": {"pin": pin}})


# --- what lies on the disk -----------------------------------------------------------------


def rules_from(sent: kit.Document) -> Rules:
    return rules_of(RulesModel.model_validate(sent))


@given(kit.rules)
def test_rules_come_back_from_their_bytes(sent: kit.Document) -> None:
    rules = rules_from(sent)
    assert rules_from_bytes(rules_to_bytes(rules)) == rules


def test_nothing_is_no_rules() -> None:
    assert rules_from_bytes(b"") == Rules()
    assert rules_from_bytes(rules_to_bytes(Rules())) == Rules()


@given(
    st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda each: json.dumps(each).encode())
)
@example(b"[" * 100_000)
@example(b"\xff")
@example(b'{"levels":{"a":{"rules":[{"sides":[[]]}]}}}')
@example(b'{"schedules":{"a":{"special":[{"days":"gone"}]}}}')
@example(b'{"schedules":{"a":{"name":"\\ud800"}}}')
@example(b'{"special_days":{"a":{"days":["02-31"]}}}')
def test_any_bytes_are_rules_or_damage(content: bytes) -> None:
    try:
        rules = rules_from_bytes(content)
    except DamagedState:
        return
    rules.permission_set(UTC)
    assert rules_from_bytes(rules_to_bytes(rules)) == rules


def test_damage_says_what_to_do() -> None:
    with pytest.raises(DamagedState, match="Send all permissions anew"):
        rules_from_bytes(b"{")


def test_a_duration_of_no_whole_seconds_is_not_cut() -> None:
    area = AreaId("lab")
    with pytest.raises(ValueError, match="whole seconds"):
        rules_to_bytes(Rules(areas={area: AreaRules(area, passback_seconds=0.5)}))


# --- the digest ----------------------------------------------------------------------------


@given(kit.rules)
def test_upstream_works_out_the_same_digest(sent: kit.Document) -> None:
    assert digest(rules_total(rules_from(sent))) == kit.digest_of(sent)


def test_the_digest_of_nothing() -> None:
    assert rules_total(Rules()) == 0
