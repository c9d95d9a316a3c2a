"""All permissions anew: what the brain hands over of it goes to a thread, one after the other.

What is being put to use is not touched: until it is, or is refused, nothing else is staged.
The brain knows of a replacement; `permissions.begin` and `permissions.part` are answered here.
"""

import asyncio
from collections.abc import Callable

import structlog

from gatewayd.app.permissions import Permissions
from gatewayd.core.actions import Answer, SaveSnapshot, Stage
from gatewayd.core.events import Event, RequestEnded
from gatewayd.core.requests import Request
from gatewayd.edge.payloads import ErrorCode
from gatewayd.edge.snapshot import Snapshot

DIRECTORY = "snapshot"  # in the state directory
WAITING = 4  # parts on their way to the disk

log = structlog.get_logger()


class Snapshots:
    """The one snapshot that is being staged, or put to use. Belongs to the loop's thread."""

    def __init__(
        self,
        snapshot: Snapshot,
        permissions: Permissions,
        answer: Callable[[Answer], None],
        note: Callable[[Event], None],
    ) -> None:
        """`answer` sends an answer; `note` records what happened."""
        self._snapshot, self._permissions = snapshot, permissions
        self._send, self._note = answer, note
        self._parts: asyncio.Queue[Request | SaveSnapshot] = asyncio.Queue(WAITING + 1)
        self._replacing = False

    def stage(self, action: Stage) -> None:
        """Take what a request brings."""
        request = action.request
        if self._replacing:
            self._busy(request, "what is staged is being put to use")
        elif self._parts.qsize() >= WAITING:
            self._busy(request, f"{WAITING} parts are on their way to the disk")
        else:
            self._parts.put_nowait(request)

    def save(self, action: SaveSnapshot) -> None:
        """Put what is staged to use; the brain asks for one at a time."""
        self._replacing = True
        self._parts.put_nowait(action)

    async def run(self) -> None:
        """Do one after the other, until cancelled."""
        while True:
            what = await self._parts.get()
            if isinstance(what, SaveSnapshot):
                await self._replace(what.version)
            else:
                self._answer(await asyncio.to_thread(self._staged, what), what)

    def _staged(self, request: Request) -> Answer:
        try:
            return self._snapshot.answer(request)
        except Exception:
            log.exception("part_not_staged", request=request.id, client=request.client)
            message = "the gateway failed to stage it; its log says more"
            code = ErrorCode.INTERNAL_ERROR
            return Answer(request.id, code, message, client=request.client)

    async def _replace(self, version: int) -> None:
        try:
            if await self._permissions.replace(self._snapshot, version):
                await asyncio.to_thread(self._snapshot.clear)
        except OSError as error:  # what is in use may lie there once more
            log.warning("snapshot_left", why=error.strerror or str(error))
        finally:
            self._replacing = False

    def _busy(self, request: Request, why: str) -> None:
        answer = Answer(
            request.id, ErrorCode.BUSY, f"{why}: send it later", client=request.client
        )
        self._answer(answer, request)

    def _answer(self, answer: Answer, request: Request) -> None:
        self._note(RequestEnded(request.id, request.client, answer.error))
        self._send(answer)
