"""What can be asked of the daemon itself: how it is, and what the audit says."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gatewayd.app.board import Board
from gatewayd.app.hands import Shown
from gatewayd.app.health import CONNECTED, Health, LineHealth
from gatewayd.app.permissions import Permissions
from gatewayd.core.actions import Answer, ReportHealth
from gatewayd.edge.clock import Clock
from gatewayd.edge.journal import Journal
from gatewayd.edge.mqtt import Broker
from gatewayd.edge.osdp import OsdpLine
from gatewayd.edge.payloads import encode_view
from gatewayd.version import VERSION


@dataclass(frozen=True, slots=True)
class Looking:
    """Sees every part, and changes none."""

    clock: Clock
    since: datetime
    trust: str
    lines: Iterable[OsdpLine]
    board: Board
    shown: Shown
    journal: Journal
    broker: Broker
    permissions: Permissions

    async def audit(self, _args: Mapping[str, Any]) -> object:
        """Answer `gatewayd audit` as it stands now; what is published may be a second older."""
        if self.shown.report is None:
            return None
        now, views = self.clock.moment().utc, tuple(self.board.views.values())
        report = replace(self.shown.report, at=now, controllers=views)
        return json.loads(encode_view(report))

    def health_answer(self, action: ReportHealth) -> Answer:
        """Answer a request with how everything is."""
        request = action.request
        return Answer(request.id, result=self.health().layout(), client=request.client)

    def health(self) -> Health:
        """Return how everything is."""
        now = self.clock.moment()
        units = self.board.views.values()
        verdicts = Counter(str(unit.verdict) for unit in units)
        protocol, away = self.broker.protocol, self.broker.trouble
        held = self.shown.permissions
        return Health(
            at=now.utc,
            version=VERSION,
            since=self.since,
            lines=tuple(LineHealth(line.name, line.trouble) for line in self.lines),
            controllers={**verdicts, "online": sum(unit.online for unit in units)},
            journal_last=self.journal.last,
            journal_committed=self.journal.committed,
            journal_delivered=self.journal.delivered,
            journal_lost=self.journal.lost,
            journal_trouble=self.journal.trouble,
            events_trouble=self.broker.feed.trouble,
            permissions_version=0 if held is None else held.version,
            permissions_digest="" if held is None else held.digest,
            permissions_confirmed=None if held is None else held.confirmed,
            permissions_trouble=self.permissions.trouble,
            holders=0 if held is None else held.holders,
            credentials=0 if held is None else held.credentials,
            broker=f"away: {away}" if away else f"{CONNECTED}, MQTT {protocol}",
            trust=self.trust,
            clock="trusted" if now.trusted else "uncertain",
        )
