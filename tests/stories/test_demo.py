"""`gatewayd demo`, as a visitor's first command."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import gatewayd_anew

SHOWN = {
    "access.granted",
    "access.denied",
    "access.awaited",
    "door.forced",
    "lock.released",
    "rex.pressed",
    "audit.blocked",
    "passback.forgiven",
    "site.lockdown",
}
REASONS = ["unknown_credential", "lockdown", "credential_expired", "wrong_pin", "passback"]


def left_in(place: Path) -> list[Path]:
    return list(place.iterdir())


async def test_the_demo_shows_the_main_job_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = await gatewayd_anew("demo", "--rounds", "1", "--json", patience=120)
    assert ended.code == 0, ended.err
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert {each["kind"] for each in events} >= SHOWN
    numbers = [each["seq"] for each in events]
    assert numbers == sorted(set(numbers))
    denied = [each["reason"] for each in events if each["kind"] == "access.denied"]
    assert denied == REASONS
    (blocked,) = [each for each in events if each["kind"] == "audit.blocked"]
    assert blocked["verdict"] == "classic"
    assert left_in(tmp_path) == []
