"""Permission updates on their way from a request to the memory that decides.

One at a time: checked whole, saved, and only when it is on disk does the memory switch.
What it takes away denies from the moment the disk is asked (people), or stays away should the
disk fail (rules, `narrowed_rules`), until a restart or the next update that is saved. Updates
that arrive meanwhile wait, and are checked at their turn.

Replacing everything takes longer, so it has a place of its own and holds up no update.
"""

from collections import deque
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import NamedTuple

from gatewayd.core.access.book import Book
from gatewayd.core.access.record_check import mistakes
from gatewayd.core.access.records import Rules, Update
from gatewayd.core.access.rules_narrowing import narrowed_rules
from gatewayd.core.actions import (
    Action,
    PermissionsView,
    Record,
    SavePermissions,
    SaveSnapshot,
    Show,
)
from gatewayd.core.desk import Desk
from gatewayd.core.events import InternalError, PermissionsChanged
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.model import AreaId, DoorId, Moment
from gatewayd.core.named import named
from gatewayd.core.permission_age import Age
from gatewayd.core.requests import (
    ApplyPermissions,
    ConfirmPermissions,
    ReplacePermissions,
    Request,
)

MAX_WAITING = 8  # updates behind the one that is being saved


@dataclass(slots=True)
class Held:
    """The permissions, as one value that is replaced piece by piece.

    `book` decides. `rules` and `view` (what stands on `R/permissions`) are what the disk has:
    if it failed to take an update, the book is that of narrower rules.
    """

    book: Book
    rules: Rules
    view: PermissionsView


class _Asked(NamedTuple):
    request: Request
    update: Update


class _Replacing(NamedTuple):
    request: Request
    version: int


class Updates:
    """The one update being saved, and those behind it."""

    def __init__(  # noqa: PLR0913, PLR0917 -- what is held, what it is about, and who is told
        self,
        held: Held,
        doors: Container[DoorId],
        areas: Container[AreaId],
        age: Age,
        desk: Desk,
        out: list[Action],
    ) -> None:
        """Change `held` from now on. Updates may name these doors and areas of the site."""
        self._held = held
        self._in_force = held.rules
        self._doors, self._areas = doors, areas
        self._age = age
        self._desk = desk
        self._out = out
        self._saving: _Asked | None = None
        self._replacing: _Replacing | None = None
        self._waiting: deque[_Asked] = deque()

    # --- what somebody asks -----------------------------------------------------------

    def submit(self, request: Request, command: ApplyPermissions | ReplacePermissions) -> None:
        """Take an update that somebody sent, or what somebody staged."""
        if isinstance(command, ReplacePermissions):
            self._replace(request, command.version)
        elif self._saving is None:
            self._start(_Asked(request, command.update))
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(_Asked(request, command.update))
        else:
            self._desk.end(request, "busy", f"{MAX_WAITING} updates are waiting to be saved")

    def _replace(self, request: Request, version: int) -> None:
        held = self._held.view.version
        if self._replacing is not None:
            self._desk.end(request, "busy", "all permissions are being replaced already")
        elif version < held:
            message = (
                f"version {held} is held, which is newer; send version {held} or a later one"
            )
            self._desk.end(request, "permissions_version", message)
        else:
            self._replacing = _Replacing(request, version)
            self._out.append(SaveSnapshot(version))

    def confirm(self, request: Request, command: ConfirmPermissions, now: Moment) -> None:
        """Compare what somebody means to be held with what is; if it is that, it is fresh."""
        held = self._held.view
        same = command.version == held.version and command.digest in (None, held.digest)
        if same:
            self._show(replace(held, confirmed=self._age.confirm(held.version, now)))
        result = {"match": same, "version": held.version, "digest": held.digest}
        self._desk.end(request, result=result)

    def look(self, now: Moment) -> None:
        """Look how old it is, and show since when if that is known better now."""
        self._age.look(now)
        if self._age.confirmed != self._held.view.confirmed:
            self._show(replace(self._held.view, confirmed=self._age.confirmed))

    # --- what the disk says -----------------------------------------------------------

    def committed(self, fact: PermissionsCommitted, now: Moment) -> None:
        """It is on disk: now it decides."""
        request = self._ended(fact.version)
        if request is None:
            return
        if fact.book is not None and fact.rules is not None:
            self._held.book, self._held.rules = fact.book, fact.rules
            self._in_force = fact.rules
        held = replace(fact.held, confirmed=self._age.confirm(fact.version, now))
        counts = held.holders, held.credentials, held.rules
        self._out.append(Record(PermissionsChanged(held.version, held.digest, *counts)))
        self._desk.end(request, result=held)
        self._show(held)
        self._next(now)

    def not_committed(self, fact: PermissionsNotCommitted, now: Moment) -> None:
        """It is not on disk: only what it takes away counts."""
        asked = self._saving
        request = self._ended(fact.version)
        if request is None:
            return
        if fact.mistakes:
            message = "; ".join(named(fact.mistakes))
            self._desk.end(request, "permissions_invalid", message)
        elif asked is None or asked.request is not request:
            self._desk.end(request, "storage_failed", f"{fact.why}; nothing was replaced")
        elif asked.update.base != self._held.view.version:  # all was replaced meanwhile
            self._desk.end(request, "permissions_version", self._leads_nowhere(asked.update))
        else:
            self._narrow(fact)
            held = self._held.view.version
            message = (
                f"{fact.why}; version {held} still decides, "
                f"but what was taken away stays denied"
            )
            self._desk.end(request, "storage_failed", message)
        self._next(now)

    def _narrow(self, fact: PermissionsNotCommitted) -> None:
        if fact.book is not None and fact.rules is not None:
            self._held.book, self._in_force = fact.book, fact.rules

    def _ended(self, version: int) -> Request | None:
        """Return who asked for what has ended."""
        saving, replacing = self._saving, self._replacing
        if saving is not None and saving.update.version == version:
            self._saving = None
            return saving.request
        if replacing is not None and replacing.version == version:
            self._replacing = None
            return replacing.request
        what = f"nobody was saving version {version} of the permissions"
        self._out.append(Record(InternalError(what)))
        return None

    # --- one after the other ----------------------------------------------------------

    def _next(self, now: Moment) -> None:
        while self._saving is None and self._waiting:
            asked = self._waiting.popleft()
            if now.mono >= asked.request.expires:
                self._desk.end(asked.request, "request_expired", "waited too long; not applied")
            else:
                self._start(asked)

    def _start(self, asked: _Asked) -> None:
        request, update = asked
        if update.base != self._held.view.version:
            self._desk.end(request, "permissions_version", self._leads_nowhere(update))
            return
        if self._replacing is not None and self._replacing.version == update.version:
            message = f"version {update.version} is on its way, with everything in it"
            self._desk.end(request, "busy", message)
            return
        after = self._held.rules.after(update)
        if wrong := mistakes(update, after, self._doors, self._areas):
            self._desk.end(request, "permissions_invalid", "; ".join(wrong))
            return
        self._saving = asked
        if update.rules_change:
            narrowed = narrowed_rules(self._in_force, after)
            self._out.append(SavePermissions(update, after, narrowed))
        else:
            self._out.append(SavePermissions(update))

    def _leads_nowhere(self, update: Update) -> str:
        held = self._held.view.version
        return (
            f"the update leads on from {update.base}, but version {held} is held; "
            f"send what leads on from {held}, or replace everything"
        )

    def _show(self, view: PermissionsView) -> None:
        self._held.view = view
        self._out.append(Show(view))
