"""Which hardware may be driven."""

from dataclasses import replace

import pytest

from gatewayd.core.audit import (
    Catalogue,
    Family,
    Finding,
    Needs,
    Status,
    judge,
    needs_of,
)
from gatewayd.core.capacity import Use
from gatewayd.core.model import Identity, Point, Verdict
from tests.core.site import (
    CATALOGUE,
    DESK,
    GOOD,
    LAB,
    LAB_DOOR,
    LOBBY,
    LOBBY_DOOR,
    OLD,
    STRIKE,
    identity,
)

UNIT = identity()


def verdict(
    unit: Identity, *, shipped: tuple[Family, ...], site: tuple[Family, ...]
) -> Verdict:
    return judge(unit, Catalogue(shipped, site), Needs()).verdict


def test_an_approved_family_may_be_driven() -> None:
    assert judge(UNIT, CATALOGUE, Needs()) == Finding(Verdict.APPROVED, "matches good", "good")


def test_a_classic_unit_is_named_with_what_replaces_it() -> None:
    found = judge(identity(model=9), CATALOGUE, Needs())
    assert (found.verdict, found.family, found.replacement) == ("classic", "old", "model 1")
    assert "model 9" in found.why
    assert "no keys" in found.why


def test_where_proof_is_demanded_a_claim_is_not_enough() -> None:
    demanding = Needs(secure=True)
    proved = replace(UNIT, proved=True)
    assert judge(proved, CATALOGUE, demanding).verdict is Verdict.APPROVED
    assert judge(UNIT, CATALOGUE, demanding).verdict is Verdict.MISCONFIGURED
    assert "commission it" in judge(UNIT, CATALOGUE, demanding).why
    assert "NAK" in judge(UNIT, CATALOGUE, demanding, "the unit refused with a NAK").why


def test_a_classic_unit_is_classic_whether_it_proves_itself_or_not() -> None:
    found = judge(identity(model=9), CATALOGUE, Needs(secure=True), "no secure channel")
    assert found.verdict is Verdict.CLASSIC


def test_what_no_rule_matches_is_unknown() -> None:
    assert judge(UNIT, Catalogue(), Needs()).verdict is Verdict.UNKNOWN


def test_a_site_approves_what_the_shipped_rules_do_not_know() -> None:
    assert verdict(UNIT, shipped=(OLD,), site=(GOOD,)) is Verdict.APPROVED


def test_a_site_cannot_approve_what_is_shipped_as_classic() -> None:
    ours = replace(GOOD, model=9)
    assert verdict(identity(model=9), shipped=(OLD,), site=(ours,)) is Verdict.CLASSIC


def test_a_site_may_be_stricter() -> None:
    ours = replace(OLD, model=1)
    assert verdict(UNIT, shipped=(GOOD,), site=(ours,)) is Verdict.CLASSIC


ANY = Family("any", Status.APPROVED)


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (ANY, True),
        (replace(ANY, vendor="ffffff"), False),
        (replace(ANY, model=2), False),
        (replace(ANY, hardware=(1, 3)), True),
        (replace(ANY, hardware=(2, 3)), False),
        (replace(ANY, hardware=(0, 0)), False),
        (replace(ANY, firmware_from=(1, 2, 3)), True),
        (replace(ANY, firmware_from=(1, 3, 0)), False),
        (replace(ANY, firmware_to=(1, 2, 3)), True),
        (replace(ANY, firmware_to=(1, 2, 2)), False),
        (replace(ANY, requires=((1, 4), (2, 1))), True),
        (replace(ANY, requires=((1, 5),)), False),
        (replace(ANY, requires=((9, 1),)), False),
        (replace(ANY, lacks=((9, 1),)), True),
        (replace(ANY, lacks=((1, 4),)), False),
    ],
)
def test_a_rule_matches_what_it_says(rule: Family, matches: bool) -> None:  # noqa: FBT001 -- a parameter
    assert rule.matches(UNIT) is matches


