"""Waiting for something real: a condition and a deadline, never a guess."""

import asyncio
from collections.abc import Callable

LOOK = 0.002  # seconds between looks


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Return as soon as the condition holds; fail after `seconds`."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # it belongs to somebody who tells nobody
            await asyncio.sleep(LOOK)
