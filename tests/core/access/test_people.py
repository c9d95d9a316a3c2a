"""What a change does to people, what it is called when it is wrong, and what it takes away."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.model import Credential, CredentialState, Flag, Holder, LevelId
from gatewayd.core.access.narrowing import narrowed
from gatewayd.core.access.people import (
    KEPT,
    PIN_BYTES,
    PeopleChange,
    Person,
    digest,
    keys_of,
    unfit,
    weight,
    worked_out,
)
from gatewayd.core.model import HolderId

ANNA, BOB = HolderId("anna"), HolderId("bob")
EARLY, LATE = datetime(2030, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


class People:
    """Those who are held, in a dictionary."""

    def __init__(self, *people: Person) -> None:
        self._people = {each.holder.id: each for each in people}

    def person(self, holder: HolderId) -> Person | None:
        return self._people.get(holder)

    def credential(self, key: str) -> Credential | None:
        every = (card for each in self._people.values() for card in each.credentials)
        return next((card for card in every if card.key == key), None)


def person(holder: HolderId, *cards: str, **more: Any) -> Person:  # noqa: ANN401 - a holder's
    return Person(Holder(holder, **more), tuple(Credential(each, holder) for each in cards))


HELD = People(person(ANNA, "1", "2"), person(BOB, "3"))


def change(
    holders: Mapping[HolderId, Holder | None] | None = None,
    credentials: Mapping[str, Credential | None] | None = None,
) -> PeopleChange:
    return PeopleChange(1, 2, holders or {}, credentials or {})


def mistakes(some: PeopleChange) -> tuple[str, ...]:
    return worked_out(HELD, some).mistakes


# --- what a change does -----------------------------------------------------------


def test_a_change_of_a_holder_leaves_the_credentials() -> None:
    outcome = worked_out(HELD, change({ANNA: Holder(ANNA, clearance=1)}))
    assert outcome.after == {ANNA: person(ANNA, "1", "2", clearance=1)}
    assert outcome.before == {ANNA: person(ANNA, "1", "2")}
    assert outcome.gone == ()


def test_a_credential_that_goes_is_nobodys() -> None:
    outcome = worked_out(HELD, change(None, {"1": None, "never there": None}))
    assert outcome.after == {ANNA: person(ANNA, "2")}
    assert outcome.gone == ("1",)


def test_a_holder_goes_with_all_credentials() -> None:
    outcome = worked_out(HELD, change({BOB: None}, {"3": None}))
    assert (outcome.after, outcome.gone) == ({BOB: None}, ("3",))


def test_a_credential_may_move_to_somebody_else() -> None:
    outcome = worked_out(HELD, change(None, {"1": Credential("1", BOB)}))
    assert outcome.after == {ANNA: person(ANNA, "2"), BOB: person(BOB, "3", "1")}
    assert outcome.gone == ()


def test_somebody_new_comes_with_a_credential() -> None:
    eve = HolderId("eve")
    outcome = worked_out(HELD, change({eve: Holder(eve)}, {"4": Credential("4", eve)}))
    assert outcome.after == {eve: person(eve, "4")}
    assert outcome.moved == weight(person(eve, "4"))


def test_removing_who_is_not_there_is_no_mistake() -> None:
    eve = HolderId("eve")
    outcome = worked_out(HELD, change({eve: None}))
    assert (outcome.after, outcome.moved, outcome.mistakes) == ({eve: None}, 0, ())


def test_who_goes_takes_a_pin_alone_along() -> None:
    alone = "PIN:" + "a" * 64
    held = People(person(BOB, "3", alone))
    outcome = worked_out(held, change({BOB: None}, {"3": None}))
    assert (outcome.mistakes, outcome.after, set(outcome.gone)) == (
        (),
        {BOB: None},
        {"3", alone},
    )
    assert len(worked_out(held, change({BOB: None})).mistakes) == 1


def test_a_pin_alone_does_not_move_to_somebody_else() -> None:
    alone = "PIN:" + "a" * 64
    held = People(person(ANNA, "1", alone), person(BOB, "3"))
    taken = change(None, {alone: Credential(alone, BOB)})
    assert worked_out(held, taken).mistakes == (
        "holder 'bob': this PIN alone is somebody else's",
    )
    again = change(None, {alone: Credential(alone, ANNA, max_uses=1)})
    assert worked_out(held, again).mistakes == ()
    left = change({ANNA: None}, {"1": None, alone: Credential(alone, BOB)})
    assert worked_out(held, left).after == {ANNA: None, BOB: person(BOB, "3", alone)}


# --- PINs that stay -----------------------------------------------------------------

OLD, NEW = bytes(PIN_BYTES), b"n" * PIN_BYTES


@pytest.mark.parametrize(
    ("held", "sent", "left"),
    [
        ((OLD, None), (KEPT, KEPT), (OLD, None)),
        ((OLD, NEW), (KEPT, KEPT), (OLD, NEW)),
        ((OLD, NEW), (NEW, None), (NEW, None)),
        ((None, None), (KEPT, NEW), (None, NEW)),
        ((OLD, NEW), (None, KEPT), (None, NEW)),
    ],
)
def test_a_pin_that_is_to_be_kept_is_the_one_that_is_held(
    held: tuple[bytes | None, bytes | None],
    sent: tuple[bytes | None, bytes | None],
    left: tuple[bytes | None, bytes | None],
) -> None:
    had = People(person(ANNA, "1", pin=held[0], duress_pin=held[1]))
    outcome = worked_out(had, change({ANNA: Holder(ANNA, pin=sent[0], duress_pin=sent[1])}))
    becoming = outcome.after[ANNA]
    assert becoming is not None
    assert (becoming.holder.pin, becoming.holder.duress_pin) == left


def test_who_is_new_has_no_pin_to_keep() -> None:
    eve = HolderId("eve")
    outcome = worked_out(People(), change({eve: Holder(eve, pin=KEPT, duress_pin=KEPT)}))
    becoming = outcome.after[eve]
    assert becoming is not None
    assert (becoming.holder.pin, becoming.holder.duress_pin) == (None, None)


def test_a_pin_to_be_kept_that_nobody_could_read_is_none() -> None:
    eve = Holder(HolderId("eve"), pin=KEPT)
    assert list(unfit(Person(eve))) == ["holder 'eve': no PIN is held that could be kept"]


def test_the_pin_for_duress_is_another_one() -> None:
    both = "holder 'anna': the PIN for duress is the usual one"
    assert mistakes(change({ANNA: Holder(ANNA, pin=NEW, duress_pin=NEW)})) == (both,)
    held = People(person(ANNA, pin=NEW))
    sent = change({ANNA: Holder(ANNA, pin=KEPT, duress_pin=NEW)})
    assert worked_out(held, sent).mistakes == (both,)


# --- mistakes ---------------------------------------------------------------------


def test_no_mistake_shows_what_became_of_a_pin() -> None:
    alone = "PIN:" + "a" * 64
    wrong = change({BOB: None}, {alone: Credential(alone, HolderId("eve"), max_uses=-1)})
    assert "aaaa" not in f"{mistakes(wrong)}"
    assert "'PIN'" in f"{mistakes(wrong)}"


def test_every_mistake_is_named() -> None:
    eve = HolderId("eve")
    assert mistakes(change({ANNA: Holder(BOB)}, {"1": Credential("2", ANNA)})) == (
        "holder 'anna' is put under another id, 'bob'",
        "credential '1' is put under another key, '2'",
    )
    assert mistakes(change({ANNA: None}, {"2": None, "4": Credential("4", eve)})) == (
        "holder 'anna' goes, but credential '1' stays",
        "credential '4' belongs to 'eve', who does not exist",
    )
    assert worked_out(HELD, PeopleChange(2, 2)).mistakes == (
        "a change from 2 to 2 leads nowhere",
    )


def test_only_so_many_mistakes_are_named() -> None:
    wrong: dict[str, Credential | None] = {
        f"{number}": Credential(f"{number}", HolderId("eve")) for number in range(1000)
    }
    assert len(mistakes(change(None, wrong))) == 100


NAIVE = datetime(2030, 1, 1)  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    ("somebody", "mistake"),
    [
        (person(HolderId("")), "no id of 1 to 255 bytes"),
        (person(HolderId("x" * 256)), "no id of 1 to 255 bytes"),
        (person(HolderId("é" * 128)), "no id of 1 to 255 bytes"),
        (person(HolderId("a\tb")), "without control characters"),
        (person(HolderId("\x7f")), "without control characters"),
        (person(HolderId("\ud800")), "no id of 1 to 255 bytes"),
        (person(ANNA, levels=(LevelId("a,b"),)), "'a,b' is no id of a level"),
        (person(ANNA, levels=(LevelId(""),)), "'' is no id of a level"),
        (person(ANNA, levels=(LevelId("a"),) * 256), "more than 255 levels"),
        (person(ANNA, pin=b"1234"), "what is kept of a PIN has 32 bytes"),
        (person(ANNA, duress_pin=b""), "what is kept of a PIN has 32 bytes"),
        (person(ANNA, clearance=1 << 31), "a clearance has 32 bits"),
        (person(ANNA, valid_from=NAIVE), "a time without a zone"),
        (person(ANNA, *map(str, range(256))), "more than 255 credentials"),
        (person(ANNA, "1", "1"), "has a credential twice"),
        (person(ANNA, ""), "credential '': no key"),
        (Person(Holder(ANNA), (Credential("1", BOB),)), "'1' of 'bob' stands with 'anna'"),
        (Person(Holder(ANNA), (Credential("1", ANNA, max_uses=-1),)), "max_uses is 0 to"),
        (Person(Holder(ANNA), (Credential("1", ANNA, valid_until=NAIVE),)), "without a zone"),
    ],
)
def test_what_nobody_could_keep_is_named(somebody: Person, mistake: str) -> None:
    (found,) = unfit(somebody)
    assert mistake in found


def test_ids_in_any_language_are_fine() -> None:
    assert list(unfit(person(HolderId("Ærøskøbing\u00a0østre"), "日本"))) == []


# --- the digest -------------------------------------------------------------------


def test_the_digest_is_what_its_description_says() -> None:
    from hashlib import sha256

    somebody = Person(
        Holder(
            ANNA,
            valid_until=LATE,
            levels=(LevelId("b"), LevelId("a")),
            pin=bytes(32),
            clearance=2,
            flags=frozenset({Flag.VISITOR, Flag.ESCORT}),
        ),
        (
            Credential("26:1", ANNA, CredentialState.LOST, EARLY, None, 3, duress=True),
            Credential("PIN:" + "a" * 64, ANNA),
        ),
    )
    lines = (
        "holder\tanna\t1\t\t2031-01-01T00:00:00.000000Z\ta,b\t1\t0\t2\tescort,visitor",
        "credential\t26:1\tanna\tlost\t2030-01-01T00:00:00.000000Z\t\t3\t1",
        "credential\tPIN\tanna\tenabled\t\t\t\t0",
    )
    total = sum(int.from_bytes(sha256(each.encode()).digest()) for each in lines)
    assert digest(weight(somebody)) == f"{total % (1 << 256):064x}"
    assert digest(weight(None)) == "0" * 64


def test_a_time_weighs_the_same_in_every_zone() -> None:
    there = LATE.astimezone(timezone(timedelta(hours=5)))
    assert weight(person(ANNA, valid_until=LATE)) == weight(person(ANNA, valid_until=there))


def test_a_change_moves_the_digest_by_its_own_lines() -> None:
    before = weight(person(ANNA, "1", "2")) + weight(person(BOB, "3"))
    after = weight(person(ANNA, "2")) + weight(person(BOB, "3", "1"))
    outcome = worked_out(HELD, change(None, {"1": Credential("1", BOB)}))
    assert outcome.moved == after - before


def test_nobody_has_no_keys() -> None:
    assert list(keys_of(None)) == []
    assert list(keys_of(person(ANNA, "1"))) == ["1"]


# --- what is taken away -----------------------------------------------------------

times = st.none() | st.sampled_from([EARLY, LATE])
holders = st.builds(
    Holder,
    id=st.just(ANNA),
    enabled=st.booleans(),
    valid_from=times,
    valid_until=times,
    levels=st.lists(st.sampled_from([LevelId("a"), LevelId("b")]), unique=True).map(tuple),
    pin=st.none() | st.sampled_from([bytes(32), b"x" * 32]),
    duress_pin=st.none() | st.sampled_from([bytes(32), b"x" * 32]),
    clearance=st.integers(0, 2),
    flags=st.frozensets(st.sampled_from(Flag)),
)
cards = st.lists(
    st.builds(
        Credential,
        key=st.sampled_from(["1", "2"]),
        holder=st.just(ANNA),
        state=st.sampled_from(CredentialState),
        valid_from=times,
        valid_until=times,
        max_uses=st.none() | st.integers(0, 3),
        duress=st.booleans(),
    ),
    unique_by=lambda each: each.key,
).map(tuple)
people = st.builds(Person, holders, cards)


@given(before=people, after=people)
def test_only_what_both_allow_is_left(before: Person, after: Person) -> None:
    left = narrowed(before, after)
    assert left is not None
    for other in (before, after):
        holder, had = left.holder, other.holder
        assert had.enabled or not holder.enabled
        assert set(holder.levels) <= set(had.levels)
        assert holder.clearance <= had.clearance
        assert holder.flags - {Flag.VISITOR} <= had.flags
        assert Flag.VISITOR in holder.flags or Flag.VISITOR not in had.flags
        assert holder.pin in (None, had.pin)
        assert holder.duress_pin in (None, had.duress_pin)
        assert no_wider(holder, had)
        known = {each.key: each for each in other.credentials}
        for card in left.credentials:
            was = known[card.key]
            assert no_wider(card, was)
            assert card.state is not CredentialState.ENABLED or was.state is card.state
            assert was.max_uses is None or card.max_uses is not None
            assert was.max_uses is None or (card.max_uses or 0) <= was.max_uses
            assert card.duress or not was.duress


def no_wider(left: Holder | Credential, had: Holder | Credential) -> bool:
    first, last = EARLY - timedelta(1), LATE + timedelta(1)
    return (left.valid_from or first) >= (had.valid_from or first) and (
        left.valid_until or last
    ) <= (had.valid_until or last)


@given(somebody=people)
def test_who_stays_the_same_keeps_everything(somebody: Person) -> None:
    assert narrowed(somebody, somebody) == somebody


def test_who_comes_or_goes_has_nothing_yet() -> None:
    assert narrowed(None, person(ANNA, "1")) is None
    assert narrowed(person(ANNA, "1"), None) is None
