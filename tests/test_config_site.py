"""config.toml: time, areas, deciding, fire inputs and local reactions."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gatewayd.config import areas_of, load, policy_of, site_config, zone_of
from gatewayd.core.access.policy import ClockLost, PinLimit, Policy, Stale
from gatewayd.core.fire import FireInput
from gatewayd.core.model import ControllerId, DoorId, DoorMode, Point
from gatewayd.core.reaction import (
    LockDown,
    OnEvent,
    OnInput,
    Pulse,
    Reaction,
    SetMode,
    Switch,
    ThreatLevel,
)
from tests.test_config import SMALL, written, wrong

UNIT, LOBBY = ControllerId("unit"), DoorId("lobby")
SIREN = '[reactions.siren]\nwhen = { event = "door.forced" }\nthen = [ { lockdown = true } ]\n'
BACK = '[doors.back]\nlock = { controller = "unit", number = 1 }\n'


def on_site(line: str) -> str:
    return SMALL.replace('id = "s"', f'id = "s"\n{line}')


# --- time --------------------------------------------------------------------------


def test_schedules_go_by_the_clocks_of_the_sites_zone(tmp_path: Path) -> None:
    assert zone_of(load(written(tmp_path, SMALL))).utcoffset(None) == timedelta(0)
    berlin = zone_of(load(written(tmp_path, on_site('time_zone = "Europe/Berlin"'))))
    assert berlin.utcoffset(datetime(2030, 7, 1)) == timedelta(hours=2)  # noqa: DTZ001 -- as the zone sees it


@pytest.mark.parametrize(
    ("zone", "meant"),
    [
        ("Europe/Belrin", "did you mean Europe/Berlin?"),
        ("Europe", "did you mean"),
        ("", "one is Europe/Berlin"),
        ("../../etc/passwd", "one is Europe/Berlin"),
        ("\\u0000", "one is Europe/Berlin"),
        ("x" * 5_000, "one is Europe/Berlin"),
    ],
)
def test_a_zone_that_nobody_knows_is_refused_in_words(
    tmp_path: Path, zone: str, meant: str
) -> None:
    (reason,) = wrong(tmp_path, on_site(f'time_zone = "{zone}"')).values()
    assert reason.startswith("no such time zone; ")
    assert meant in reason


# --- doors -------------------------------------------------------------------------


def test_a_door_leads_between_areas_and_has_a_reader_on_either_side(tmp_path: Path) -> None:
    text = SMALL + (
        'reader = { controller = "unit" }\nexit_reader = { controller = "unit", number = 1 }\n'
        'inside = "hall"\noutside = "yard"\n'
        "extended_release_seconds = 8\nextended_open_seconds = 50\n"
    )
    config = load(written(tmp_path, text + BACK))
    lobby, back = site_config(config).doors
    assert (lobby.reader, lobby.exit_reader) == (Point(UNIT, 0), Point(UNIT, 1))
    assert (lobby.inside, lobby.outside) == ("hall", "yard")
    assert (lobby.extended_release_seconds, lobby.extended_open_seconds) == (8, 50)
    assert (back.inside, back.outside, back.exit_reader) == (None, None, None)
    assert areas_of(config) == {"hall", "yard"}


def test_the_extended_times_are_three_times_the_usual_ones_if_not_given(tmp_path: Path) -> None:
    def extended(lines: str) -> tuple[float, float]:
        (door,) = site_config(load(written(tmp_path, SMALL + lines))).doors
        return door.extended_release_seconds, door.extended_open_seconds

    assert extended("") == (15, 90)
    assert extended("release_seconds = 2\nopen_seconds = 20\n") == (6, 60)
    assert extended("release_seconds = 6000\nopen_seconds = 86400\n") == (6553, 86_400)


@pytest.mark.parametrize(
    ("lines", "key", "reason"),
    [
        (
            "extended_release_seconds = 4",
            "doors.lobby.extended_release_seconds",
            "4 must be at least release_seconds, which is 5",
        ),
        (
            "open_seconds = 60\nextended_open_seconds = 59.5",
            "doors.lobby.extended_open_seconds",
            "59.5 must be at least open_seconds, which is 60",
        ),
        (
            'inside = "hall"\noutside = "hall"',
            "doors.lobby.outside",
            "must be another area than inside",
        ),
        ('inside = "Hall"', "doors.lobby.inside", "a name is 1 to 32 of a-z, 0-9, _ and -"),
        (
            'reader = { controller = "unit" }\nexit_reader = { controller = "unit" }',
            "doors.lobby.exit_reader",
            "reader 0 of unit is doors.lobby.reader already",
        ),
        (
            'exit_reader = { controller = "gone" }',
            "doors.lobby.exit_reader.controller",
            "there is no controller gone",
        ),
    ],
)
def test_what_cannot_be_of_a_door_is_named(
    tmp_path: Path, lines: str, key: str, reason: str
) -> None:
    assert wrong(tmp_path, SMALL + lines) == {key: reason}


# --- deciding ----------------------------------------------------------------------


def test_a_site_that_decides_nothing_gets_the_careful_policy(tmp_path: Path) -> None:
    assert policy_of(load(written(tmp_path, SMALL))) == Policy()


def test_a_site_decides_how_to_decide(tmp_path: Path) -> None:
    text = """
    [decision]
    on_clock_lost = "go_on"
    clock_margin_days = 0.5
    facilities = ["H10301:36", "C1K48S:4194303"]
    facility_only = true
    holder_pins = { wrong = 3 }
    reader_pins = { wrong = 4, lock_seconds = 10, longest_seconds = 20, window_seconds = 30 }
    site_pins = { lock_seconds = 90 }
    [permissions]
    max_age_days = 30
    on_stale = "deny"
    """
    assert policy_of(load(written(tmp_path, SMALL + text))) == Policy(
        clock_lost=ClockLost.GO_ON,
        clock_margin=timedelta(hours=12),
        facilities=frozenset({"H10301:36", "C1K48S:4194303"}),
        facility_only=True,
        holder_pins=PinLimit(3, window_seconds=86_400),
        point_pins=PinLimit(4, 10, 20, 30),
        site_pins=PinLimit(50, lock_seconds=90),
        max_age=timedelta(days=30),
        on_stale=Stale.DENY,
    )


@pytest.mark.parametrize(
    ("lines", "key", "reason"),
    [
        ('on_clock_lost = "hope"', "decision.on_clock_lost", "must be 'deny' or 'go_on'"),
        ("clock_margin_days = 400", "decision.clock_margin_days", "must be at most 366"),
        ('facilities = ["36"]', "decision.facilities.0", "must be a format and a code, as H10"),
        ('facilities = ["H10302:36"]', "decision.facilities.0", "must be a format and a code"),
        (
            'facilities = ["H10301:256"]',
            "decision.facilities.0",
            "the code of H10301 is 0 to 2",
        ),
        (
            'facilities = ["H10301:036"]',
            "decision.facilities.0",
            "the code of H10301 is 0 to 2",
        ),
        ("facility_only = true", "decision.facility_only", "needs facilities beside it"),
        ("site_pins = { wrong = 0 }", "decision.site_pins.wrong", "must be at least 1"),
        ("site_pins = 3", "decision.site_pins", "must be a table"),
        (
            "site_pins = { wrnog = 3 }",
            "decision.site_pins.wrnog",
            "unknown key; did you mean wrong?",
        ),
        (
            "holder_pins = { longest_seconds = 20 }",
            "decision.holder_pins.longest_seconds",
            "20 must be at least lock_seconds, which is 30",
        ),
        ("[permissions]\nmax_age_days = 0", "permissions.max_age_days", "must be at least 1"),
        (
            '[permissions]\non_stale = "deny"',
            "permissions.on_stale",
            "needs max_age_days beside it",
        ),
    ],
)
def test_what_cannot_be_decided_so_is_named(
    tmp_path: Path, lines: str, key: str, reason: str
) -> None:
    mistakes = wrong(tmp_path, f"{SMALL}[decision]\n{lines}\n")
    assert list(mistakes) == [key]
    assert mistakes[key].startswith(reason)


# --- fire --------------------------------------------------------------------------


def test_a_fire_input_releases_the_doors_it_names_or_all(tmp_path: Path) -> None:
    text = """
    [fire.hall]
    input = { controller = "unit", number = 2, active_when = "inactive" }
    doors = ["lobby"]
    [fire.whole-house]
    input = { controller = "unit", number = 3 }
    """
    assert site_config(load(written(tmp_path, SMALL + BACK + text))).fires == (
        FireInput("hall", Point(UNIT, 2), active_when=False, doors=frozenset({LOBBY})),
        FireInput("whole-house", Point(UNIT, 3)),
    )


@pytest.mark.parametrize(
    ("lines", "key", "reason"),
    [
        ("doors = []", "fire.hall.doors", "names no door; leave it out to name all"),
        ('doors = ["lobby", "x"]', "fire.hall.doors.1", "there is no door x"),
        ("door = 1", "fire.hall.door", "unknown key; did you mean doors?"),
    ],
)
def test_what_cannot_be_of_a_fire_input_is_named(
    tmp_path: Path, lines: str, key: str, reason: str
) -> None:
    fire = f'[fire.hall]\ninput = {{ controller = "unit" }}\n{lines}\n'
    assert wrong(tmp_path, SMALL + fire) == {key: reason}


def test_a_fire_input_has_its_input_to_itself(tmp_path: Path) -> None:
    fire = '[fire.hall]\ninput = { controller = "unit", number = 2 }\n'
    taken = 'exit_button = { controller = "unit", number = 2 }\n'
    assert wrong(tmp_path, SMALL + taken + fire) == {
        "fire.hall.input": "input 2 of unit is doors.lobby.exit_button already"
    }
    elsewhere = wrong(tmp_path, SMALL + fire.replace("unit", "gone"))
    assert elsewhere == {"fire.hall.input.controller": "there is no controller gone"}


# --- reactions ---------------------------------------------------------------------


def test_reactions_reach_the_core_as_they_stand_in_the_file(tmp_path: Path) -> None:
    text = """
    [reactions.siren]
    when = { event = "door.forced", door = "lobby" }
    then = [
        { output = { controller = "unit", number = 2 }, seconds = 30 },
        { output = { controller = "unit", number = 3 }, on = false },
    ]
    [reactions.panic]
    when = { input = { controller = "unit", number = 5, active_when = "inactive" } }
    then = [
        { lockdown = true },
        { threat_level = 3 },
        { door = "lobby", mode = "locked_down" },
    ]
    [reactions.gone]
    when = { event = "controller.offline", controller = "unit" }
    then = [ { output = { controller = "unit", number = 3 }, on = true } ]
    """
    assert site_config(load(written(tmp_path, SMALL + text))).reactions == (
        Reaction(
            "siren",
            OnEvent("door.forced", LOBBY),
            (Pulse(Point(UNIT, 2), 30), Switch(Point(UNIT, 3), on=False)),
        ),
        Reaction(
            "panic",
            OnInput(Point(UNIT, 5), active_when=False),
            (LockDown(), ThreatLevel(3), SetMode(LOBBY, DoorMode.LOCKED_DOWN)),
        ),
        Reaction(
            "gone",
            OnEvent("controller.offline", controller=UNIT),
            (Switch(Point(UNIT, 3), on=True),),
        ),
    )


@pytest.mark.parametrize(
    ("when", "key", "reason"),
    [
        ("{}", "", "needs event or input, one of them"),
        (
            '{ event = "door.held", input = { controller = "unit" } }',
            "",
            "needs event or input, one of them",
        ),
        (
            '{ event = "door.froced" }',
            ".event",
            "triggers nothing; did you mean door.forced?",
        ),
        ('{ event = "zzz" }', ".event", "triggers nothing"),
        (
            '{ event = "reaction.fired" }',
            ".event",
            "triggers nothing",
        ),
        ("{ event = 3 }", ".event", "must be a string"),
        ('{ event = "door.held", door = "x" }', ".door", "there is no door x"),
        (
            '{ event = "controller.offline", door = "lobby" }',
            ".door",
            "controller.offline is about no door",
        ),
        (
            '{ event = "controller.offline", controller = "x" }',
            ".controller",
            "there is no controller x",
        ),
        (
            '{ input = { controller = "unit" }, door = "lobby" }',
            ".door",
            "goes with event only",
        ),
        (
            '{ input = { controller = "x" } }',
            ".input.controller",
            "there is no controller x",
        ),
        (
            '{ input = { controller = "unit", number = 7 } }',
            ".input",
            "input 7 of unit is doors.lobby.contact already",
        ),
        ('{ evnet = "x", event = "door.held" }', ".evnet", "unknown key; did you mean event?"),
    ],
)
def test_what_can_be_no_trigger_is_named(
    tmp_path: Path, when: str, key: str, reason: str
) -> None:
    text = SMALL + 'contact = { controller = "unit", number = 7 }\n'
    mistakes = wrong(tmp_path, text + SIREN.replace('{ event = "door.forced" }', when))
    assert list(mistakes) == [f"reactions.siren.when{key}"]
    assert mistakes[f"reactions.siren.when{key}"].startswith(reason)


@pytest.mark.parametrize(
    ("then", "key", "reason"),
    [
        ("{}", "", "does not even one of output, lockdown, threat_level, and door with mode"),
        (
            "{ lockdown = true, threat_level = 3 }",
            "",
            "does more than one of output, lockdown, threat_level, and door with mode",
        ),
        ("{ lockdown = false }", ".lockdown", "must be True"),
        ("{ threat_level = 101 }", ".threat_level", "must be at most 100"),
        ('{ door = "lobby" }', ".door", "needs mode beside it"),
        ('{ mode = "locked" }', ".mode", "needs door beside it"),
        ("{ seconds = 3 }", ".seconds", "needs output beside it"),
        ("{ on = true, lockdown = true }", ".on", "needs output beside it"),
        ('{ door = "x", mode = "locked" }', ".door", "there is no door x"),
        ('{ door = "lobby", mode = "open" }', ".mode", "must be 'locked', "),
        (
            '{ output = { controller = "unit", number = 1 } }',
            "",
            "needs seconds or on beside output, one of them",
        ),
        (
            '{ output = { controller = "unit", number = 1 }, on = true, seconds = 3 }',
            "",
            "needs seconds or on beside output, one of them",
        ),
        (
            '{ output = { controller = "x", number = 1 }, on = true }',
            ".output.controller",
            "there is no controller x",
        ),
        (
            '{ output = { controller = "unit" }, seconds = 3 }',
            ".output",
            "output 0 of unit is doors.lobby.lock already",
        ),
        (
            '{ output = { controller = "unit", number = 1 }, seconds = 6554 }',
            ".seconds",
            "must be at most 6553",
        ),
    ],
)
def test_what_no_reaction_can_do_is_named(
    tmp_path: Path, then: str, key: str, reason: str
) -> None:
    mistakes = wrong(tmp_path, SMALL + SIREN.replace("{ lockdown = true }", then))
    assert list(mistakes) == [f"reactions.siren.then.0{key}"]
    assert mistakes[f"reactions.siren.then.0{key}"].startswith(reason)


def test_a_reaction_does_something_and_there_are_bounds(tmp_path: Path) -> None:
    nothing = wrong(tmp_path, SMALL + SIREN.replace("{ lockdown = true }", ""))
    assert nothing == {"reactions.siren.then": "must not be empty"}
    much = wrong(
        tmp_path, SMALL + SIREN.replace("{ lock", "{ lockdown = true }, " * 16 + "{ lock")
    )
    assert much == {"reactions.siren.then": "must not have more than 16 entries"}
    many = wrong(
        tmp_path, SMALL + "".join(SIREN.replace("siren", f"r{each}") for each in range(65))
    )
    assert many == {"reactions": "must not have more than 64 entries"}


def test_two_reactions_may_share_an_input_and_an_output(tmp_path: Path) -> None:
    def reaction(name: str, level: str, on: str) -> str:
        button = f'{{ controller = "unit", number = 5, active_when = "{level}" }}'
        output = f'{{ output = {{ controller = "unit", number = 2 }}, on = {on} }}'
        return f"[reactions.{name}]\nwhen = {{ input = {button} }}\nthen = [ {output} ]\n"

    text = SMALL + reaction("a", "active", "true") + reaction("b", "inactive", "false")
    assert len(load(written(tmp_path, text)).reactions) == 2
