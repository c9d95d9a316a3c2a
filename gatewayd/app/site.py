"""One gateway at work: who meets whom.

    lines ──facts──► wiring ──► brain ──actions──► lines, journal, store, router, broker
    broker and control socket ──requests──► router ──► journal ──► wiring

Everything runs on one event loop. A line, the broker, the control socket are one task each;
the journal and the permission store have a thread each for their disk.
"""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gatewayd.app.approved import ApprovedUnits, approved_before
from gatewayd.app.board import Board
from gatewayd.app.firmware import FirmwareRoom
from gatewayd.app.health import CONNECTED, Health, LineHealth
from gatewayd.app.key_requests import KeyRequests
from gatewayd.app.lines import make_lines
from gatewayd.app.private import private_places
from gatewayd.app.saying import say
from gatewayd.app.traces import Traces
from gatewayd.app.wiring import Hand, Wiring
from gatewayd.config import Config, site_config
from gatewayd.core.actions import (
    AbortFile,
    Action,
    Admit,
    Answer,
    ApproveInventory,
    Bar,
    CloseWindow,
    DisplayText,
    GiveKey,
    Identify,
    KeepCard,
    Latch,
    OpenWindow,
    Order,
    PermissionsView,
    Record,
    Refuse,
    Release,
    RememberModes,
    RememberPlaces,
    ReplaceKey,
    ReportHealth,
    SavePermissions,
    SendFile,
    Show,
    Signal,
    TellMaker,
    UnitCommand,
)
from gatewayd.core.events import GatewayStarted, GatewayStopped, InternalError
from gatewayd.core.facts import PermissionsCommitted, PermissionsNotCommitted
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import (
    AuditReport,
    ClientId,
    ControllerId,
    ControllerView,
    DoorId,
    DoorMode,
    DoorView,
    Moment,
)
from gatewayd.core.permissions import Permissions
from gatewayd.edge.clock import SystemClock
from gatewayd.edge.control import Control
from gatewayd.edge.journal import Entry, Journal, Limits
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.marks import Marks
from gatewayd.edge.mode_store import ModeStore
from gatewayd.edge.mqtt import Broker, broker_settings
from gatewayd.edge.osdp import OsdpLine
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.payloads import encode_document, encode_event, encode_view
from gatewayd.edge.permission_store import PermissionStore
from gatewayd.edge.place_store import PlaceStore
from gatewayd.edge.requests import Router
from gatewayd.edge.state_directory import StateDirectory
from gatewayd.edge.systemd import feed_watchdog, notify
from gatewayd.errors import DamagedState, Refused, StateError
from gatewayd.version import VERSION

HEALTH_INTERVAL = 10.0  # seconds between two reports on R/health
DRAIN = 2.0  # seconds that a stop waits for the broker
BEAT = 1.0  # seconds between two looks at the loop
UNSIGNED = "whoever may publish to the broker can open doors: closed networks only"
GC_THRESHOLDS = (50_000, 20, 50)  # full collections of a large permission set stall the loop
PERMISSIONS = "permissions.db"
APPROVED = "inventory-approved"  # a mark in the state directory

log = structlog.get_logger()


