"""`gatewayd permissions import`: a spreadsheet becomes requests, or a list of mistakes."""

import json
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.jwk import OKPKey

from gatewayd.edge.pin_envelopes import MOST_PINS
from gatewayd.edge.request_size import MOST_OBJECTS, too_much
from tests.cli.conftest import Daemon, gatewayd

KEY = OKPKey.generate_key("X25519")
REGISTRY = jwe.JWERegistry(algorithms=["ECDH-ES", "A256GCM"])


def ready(daemon: Daemon, version: int = 3) -> Daemon:
    """Let a daemon take what it is sent."""
    public = KEY.as_dict(private=False)
    daemon.handlers["box.key"] = {**public, "kid": KEY.thumbprint()}
    daemon.answers["health.read"] = {
        "id": "1",
        "ok": True,
        "result": {"permissions_version": version},
    }
    daemon.answers["permissions.apply"] = {"id": "1", "ok": True, "result": {}}
    return daemon


def table(config: Path, *lines: str) -> Path:
    file = config.with_name("people.csv")
    file.write_text("\n".join(lines))
    return file


def sent(daemon: Daemon) -> list[dict[str, Any]]:
    return [
        json.loads(payload)["args"]
        for command, payload in daemon.requests
        if command == "permissions.apply"
    ]


def opened(envelope: str) -> str:
    found = jwe.decrypt_compact(envelope, KEY, registry=REGISTRY).plaintext
    assert found is not None
    return found.decode()


async def test_a_spreadsheet_becomes_people(config: Path, daemon: Daemon) -> None:
    file = table(config, "holder,levels,number,pin", "anna,staff,7,4711", "boris,staff,8,")
    async with ready(daemon).serving(config.with_name("control")):
        ended = await gatewayd(
            "permissions", "import", file, "--level", "staff=lobby", "--config", config
        )
    assert (ended.code, ended.err) == (0, "")
    assert "imported 2 holders, 2 credentials" in ended.out
    assert "version 4 now" in ended.out
    (args,) = sent(daemon)
    assert (args["base"], args["version"]) == (3, 4)
    assert args["levels"] == {"staff": {"rules": [{"doors": ["lobby"]}]}}
    assert args["credentials"] == {
        "H10301::7": {"holder": "anna"},
        "H10301::8": {"holder": "boris"},
    }
    assert args["holders"]["boris"] == {
        "levels": ["staff"],
        "pin": "kept",
        "duress_pin": "kept",
    }
    assert opened(args["holders"]["anna"]["pin"]) == "4711"


async def test_no_pin_leaves_the_command_in_clear(config: Path, daemon: Daemon) -> None:
    file = table(config, "holder,pin_alone", "anna,471100")
    async with ready(daemon).serving(config.with_name("control")):
        await gatewayd("permissions", "import", file, "--config", config)
    assert all(b"471100" not in payload for _, payload in daemon.requests)
    (key,) = sent(daemon)[0]["credentials"]
    assert opened(key.removeprefix("PIN:")) == "471100"


async def test_many_people_go_in_several_requests_one_after_the_other(
    config: Path, daemon: Daemon
) -> None:
    lines = [f"p{number},{number}" for number in range(MOST_OBJECTS)]
    file = table(config, "holder,number", *lines)
    async with ready(daemon).serving(config.with_name("control")):
        ended = await gatewayd("permissions", "import", file, "--json", "--config", config)
    batches = sent(daemon)
    assert [(each["base"], each["version"]) for each in batches] == [
        (number + 3, number + 4) for number in range(len(batches))
    ]
    assert sum(len(each["holders"]) for each in batches) == MOST_OBJECTS
    for each in batches:
        assert len(each["holders"]) <= MOST_OBJECTS / 2  # each of them with a card
        assert {card["holder"] for card in each["credentials"].values()} == set(each["holders"])
    assert json.loads(ended.out)["result"]["version"] == 3 + len(batches)
    assert all(too_much(json.loads(payload)) is None for _, payload in daemon.requests)


async def test_only_so_many_pins_go_in_one_request(config: Path, daemon: Daemon) -> None:
    lines = [f"p{number},{1000 + number}" for number in range(MOST_PINS + 1)]
    file = table(config, "holder,pin", *lines)
    async with ready(daemon).serving(config.with_name("control")):
        await gatewayd("permissions", "import", file, "--config", config)
    assert [len(each["holders"]) for each in sent(daemon)] == [MOST_PINS, 1]


async def test_a_dry_run_asks_nobody(config: Path) -> None:
    file = table(config, "holder,levels,number", "anna,staff,7")
    ended = await gatewayd("permissions", "import", file, "--dry-run", "--config", config)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "no mistakes: 1 holders, 1 credentials",
        "levels they have: staff",
    ]


async def test_one_wrong_line_and_nothing_is_imported(config: Path, daemon: Daemon) -> None:
    file = table(config, "holder,number", "anna,7", "boris,seven")
    async with ready(daemon).serving(config.with_name("control")):
        ended = await gatewayd("permissions", "import", file, "--config", config)
    assert ended.code == 64
    assert "line 3, number: 'H10301::seven' is not the key of a card" in ended.err
    assert "nothing was imported" in ended.err
    assert not daemon.requests


async def test_what_the_daemon_refuses_is_shown(config: Path, daemon: Daemon) -> None:
    error = {"code": "permissions_invalid", "message": "anna: no level staff"}
    file = table(config, "holder,levels", "anna,staff")
    ready(daemon).answers["permissions.apply"] = {"id": "1", "ok": False, "error": error}
    async with daemon.serving(config.with_name("control")):
        ended = await gatewayd("permissions", "import", file, "--config", config)
    assert ended.code == 64
    assert "anna: no level staff" in ended.err


async def test_a_level_must_name_its_doors(config: Path) -> None:
    file = table(config, "holder", "anna")
    ended = await gatewayd(
        "permissions", "import", file, "--level", "staff", "--config", config
    )
    assert ended.code == 64
    assert "is no NAME=DOOR,DOOR" in ended.err