def test_what_a_unit_can_encrypt_is_a_set_and_not_a_level() -> None:
    cannot = replace(ANY, lacks=((9, 1),))
    assert cannot.matches(replace(UNIT, capabilities=((9, 2, 0),)))
    assert not cannot.matches(replace(UNIT, capabilities=((9, 3, 0),)))


def test_doors_need_what_hangs_on_each_controller() -> None:
    assert needs_of([LOBBY_DOOR, LAB_DOOR]) == {
        STRIKE: Needs((Use(LOBBY, "lock", 0),)),
        DESK: Needs(
            (
                Use(LOBBY, "reader", 0),
                Use(LOBBY, "contact", 0),
                Use(LOBBY, "exit button", 1),
                Use(LAB, "lock", 0),
                Use(LAB, "reader", 1),
            )
        ),
    }


def test_a_unit_with_too_little_on_it_is_misconfigured_naming_door_part_and_number() -> None:
    small = replace(UNIT, capabilities=((1, 1, 1), (13, 0, 0)))
    found = judge(small, CATALOGUE, needs_of([LOBBY_DOOR, LAB_DOOR])[DESK])
    assert found.verdict is Verdict.MISCONFIGURED
    assert found.why == (
        "the exit button of door lobby is input 1, but the unit has one input, number 0; "
        "the lock of door lab is output 0, but the unit has no output; "
        "the reader of door lab is reader 1, but the unit has one reader, number 0"
    )


def test_an_exit_reader_must_be_there_as_well() -> None:
    door = replace(LAB_DOOR, exit_reader=Point(DESK, 5))
    why = judge(UNIT, CATALOGUE, needs_of([door])[DESK]).why
    assert "the exit reader of door lab is reader 5, but the unit has" in why


def test_a_number_beyond_several_is_told_with_their_range() -> None:
    found = judge(UNIT, CATALOGUE, Needs((Use(LAB, "lock", 8),)))
    assert found.why == "the lock of door lab is output 8, but the unit has 8 outputs, 0 to 7"


def test_of_many_mistakes_the_first_are_named_and_the_others_counted() -> None:
    uses = tuple(Use(LAB, "lock", 8 + number) for number in range(7))
    why = judge(UNIT, CATALOGUE, Needs(uses)).why
    assert why.count("output") == 2 * 5
    assert why.endswith("; and 2 more")


def test_a_reader_that_tells_nobody_anything_is_only_a_note() -> None:
    needs = Needs((Use(LAB, "reader", 0), Use(LAB, "lock", 0)))
    silent = judge(UNIT, CATALOGUE, needs)
    assert silent.verdict is Verdict.APPROVED
    assert silent.why == "matches good; the reader of door lab has neither light nor sounder"
    unable = replace(UNIT, capabilities=(*UNIT.capabilities, (4, 0, 1)))
    assert "neither" in judge(unable, CATALOGUE, needs).why
    lit = replace(UNIT, capabilities=(*UNIT.capabilities, (4, 1, 1)))
    assert judge(lit, CATALOGUE, needs).why == "matches good"


def test_another_unit_than_before_is_changed_unless_it_may_never_be_driven() -> None:
    needs = Needs((Use(LAB, "lock", 99),), secure=True)
    found = judge(UNIT, CATALOGUE, needs, changed="it is another")
    assert (found.verdict, found.why) == (Verdict.CHANGED, "it is another")
    for other in (9, 77):
        unit = identity(model=other)
        assert judge(unit, CATALOGUE, Needs(), changed="it is another").verdict in {
            Verdict.CLASSIC,
            Verdict.UNKNOWN,
        }


@pytest.mark.parametrize("said", [(), ((13, 0, 0),), ((13, 0, 1),)])
def test_no_readers_and_one_reader_both_mean_one(
    said: tuple[tuple[int, int, int], ...],
) -> None:
    unit = replace(UNIT, capabilities=said)
    needs = Needs((Use(LAB, "reader", 0),))
    assert judge(unit, CATALOGUE, needs).verdict is Verdict.APPROVED
    beyond = Needs((Use(LAB, "reader", 1),))
    assert judge(unit, CATALOGUE, beyond).verdict is Verdict.MISCONFIGURED
