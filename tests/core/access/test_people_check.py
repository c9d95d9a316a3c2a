"""What only everybody together makes wrong."""

from collections.abc import Iterator

import pytest

from gatewayd.core.access import people_check
from gatewayd.core.access.model import Credential, Holder, LevelId
from gatewayd.core.access.people import Outcome, Person
from gatewayd.core.access.people_check import left_with, too_many
from gatewayd.core.access.state import MAX_CREDENTIALS, MAX_HOLDERS
from gatewayd.core.model import HolderId
from gatewayd.core.named import MAX_NAMED
from tests.core.access.world import ANNA, BORIS

LAB, OFFICE = LevelId("lab"), LevelId("office")


def person(whoever: HolderId, *levels: LevelId, cards: int = 0) -> Person:
    credentials = tuple(Credential(f"26:{number}", whoever) for number in range(cards))
    return Person(Holder(whoever, levels=levels), credentials)


def lost(*people: Person, **after: Person | None) -> list[str]:
    changed = {HolderId(name): each for name, each in after.items()}
    return list(left_with(frozenset({LAB}), people, changed))


def test_who_has_a_level_that_goes_is_named() -> None:
    found = lost(person(ANNA, OFFICE, LAB), person(BORIS, OFFICE))
    assert found == ["level 'lab' goes, but holder 'anna' has it"]


def test_who_gives_it_up_in_the_same_change_is_not() -> None:
    assert lost(person(ANNA, LAB), person(BORIS, LAB), anna=None, boris=person(BORIS)) == []


def test_who_gets_it_in_the_same_change_is() -> None:
    assert lost(person(ANNA), anna=person(ANNA, LAB)) == [
        "level 'lab' goes, but holder 'anna' has it"
    ]


def test_only_so_many_are_named_and_nobody_is_looked_at_after_them() -> None:
    looked_at = 0

    def everybody() -> Iterator[Person]:
        nonlocal looked_at
        for number in range(5_000):
            looked_at += 1
            yield person(HolderId(f"h{number}"), LAB)

    found = list(left_with(frozenset({LAB}), everybody(), {}))
    assert found[-1] == "and more holders"
    assert len(found) == looked_at == MAX_NAMED + 1


def test_there_are_only_so_many_people() -> None:
    more = Outcome({ANNA: None}, {ANNA: person(ANNA, cards=2)})
    assert list(too_many(MAX_HOLDERS - 1, MAX_CREDENTIALS - 2, more)) == []
    assert list(too_many(MAX_HOLDERS, MAX_CREDENTIALS - 1, more)) == [
        f"{MAX_HOLDERS + 1} holders, at most {MAX_HOLDERS}",
        f"{MAX_CREDENTIALS + 1} credentials, at most {MAX_CREDENTIALS}",
    ]


@pytest.mark.parametrize("cards", [1, 2])
def test_a_change_that_adds_nothing_is_never_too_much(
    monkeypatch: pytest.MonkeyPatch, cards: int
) -> None:
    monkeypatch.setattr(people_check, "_BOUNDS", (("holders", 1), ("credentials", 1)))
    same = Outcome({ANNA: person(ANNA, cards=2)}, {ANNA: person(ANNA, cards=cards)})
    assert list(too_many(5, 5, same)) == []
