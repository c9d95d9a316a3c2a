"""An event loop whose time moves from one timer to the next and never waits."""

import asyncio
from collections.abc import Callable
from selectors import DefaultSelector, SelectorKey


class _Impatient(DefaultSelector):
    """Looks at what can be read now; the time it should have waited has passed then."""

    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        assert timeout is not None, "nothing would ever happen again"
        self._skip(max(0.0, timeout))
        return super().select(0)


class HurriedLoop(asyncio.SelectorEventLoop):
    """For what lives in memory: no sockets, no threads, no processes."""

    def __init__(self) -> None:
        self._passed = 0.0
        super().__init__(_Impatient(self._skip))

    def _skip(self, seconds: float) -> None:
        self._passed += seconds

    def time(self) -> float:
        return self._passed
