"""One gateway at work: who meets whom.

    lines ──facts──► wiring ──► brain ──actions──► lines, journal, store, router, broker
    broker and control socket ──requests──► router ──► journal ──► wiring

Everything runs on one event loop. A line, the broker, the control socket are one task each;
the journal and the permission store have a thread each for their disk.
"""

import asyncio
import gc
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gatewayd.app.approved import ApprovedUnits, approved_before
from gatewayd.app.board import Board
from gatewayd.app.firmware import FirmwareRoom
from gatewayd.app.hands import Hands, Notes, Shown, hands_on_lines
from gatewayd.app.kept import as_kept
from gatewayd.app.key_requests import KeyRequests
from gatewayd.app.keys import own_secrets
from gatewayd.app.lines import make_lines
from gatewayd.app.looking import Looking
from gatewayd.app.permissions import DIRECTORY, Ground, Permissions
from gatewayd.app.private import private_places
from gatewayd.app.snapshots import DIRECTORY as SNAPSHOT
from gatewayd.app.snapshots import Snapshots
from gatewayd.app.traces import Traces
from gatewayd.app.wiring import Wiring
from gatewayd.config import Config, policy_of, site_config, zone_of
from gatewayd.core.access.portals import portal_of
from gatewayd.core.actions import (
    AbortFile,
    Answer,
    ApproveInventory,
    GiveKey,
    Refuse,
    RememberPlaces,
    ReplaceKey,
    ReportHealth,
    SavePermissions,
    SaveSnapshot,
    SendFile,
    Stage,
)
from gatewayd.core.events import GatewayStarted, GatewayStopped
from gatewayd.core.gateway import Gateway
from gatewayd.core.model import ClientId, ControllerId
from gatewayd.core.site import SiteConfig
from gatewayd.edge.clock import SystemClock
from gatewayd.edge.control import Control
from gatewayd.edge.journal import Entry, Journal, Limits
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.marks import Marks
from gatewayd.edge.mqtt import Broker, broker_settings
from gatewayd.edge.osdp import OsdpLine
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.payloads import encode_document, encode_event
from gatewayd.edge.people_parts import Staging
from gatewayd.edge.place_store import PlaceStore
from gatewayd.edge.requests import Router
from gatewayd.edge.snapshot import Snapshot
from gatewayd.edge.state_directory import StateDirectory
from gatewayd.edge.systemd import feed_watchdog, notify
from gatewayd.errors import Refused
from gatewayd.version import VERSION

