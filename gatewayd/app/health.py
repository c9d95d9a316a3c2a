"""How the gateway is: one document for `R/health`, `gatewayd health` and the watchdog."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

CONNECTED = "connected"  # begins `Health.broker` when all is well


@dataclass(frozen=True, slots=True)
class LineHealth:
    """One line: `trouble` is None while its port or socket is open."""

    line: str
    trouble: str | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything an operator asks first."""

    at: datetime
    version: str
    since: datetime
    lines: tuple[LineHealth, ...]
    controllers: Mapping[str, int]  # how many by verdict, and "online"
    journal_last: int
    journal_committed: int
    journal_delivered: int
    journal_lost: int
    journal_trouble: str | None
    events_trouble: str | None  # why the broker does not get them
    permissions_version: int
    permissions_digest: str
    permissions_confirmed: datetime | None  # when upstream last said that it is the newest
    permissions_trouble: str | None  # what is wrong with them on disk
    holders: int
    credentials: int
    broker: str  # "connected, MQTT 5", or why not
    trust: str
    clock: str  # "trusted", or "uncertain": behind what was journaled once

    @property
    def well(self) -> bool:
        """Nothing here needs anybody."""
        return (
            self.journal_trouble is None
            and self.events_trouble is None
            and self.permissions_trouble is None
            and self.clock == "trusted"
            and self.broker.startswith(CONNECTED)
            and all(line.trouble is None for line in self.lines)
            and self.controllers.get("approved", 0) == self._count()
            and self.controllers.get("online", 0) == self._count()
        )

    @property
    def summary(self) -> str:
        """One line for `systemctl status`."""
        online, all_of_them = self.controllers.get("online", 0), self._count()
        return f"{online} of {all_of_them} controllers online; broker {self.broker}"

    def _count(self) -> int:
        return sum(count for what, count in self.controllers.items() if what != "online")

    def layout(self) -> dict[str, object]:
        """Return the document as plain values."""
        backlog = self.journal_last - self.journal_delivered
        return {"well": self.well, "backlog": backlog, **asdict(self)}
