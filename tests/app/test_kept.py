"""What was kept finds its owner again; what makes no sense is said, and lets nobody in."""

from datetime import UTC, datetime

import pytest

from gatewayd.app.kept import DAMAGED, as_kept
from gatewayd.core.access.state import Presence
from gatewayd.core.access.state_values import MOST, Value
from gatewayd.core.model import AreaId, DoorId, DoorMode, HolderId

AT = "2030-01-01T08:00:00.000000Z"
SOUND: dict[str, Value] = {
    "presence/anna": {"area": "lab", "since": AT},
    "lockdown": {"on": True},
    "mode/lobby": {"mode": "blocked", "until": None, "by": "request upstream"},
    "fire/hall": {"active": True},
    "confirmed": {"at": AT},
}


def test_everybody_gets_what_belongs_to_them() -> None:
    troubles: list[str] = []
    state, modes, confirmed = as_kept(SOUND, troubles.append)
    since = datetime(2030, 1, 1, 8, tzinfo=UTC)
    assert state.presences[HolderId("anna")] == Presence(AreaId("lab"), since)
    assert state.lockdown
    assert modes.orders[DoorId("lobby")].mode is DoorMode.BLOCKED
    assert modes.fires == {"hall"}
    assert confirmed == since
    assert not troubles


def test_a_first_start_has_nothing() -> None:
    state, modes, confirmed = as_kept({}, pytest.fail)
    assert not state.presences
    assert not modes.orders
    assert confirmed is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("presence/bob", {"area": 7}),
        ("mode/", {"mode": "ajar"}),
        ("fire/", {"active": True}),
        ("confirmed", {"at": "yesterday"}),
        ("confirmed", {"at": AT, "by": "x"}),
        ("nothing", {}),
    ],
)
def test_an_entry_that_makes_no_sense_takes_no_other_along(key: str, value: Value) -> None:
    troubles: list[str] = []
    state, modes, confirmed = as_kept({**SOUND, key: value}, troubles.append)
    assert state.lockdown
    assert HolderId("anna") in state.presences
    assert list(modes.orders) == ["lobby"]
    assert modes.fires == {"hall"}
    assert (confirmed is None) == (key == "confirmed")
    assert troubles == [DAMAGED]


@pytest.mark.parametrize("value", [{}, {"on": "perhaps"}, {"level": -1}, {"mode": "ajar"}])
def test_what_is_damaged_lets_nobody_in(value: Value) -> None:
    troubles: list[str] = []
    keys = ("lockdown", "threat_level", "uses/H10301:36:1", "mode/lab")
    state, modes, _ = as_kept(dict.fromkeys(keys, value), troubles.append)
    assert state.lockdown
    assert state.threat_level == MOST
    assert state.uses == {"H10301:36:1": MOST}
    assert modes.orders[DoorId("lab")].mode is DoorMode.BLOCKED
    assert troubles == [DAMAGED]