class Site:
    """Everything of one gateway, made in one place."""

    def __init__(
        self,
        config: Config,
        state: StateDirectory,
        clock: SystemClock,
        keys: KeyStore | None = None,
    ) -> None:
        """Open what must be there; raises StateError before anything is driven.

        `keys`: needed as soon as one controller must be secure.
        """
        self._config = config
        self._keys = keys
        self._state = state
        self._marks = Marks(state.path)
        self._modes = ModeStore(state.path)
        self._clock = clock
        self._since = clock.moment().utc
        self._ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._beat = clock.moment().mono
        self._report: AuditReport | None = None
        self._version = 0  # of the permissions that decide
        self._store: PermissionStore | None = None  # while the file is damaged
        with ExitStack() as undo:
            self._journal = self._open_journal()
            undo.callback(self._journal.close)
            self._compose(self._held(undo))
            self._closing = undo.pop_all()

    def _open_journal(self) -> Journal:
        limits = Limits(events=self._config.journal.max_events)
        journal = Journal.open(
            self._state.path, encode=encode_event, post=_post(), limits=limits
        )
        journal.on_trouble = _say_trouble
        for newest in journal.read(journal.committed - 1, 1):
            self._clock.not_before(datetime.fromisoformat(json.loads(newest.body)["at"]))
        return journal

    def _compose(self, permissions: Permissions) -> None:
        """Introduce everybody to everybody."""
        config = self._config
        approved = self._marks.has(APPROVED)
        units = PlaceStore(self._state.path)
        site = site_config(
            config,
            inventory_approved=approved,
            modes=self._ordered_modes(),
            places=approved_before(units, config.controllers, self._trouble),
        )
        self._approved = ApprovedUnits(units, self._trouble)
        self._wiring = Wiring(Gateway(site, permissions), self._clock, self._hands())
        self._keyring = Keyring(self._keys, self._wiring.tell)
        self._lines = make_lines(config, self._wiring.tell, self._keyring)
        self._line_of = {
            ControllerId(name): self._lines[each.line]
            for name, each in config.controllers.items()
        }
        self._keyring.attach(self._line_of)
        self._router = Router(
            self._journal,
            self._clock,
            config.mqtt.trust,
            tell=self._wiring.tell,
            publish=self._publish,
        )
        settings = broker_settings(config, VERSION, self._since)
        owned = {
            *(f"doors/{name}" for name in config.doors),
            *(f"controllers/{name}" for name in config.controllers),
        }
        self._broker = Broker(settings, self._journal, self._router.take, owned=owned)
        self._board = Board(self._line_of, self._broker.retain)
        self._journal.on_commit = self._broker.committed
        self._journal.on_note = self._noted
        key_requests = KeyRequests(
            self._keyring,
            config.secure,
            note=lambda event: self._record(Record(event), self._clock.moment()),
        )
        self._traces = Traces(self._state.path, self._lines, self._clock)
        self._firmware = FirmwareRoom(
            private_places(config, self._state.path), self._line_of, self._wiring.tell
        )
        self._control = Control(
            config.site.control_socket,
            self._router.submit,
            {
                "audit.report": self._audit,
                **self._traces.handlers,
                **self._firmware.handlers,
                **key_requests.handlers,
                **self._board.handlers,
            },
        )

    def _held(self, undo: ExitStack) -> Permissions:
        """Return what was held before; a damaged file denies everybody, and says so."""
        try:
            store = PermissionStore.open(self._state.path / PERMISSIONS, post=_post())
            undo.callback(store.close)
            version, grants = store.load()
        except DamagedState as error:
            next_ = "then start again; until then every card is denied"
            log.critical("permissions_damaged", why=str(error), next=next_)
            self._journal.note(InternalError("permissions_damaged"), self._clock.moment())
            return Permissions()
        self._store = store
        return Permissions(version, grants, digest=store.digest)

    def _ordered_modes(self) -> Mapping[DoorId, DoorMode]:
        """Return the modes ordered before; a damaged file locks every door, and says so."""
        try:
            return self._modes.load()
        except StateError as error:
            next_ = "order again the modes that doors should have"
            log.critical("door_modes_damaged", why=str(error), next=next_)
            self._journal.note(InternalError("door_modes_damaged"), self._clock.moment())
            return {}

    async def run(self) -> None:
        """Work until `stop`, or until the audit refuses the site (raises Refused)."""
        with self._closing:
            self._control.open()
            self._journal.note(GatewayStarted(VERSION), self._clock.moment())
            _settle_memory()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each) for each in self._tasks()]
                self._wiring.start()
                self._router.start()
                notify("READY=1")
                log.info("gateway_started", site=self._config.site.id, version=VERSION)
                if self._config.mqtt.trust == "broker":
                    log.warning("requests_unsigned", next=UNSIGNED)
                refused = await self._ended
                self._firmware.stop()
                await self._say_goodbye(refused)
                self._wiring.stop()  # what ends because we do is no event
                for task in tasks:
                    task.cancel()
        if refused is not None:
            raise Refused(refused)

    def stop(self, refused: str | None = None) -> None:
        """End, in order; `refused` is why the audit does not let this site be driven."""
        if not self._ended.done():
            self._ended.set_result(refused)

    # --- the tasks --------------------------------------------------------------------

    def _tasks(self) -> list[Coroutine[Any, Any, None]]:
        return [
            *(line.run() for line in self._lines.values()),
            self._broker.run(),
            self._control.run(),
            self._traces.run(),
            self._firmware.run(),
            self._keyring.run(),
            self._approved.run(),
            self._report_health(),
            self._keep_beating(),
            feed_watchdog(self._alive),
        ]

    async def _report_health(self) -> None:
        while True:
            health = self.health()
            self._broker.retain("health", encode_document(health.layout()))
            self._board.refresh()
            notify(f"STATUS={health.summary}")
            if health.clock != "trusted":
                log.warning(
                    "clock_behind_the_journal",
                    used_instead=health.at.isoformat(),
                    next="set the host's clock; what has expired stays expired meanwhile",
                )
            await asyncio.sleep(HEALTH_INTERVAL)

    async def _keep_beating(self) -> None:
        while True:
            self._beat = self._clock.moment().mono
            await asyncio.sleep(BEAT)

    def _alive(self) -> bool:
        """Whether the loop turns; the journal's thread may have trouble, that is no hang."""
        return self._clock.moment().mono - self._beat < 5 * BEAT

    async def _say_goodbye(self, refused: str | None) -> None:
        notify("STOPPING=1")
        why = "stopped" if refused is None else "refused by the hardware audit"
        self._journal.note(GatewayStopped(why), self._clock.moment())
        log.info("gateway_stopping", why=why)
        await self._broker.drain(DRAIN, self._journal.last)

    # --- the hands of the brain -------------------------------------------------------

    def _hands(self) -> dict[type[Action], Hand]:
        return {
            Admit: lambda each, _: self._line(each).admit(each.controller, each.connection),
            Bar: lambda each, _: self._line(each).bar(each.controller),
            Identify: lambda each, _: self._line(each).identify(each.controller),
            Release: lambda each, _: self._line(each).send(each),
            Latch: lambda each, _: self._line(each).send(each),
            Signal: lambda each, _: self._line(each).send(each),
            DisplayText: lambda each, _: self._line(each).send(each),
            TellMaker: lambda each, _: self._line(each).send(each),
            KeepCard: lambda each, _: self._line(each).send(each),
            SendFile: lambda each, _: self._firmware.send(each),
            AbortFile: lambda each, _: self._firmware.abort(each),
            Record: self._record,
            Answer: lambda each, _: self._router.answer(each),
            ReportHealth: lambda each, _: self._router.answer(self._health_answer(each)),
            SavePermissions: self._save,
            RememberModes: self._remember,
            RememberPlaces: lambda each, _: self._approved.keep(each.places),
            OpenWindow: lambda each, _: self._line(each).open_window(
                each.controller, each.until
            ),
            CloseWindow: lambda each, _: self._line(each).close_window(each.controller),
            GiveKey: lambda each, _: self._keyring.give(each),
            ReplaceKey: lambda each, _: self._keyring.replace(each),
            Show: lambda each, _: self._show(each.view),
            ApproveInventory: lambda _, now: self._marks.set(APPROVED, now.utc.isoformat()),
            Refuse: lambda each, _: self.stop(each.why),
        }

    def _line(
        self, action: Admit | Bar | Identify | Order | UnitCommand | OpenWindow | CloseWindow
    ) -> OsdpLine:
        return self._line_of[action.controller]

    def _record(self, action: Record, now: Moment) -> None:
        self._journal.note(action.event, now)
        asyncio.get_running_loop().call_soon(say, action.event)  # what it explains goes first

    def _save(self, action: SavePermissions, _now: Moment) -> None:
        version = action.update.version

        def done(trouble: Exception | None) -> None:
            if trouble is None:
                self._wiring.tell(PermissionsCommitted(version))
            else:
                log.error("permissions_not_saved", version=version, why=str(trouble))
                self._wiring.tell(PermissionsNotCommitted(version, str(trouble)))

        if self._store is None:
            done(DamagedState("the permissions on disk are damaged; see the log"))
        else:
            self._store.save(action.update, done)

    def _remember(self, action: RememberModes, now: Moment) -> None:
        """Keep the modes; one that cannot be kept is ordered all the same, and says so."""
        try:
            self._modes.save(action.modes)
        except OSError as error:
            self._not_remembered(str(error), now)

    def _trouble(self, what: str) -> None:
        self._journal.note(InternalError(what), self._clock.moment())

    def _not_remembered(self, why: str, now: Moment) -> None:
        next_ = "after a restart every door is locked; see to the state directory"
        log.error("door_modes_not_saved", why=why, next=next_)
        self._journal.note(InternalError("door_modes_not_saved"), now)

    def _show(self, view: DoorView | ControllerView | AuditReport | PermissionsView) -> None:
        match view:
            case DoorView():
                topic = f"doors/{view.door}"
            case ControllerView():
                self._board.show(view)
                return
            case AuditReport():
                topic = "audit"
                self._report = view
            case PermissionsView():
                topic = "permissions"
                self._version = view.version
        self._broker.retain(topic, encode_view(view))

    def _publish(self, client: ClientId | None, body: bytes) -> None:
        """Answer somebody who asked an earlier run."""
        self._broker.reply(client, body)

    def _noted(self, entry: Entry) -> None:
        """Everything the journal keeps goes out at once as well."""
        self._broker.live(entry.body)

    # --- what can be asked ------------------------------------------------------------

    async def _audit(self, _args: Mapping[str, Any]) -> object:
        """Answer `gatewayd audit` as it stands now; what is published may be a second older."""
        if self._report is None:
            return None
        now, views = self._clock.moment().utc, tuple(self._board.views.values())
        return json.loads(encode_view(replace(self._report, at=now, controllers=views)))

    def _health_answer(self, action: ReportHealth) -> Answer:
        request = action.request
        return Answer(request.id, result=self.health().layout(), client=request.client)

    def health(self) -> Health:
        """Return how everything is."""
        now = self._clock.moment()
        units = self._board.views.values()
        verdicts = Counter(str(unit.verdict) for unit in units)
        protocol, away = self._broker.protocol, self._broker.trouble
        return Health(
            at=now.utc,
            version=VERSION,
            since=self._since,
            lines=tuple(LineHealth(line.name, line.trouble) for line in self._lines.values()),
            controllers={**verdicts, "online": sum(unit.online for unit in units)},
            journal_last=self._journal.last,
            journal_committed=self._journal.committed,
            journal_delivered=self._journal.delivered,
            journal_lost=self._journal.lost,
            journal_trouble=self._journal.trouble,
            events_trouble=self._broker.feed.trouble,
            permissions_version=self._version,
            broker=f"away: {away}" if away else f"{CONNECTED}, MQTT {protocol}",
            trust=self._config.mqtt.trust,
            clock="trusted" if now.trusted else "uncertain",
        )


def _post() -> Callable[[Callable[[], None]], None]:
    """Return how another thread gets something done on this loop, if there still is one."""
    loop = asyncio.get_running_loop()

    def post(call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop is closed; so is whoever wanted to know
            loop.call_soon_threadsafe(call)

    return post


def _say_trouble(trouble: str | None) -> None:
    if trouble is None:
        log.info("journal_well_again")
    else:
        log.error("journal_in_trouble", why=trouble, next="doors go on; free space on the disk")


def _settle_memory() -> None:
    """Keep what was loaded out of the garbage collector's way: its full runs stall the loop."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
