"""A loop's thread for tests: what other threads post runs when the test says so."""

import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue

SHM = Path("/dev/shm")  # noqa: S108 - for tests that restart a thousand times, not for secrets
FAST = SHM if SHM.is_dir() else None  # a directory in memory, where there is one
DEADLINE = 20.0  # seconds


class Posted:
    """Stands where `loop.call_soon_threadsafe` does."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def __call__(self, call: Callable[[], None]) -> None:
        self._queue.put(call)

    def until(self, condition: Callable[[], bool]) -> None:
        """Run what is posted until the condition holds; fail after a while."""
        end = time.monotonic() + DEADLINE
        while not condition():
            try:
                self._queue.get(timeout=max(0.0, end - time.monotonic()))()
            except Empty:
                raise AssertionError("it never happened") from None

    def all(self) -> None:
        """Run what has been posted so far."""
        while not self._queue.empty():
            self._queue.get()()
