"""Reactions as `gatewayd check` tells them."""

import pytest

from gatewayd.core.events import ControllerWentOffline, DoorForced, FireAlarm
from gatewayd.core.model import ControllerId, DoorId, DoorMode, Point
from gatewayd.core.reaction import (
    KINDS,
    Effect,
    LockDown,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SetMode,
    Switch,
    ThreatLevel,
    Trigger,
    in_words,
    only_shuts,
    outputs,
    trigger_in_words,
)

UNIT, LOBBY = ControllerId("lobby-io"), DoorId("lobby")
OUTPUT = Point(UNIT, 2)


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (OnEvent("door.forced", LOBBY), "when lobby is forced: "),
        (OnEvent("door.forced"), "when any door is forced: "),
        (OnEvent("controller.offline"), "when any controller goes offline: "),
        (
            OnEvent("controller.tamper", controller=UNIT),
            "when there is controller.tamper of lo",
        ),
        (OnEvent("gateway.error"), "when there is gateway.error: "),
        (OnEvent("fire.alarm"), "when there is a fire alarm: "),
        (OnInput(Point(UNIT, 3)), "when input 3 of lobby-io becomes active: "),
        (OnInput(Point(UNIT, 3), active_when=False), "when input 3 of lobby-io becomes ina"),
    ],
)
def test_a_trigger_is_told_in_words(trigger: Trigger, words: str) -> None:
    assert in_words(Reaction("r", trigger, (LockDown(),))).startswith(words)


@pytest.mark.parametrize(
    ("effect", "words", "shuts"),
    [
        (Pulse(OUTPUT, 30), "output 2 of lobby-io for 30 s", False),
        (Switch(OUTPUT, on=True), "output 2 of lobby-io on", False),
        (Switch(OUTPUT, on=False), "output 2 of lobby-io off", False),
        (LockDown(), "the site is locked down", True),
        (ThreatLevel(3), "threat level 3", True),
        (SetMode(LOBBY, DoorMode.LOCKED_DOWN), "lobby is locked down", True),
        (SetMode(LOBBY, DoorMode.UNLOCKED), "lobby is unlocked", False),
        (SetMode(LOBBY, DoorMode.LOCKED_OPEN), "lobby is locked open", False),
    ],
)
def test_an_effect_is_told_in_words(effect: Effect, words: str, shuts: bool) -> None:  # noqa: FBT001 -- a column of the table
    said = in_words(Reaction("r", OnEvent("door.forced"), (effect, LockDown())))
    assert said == f"when any door is forced: {words}, the site is locked down"
    assert only_shuts(effect) is shuts


def test_a_reaction_names_the_outputs_it_switches() -> None:
    effects = (Pulse(OUTPUT, 3), LockDown(), Switch(Point(UNIT, 1), on=False))
    assert outputs(Reaction("r", OnEvent("door.held"), effects)) == (OUTPUT, Point(UNIT, 1))


def test_its_event_tells_what_triggered_it() -> None:
    forced, gone = DoorForced(LOBBY), ControllerWentOffline(UNIT, "silent")
    assert trigger_in_words(OnEvent("door.forced"), forced) == "door.forced lobby"
    assert (
        trigger_in_words(OnEvent("controller.offline"), gone) == "controller.offline lobby-io"
    )
    assert trigger_in_words(OnEvent("fire.alarm"), FireAlarm("hall", ())) == "fire.alarm"
    assert trigger_in_words(OnInput(Point(UNIT, 3))) == "input 3 of lobby-io"


def test_an_event_is_met_by_its_kind_and_whom_it_is_about() -> None:
    forced = DoorForced(LOBBY)
    assert OnEvent("door.forced").meets(forced)
    assert OnEvent("door.forced", LOBBY).meets(forced)
    assert not OnEvent("door.forced", DoorId("lab")).meets(forced)
    assert not OnEvent("door.held", LOBBY).meets(forced)
    gone = ControllerWentOffline(UNIT, "silent")
    assert OnEvent("controller.offline", controller=UNIT).meets(gone)
    assert not OnEvent("controller.offline", controller=ControllerId("x")).meets(gone)


def test_what_reactions_tell_triggers_none() -> None:
    assert not [kind for kind in KINDS if kind.startswith("reaction.")]
    assert "door.forced" in KINDS
    assert "gateway.started" not in KINDS  # the brain does not tell it
