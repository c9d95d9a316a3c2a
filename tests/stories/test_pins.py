"""PINs at a real keypad: with a card, alone, wrong, and never anywhere to be read."""

from pathlib import Path

from tests.stories.envelopes import Seal, sealer
from tests.stories.scenery import ANNA, PERMISSIONS
from tests.stories.upstream import Document
from tests.stories.world import SUPPORTED, SimulatedWorld, simulated

PIN, OTHER, WRONG = "5309817264", "7718204653", "0000000001"
CARD_AND_PIN = {"entry": {"default": "card_and_pin", "factor_seconds": 30}}
TWO_WRONG = """
[decision.holder_pins]
wrong = 2
lock_seconds = 3600
"""


def with_pin(seal: Seal, *, pin: str = PIN, rules: Document = CARD_AND_PIN) -> Document:
    """Anna has a PIN, and the lobby asks for it."""
    anna = {**PERMISSIONS["holders"]["anna"], "pin": seal(pin)}
    holders = {**PERMISSIONS["holders"], "anna": anna}
    return {**PERMISSIONS, "holders": holders, "doors": {"lobby": rules}}


async def attempt(world: SimulatedWorld, pin: str, outcome: str) -> Document:
    """Show the card, key a PIN when it is asked for, and return what came of it."""
    before = world.now
    world.card("lobby", ANNA)
    await world.event("access.awaited", after=before, reason="pin_awaited")
    world.press("lobby", f"{pin}#")
    return await world.event(outcome, after=before, door="lobby")


def nowhere(world: SimulatedWorld, *secrets: str) -> None:
    """What is secret is in no file of the daemon, and in nothing that upstream heard."""
    files = [each for each in (world.place / "state").rglob("*") if each.is_file()]
    said = [world.daemon.log, repr(world.upstream.first), repr(world.upstream.shown)]
    for secret in secrets:
        assert not any(secret in each for each in said)
        assert not [each for each in files if secret.encode() in each.read_bytes()]


async def test_a_card_opens_the_door_only_with_its_pin(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        await world.permit(with_pin(await sealer(tmp_path)))
        denied = await attempt(world, WRONG, "access.denied")
        assert (denied["reason"], denied["holder"]) == ("wrong_pin", "anna")
        assert not world.pulses

        granted = await attempt(world, PIN, "access.granted")
        assert (granted["credential"], granted["holder"]) == ("H10301:12:345", "anna")
        await world.pulse("lobby")
        nowhere(world, PIN, WRONG)


async def test_a_pin_alone_opens_the_door(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        seal = await sealer(tmp_path)
        await world.permit(
            {
                **PERMISSIONS,
                "doors": {"lobby": {"entry": {"default": "pin"}}},
                "credentials": {f"PIN:{seal(PIN)}": {"holder": "anna"}},
            }
        )
        world.press("lobby", f"{OTHER}#")
        denied = await world.event("access.denied", door="lobby")
        assert (denied["credential"], denied["reason"]) == ("PIN", "unknown_credential")
        world.press("lobby", f"{PIN}#")
        granted = await world.event("access.granted", door="lobby", holder="anna")
        assert granted["credential"] == "PIN"
        await world.pulse("lobby")
        nowhere(world, PIN, OTHER)


async def test_whoever_guesses_is_locked_out_also_after_kill_minus_nine(
    tmp_path: Path,
) -> None:
    async with simulated(tmp_path, more=TWO_WRONG) as world:
        await world.permit(with_pin(await sealer(tmp_path)))
        for _ in range(2):
            await attempt(world, WRONG, "access.denied")
        before = world.now
        world.card("lobby", ANNA)
        locked = await world.event("access.denied", after=before)
        assert locked["reason"] == "credential_locked_out"

        await world.daemon.kill()
        before = world.now
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)
        world.card("lobby", ANNA)
        denied = await world.event("access.denied", after=before, holder="anna")
        assert denied["reason"] == locked["reason"]
        assert not world.pulses


async def test_without_the_key_to_pins_none_opens_and_that_is_said(tmp_path: Path) -> None:
    async with simulated(tmp_path) as world:
        world.may_fail_inside = True
        await world.permit(with_pin(await sealer(tmp_path)))
        await attempt(world, PIN, "access.granted")
        await world.event("access.not_taken")
        assert await world.daemon.stop() == 0
        (tmp_path / "state" / "site.key").unlink()

        before = world.now
        await world.daemon.start()
        await world.online(SUPPORTED, after=before)
        error = await world.event("gateway.error", after=before)
        assert error["what"] == "pins_gone"
        denied = await attempt(world, PIN, "access.denied")
        assert denied["reason"] == "wrong_pin"

        again = with_pin(await sealer(tmp_path))
        await world.permit({"holders": again["holders"]})
        await attempt(world, PIN, "access.granted")
