"""What comes over MQTT and is not as it should be: answered once, and nothing moves."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.stories.scenery import LOCK, PERMISSIONS
from tests.stories.upstream import CLIENT, request
from tests.stories.world import SimulatedWorld, simulated

UNLOCK = {"door": "lobby"}


async def refused(world: SimulatedWorld, document: dict[str, object], code: str) -> None:
    """Send a request for an unlock; it is answered with this error, once."""
    await world.upstream.send("door.unlock", document)
    answer = await world.upstream.answer_to(str(document["id"]))
    assert not answer["ok"]
    assert answer["error"]["code"] == code, answer


async def test_whoever_sees_the_gateway_online_is_heard(tmp_path: Path) -> None:
    async with simulated(tmp_path, begin=False) as world:
        await world.daemon.start()
        await world.shows("status", online=True)
        assert (await world.ask("health.read"))["ok"]


async def test_what_is_no_request_gets_an_error_and_moves_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        for payload in (b"", b"{", b"\xff\xfe", b"[]", b'{"id": 1}', b"9" * 300_000):
            answers = len(world.upstream.replies)
            await world.upstream.publish("requests/door.unlock", payload)
            if not payload:
                continue
            await world.news.until(
                lambda answers=answers: len(world.upstream.replies) > answers,  # type: ignore[misc]
                lambda payload=payload: payload[:20],  # type: ignore[misc]
            )
            client, answer = world.upstream.replies[-1]
            assert client == "unknown"
            assert answer["error"]["code"] == "invalid_request"

        await refused(world, {**request(UNLOCK), "extra": 1}, "invalid_request")
        await refused(world, request({}), "invalid_request")
        await refused(world, request({"door": 7}), "invalid_request")
        await refused(world, request({"door": "lobby", "for": "ever"}), "invalid_request")
        answer = await world.ask("door.explode", door="lobby")
        assert answer["error"]["code"] == "unknown_command"
        assert not world.pulses
        assert (await world.ask("door.unlock", door="lobby"))["ok"]


async def test_an_old_a_retained_or_a_repeated_request_opens_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        now = datetime.now(UTC)
        minute = timedelta(minutes=1)
        stale = request(UNLOCK, issued=now - minute, validity=minute / 2)
        await refused(world, stale, "request_expired")
        await refused(world, request(UNLOCK, issued=now + minute), "request_early")
        await refused(world, request(UNLOCK, validity=10 * minute), "invalid_request")

        document = request(UNLOCK)
        await world.upstream.publish("requests/door.unlock", json.dumps(document), retain=True)
        answer = await world.upstream.answer_to(document["id"])
        assert answer["error"]["code"] == "retained_request"
        assert not world.pulses

        document = request(UNLOCK)
        await world.upstream.send("door.unlock", document)
        assert (await world.upstream.answer_to(document["id"]))["ok"]
        await world.upstream.send("door.unlock", document)
        await world.news.until(
            lambda: len(world.upstream.answers_to(document["id"])) == 2, lambda: "a second one"
        )
        again = world.upstream.answers_to(document["id"])[1]
        assert again["error"]["code"] == "duplicate_request"

        # not even a restart makes it new, and the broker still has the retained one
        before = world.now
        await world.daemon.kill()
        await world.daemon.start()
        await world.online(["lobby-unit"], after=before)
        await world.upstream.send("door.unlock", document)
        await world.news.until(
            lambda: len(world.upstream.answers_to(document["id"])) == 3, lambda: "a third one"
        )
        again = world.upstream.answers_to(document["id"])[2]
        assert again["error"]["code"] == "duplicate_request"
        assert len(world.pulses) == 1


async def test_a_request_whose_time_has_passed_opens_nothing(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        validity = timedelta(seconds=1)
        document = request(UNLOCK, validity=validity)
        world.units.do("unplug", address=LOCK["lobby"])
        await world.upstream.send("door.unlock", document)
        await asyncio.sleep(1.5 * validity.total_seconds())  # it is too late, whoever answers
        world.units.do("plug", address=LOCK["lobby"])
        answer = await world.upstream.answer_to(document["id"])
        assert answer["error"]["code"] == "controller_silent"
        await world.shows("controllers/lobby-unit", online=True)
        await world.settle()
        assert not world.pulses
        assert (await world.ask("door.unlock", door="lobby"))["ok"]
        assert len(world.pulses) == 1


async def test_unsigned_requests_are_refused_unless_the_site_trusts_its_broker(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path, trust="signed") as world:
        assert world.upstream.state["status"]["trust"] == "signed"
        for command, args in (
            ("door.unlock", UNLOCK),
            ("door.mode", {"door": "lobby", "mode": "unlocked"}),
            ("permissions.apply", {"base": 0, "version": 1, **PERMISSIONS}),
            ("audit.run", {}),
            ("health.read", {}),
        ):
            answer = await world.ask(command, **args)
            assert answer["error"]["code"] == "not_permitted", command
        assert not world.events("request.accepted")
        assert not world.pulses
        assert {client for client, _ in world.upstream.replies} == {CLIENT}
