"""A host whose clock is wrong."""

import json
from datetime import UTC, datetime
from pathlib import Path

from gatewayd.core.events import GatewayStopped
from gatewayd.core.model import Moment
from gatewayd.edge.journal import Journal
from gatewayd.edge.payloads import encode_event
from gatewayd.edge.state_directory import StateDirectory
from tests.cli.conftest import gatewayd
from tests.stories.scenery import ANNA, PERMISSIONS
from tests.stories.world import simulated

LATER = datetime(2140, 1, 1, tzinfo=UTC)


async def test_what_has_expired_stays_expired_when_the_clock_is_set_back(
    tmp_path: Path,
) -> None:
    """Seen from an earlier run of 2140, today's clock is behind."""
    with StateDirectory.open(tmp_path / "state") as state:
        earlier = Journal.open(state.path, encode=encode_event, post=lambda call: call())
        earlier.note(GatewayStopped("stopped"), Moment(0.0, LATER))
        earlier.close()

    async with simulated(tmp_path) as world:
        records = {
            "levels": PERMISSIONS["levels"],
            "holders": {"anna": {"levels": ["everywhere"]}},
            "credentials": {
                "H10301:12:345": {"holder": "anna", "valid_until": "2130-01-01T00:00:00Z"}
            },
        }
        kinds = (f"{kind}={json.dumps(some)}" for kind, some in records.items())
        permit = ("base=0", "version=1", *kinds)
        refused = await world.ask("door.unlock", door="lobby")
        assert refused["error"]["code"] == "request_expired"
        ended = await gatewayd(
            "send", "permissions.apply", *permit, "--config", world.daemon.config
        )
        assert ended.code == 0, ended.err  # who is at the host is asked for no clock
        world.version = 1
        world.card("lobby", ANNA)
        denied = await world.event("access.denied", door="lobby")
        assert denied["reason"] == "credential_expired"
        assert denied["clock"] == "uncertain"
        assert denied["at"].startswith("2140-01-01T")
        health = await world.health()
        assert health["clock"] == "uncertain"
        assert not health["well"]
