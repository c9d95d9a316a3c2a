"""Orders for doors and fires that were seen are kept as plain values, and read with care."""

from datetime import UTC, datetime, timedelta

import pytest

from gatewayd.core.access.state_values import Value
from gatewayd.core.mode_orders import (
    KeptModes,
    ModeOrder,
    fire_entry,
    kept_modes,
    order_entry,
)
from gatewayd.core.model import DoorId, DoorMode

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
LOBBY, LAB = DoorId("lobby"), DoorId("lab")
GOOD: dict[str, object] = {"mode": "locked_down", "until": None, "by": "request office"}


def test_what_is_kept_is_read_back() -> None:
    orders = {
        LOBBY: ModeOrder(DoorMode.LOCKED_DOWN, "request office"),
        LAB: ModeOrder(DoorMode.UNLOCKED, "request office", NOON),
    }
    kept: dict[str, Value] = {"threat_level": {"level": 2}}
    for door, order in orders.items():
        key, value = order_entry(door, order)
        assert value is not None
        kept[key] = value
    name, burning = fire_entry("hall", active=True)
    assert burning is not None
    assert kept_modes({**kept, name: burning}) == KeptModes(orders, frozenset({"hall"}))


def test_what_is_over_is_forgotten() -> None:
    assert order_entry(LOBBY, None) == ("mode/lobby", None)
    assert fire_entry("hall", active=False) == ("fire/hall", None)


def test_an_order_ends_at_its_end() -> None:
    order = ModeOrder(DoorMode.UNLOCKED, "request office", NOON)
    assert order.over(NOON)
    assert not order.over(NOON - timedelta(microseconds=1))
    assert not ModeOrder(DoorMode.UNLOCKED, "request office").over(NOON)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("mode/", GOOD, "no such key"),
        ("mode/" + "d" * 513, GOOD, "no such key"),
        ("mode/lobby", {**GOOD, "mode": "ajar"}, "no mode"),
        ("mode/lobby", {**GOOD, "mode": None}, "mode is no text"),
        ("mode/lobby", {**GOOD, "by": ""}, "by is no text"),
        ("mode/lobby", {**GOOD, "until": "2030-01-01T12:00:00+00:00"}, "no time"),
        ("mode/lobby", {**GOOD, "more": 1}, "no field 'more'"),
        ("fire/", {"active": True}, "no such key"),
        ("fire/hall", {"active": False}, "not true"),
        ("fire/hall", {"active": 1}, "neither true nor false"),
        ("fire/hall", {"active": True, "more": 1}, "no field 'more'"),
    ],
)
def test_what_is_not_as_it_was_written_is_refused_by_its_key(
    key: str, value: Value, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        kept_modes({key: value})
    assert key[:512] in str(refused.value)
