"""The desk: requests come in here, and each leaves with exactly one answer.

Whatever happens to a request in between, `end` answers it once; a second end is nothing.
Rights come before everything else, so that nobody learns by asking what exists.
"""

from collections.abc import Container

from gatewayd.core.actions import Action, Answer, Record, ReportHealth, Stage
from gatewayd.core.events import RequestEnded
from gatewayd.core.model import ClientId, ControllerId, DoorId, RequestId
from gatewayd.core.objection import Objection
from gatewayd.core.requests import (
    AboutKeys,
    AboutUnit,
    ExplainDecision,
    ReadHealth,
    Request,
    SetDoorMode,
    ShowText,
    UnlockDoor,
    WhoCanOpen,
)

MAX_OPEN = 1_024  # requests under way at a time
_ABOUT_DOORS = UnlockDoor | SetDoorMode | ShowText | ExplainDecision | WhoCanOpen


def objection(
    request: Request,
    doors: Container[DoorId],
    controllers: Container[ControllerId],
    secure: Container[ControllerId],
    now: float,
) -> Objection | None:
    """Return what speaks against a request before anything is done for it.

    `secure` are the controllers that have keys.
    """
    if not _may(request):
        return Objection("not_permitted", "this client may not ask for this")
    if now >= request.expires:
        return Objection("request_expired", "it came too late; nothing was done")
    command = request.command
    if isinstance(command, _ABOUT_DOORS) and command.door not in doors:
        return Objection("no_such_door", f"there is no door {command.door}")
    if isinstance(command, AboutKeys | AboutUnit):
        return _about_unit(command, controllers, secure)
    return None


def _about_unit(
    command: AboutKeys | AboutUnit,
    controllers: Container[ControllerId],
    secure: Container[ControllerId],
) -> Objection | None:
    controller = command.controller
    if controller not in controllers:
        return Objection("no_such_controller", f"there is no controller {controller}")
    if isinstance(command, AboutKeys) and controller not in secure:
        why = f'{controller} has no key: it is configured with secure = "off"'
        return Objection("not_secure", why)
    return None


def _may(_request: Request) -> bool:
    """The place for rights. With `trust = "broker"` whoever is on the broker may ask."""
    return True


class Desk:
    """The requests under way."""

    def __init__(self, out: list[Action]) -> None:
        self._out = out
        self._open: dict[tuple[ClientId, RequestId], Request] = {}

    def __len__(self) -> int:
        """Count the requests under way."""
        return len(self._open)

    def begin(self, request: Request) -> bool:
        """Take a request in. False: it has its answer already, do nothing for it."""
        key = request.client, request.id
        if key in self._open:
            return False  # the one under way will be answered
        self._open[key] = request
        if len(self._open) > MAX_OPEN:
            self.end(request, "busy", f"{MAX_OPEN} requests are under way")
            return False
        return True

    def end(
        self,
        request: Request,
        error: str | None = None,
        message: str = "",
        result: object = None,
    ) -> None:
        """Answer a request, unless that has happened."""
        if self._open.pop((request.client, request.id), None) is None:
            return
        if not isinstance(request.command, ReadHealth):  # reading leaves no trace
            self._out.append(Record(RequestEnded(request.id, request.client, error)))
        self._out.append(Answer(request.id, error, message, result, request.client))

    def hand_over(self, request: Request, to: ReportHealth | Stage) -> None:
        """Let the daemon answer: only it sees lines, journal, broker and staged snapshots."""
        self._open.pop((request.client, request.id))
        self._out.append(to)
