"""The gate: which controllers may be believed and driven, connection by connection.

A controller that answers says who it is and waits. The audit judges; only an approval
admits it, for this one connection, and every new connection is judged again. Whatever a
controller reports without being admitted is not believed, counted, and said once a
connection.

A site that was never approved and has `on_classic = "refuse"` is only looked at first:
until every controller is judged, or for `settle_seconds`, nobody is admitted. If a Classic
unit is among them then, or ever before the whole inventory has been approved once, the
site is refused: everything is barred and stays so.

A verdict ends with its connection: what does not answer is unreachable. Who was approved in a
place outlives it (`places`): another unit there is changed, and not driven, until an operator
accepts it.
"""

import math
from dataclasses import replace

from gatewayd.core.actions import (
    Action,
    Admit,
    ApproveInventory,
    Bar,
    Identify,
    Record,
    Refuse,
    RememberPlaces,
    Show,
)
from gatewayd.core.audit import Finding, Needs, judge, needs_of
from gatewayd.core.events import (
    AuditBlocked,
    ControllerAccepted,
    ControllerFirmwareChanged,
    ControllerOnline,
    ControllerSecurity,
    ControllerTampered,
    ControllerWentOffline,
    ReportsIgnored,
)
from gatewayd.core.facts import (
    CardRead,
    ControllerAlarmed,
    ControllerAnswers,
    ControllerIdentified,
    ControllerOffline,
    ControllerSilent,
    HealthRead,
    InputsRead,
    KeysRead,
    OutputsRead,
    ReadersRead,
)
from gatewayd.core.model import (
    AuditReport,
    ControllerId,
    ControllerView,
    Identity,
    Moment,
    Verdict,
)
from gatewayd.core.places import Occupant, Places, dotted, occupant_of
from gatewayd.core.reader_faults import ReaderFaults
from gatewayd.core.site import OnClassic, SiteConfig
from gatewayd.core.unit import Unit

REPORT_PAUSE = 1.0  # seconds between two audit reports, when many controllers appear at once

Report = CardRead | KeysRead | InputsRead | OutputsRead | HealthRead | ReadersRead


