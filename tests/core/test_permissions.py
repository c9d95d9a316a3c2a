"""What is held, what an update changes, and the digest both sides can compute."""

from datetime import timedelta, timezone
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.permissions import Grant, Permissions, Update
from tests.core.site import ANNA, BORIS, CARD, LAB, LOBBY, NOON, STRANGE_CARD

GRANT = Grant(ANNA, frozenset({LOBBY, LAB}))
KEY = "H10301:36:6765"

keys = st.sampled_from([f"H10301:1:{number}" for number in range(6)])
some_grants = st.builds(
    Grant,
    holder=st.sampled_from([ANNA, BORIS]),
    doors=st.frozensets(st.sampled_from([LOBBY, LAB])),
    valid_from=st.none() | st.just(NOON),
    enabled=st.booleans(),
)
changes = st.dictionaries(keys, st.none() | some_grants)


def test_a_card_is_found_by_its_number_before_its_bits() -> None:
    held = Permissions(1, {KEY: GRANT, CARD.raw: Grant(BORIS, frozenset())})
    found = held.find(CARD)
    assert found is not None
    assert found.holder == ANNA


def test_a_card_is_found_by_its_bits() -> None:
    held = Permissions(1, {CARD.raw: GRANT, STRANGE_CARD.raw: GRANT})
    assert held.find(CARD) is GRANT
    assert held.find(STRANGE_CARD) is GRANT


def test_an_update_gives_changes_and_takes_away() -> None:
    held = Permissions(1, {KEY: GRANT, "H10301:1:1": GRANT})
    other = Grant(BORIS, frozenset({LAB}))
    held.apply(Update(1, 2, {KEY: None, "H10301:1:1": other, "H10301:1:2": GRANT, "x": None}))
    assert held.version == 2
    assert len(held) == 2
    assert held.digest == Permissions(2, {"H10301:1:1": other, "H10301:1:2": GRANT}).digest


def test_what_is_revoked_denies_before_the_update_is_applied() -> None:
    held = Permissions(1, {KEY: GRANT, CARD.raw: GRANT})
    disabled = Grant(ANNA, frozenset(), enabled=False)
    held.revoke(Update(1, 2, {KEY: None, CARD.raw: disabled, "H10301:1:1": None}))
    assert held.find(CARD) is disabled
    assert held.find(STRANGE_CARD) is None
    assert (held.version, len(held)) == (1, 2)


def test_what_an_update_gives_does_not_count_before_it_is_applied() -> None:
    held = Permissions(1, {})
    held.revoke(Update(1, 2, {KEY: GRANT}))
    assert held.find(CARD) is None


def test_the_next_update_that_is_applied_decides_again() -> None:
    held = Permissions(1, {KEY: GRANT})
    held.revoke(Update(1, 2, {KEY: None}))
    held.apply(Update(1, 2, {}))
    assert held.find(CARD) is GRANT


def test_the_digest_is_what_the_other_side_computes() -> None:
    until = NOON.astimezone(timezone(timedelta(hours=2)))
    held = Permissions(3, {KEY: Grant(ANNA, frozenset({LOBBY, LAB}), valid_until=until)})
    line = f"{KEY}\tanna\tlab,lobby\t\t2030-01-01T12:00:00.000000Z\t1"
    assert held.digest == sha256(line.encode()).hexdigest()
    assert Permissions().digest == "0" * 64


def test_a_digest_kept_beside_the_grants_is_taken_over() -> None:
    known = Permissions(1, {KEY: GRANT}).digest
    held = Permissions(1, {KEY: GRANT}, digest=known)
    held.apply(Update(1, 2, {KEY: None}))
    assert held.digest == "0" * 64


def test_holders_of_any_script_can_be_digested() -> None:
    assert len(Permissions(1, {KEY: Grant(HolderId("Łukasz"), frozenset())}).digest) == 64


@given(st.lists(changes, max_size=6))
def test_the_digest_depends_on_what_is_held_and_on_nothing_else(
    updates: list[dict[str, Grant | None]],
) -> None:
    held = Permissions()
    expected: dict[str, Grant] = {}
    for version, each in enumerate(updates):
        held.apply(Update(version, version + 1, each))
        expected = {
            key: grant for key, grant in {**expected, **each}.items() if grant is not None
        }
    backwards = dict(sorted(expected.items(), reverse=True))
    assert held.digest == Permissions(9, backwards).digest
    assert len(held) == len(expected)


def test_two_different_sets_differ() -> None:
    one = Grant(ANNA, frozenset({DoorId("a"), DoorId("b")}))
    digests = {
        Permissions(1, {KEY: each}).digest
        for each in (one, GRANT, Grant(ANNA, frozenset()), Grant(BORIS, frozenset()))
    }
    assert len(digests) == 4
