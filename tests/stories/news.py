"""Waiting for something to come true, never for time to pass."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 30.0  # seconds; a busy machine may take long, a broken promise takes forever

T = TypeVar("T")


class News:
    """Everybody who hears or sees something says `tell`; everybody who waits looks again."""

    def __init__(self) -> None:
        self._something = asyncio.Event()

    def tell(self) -> None:
        """Something has changed."""
        self._something.set()

    async def until(
        self,
        come: Callable[[], T | None],
        what: Callable[[], object],
        patience: float = PATIENCE,
    ) -> T:
        """Return what `come` returns once that is something; `what` says what is missed."""
        try:
            async with asyncio.timeout(patience):
                while True:
                    self._something.clear()
                    if found := come():
                        return found
                    await self._something.wait()
        except TimeoutError:
            raise AssertionError(f"not within {patience:g} s: {what()}") from None
