"""docs/security/requests.md: its examples verify, its tables are those of the code."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

from gatewayd.core import nonces, replay
from gatewayd.core.claims import HIGHEST_COUNTER, Claims
from gatewayd.core.replay import Stale
from gatewayd.core.rights import RIGHTS, Against, Role
from gatewayd.edge.clients import MOST_CLIENTS, MOST_DOORS
from gatewayd.edge.detached_jws import Said, verify_detached
from gatewayd.edge.ed25519 import from_jwk
from gatewayd.edge.request_jws import LONGEST, Wrong, claims_of

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "security" / "requests.md").read_text()
VECTOR = json.loads((TESTS / "vectors" / "jws.json").read_text())
KEY = from_jwk({name: VECTOR["private"][name] for name in ("kty", "crv", "x")})
NAMED = re.compile(r"`(test_\w+)\.py::(\w+)`")


def block(kind: str) -> str:
    (found,) = re.findall(rf"^```{kind}\n(.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def run(name: str) -> Any:  # noqa: ANN401 - a function of the page
    names: dict[str, Any] = {}
    for code in re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        exec(code, names)  # noqa: S102 - the page's own example
    return names[name]


def taken(request: str) -> Claims:
    claims = claims_of(
        request.encode(),
        command="door.unlock",
        site="hq",
        keys=lambda client: KEY if client == KEY.thumbprint else None,
    )
    assert isinstance(claims, Claims), claims
    return claims


def test_the_request_is_what_stands_above_it() -> None:
    said = json.loads(block("json payload"))
    claims = taken(block("text request"))
    assert (claims.id, claims.counter, claims.args) == (
        said["id"],
        said["counter"],
        said["args"],
    )


def test_a_request_is_made_as_shown() -> None:
    said = json.loads(block("json payload"))
    assert taken(run("request")(VECTOR["private"], said)) == taken(block("text request"))


def test_what_the_gateway_said_verifies_by_our_code_and_as_shown() -> None:
    topic, payload = f"gatewayd/hq/replies/{KEY.thumbprint}", block("json said").encode()
    assert f"on `{topic}`" in PAGE
    when = Said(datetime(2030, 1, 1, 12, 0, 1, tzinfo=UTC), 41)
    assert verify_detached(block("text jws"), topic, payload, KEY) == when
    said = run("said")
    assert said(topic, payload, block("text jws"), KEY.x)["counter"] == 41
    with pytest.raises(InvalidSignature):
        said(topic, payload + b" ", block("text jws"), KEY.x)
    with pytest.raises(ValueError, match="somewhere else"):
        said(f"{topic}/x", payload, block("text jws"), KEY.x)


def rows(columns: int) -> list[list[str]]:
    lines = (line for line in PAGE.splitlines() if line.startswith("| `"))
    cells = ([cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines)
    return [row for row in cells if len(row) == columns]


def test_who_may_ask_for_what_is_the_table_in_force() -> None:
    heads = " | ".join(Role)
    assert f"| command | {heads} | about |" in PAGE
    assert rows(2 + len(Role)) == [
        [
            f"`{command}`",
            *("yes" if each in right.roles else "no" for each in Role),
            right.about,
        ]
        for command, right in RIGHTS.items()
    ]


def test_every_code_is_told_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \|", PAGE.split("## Codes")[1], re.MULTILINE)
    assert len(told) == len(set(told))
    assert set(told) == {*Wrong, *Stale, *Against}


def test_the_bounds_are_those_of_the_code() -> None:
    assert LONGEST == 256 << 10
    assert HIGHEST_COUNTER == 2**53 - 1
    assert f"At most {MOST_CLIENTS} clients, each kept to\nat most {MOST_DOORS:,} doors" in PAGE
    assert f"at most {replay.LONGEST_VALIDITY.seconds} s apart" in PAGE
    assert f"at most {replay.EARLIEST.seconds} s ahead" in PAGE
    assert f"{replay.MARGIN.seconds} seconds after, this run" in PAGE
    assert f"Ids of the last {replay.WINDOW} requests" in PAGE
    assert f"It counts once, for you, for {nonces.LIFE:.0f} seconds" in PAGE
    assert f"`{nonces.COMMAND}`" in PAGE
    assert nonces.MOST_EACH == 4


def test_every_test_that_the_page_names_exists() -> None:
    named = NAMED.findall(PAGE)
    assert named
    for module, name in named:
        (path,) = TESTS.rglob(f"{module}.py")
        assert re.search(rf"^def {name}\(", path.read_text(), re.MULTILINE), name
