"""`gatewayd explain`: the daemon's answer, in a form that an operator reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Daemon, gatewayd

WHY: dict[str, Any] = {
    "at": "2026-05-08T16:04:00Z",
    "point": "lobby:in",
    "credential": "H10301:36:6765",
    "holder": "anna",
    "granted": False,
    "reason": "out_of_schedule",
    "words": "the holder's access levels include this point at other hours",
    "rules": [
        {"rule": "door mode", "reason": None, "words": "the door's mode is locked"},
        {
            "rule": "rights and hours",
            "reason": "out_of_schedule",
            "words": 'schedule "Office hours" ended 18:00, it is 18:04',
        },
    ],
}
OPENINGS = {
    "at": "2026-05-08T16:04:00Z",
    "more": True,
    "openings": [
        {
            "door": "lobby",
            "side": "in",
            "holder": "anna",
            "credential": "H10301:36:6765",
            "needs": ["pin", "second_person"],
        }
    ],
}


def answered(result: object) -> dict[str, Any]:
    return {"id": "1", "ok": True, "result": result}


def in_berlin(config: Path) -> None:
    text = config.read_text().replace('id = "s"', 'id = "s"\ntime_zone = "Europe/Berlin"')
    config.write_text(text)


def args_of(daemon: Daemon) -> dict[str, Any]:
    (_, payload) = daemon.requests[-1]
    found: dict[str, Any] = json.loads(payload)["args"]
    return found


async def test_why_a_card_does_not_open_a_door(config: Path, daemon: Daemon) -> None:
    in_berlin(config)
    daemon.answers["decision.explain"] = answered(WHY)
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(
            "explain", "--door", "lobby", "--card", "H10301:36:6765",
            "--at", "2026-05-08 18:04", "--config", config,
        )  # fmt: skip
    assert (ended.code, ended.err) == (0, "")
    assert "H10301:36:6765 (anna) at lobby:in, Fri 2026-05-08 18:04:00 CEST" in ended.out
    assert "does not open" in ended.out
    assert 'schedule "Office hours" ended 18:00, it is 18:04' in ended.out
    assert args_of(daemon) == {
        "door": "lobby",
        "side": "in",
        "credential": "H10301:36:6765",
        "at": "2026-05-08T16:04:00Z",
    }


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({"granted": True, "reason": "granted"}, ": opens: "),
        ({"reason": "pin_awaited"}, ": does not open yet: "),
        ({"holder": None}, "(nobody known)"),
    ],
)
async def test_the_answer_in_one_line(
    config: Path, daemon: Daemon, changes: dict[str, Any], verdict: str
) -> None:
    daemon.answers["decision.explain"] = answered(WHY | changes)
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd(
            "explain", "--door", "lobby", "--card", "26:12345680", "--config", config
        )
    assert verdict in ended.out.splitlines()[0]


async def test_who_can_open_a_door_on_the_way_out(config: Path, daemon: Daemon) -> None:
    daemon.answers["decision.who"] = answered(OPENINGS)
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("explain", "--door", "lobby:out", "--config", config)
    assert args_of(daemon) == {"door": "lobby", "side": "out"}
    assert "anna" in ended.out
    assert "pin, second person" in ended.out
    assert "and more" in ended.out


async def test_what_somebody_can_open(config: Path, daemon: Daemon) -> None:
    daemon.answers["decision.what"] = answered(OPENINGS | {"openings": [], "more": False})
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("explain", "--holder", "anna", "--config", config)
    assert args_of(daemon) == {"holder": "anna"}
    assert "nobody and nothing" in ended.out


async def test_the_answer_as_json(config: Path, daemon: Daemon) -> None:
    daemon.answers["decision.what"] = answered(OPENINGS)
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("explain", "--holder", "anna", "--json", "--config", config)
    assert json.loads(ended.out)["result"] == OPENINGS


@pytest.mark.parametrize(
    "arguments",
    [
        ("--card", "H10301:36:6765"),
        ("--door", "lobby", "--holder", "anna"),
        (),
        ("--door", "lobby", "--at", "noon"),
    ],
)
async def test_a_question_that_makes_no_sense_ends_with_64(
    config: Path, arguments: tuple[str, ...]
) -> None:
    ended = await gatewayd("explain", *arguments, "--config", config)
    assert ended.code == 64
    assert ended.err.startswith("gatewayd: ")