HEALTH_INTERVAL = 10.0  # seconds between two reports on R/health
DRAIN = 2.0  # seconds that a stop waits for the broker
BEAT = 1.0  # seconds between two looks at the loop
UNSIGNED = "whoever may publish to the broker can open doors: closed networks only"
GC_THRESHOLDS = (50_000, 20, 50)  # full collections of a large permission set stall the loop
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
        self._clock = clock
        self._since = clock.moment().utc
        self._ended: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._beat = clock.moment().mono
        self._line_of: dict[ControllerId, OsdpLine] = {}
        with ExitStack() as undo:
            self._journal = self._open_journal()
            undo.callback(self._journal.close)
            self._notes = Notes(self._journal, clock)
            self._compose(undo)
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

    def _compose(self, undo: ExitStack) -> None:
        """Introduce everybody to everybody."""
        config, trouble = self._config, self._notes.trouble
        units = PlaceStore(self._state.path)
        site = site_config(
            config,
            inventory_approved=self._marks.has(APPROVED),
            places=approved_before(units, config.controllers, trouble),
        )
        self._approved = ApprovedUnits(units, trouble)
        self._permissions = self._open_permissions(site)
        undo.callback(self._permissions.close)
        self._wiring = Wiring(self._brain(site), self._clock, hands := dict[Any, Any]())
        self._permissions.tell = self._wiring.tell
        self._keyring = Keyring(self._keys, self._wiring.tell)
        self._lines = make_lines(config, self._wiring.tell, self._keyring)
        self._line_of.update(
            (ControllerId(name), self._lines[each.line])
            for name, each in config.controllers.items()
        )
        self._keyring.attach(self._line_of)
        self._talk(config)
        self._snapshots = self._open_snapshots(site)
        self._look(config)
        hands.update(self._hands())

    def _open_permissions(self, site: SiteConfig) -> Permissions:
        config, where = self._config, self._state.path
        self._secrets, is_new = own_secrets(config, where)
        portals = tuple(portal_of(each) for each in site.doors)
        ground = Ground(portals, zone_of(config), policy_of(config), self._secrets.site)
        permissions = Permissions(where / DIRECTORY, ground, _post(), self._notes.trouble)
        if is_new:
            permissions.say_pins_are_gone()
        return permissions

    def _open_snapshots(self, site: SiteConfig) -> Snapshots:
        doors = frozenset(each.id for each in site.doors)
        sides = (side for door in site.doors for side in (door.inside, door.outside))
        areas = frozenset(each for each in sides if each is not None)
        staging = Staging(self._state.path / SNAPSHOT)
        snapshot = Snapshot(staging, self._secrets, doors, areas)
        return Snapshots(snapshot, self._permissions, self._router.answer, self._notes.note)

    def _brain(self, site: SiteConfig) -> Gateway:
        """Make the brain with all that it knew when the last run ended."""
        held = self._permissions
        state, modes, confirmed = as_kept(self._journal.kept(), self._notes.trouble)
        return Gateway(
            site,
            held.book,
            state,
            held.view(confirmed),
            held.rules,
            modes=modes,
            degraded=held.degraded,
        )

    def _talk(self, config: Config) -> None:
        """Make what speaks with the management software and with people on the host."""
        self._router = Router(
            self._journal,
            self._clock,
            config.mqtt.trust,
            tell=self._wiring.tell,
            publish=self._publish,
        )
        self._router.secrets = self._secrets
        settings = replace(
            broker_settings(config, VERSION, self._since),
            encryption_key=dict(self._secrets.box.public),
        )
        owned = {
            *(f"doors/{name}" for name in config.doors),
            *(f"controllers/{name}" for name in config.controllers),
        }
        self._broker = Broker(settings, self._journal, self._router.take, owned=owned)
        self._board = Board(self._line_of, self._broker.retain)
        self._shown = Shown(self._board, self._broker.retain)
        self._journal.on_commit = self._broker.committed
        self._journal.on_note = self._noted

    def _look(self, config: Config) -> None:
        """Make what can be asked on the host only."""
        self._looking = Looking(
            self._clock,
            self._since,
            config.mqtt.trust,
            self._lines.values(),
            self._board,
            self._shown,
            self._journal,
            self._broker,
            self._permissions,
        )
        key_requests = KeyRequests(self._keyring, config.secure, note=self._notes.note)
        self._traces = Traces(self._state.path, self._lines, self._clock)
        self._firmware = FirmwareRoom(
            private_places(config, self._state.path), self._line_of, self._wiring.tell
        )
        self._control = Control(
            config.site.control_socket,
            self._router.submit,
            {
                "audit.report": self._looking.audit,
                "box.key": self._box_key,
                **self._traces.handlers,
                **self._firmware.handlers,
                **key_requests.handlers,
                **self._board.handlers,
            },
        )

    def _hands(self) -> Hands:
        """Return who does what the brain wants."""
        return {
            **hands_on_lines(self._line_of),
            **self._notes.hands,
            **self._shown.hands,
            SendFile: lambda each, _: self._firmware.send(each),
            AbortFile: lambda each, _: self._firmware.abort(each),
            GiveKey: lambda each, _: self._keyring.give(each),
            ReplaceKey: lambda each, _: self._keyring.replace(each),
            Answer: lambda each, _: self._router.answer(each),
            ReportHealth: lambda each, _: self._router.answer(
                self._looking.health_answer(each)
            ),
            SavePermissions: lambda each, _: self._permissions.save(each),
            SaveSnapshot: lambda each, _: self._snapshots.save(each),
            Stage: lambda each, _: self._snapshots.stage(each),
            RememberPlaces: lambda each, _: self._approved.keep(each.places),
            ApproveInventory: lambda _, now: self._marks.set(APPROVED, now.utc.isoformat()),
            Refuse: lambda each, _: self.stop(each.why),
        }

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
            self._permissions.run(),
            self._snapshots.run(),
            self._report_health(),
            self._keep_beating(),
            feed_watchdog(self._alive),
        ]

    async def _report_health(self) -> None:
        while True:
            health = self._looking.health()
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

    async def _box_key(self, _args: Mapping[str, Any]) -> object:
        """Say to which key PINs are sent."""
        return dict(self._secrets.box.public)

    def _publish(self, client: ClientId | None, body: bytes) -> None:
        """Answer somebody who asked an earlier run."""
        self._broker.reply(client, body)

    def _noted(self, entry: Entry) -> None:
        """Everything the journal keeps goes out at once as well."""
        self._broker.live(entry.body)


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
