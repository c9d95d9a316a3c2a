"""One controller as the gate sees it: its connection, its identity, its verdict."""

from dataclasses import dataclass
from datetime import datetime

from gatewayd.core.audit import Finding, Needs
from gatewayd.core.model import ControllerId, ControllerView, Identity, Verdict
from gatewayd.core.places import Occupant

NEVER = -1  # below every connection number

_NOT_SEEN = Finding(Verdict.UNREACHABLE, "has not answered yet")


@dataclass(slots=True)
class Unit:
    """One controller as it stands."""

    id: ControllerId
    line: str
    needs: Needs
    connection: int | None = None
    came: int | None = None  # connection since which it has been there without a break
    ended: int = NEVER  # the newest connection that is over
    admitted: bool = False
    asked: bool = False  # to identify itself again
    silent: bool = False
    since: datetime | None = None  # of `silent` and `connection`
    greeted: int = NEVER  # connection of the newest controller.online
    blocked: tuple[int | None, Finding] | None = None  # what the newest audit.blocked was for
    ignored: int = NEVER  # connection of the newest controller.ignored
    finding: Finding = _NOT_SEEN
    judged: datetime | None = None
    identity: Identity | None = None  # as last heard
    fault: str | None = None  # why it did not prove that
    suspect: Occupant | None = None  # the newest unit that was told to be another
    abnormal: tuple[bool, bool] | None = None  # tamper, power; as last heard

    @property
    def online(self) -> bool:
        """Whether it answers on its line; a barred controller does, too."""
        return self.connection is not None and not self.silent

    @property
    def approved(self) -> bool:
        """Whether the audit has nothing against it, as of this connection."""
        return self.finding.verdict is Verdict.APPROVED

    def view(self) -> ControllerView:
        """Return what stands on `R/controllers/<controller>`."""
        tamper, power = self.abnormal if self.online and self.abnormal else (None, None)
        return ControllerView(
            controller=self.id,
            line=self.line,
            online=self.online,
            secure=self.online and self.identity is not None and self.identity.proved,
            verdict=self.finding.verdict,
            family=self.finding.family,
            why=self.finding.why,
            replacement=self.finding.replacement,
            identity=self.identity,
            since=self.judged,
            tamper=tamper,
            power=power,
        )
