"""Holders and credentials that are not any more leave no trace in the state.

Where somebody was, wrong PINs and uses are forgotten when upstream has taken the holder or
the credential away, so that nobody who comes later under the same id takes them over, and
the state never fills up with people who are gone. There may be a million of them, so it is
looked through a slice at a time, between everything else.
"""

import math
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from gatewayd.core.access.book import People
from gatewayd.core.access.state import (
    Durable,
    MissesAre,
    PresenceIs,
    State,
    UsesAre,
    holder_of_pins,
)
from gatewayd.core.model import HolderId, Moment
from gatewayd.core.moved import Moved

SLICE = 256  # traces looked at in one go
PAUSE = 0.02  # seconds between two slices


class _Trace(NamedTuple):
    """One thing that is known of a holder or of a credential."""

    forgets: Durable
    holder: HolderId | None = None
    credential: str = ""

    def is_nobodys(self, people: People) -> bool:
        if self.holder is None:
            return people.credential(self.credential) is None
        return people.holder(self.holder) is None


class Forgetting:
    """The search for what is known of nobody, if one is under way."""

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._left: Iterator[_Trace] | None = None
        self._again = False
        self.deadline = math.inf  # when `tick` is next needed

    def begin(self, now: Moment) -> None:
        """Somebody may be gone: look for what is left of them, also in what was looked at."""
        if self._left is None:
            self._left = _traces(self._moved.state)
            self.deadline = now.mono + PAUSE
        else:
            self._again = True

    def tick(self, people: People, now: Moment) -> None:
        """Look at one slice."""
        if self._left is None or now.mono < self.deadline:
            return
        self.deadline = now.mono + PAUSE
        traces = list(islice(self._left, SLICE))
        self._moved.change([each.forgets for each in traces if each.is_nobodys(people)])
        if len(traces) < SLICE:
            self._left, self.deadline = None, math.inf
            if self._again:
                self._again = False
                self.begin(now)


def _traces(state: State) -> Iterator[_Trace]:
    """Yield everything; the list of a kind is made when its turn has come."""
    for each in list(state.presences):
        yield _Trace(PresenceIs(each, None), each)
    for subject in list(state.misses):
        holder = holder_of_pins(subject)
        if holder is not None:
            yield _Trace(MissesAre(subject, None), holder)
    for credential in list(state.uses):
        yield _Trace(UsesAre(credential, 0), credential=credential)