class Controllers:
    """All configured controllers and the gate in front of each."""

    def __init__(self, site: SiteConfig, out: list[Action]) -> None:
        self._site = site
        self._out = out
        self._reader_faults = ReaderFaults()
        needs = needs_of(site.doors)
        self._units = {
            id_: Unit(
                id_,
                line,
                replace(needs.get(id_, Needs()), secure=id_ in site.require_secure),
            )
            for id_, line in site.controllers.items()
        }
        self._places = Places(site.places)
        self._approved = site.inventory_approved
        self._settling = self._strict  # whether nobody is admitted yet
        self._settle_at = math.inf
        self._report_at = math.inf  # when a report that was held back is due
        self._report_from = -math.inf  # when the next one may be shown
        self._shown: dict[ControllerId, ControllerView] = {}
        self._moved: dict[ControllerId, Unit] = {}
        self.refused = False
        self.strays = 0  # reports that were not believed

    def __contains__(self, controller: object) -> bool:
        """Say whether there is such a controller."""
        return controller in self._units

    def __getitem__(self, controller: ControllerId) -> Unit:
        """Return one of the configured controllers."""
        return self._units[controller]

    @property
    def deadline(self) -> float:
        """When `tick` is next needed."""
        return min(self._settle_at, self._report_at)

    # --- what controllers do ----------------------------------------------------------

    def begin(self, now: Moment) -> None:
        """Start to look; show that nothing is known yet."""
        if self._settling:
            self._settle_at = now.mono + self._site.settle_seconds
        for unit in self._units.values():
            self._show(unit)
        self._report(now)

    def identified(self, fact: ControllerIdentified, now: Moment) -> None:
        """Judge a controller that said who it is."""
        unit = self._units[fact.controller]
        if fact.connection <= unit.ended:
            return
        if fact.connection != unit.connection:
            if not _still_there(unit, fact.identity):
                unit.came = fact.connection
            self._end_connection(unit)
            unit.connection, unit.ended = fact.connection, fact.connection - 1
            unit.since = now.utc
        unit.asked = unit.silent = False
        unit.identity, unit.fault = fact.identity, fact.fault
        self._judge(unit, fact.identity, now)

    def silent(self, fact: ControllerSilent | ControllerAnswers, now: Moment) -> None:
        """A controller misses answers, or answers again."""
        unit = self._units[fact.controller]
        if fact.connection == unit.connection:
            unit.silent, unit.since = isinstance(fact, ControllerSilent), now.utc
            self._show(unit)

    def offline(self, fact: ControllerOffline, now: Moment) -> None:
        """A connection is over, and with it the approval."""
        unit = self._units[fact.controller]
        if fact.connection <= unit.ended:
            return
        if unit.connection is None:
            unit.ended = fact.connection
            return
        if unit.greeted == unit.connection:
            self._out.append(Record(ControllerWentOffline(unit.id, fact.why)))
        self._end_connection(unit)
        unit.ended, unit.since = fact.connection, now.utc
        self._found(unit, Finding(Verdict.UNREACHABLE, f"offline: {fact.why}"), now)
        self._show(unit)

    def alarmed(self, fact: ControllerAlarmed) -> None:
        """Believe nothing of it any more until it has passed the gate again."""
        unit = self._units[fact.controller]
        self._out.append(Record(ControllerSecurity(unit.id, fact.what)))
        self.bar(unit.id)

    def health(self, fact: HealthRead) -> None:
        """Tamper and power, as often as they change."""
        unit = self._units[fact.controller]
        before, unit.abnormal = unit.abnormal, (fact.tamper, fact.power)
        if unit.abnormal != (before or (False, False)):
            self._out.append(Record(ControllerTampered(unit.id, fact.tamper, fact.power)))
        self._show(unit)

    def readers(self, fact: ReadersRead) -> None:
        """Readers behind a controller, as often as they change."""
        self._out.extend(Record(event) for event in self._reader_faults.read(fact))

    def believes(self, fact: Report) -> bool:
        """Say whether a report counts: its controller is admitted in this very connection."""
        unit = self._units[fact.controller]
        if self.counts(fact):
            return True
        if fact.connection != unit.connection or not unit.asked:
            self.ignore(fact, f"it is {unit.finding.verdict}")
        return False

    def counts(self, fact: Report) -> bool:
        """Say the same, and tell nobody if not."""
        unit = self._units.get(fact.controller)
        return unit is not None and unit.admitted and fact.connection == unit.connection

    def ignore(self, fact: Report, why: str) -> None:
        """Count a report that changes nothing; say so once a connection."""
        self.strays += 1
        unit = self._units[fact.controller]
        if fact.connection > unit.ignored:
            unit.ignored = fact.connection
            self._out.append(Record(ReportsIgnored(unit.id, type(fact).__name__, why)))

    # --- what others ask --------------------------------------------------------------

    def accept(self, controller: ControllerId, by: str, now: Moment) -> None:
        """Take the unit that is there for the one that belongs there, and judge it anew."""
        unit = self._units[controller]
        assert unit.identity is not None  # it is there
        self.expect(controller, unit.identity, by)
        self._judge(unit, unit.identity, now)

    def expect(self, controller: ControllerId, identity: Identity, by: str) -> None:
        """Take this unit from now on, if another one was approved here."""
        if self._places.objection(controller, identity) is None:
            return
        before = self._places[controller]
        was = None if before is None else before.serial
        self._places.accept(controller, identity)
        self._out.append(Record(ControllerAccepted(controller, identity.serial, was, by)))
        self._out.append(RememberPlaces(self._places.all))

    def ask_again(self) -> set[ControllerId]:
        """Close every gate and read all identities anew; return who can answer."""
        for unit in self._units.values():
            unit.admitted = False
            unit.asked = unit.connection is not None
            self._out.append(Identify(unit.id))
        return {unit.id for unit in self._units.values() if unit.asked}

    def bar(self, controller: ControllerId) -> None:
        """Close one gate."""
        self._units[controller].admitted = False
        self._out.append(Bar(controller))

    def take_moved(self) -> list[Unit]:
        """Return the units whose gate or connection may have changed since the last call."""
        moved = list(self._moved.values())
        self._moved.clear()
        return moved

    def report(self, now: Moment) -> AuditReport:
        """Return every controller with its verdict."""
        views = tuple(unit.view() for unit in self._units.values())
        return AuditReport(now.utc, self.refused, views)

    def tick(self, now: Moment) -> None:
        """End the settling; show a report that was held back."""
        if now.mono >= self._settle_at:
            self._settle(now)
        if now.mono >= self._report_at:
            self._report(now)

    # --- inside -----------------------------------------------------------------------

    @property
    def _strict(self) -> bool:
        return self._site.on_classic is OnClassic.REFUSE and not self._approved

    def _judge(self, unit: Unit, identity: Identity, now: Moment) -> None:
        changed = self._places.objection(unit.id, identity)
        catalogue = self._site.catalogue
        finding = judge(identity, catalogue, unit.needs, unit.fault, changed)
        self._found(unit, finding, now)
        self._pass_gate(unit, now)
        self._suspect(unit, occupant_of(identity))
        self._show(unit)

    def _suspect(self, unit: Unit, who: Occupant) -> None:
        """Say that another unit is there, once for each."""
        if unit.finding.verdict is not Verdict.CHANGED:
            unit.suspect = None
        elif unit.suspect != who:
            unit.suspect = who
            self._out.append(Record(ControllerSecurity(unit.id, "another unit answers")))

    def _remember(self, unit: Unit) -> None:
        """Remember who was approved here; tell a new firmware."""
        assert unit.identity is not None  # it was approved
        before = self._places[unit.id]
        if not self._places.approved(unit.id, unit.identity):
            return
        if before is not None:
            was, is_ = dotted(before.firmware), dotted(unit.identity.firmware)
            self._out.append(Record(ControllerFirmwareChanged(unit.id, was, is_)))
        self._out.append(RememberPlaces(self._places.all))

    def _end_connection(self, unit: Unit) -> None:
        if unit.connection is not None:
            unit.ended = unit.connection
        unit.connection = None
        unit.admitted = unit.asked = unit.silent = False

    def _found(self, unit: Unit, finding: Finding, now: Moment) -> None:
        if finding == unit.finding:
            return
        unit.finding, unit.judged = finding, now.utc
        if now.mono >= self._report_from:
            self._report(now)
        else:
            self._report_at = self._report_from

    def _pass_gate(self, unit: Unit, now: Moment) -> None:
        if self.refused or not unit.approved:
            self._block(unit)
        if self._settling:
            if all(each.connection is not None for each in self._units.values()):
                self._settle(now)
        elif self._strict and unit.finding.verdict is Verdict.CLASSIC:
            self._refuse(now)
        elif unit.approved:
            self._admit(unit)

    def _block(self, unit: Unit) -> None:
        self.bar(unit.id)
        what = unit.connection, unit.finding
        if unit.blocked != what and not unit.approved:
            unit.blocked = what
            found = unit.finding
            self._out.append(Record(AuditBlocked(unit.id, found.verdict, found.why)))

    def _settle(self, now: Moment) -> None:
        """Everybody was looked at who can be: refuse the site, or let the approved in."""
        self._settling, self._settle_at = False, math.inf
        if any(unit.finding.verdict is Verdict.CLASSIC for unit in self._units.values()):
            self._refuse(now)
            return
        for unit in self._units.values():
            if unit.approved:
                self._admit(unit)

    def _admit(self, unit: Unit) -> None:
        assert unit.connection is not None  # an approval is one of a connection
        if self.refused:
            return
        if unit.greeted != unit.connection:
            unit.greeted = unit.connection
            self._out.append(Record(ControllerOnline(unit.id)))
        unit.admitted = True
        self._moved[unit.id] = unit
        self._out.append(Admit(unit.id, unit.connection))
        self._remember(unit)
        if not self._approved and all(each.approved for each in self._units.values()):
            self._approved = True
            self._out.append(ApproveInventory())

    def _refuse(self, now: Moment) -> None:
        """Bar everything, for as long as this process lives."""
        if self.refused:
            return
        self.refused = True
        for unit in self._units.values():
            self.bar(unit.id)
            self._moved[unit.id] = unit
        self._report(now)
        classic = [u for u in self._units.values() if u.finding.verdict is Verdict.CLASSIC]
        named = (f"{u.id} on {u.line}: {u.finding.why}; {_replacement(u)}" for u in classic)
        self._out.append(
            Refuse("Classic hardware must be replaced first: " + " | ".join(named))
        )

    def _show(self, unit: Unit) -> None:
        self._moved[unit.id] = unit
        view = unit.view()
        if self._shown.get(unit.id) != view:
            self._shown[unit.id] = view
            self._out.append(Show(view))

    def _report(self, now: Moment) -> None:
        self._report_at = math.inf
        self._report_from = now.mono + REPORT_PAUSE
        self._out.append(Show(self.report(now)))


def _still_there(unit: Unit, now: Identity) -> bool:
    """Say whether it was only asked who it is, and is who it was: it was not away meanwhile."""
    before = unit.identity
    return (
        unit.asked
        and before is not None
        and before.proved == now.proved
        and occupant_of(before).unit == occupant_of(now).unit
    )


def _replacement(unit: Unit) -> str:
    return f"replace it by {unit.finding.replacement or 'an approved unit'}"
