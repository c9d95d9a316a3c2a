"""Orders on their way, and what becomes of those nobody hears of again."""

import math

import pytest

from gatewayd.core import orders as orders_module
from gatewayd.core.actions import Release
from gatewayd.core.door import DoorState
from gatewayd.core.events import ExitRequested, ReleaseFailed
from gatewayd.core.facts import Outcome
from gatewayd.core.orders import Orders, Pending
from tests.core.site import CLOSED, LOBBY, LOBBY_DOOR, PRESSED, events, of, ready

DOOR = DoorState(LOBBY_DOOR)


def test_orders_are_numbered_and_leave_once() -> None:
    orders = Orders()
    assert orders.deadline == math.inf
    first, second = orders.number(), orders.number()
    assert first != second
    pending = Pending(DOOR, on=None, request=None, expires=5.0)
    orders.begin(first, pending)
    assert (len(orders), orders.deadline) == (1, 6.0)
    assert orders.end(first) is pending
    assert orders.end(first) is None


def test_an_order_is_lost_a_while_after_its_expiry() -> None:
    orders = Orders()
    number = orders.number()
    orders.begin(number, Pending(DOOR, on=None, request=None, expires=5.0))
    assert list(orders.lost(5.9)) == []
    for lost in orders.lost(6.0):
        assert lost == number
        orders.end(lost)
    assert len(orders) == 0


def test_a_full_table_gives_its_oldest_up_for_an_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders_module, "MAX_PENDING", 2)
    world = ready()
    world.card()
    world.card()
    actions = world.inputs(CLOSED, PRESSED)
    assert len(of(Release, actions)) == 1
    assert events(actions) == [
        ExitRequested(LOBBY),
        ReleaseFailed(LOBBY, Outcome.UNCONFIRMED, "its line says nothing"),
    ]
