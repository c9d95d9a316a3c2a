"""Files on their way from the disk to a line, and how far they are.

    SendFile ──► read in a thread ──► FileStarted, and the line has it ──► FileEnded
                                  └─► FileRefused

    firmware.progress {"controller": "c1"}      over the control socket

One file is read at a time.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from gatewayd.core.actions import AbortFile, SendFile
from gatewayd.core.facts import Fact, FileEnded, FileRefused, FileStarted
from gatewayd.core.model import ControllerId
from gatewayd.edge.control import Handlers, Unable
from gatewayd.edge.firmware_file import FirmwareFile, Unfit, read_firmware
from gatewayd.edge.osdp_side_work import in_words
from gatewayd.edge.payloads import ErrorCode
from protocol.osdp.file_sender import End, Ended, Progress, Stage

MOST_WAITING = 64  # files to be read
STOPPED = "the gateway was stopped"


class Line(Protocol):
    """What is wanted of a line."""

    def send_file(self, controller: ControllerId, content: bytes) -> str:
        """Begin, or say why not."""

    def abort_file(self, controller: ControllerId) -> None:
        """Call it off."""

    def file_progress(self, controller: ControllerId) -> Progress | None:
        """Say how far it is."""


class FirmwareRoom:
    """Everything about files for controllers that is no decision."""

    def __init__(
        self,
        private: Sequence[Path],
        lines: Mapping[ControllerId, Line],
        tell: Callable[[Fact], None],
    ) -> None:
        """`private`: files, and directories of files, that are sent to nobody."""
        self._private = private
        self._lines = lines
        self._tell = tell
        self._asked: asyncio.Queue[SendFile] = asyncio.Queue(MOST_WAITING)
        self._beginning: ControllerId | None = None
        self._not_begun: dict[ControllerId, str] = {}  # the newest file of each, and why

    @property
    def handlers(self) -> Handlers:
        """What the control socket answers with."""
        return {"firmware.progress": self._progress}

    async def run(self) -> None:
        """Read what is asked for, until cancelled."""
        while True:
            asked = await self._asked.get()
            try:
                path = Path(asked.path)
                file = await asyncio.to_thread(read_firmware, path, self._private)
            except Unfit as error:
                self._tell(FileRefused(asked.controller, str(error)))
            else:
                self._begin(asked.controller, file)

    def send(self, action: SendFile) -> None:
        """Have a file read and sent."""
        try:
            self._asked.put_nowait(action)
        except asyncio.QueueFull:
            self._tell(FileRefused(action.controller, "too many files wait to be read"))

    def abort(self, action: AbortFile) -> None:
        """Call it off."""
        if action.controller == self._beginning:
            self._beginning = None
        else:
            self._lines[action.controller].abort_file(action.controller)

    def stop(self) -> None:
        """Say of what is under way that it will not be finished."""
        for controller, line in self._lines.items():
            progress = line.file_progress(controller)
            if progress is not None and progress.ended is None:
                self._tell(FileEnded(controller, well=False, detail=STOPPED))

    def _begin(self, controller: ControllerId, file: FirmwareFile) -> None:
        """Hand it over; its start is told before its line can tell its end."""
        self._beginning = controller
        size = len(file.content)
        self._tell(FileStarted(controller, file.path, size, file.digest))
        wanted, self._beginning = self._beginning, None
        if wanted is None:
            return  # nobody waits for it any more
        self._not_begun.pop(controller, None)
        why = self._lines[controller].send_file(controller, file.content)
        if why:
            self._not_begun[controller] = why
            self._tell(FileEnded(controller, well=False, detail=why))

    async def _progress(self, args: Mapping[str, Any]) -> object:
        name = args.get("controller")
        if set(args) != {"controller"} or not isinstance(name, str):
            raise Unable(ErrorCode.INVALID_REQUEST, "controller: must be the name of one")
        controller = ControllerId(name)
        if controller not in self._lines:
            raise Unable(ErrorCode.INVALID_REQUEST, "controller: there is none of this name")
        if controller in self._not_begun:
            return _failed(self._not_begun[controller])
        progress = self._lines[controller].file_progress(controller)
        return None if progress is None else _shown(progress)


def _failed(why: str) -> dict[str, object]:
    return _shown(Progress(Stage.ENDED, 0, 0, 0, Ended(End.FAILED, why)))


def _shown(progress: Progress) -> dict[str, object]:
    ended = progress.ended
    return {
        "stage": progress.stage,
        "acknowledged": progress.acknowledged,
        "size": progress.total,
        "interruptions": progress.interruptions,
        "well": None if ended is None else ended.well,
        "detail": "" if ended is None else in_words(ended),
    }
