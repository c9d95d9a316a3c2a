"""Permissions: kept over restarts, whole or not at all, and revoked at once."""

from pathlib import Path

from tests.stories.scenery import ANNA, CARL, PERMISSIONS
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

PEOPLE = "state/people"


async def test_permissions_outlive_a_restart_and_need_no_broker(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        result = await world.permit(PERMISSIONS)
        shown = await world.shows("permissions", version=1, holders=4, credentials=4)
        assert result == shown

        await world.daemon.kill()
        await world.broker_dies()
        before = world.now
        await world.daemon.start()
        await world.caught_up(SUPPORTED)
        world.card("lobby", ANNA)
        await world.pulse("lobby")

        await world.broker_returns(upstream_first=True)
        await world.online(SUPPORTED, after=before)
        await world.event("access.granted", holder="anna")
        again = await world.shows("permissions", version=1)
        assert again == shown


async def test_who_is_revoked_is_denied_at_once(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        world.card("lab", CARL)
        await world.pulse("lab")
        await world.permit({"credentials": {"H10301:12:347": None}})
        world.card("lab", CARL)
        denied = await world.event("access.denied", door="lab")
        assert denied["reason"] == "unknown_credential"

        await world.permit(
            {"credentials": {"H10301:12:345": {"holder": "anna", "state": "stolen"}}}
        )
        world.card("lobby", ANNA)
        denied = await world.event("access.denied", door="lobby")
        assert denied["reason"] == "credential_stolen"
        assert len(world.pulses) == 1


async def test_a_gap_and_a_rollback_are_refused_and_say_what_is_held(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        await world.permit({"credentials": {"H10301:12:347": None}})
        held = await world.shows("permissions", version=2)
        eve = {
            "holders": {"eve": {"levels": ["lab"]}},
            "credentials": {"H10301:9:9": {"holder": "eve"}},
        }
        for base, version in ((3, 4), (1, 2), (1, 3), (0, 1)):
            answer = await world.ask("permissions.apply", base=base, version=version, **eve)
            assert answer["error"]["code"] == "permissions_version"
            assert "version 2 is held" in answer["error"]["message"]
        answer = await world.ask(
            "permissions.apply",
            base=2,
            version=3,
            levels={"vault": {"rules": [{"doors": ["vault"]}]}},
            **eve,
        )
        assert answer["error"]["code"] == "permissions_invalid"
        assert "vault" in answer["error"]["message"]

        world.card("lobby", ("H10301", 9, 9))  # nothing of it was taken over
        await world.event("access.denied", reason="unknown_credential")
        assert world.upstream.state["permissions"] == held


async def denied_after_damage(world: SimulatedWorld) -> None:
    """The daemon starts, lets nobody in, says why, and can be given permissions anew."""
    world.may_fail_inside = True
    before = world.now
    await world.daemon.start()
    await world.online(SUPPORTED, after=before)
    alarm = await world.event("gateway.error", after=before)
    assert alarm["what"] == "permissions_damaged"
    world.card("lobby", ANNA)
    await world.event("access.denied", after=before)
    assert not world.pulses
    await world.shows("permissions", version=0, credentials=0)
    assert "permissions_damaged" in world.daemon.log
    answer = await world.ask("permissions.apply", base=0, version=1, **PERMISSIONS)
    assert answer["error"]["code"] == "storage_failed"  # nothing is written over

    await world.daemon.stop()
    people = world.place / PEOPLE
    people.rename(people.with_suffix(".aside"))
    before = world.now
    await world.daemon.start()
    await world.online(SUPPORTED, after=before)
    world.version = 0
    await world.permit(PERMISSIONS)
    world.card("lobby", ANNA)
    await world.pulse("lobby")


async def test_damaged_permissions_let_nobody_in_and_raise_an_alarm(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        assert await world.daemon.stop() == 0
        log = tmp_path / PEOPLE / "people-1.log"
        log.write_bytes(log.read_bytes().replace(b"carl", b"eve "))
        await denied_after_damage(world)


async def test_an_unreadable_permissions_file_is_no_reason_to_stay_down(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(PERMISSIONS)
        assert await world.daemon.stop() == 0
        (tmp_path / PEOPLE / "current").write_bytes(b"nothing that names a table" * 100)
        await denied_after_damage(world)
