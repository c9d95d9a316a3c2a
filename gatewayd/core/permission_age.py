"""How long ago upstream last said that what is held is the newest, by an update or in words.

With `max_age` in the policy, permissions that nobody confirms in that time are stale: that is
told once, and with `on_stale = "deny"` nobody passes until they are confirmed.

The age is counted by a clock that never jumps, from the moment of the confirmation. That
moment outlasts restarts as a time of the day, which has to be believed at a start; a clock
that was not trusted is asked again once it is. Without such a moment nobody knows how old
permissions are, and they are stale; unless there are none yet.
"""

import math
from datetime import datetime, timedelta

from gatewayd.core.access.policy import Policy
from gatewayd.core.access.state_values import stamp
from gatewayd.core.actions import Action, KeepState, PermissionsView, Record
from gatewayd.core.events import PermissionsFresh, PermissionsStale
from gatewayd.core.model import Moment

CONFIRMED = "confirmed"  # the key under which the moment is kept
LOOK = 60.0  # seconds between two looks at a clock that is not trusted yet


class Age:
    """The age of the permissions in force."""

    def __init__(self, held: PermissionsView, policy: Policy, out: list[Action]) -> None:
        """Begin with what is held at a start; `look` begins to count."""
        self._out = out
        self._most = None if policy.max_age is None else policy.max_age.total_seconds()
        self._version = held.version
        self.confirmed = held.confirmed
        self.stale = False
        self.deadline = 0.0  # when `look` is next needed
        self._since: float | None = None  # monotonic, of the confirmation; None: not known yet
        self._guessed = False  # by a clock that was not trusted
        self._told = False  # the moment was noted by such a clock

    def confirm(self, version: int, now: Moment) -> datetime:
        """Begin to count anew, and return the moment that is kept."""
        self._version = version
        self._since, self._guessed = now.mono, False
        self._note(now.utc, told=not now.trusted)
        self.look(now)
        return now.utc

    def look(self, now: Moment) -> None:
        """Say so if the permissions have become stale, or are fresh again."""
        if self._since is None or (now.trusted and self._guessed):
            self._believe(now)
        if now.trusted and self._told:
            self._note(now.utc - timedelta(seconds=now.mono - self._begin), told=False)
        self._judge(now)

    @property
    def _begin(self) -> float:
        return -math.inf if self._since is None else self._since

    def _believe(self, now: Moment) -> None:
        """Work out from times of the day how old they are; from the future is just now."""
        if self.confirmed is None:
            self._since = -math.inf if self._version else now.mono
        else:
            age = (now.utc - self.confirmed).total_seconds()
            self._since = now.mono - max(age, 0.0)
        self._guessed = not now.trusted

    def _note(self, when: datetime, *, told: bool) -> None:
        self.confirmed, self._told = when, told
        self._out.append(KeepState(((CONFIRMED, {"at": stamp(when)}),)))

    def _judge(self, now: Moment) -> None:
        self.deadline = math.inf
        if self._guessed or self._told:
            self.deadline = now.mono + LOOK
        if self._most is None:
            return
        due = self._begin + self._most
        stale = now.mono >= due
        if not stale:
            self.deadline = min(self.deadline, due)
        if stale is not self.stale:
            self.stale = stale
            event = PermissionsStale if stale else PermissionsFresh
            self._out.append(Record(event(self._version, self.confirmed)))
