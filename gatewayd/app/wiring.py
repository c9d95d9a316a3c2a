"""Hands what happened to the brain, and what it wants to whoever does it.

`tell` is called straight from a line's callback and never waits: the brain is plain code,
and every hand only puts its action into the bounded queue of a line or store. So one slow
line or disk holds up nobody else, and no lock exists.

A hand may have something to tell at once (a line that refuses an order). It is heard after
the actions at hand are done, so the brain never sees itself from the middle.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from gatewayd.core.actions import Action, Latch, Record, Release
from gatewayd.core.facts import Fact, OrderDone, Outcome
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import Moment
from gatewayd.edge.clock import Clock

Hand = Callable[[Any, Moment], object]

log = structlog.get_logger()


class Wiring:
    """The only caller of the brain."""

    def __init__(
        self, brain: Gateway, clock: Clock, hands: Mapping[type[Action], Hand]
    ) -> None:
        self._brain = brain
        self._clock = clock
        self._hands = hands
        self._inbox: deque[Fact] = deque()
        self._busy = False
        self._stopped = False
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, fact: Fact) -> None:
        """Let the brain answer one fact, whole, before the next."""
        if self._stopped:
            return
        self._inbox.append(fact)
        if not self._busy:
            self._work()

    def start(self) -> None:
        """Let the brain's own deadlines begin."""
        self._work()

    def stop(self) -> None:
        """Hear nothing any more; no more deadlines."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _work(self) -> None:
        self._busy = True
        try:
            while self._inbox:
                now = self._clock.moment()
                self._act(self._brain.handle(self._inbox.popleft(), now), now)
        finally:
            self._busy = False
        self._arm()

    def _act(self, actions: list[Action], now: Moment) -> None:
        """Do all of it, in order. One broken hand does not take the others along, but what
        could not be recorded does not move a lock."""
        explained = True
        for action in actions:
            if not explained and isinstance(action, Release | Latch):
                self._inbox.append(OrderDone(action.order, Outcome.NOT_SENT, "not recorded"))
                continue
            try:
                self._hands[type(action)](action, now)
            except Exception:
                log.exception("action_failed", action=type(action).__name__)
                explained = explained and not isinstance(action, Record)

    def _arm(self) -> None:
        """Keep one timer, at or before the brain's deadline; early is harmless."""
        deadline = self._brain.deadline
        if math.isinf(deadline):
            return
        if self._timer is not None:
            if self._timer.when() <= deadline:
                return
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(deadline, self._time_has_come)

    def _time_has_come(self) -> None:
        self._timer = None
        now = self._clock.moment()
        self._busy = True
        try:
            self._act(self._brain.tick(now), now)
        finally:
            self._busy = False
        self._work()
