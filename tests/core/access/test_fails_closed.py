"""Whatever goes wrong while deciding, the door stays shut and somebody is told."""

from dataclasses import replace

import pytest

from gatewayd.core.access import consequences
from gatewayd.core.access import decide as decide_module
from gatewayd.core.access import rules as rules_module
from gatewayd.core.access.book import Book
from gatewayd.core.access.model import (
    AreaRules,
    Authentication,
    Interlock,
    Passback,
    PointRules,
    ScheduledAuthentication,
)
from gatewayd.core.access.policy import Policy, Stale
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules import DEGRADED, ORDER, asked_at
from gatewayd.core.access.rules.company import PERSON_RULES
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.schedule import ALWAYS
from tests.core.access.world import HALL, LAB_ROOM, NOBODYS, Town, World


def everything(**changes: bool) -> PointRules:
    """Return rules that let as many rules as possible have a say."""
    asked = (ScheduledAuthentication(ALWAYS, Authentication.CARD),)
    rules = PointRules(
        authentication=asked, default=Authentication.CARD_AND_PIN, first_person=ALWAYS
    )
    return replace(rules, **changes)  # type: ignore[arg-type]  # names fields of PointRules


AREAS = (
    AreaRules(LAB_ROOM, Passback.HARD, max_occupancy=5),
    AreaRules(HALL, interlock=Interlock.OPEN),
)
POLICY = Policy(facilities=frozenset({"H10301:36"}), facility_only=True, on_stale=Stale.DENY)


def broken(*_: object) -> None:
    raise RuntimeError("this rule is broken")


def silent(_: object) -> None:
    """Have nothing against it."""


def asked_at_all(rule: Rule) -> World:
    """Return a world in which a rule has a say."""
    worlds = (
        World(everything(), areas=AREAS, policy=POLICY),
        World(everything(two_person=True), areas=AREAS, policy=POLICY),
        World(everything(muster=True), areas=AREAS, policy=POLICY),
        World(everything(enabled=False), areas=AREAS, policy=POLICY),
    )
    for world in worlds:
        if any(rule.at(each, POLICY) for each in world.book.points()[:2]):
            return world
    raise AssertionError(rule.name)


@pytest.mark.parametrize("rule", ORDER, ids=lambda rule: rule.name)
def test_a_rule_that_fails_denies(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    world = asked_at_all(rule)
    failing = tuple(replace(each, ask=broken if each is rule else silent) for each in ORDER)
    monkeypatch.setattr(rules_module, "ORDER", failing)
    decision = world.card()
    assert decision.reason is Reason.INTERNAL_ERROR
    assert decision.changes == ()


@pytest.mark.parametrize("rule", DEGRADED, ids=lambda rule: rule.name)
def test_a_rule_that_fails_while_degraded_denies(
    rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(policy=POLICY)
    world.degraded = True
    assert world.card(NOBODYS).granted
    failing = tuple(replace(each, ask=broken) if each is rule else each for each in DEGRADED)
    monkeypatch.setattr(decide_module, "DEGRADED", failing)
    assert world.card(NOBODYS).reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Book, "point"),
        (Book, "hours"),
        (Town, "credential"),
        (Town, "holder"),
        (decide_module, "grant"),
        (decide_module, "asked_at"),
        (consequences, "Decision"),
    ],
)
def test_what_fails_around_the_rules_denies_too(
    owner: object, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    monkeypatch.setattr(owner, name, broken)
    assert world.card().reason is Reason.INTERNAL_ERROR


@pytest.mark.parametrize("name", ["_pins", "_cards", "_companions"])
def test_a_wrong_pin_that_cannot_be_counted_denies(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(PointRules(default=Authentication.CARD_AND_PIN))
    world.person(pin="1234")
    monkeypatch.setattr(consequences, name, broken)
    assert world.card(pin="1234").reason is Reason.INTERNAL_ERROR
    assert world.card(pin="9999").reason is Reason.INTERNAL_ERROR


def test_who_comes_second_is_asked_all_that_is_asked_about_a_person() -> None:
    about_people = [rule for rule in ORDER if rule.about is About.PERSON]
    assert list(PERSON_RULES) == about_people


def test_a_plain_point_is_spared_the_rules_that_have_no_say_there() -> None:
    world = World()
    for point in world.book.points():
        assert len(asked_at(point, world.book.policy)) < len(ORDER)
