"""docs/decision.md says what the code does: every rule in its order, every reason."""

import re
from pathlib import Path

from gatewayd.core.access.policy import PinLimit, Policy
from gatewayd.core.access.reasons import AWAITING, MEANING, Reason
from gatewayd.core.access.rules import ORDER

PAGE = (Path(__file__).parents[3] / "docs" / "decision.md").read_text(encoding="utf-8")


def rows(columns: int) -> list[list[str]]:
    lines = (line for line in PAGE.splitlines() if line.startswith("| "))
    cells = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines)
    return [row for row in cells if len(row) == columns]


def test_the_rules_are_listed_in_the_order_in_which_they_are_asked() -> None:
    listed = [(number, name) for number, name, *_ in rows(4) if number.isdigit()]
    assert listed == [(str(i), rule.name) for i, rule in enumerate(ORDER, 1)]


def test_every_reason_is_listed_with_its_meaning() -> None:
    listed = [row for row in rows(2) if row[0].startswith("`")]
    assert listed == [[f"`{reason}`", MEANING[reason]] for reason in Reason]


def test_every_reason_but_those_without_a_rule_is_some_rules() -> None:
    given = {each for row in rows(4) for each in re.findall(r"`(\w+)`", row[3])}
    without_a_rule = {Reason.GRANTED, Reason.INTERNAL_ERROR, Reason.ESCORT_REQUIRED}
    without_a_rule |= {Reason.UNIT_NOT_APPROVED, Reason.UNIT_OFFLINE, Reason.STALE_CARD}
    assert given == set(Reason) - without_a_rule


def test_what_awaits_says_so() -> None:
    assert {each for each in Reason if each.endswith("_awaited")} == AWAITING


def test_the_limits_are_those_of_the_policy() -> None:
    policy = Policy()
    listed = {row[0]: row[1:] for row in rows(5)}
    assert listed["holder"] == _told(policy.holder_pins, "1 day")
    assert listed["reader"] == _told(policy.point_pins, "10 min")
    assert listed["all readers"] == _told(policy.site_pins, "10 min")


def _told(limit: PinLimit, forgotten: str) -> list[str]:
    seconds = {"1 day": 86_400, "10 min": 600}
    assert limit.window_seconds == seconds[forgotten]
    assert limit.longest_seconds == 3_600
    return [f"{limit.wrong}", f"{limit.lock_seconds:g} s", "1 h", forgotten]
