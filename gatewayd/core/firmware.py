"""Files for controllers, above all firmware: who asked, how it began and how it ended.

The daemon reads the file and its line sends it; here is decided whether that may be, and here
is remembered that it goes on. One file at a time goes to one controller, and only while it is
approved. Whoever asked is answered when the file is read and the transfer has begun; the
events tell the rest.

A transfer outlives connections, so nothing of it ends with one.
"""

import math
from dataclasses import dataclass

from gatewayd.core.actions import AbortFile, Action, Record, SendFile
from gatewayd.core.controllers import Controllers
from gatewayd.core.desk import Desk
from gatewayd.core.events import ControllerFirmware
from gatewayd.core.facts import FileEnded, FileRefused, FileStarted
from gatewayd.core.model import ControllerId, Moment
from gatewayd.core.requests import EndFirmware, Request, SendFirmware

READ_PATIENCE = 30.0  # seconds until the file must have been read


@dataclass(slots=True)
class _Transfer:
    request: Request  # who waits for its beginning, and asked for it
    until: float  # when it must have begun
    started: FileStarted | None = None


class Firmware:
    """The transfers under way, at most one for each controller."""

    def __init__(self, controllers: Controllers, desk: Desk, out: list[Action]) -> None:
        self._controllers = controllers
        self._desk = desk
        self._out = out
        self._transfers: dict[ControllerId, _Transfer] = {}

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        return min((each.until for each in self._transfers.values()), default=math.inf)

    def ask(self, request: Request, command: SendFirmware, now: Moment) -> None:
        """Begin a transfer."""
        unit = self._controllers[command.controller]
        if unit.id in self._transfers:
            self._desk.end(request, "busy", f"{unit.id} is being sent a file already")
        elif unit.connection is None:
            self._desk.end(request, "controller_offline", f"{unit.id} is not there")
        elif not unit.admitted:
            self._desk.end(request, "unit_not_approved", f"{unit.id}: {unit.finding.why}")
        else:
            until = now.mono + READ_PATIENCE
            self._transfers[unit.id] = _Transfer(request, until)
            self._out.append(SendFile(unit.id, command.path))

    def end(self, request: Request, command: EndFirmware) -> None:
        """Call a transfer off."""
        transfer = self._transfers.get(command.controller)
        if transfer is None or transfer.started is None:
            why = f"{command.controller} is not being sent a file"
            self._desk.end(request, "no_transfer", why)
        else:
            self._out.append(AbortFile(command.controller))
            self._desk.end(request)

    # --- what became of it ------------------------------------------------------------

    def started(self, fact: FileStarted) -> None:
        """The file was read, and the line has it; say so in the journal."""
        transfer = self._transfers.get(fact.controller)
        if transfer is None or transfer.started is not None:
            self._out.append(AbortFile(fact.controller))  # nobody waits for it any more
            return
        transfer.started, transfer.until = fact, math.inf
        self._record(transfer, fact, "started")
        result = {
            "controller": fact.controller,
            "file": fact.file,
            "size": fact.size,
            "digest": fact.digest,
        }
        self._desk.end(transfer.request, result=result)

    def refused(self, fact: FileRefused) -> None:
        """It could not begin."""
        self._give_up(fact.controller, fact.why)

    def ended(self, fact: FileEnded) -> None:
        """It is over, for good or ill."""
        transfer = self._transfers.pop(fact.controller, None)
        if transfer is not None and transfer.started is not None:
            step = "finished" if fact.well else "failed"
            self._record(transfer, transfer.started, step, fact.detail)

    def withdraw(self, controller: ControllerId) -> None:
        """It was begun here but will not be: something of ours failed."""
        self._transfers.pop(controller, None)

    def tick(self, now: Moment) -> None:
        """Wait for no disk for ever."""
        for controller, transfer in list(self._transfers.items()):
            if now.mono >= transfer.until:
                self._give_up(controller, "the file was not read in time")

    def _give_up(self, controller: ControllerId, why: str) -> None:
        transfer = self._transfers.get(controller)
        if transfer is not None and transfer.started is None:
            del self._transfers[controller]
            self._desk.end(transfer.request, "file_refused", why)

    def _record(
        self, transfer: _Transfer, started: FileStarted, step: str, detail: str = ""
    ) -> None:
        self._out.append(
            Record(
                ControllerFirmware(
                    started.controller,
                    step,
                    f"request {transfer.request.client}",
                    started.file,
                    started.size,
                    started.digest,
                    detail,
                )
            )
        )
