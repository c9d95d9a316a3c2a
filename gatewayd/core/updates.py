"""Permission updates on their way from a request to the memory that decides.

One at a time: checked whole, saved, and only when it is on disk does the memory switch.
What it takes away denies from the moment it is accepted; should the disk then fail, those
revocations stand all the same until a restart or the next update that is saved. Updates
that arrive meanwhile wait, and are checked at their turn.
"""

from collections import deque
from collections.abc import Container
from typing import NamedTuple

from gatewayd.core.actions import Action, PermissionsView, Record, SavePermissions, Show
from gatewayd.core.desk import Desk
from gatewayd.core.events import InternalError, PermissionsChanged
from gatewayd.core.model import DoorId, Moment
from gatewayd.core.permissions import Permissions, Update
from gatewayd.core.requests import Request
from gatewayd.core.update_check import mistakes

MAX_WAITING = 8  # updates behind the one that is being saved


class _Asked(NamedTuple):
    request: Request
    update: Update


class Updates:
    """The one update being saved, and those behind it."""

    def __init__(
        self,
        permissions: Permissions,
        doors: Container[DoorId],
        desk: Desk,
        out: list[Action],
    ) -> None:
        self._permissions = permissions
        self._doors = doors
        self._desk = desk
        self._out = out
        self._saving: _Asked | None = None
        self._waiting: deque[_Asked] = deque()

    def view(self) -> PermissionsView:
        """Return what stands on `R/permissions`."""
        held = self._permissions
        return PermissionsView(held.version, held.digest, 0, len(held))

    def submit(self, request: Request, update: Update) -> None:
        """Take an update that somebody sent."""
        if self._saving is None:
            self._start(_Asked(request, update))
        elif len(self._waiting) < MAX_WAITING:
            self._waiting.append(_Asked(request, update))
        else:
            self._desk.end(request, "busy", f"{MAX_WAITING} updates are waiting to be saved")

    def committed(self, version: int, now: Moment) -> None:
        """The update is on disk: now it decides."""
        asked = self._saved(version)
        if asked is None:
            return
        self._permissions.apply(asked.update)
        view = self.view()
        self._out.append(Record(PermissionsChanged(view.version, view.credentials)))
        self._desk.end(asked.request, result=view)
        self._out.append(Show(view))
        self._next(now)

    def not_committed(self, version: int, why: str, now: Moment) -> None:
        """The update is not on disk: only what it takes away counts."""
        asked = self._saved(version)
        if asked is None:
            return
        held = self._permissions.version
        message = f"{why}; version {held} still decides, but what was taken away stays denied"
        self._desk.end(asked.request, "storage_failed", message)
        self._next(now)

    def _saved(self, version: int) -> _Asked | None:
        asked = self._saving
        if asked is None or asked.update.version != version:
            what = f"nobody was saving version {version} of the permissions"
            self._out.append(Record(InternalError(what)))
            return None
        self._saving = None
        return asked

    def _next(self, now: Moment) -> None:
        while self._saving is None and self._waiting:
            asked = self._waiting.popleft()
            if now.mono >= asked.request.expires:
                self._desk.end(asked.request, "request_expired", "waited too long; not applied")
            else:
                self._start(asked)

    def _start(self, asked: _Asked) -> None:
        held, update = self._permissions, asked.update
        if update.base != held.version:
            message = (
                f"the update leads on from {update.base}, but version {held.version} is held"
            )
            self._desk.end(asked.request, "permissions_version", message)
        elif wrong := mistakes(update, self._doors, held):
            self._desk.end(asked.request, "permissions_invalid", "; ".join(wrong))
        else:
            held.revoke(update)
            self._saving = asked
            self._out.append(SavePermissions(update))
