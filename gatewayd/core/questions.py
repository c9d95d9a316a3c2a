"""Questions about the decision: why, who, what. Nothing is changed by asking.

Why a card would open a door, or would not, is answered at once. Who can open a door, and
what somebody can open, is looked through a slice at a time, between everything else: a
million credentials take their time and hold up nobody. A change of people in between ends
such a question; it can be asked again.

No PIN is taken from whoever asks: answering would tell right ones from wrong ones.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import NamedTuple

from gatewayd.core.access.attempt import Around, Attempt, Decision
from gatewayd.core.access.book import Book
from gatewayd.core.access.explain import (
    Explanation,
    Opening,
    explain,
    what_can_open,
    who_can_open,
)
from gatewayd.core.access.model import point_id
from gatewayd.core.access.pins import shown
from gatewayd.core.access.reasons import MEANING, Reason
from gatewayd.core.access.state import State
from gatewayd.core.desk import Desk
from gatewayd.core.model import Card, Moment
from gatewayd.core.requests import ExplainDecision, Request, WhatCanOpen, WhoCanOpen

MOST_AT_ONCE = 4  # questions that are looked through at a time
MOST_FOUND = 1_000  # openings in one answer
SLICE = 200  # credentials or points looked at in one go
PAUSE = 0.002  # seconds between two slices


class Standing(NamedTuple):
    """What a question is about: the permissions, how everything stands, and what speaks
    against doing what would be granted.
    """

    book: Book
    state: State
    around: Around
    against: Callable[[Decision], Reason | None]


@dataclass(slots=True)
class _Search:
    request: Request
    found: list[Opening]
    left: Iterator[Opening | None]  # None: looked at, and nothing found
    at: datetime


class Questions:
    """The questions under way."""

    def __init__(self, desk: Desk, standing: Callable[[], Standing]) -> None:
        self._desk = desk
        self._standing = standing
        self._searches: list[_Search] = []
        self.deadline = math.inf  # when `tick` is next needed

    def explain(self, request: Request, command: ExplainDecision, now: Moment) -> None:
        """Answer why."""
        when = _at(command.at, now)
        book, state, around, against = self._standing()
        attempt = Attempt(command.door, command.side, when, _card(command.credential))
        found = explain(book, state, around, attempt)
        reason = against(found.decision) if found.decision.granted else None
        if reason is not None:  # as at the reader: what cannot be done is not granted
            decision = found.decision._replace(reason=reason)
            found = replace(found, decision=decision, words=MEANING[reason])
        self._desk.end(request, result=_in_full(found, command, when))

    def search(self, request: Request, command: WhoCanOpen | WhatCanOpen, now: Moment) -> None:
        """Begin to look who can open a door, or what somebody can open."""
        if len(self._searches) >= MOST_AT_ONCE:
            self._desk.end(request, "busy", f"{MOST_AT_ONCE} such questions are under way")
            return
        when = _at(command.at, now)
        book = self._standing().book
        if isinstance(command, WhoCanOpen):
            left = who_can_open(book, command.door, command.side, when)
        else:
            left = what_can_open(book, command.holder, when)
        self._searches.append(_Search(request, [], left, when.utc))
        self.deadline = now.mono

    def tick(self, now: Moment) -> None:
        """Look through the next slice of each question."""
        if now.mono < self.deadline:
            return
        self._searches = [each for each in self._searches if self._goes_on(each, now)]
        self.deadline = now.mono + PAUSE if self._searches else math.inf

    def _goes_on(self, search: _Search, now: Moment) -> bool:
        request = search.request
        if now.mono >= request.expires:
            self._desk.end(request, "request_expired", "there was no time to look at everybody")
            return False
        try:
            looked_at = list(islice(search.left, SLICE))
        except RuntimeError:
            why = "the permissions changed meanwhile; ask again"
            self._desk.end(request, "permissions_version", why)
            return False
        except Exception:  # a record that cannot be read: part of an answer is none
            self._desk.end(request, "internal_error", "it could not be looked up")
            raise
        search.found += [each for each in looked_at if each is not None]
        ended = len(looked_at) < SLICE
        if ended or len(search.found) > MOST_FOUND:
            self._desk.end(request, result=_listed(search))
            return False
        return True


def _at(when: datetime | None, now: Moment) -> Moment:
    return now if when is None else Moment(now.mono, when)


def _card(key: str) -> Card:
    """Return the card of a key: "H10301:36:6765", or raw "26:12345680"."""
    parts = key.split(":")
    if len(parts) != 3:
        return Card(key)
    format_, facility, number = parts
    return Card("", format_, int(facility) if facility else None, int(number))


def _in_full(found: Explanation, command: ExplainDecision, when: Moment) -> dict[str, object]:
    decision = found.decision
    return {
        "at": when.utc,
        "point": point_id(command.door, command.side),
        "credential": shown(command.credential),
        "holder": decision.holder,
        "granted": decision.granted,
        "reason": decision.reason,
        "words": found.words,
        "rules": [
            {"rule": each.rule, "reason": each.reason, "words": each.words}
            for each in found.findings
        ],
    }


def _listed(search: _Search) -> dict[str, object]:
    return {
        "at": search.at.astimezone(UTC),
        "more": len(search.found) > MOST_FOUND,
        "openings": [
            {
                "door": each.door,
                "side": each.side,
                "holder": each.holder,
                "credential": shown(each.credential),
                "needs": each.needs,
            }
            for each in search.found[:MOST_FOUND]
        ],
    }
