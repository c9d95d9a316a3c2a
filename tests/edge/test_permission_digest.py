"""Upstream adds up what it has sent, the gateway what changes: both come to the same digest."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import starmap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatewayd.core.access.people import PeopleChange, digest
from gatewayd.core.access.pins import SiteKey
from gatewayd.core.access.records import Rules
from gatewayd.edge.people_store import PeopleStore
from gatewayd.edge.permission_json import rules_total, update_of
from gatewayd.edge.permission_models import ChangesModel
from gatewayd.edge.permission_values import OPENS
from gatewayd.edge.pin_envelopes import Secrets
from tests.edge import permission_kit as kit
from tests.edge.pin_kit import KEY, sealed
from tests.edge.posted import Posted

SECRETS = Secrets(KEY, SiteKey(os.urandom(32)))
EVERYBODY = ("a", "b", "c")
CARDS = ("26:1", "H10301:1:2", f"PIN:{sealed('1')}", f"PIN:{sealed('2')}")
PINS = st.none() | st.just(sealed("123"))

Held = dict[str, dict[str, kit.Document]]

people = st.sampled_from(EVERYBODY)
holders = st.builds(
    lambda record, pin: {**record, "pin": pin, "duress_pin": None}, kit.holders, PINS
)
cards = st.fixed_dictionaries({"holder": people}, optional=kit.card_fields)


def of_its_holder(key: str, card: kit.Document | None) -> tuple[str, kit.Document | None]:
    """A PIN alone stays with whom it belongs to."""
    if card is None or not key.startswith("PIN:"):
        return key, card
    return key, {**card, "holder": EVERYBODY[CARDS.index(key) - 2]}


def changes_of(records: st.SearchStrategy[kit.Document]) -> st.SearchStrategy[kit.Document]:
    return st.dictionaries(kit.names, st.none() | records, max_size=2)


changes = st.fixed_dictionaries(
    {
        "levels": changes_of(kit.levels),
        "doors": changes_of(kit.doors),
        "areas": changes_of(kit.areas),
        "special_days": changes_of(kit.special_days),
        "holders": st.dictionaries(people, holders, max_size=2),
        "credentials": st.dictionaries(
            st.sampled_from(CARDS), st.none() | cards, max_size=3
        ).map(lambda each: dict(starmap(of_its_holder, each.items()))),
    }
)


class Gateway:
    """What is held, and moved by updates."""

    def __init__(self, store: PeopleStore, post: Posted) -> None:
        self.store, self.post, self.rules = store, post, Rules()

    def apply(self, change: kit.Document) -> None:
        model = ChangesModel.model_validate(change, context={OPENS: SECRETS.opening()})
        version = self.store.version
        update = update_of(model, version, version + 1)
        self.rules = self.rules.after(update)
        answers: list[Exception | None] = []
        people = PeopleChange(version, version + 1, update.holders, update.credentials)
        self.store.apply(people, answers.append)
        self.post.until(lambda: bool(answers))
        assert answers == [None]

    @property
    def digest(self) -> str:
        return digest(self.store.state.total + rules_total(self.rules))


@contextmanager
def gateway(factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    post = Posted()
    store = PeopleStore.open(factory.mktemp("people"), post=post)
    yield Gateway(store, post)
    store.close()


@given(more=st.lists(changes, max_size=4))
def test_both_come_to_the_same_after_any_updates(
    more: list[kit.Document], tmp_path_factory: pytest.TempPathFactory
) -> None:
    held: Held = {kind: {} for kind in kit.KINDS}
    with gateway(tmp_path_factory) as here:
        for change in ({"holders": {each: {} for each in EVERYBODY}}, *more):
            here.apply(change)
            for kind, records in change.items():
                held[kind].update(records)
            assert here.digest == kit.digest_of(what_is_left(held))


def what_is_left(
    held: dict[str, dict[str, kit.Document]],
) -> dict[str, dict[str, kit.Document]]:
    return {
        kind: {name: each for name, each in records.items() if each is not None}
        for kind, records in held.items()
    }
