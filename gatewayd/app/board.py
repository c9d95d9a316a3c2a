"""Every controller as the world sees it: what the brain says of it, and what its line counts.

What the brain says is published when it changes, what the line counts along with it, and by
itself every few seconds (`refresh`): polls are counted twenty times a second, and nobody reads
that fast. Over the local channel it can be looked at as often as one likes:

    site.lines {}    every line, its trouble, and its controllers as on `R/controllers/…`
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from gatewayd.core.model import ControllerId, ControllerView
from gatewayd.edge.control import Handlers
from gatewayd.edge.counted import Counted, counted
from gatewayd.edge.payloads import encode_controller
from protocol.osdp.counters import Counters


class Line(Protocol):
    """Whatever counts."""

    @property
    def name(self) -> str: ...
    @property
    def trouble(self) -> str | None: ...

    def counters(self, controller: ControllerId) -> Counters:
        """Return what happened so far with one of its units."""


class Board:
    """All controllers, the newest view of each."""

    def __init__(
        self, line_of: Mapping[ControllerId, Line], retain: Callable[[str, bytes], object]
    ) -> None:
        self._line_of = line_of
        self._retain = retain
        self._published: dict[ControllerId, Counted] = {}
        self.views: dict[ControllerId, ControllerView] = {}

    @property
    def handlers(self) -> Handlers:
        """What the control socket answers with."""
        return {"site.lines": self._lines}

    def show(self, view: ControllerView) -> None:
        """Publish what the brain says."""
        self.views[view.controller] = view
        self._publish(view, self._counted(view.controller))

    def refresh(self) -> None:
        """Publish what was counted since, if anything was."""
        for controller, view in self.views.items():
            now = self._counted(controller)
            if now != self._published.get(controller):
                self._publish(view, now)

    def _publish(self, view: ControllerView, now: Counted) -> None:
        self._published[view.controller] = now
        self._retain(f"controllers/{view.controller}", encode_controller(view, now))

    def _counted(self, controller: ControllerId) -> Counted:
        return counted(self._line_of[controller].counters(controller))

    async def _lines(self, _args: Mapping[str, Any]) -> object:
        lines = {line.name: line.trouble for line in self._line_of.values()}
        return [
            {"line": name, "trouble": trouble, "controllers": self._on(name)}
            for name, trouble in lines.items()
        ]

    def _on(self, line: str) -> list[object]:
        return [
            json.loads(encode_controller(view, self._counted(controller)))
            for controller, view in self.views.items()
            if view.line == line
        ]
