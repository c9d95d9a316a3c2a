"""The hardware audit without a daemon: ask every unit who it is, drive none of them.

The lines run with every gate closed, so nothing but questions for identity and capabilities
is ever sent. Ends when everybody has answered, or after `PATIENCE`.
"""

import asyncio
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

from gatewayd.app.approved import Remembered, approved_before
from gatewayd.app.keys import open_keys
from gatewayd.app.lines import make_lines
from gatewayd.config import Config, site_config
from gatewayd.core.audit import Needs, judge, needs_of
from gatewayd.core.facts import ControllerIdentified, Fact
from gatewayd.core.model import AuditReport, ControllerId, ControllerView, Verdict
from gatewayd.core.places import Places
from gatewayd.core.site import OnClassic, SiteConfig
from gatewayd.edge.clock import Clock, SystemClock
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.place_store import PlaceStore
from gatewayd.edge.state_directory import StateDirectory

PATIENCE = 5.0  # seconds; a unit on a slow, crowded line is asked within one


class _Listener:
    """Takes what the lines tell and keeps who answered."""

    def __init__(self, expected: int) -> None:
        self.heard: dict[ControllerId, ControllerIdentified] = {}
        self.everybody = asyncio.Event()
        self._expected = expected

    def tell(self, fact: Fact) -> None:
        if isinstance(fact, ControllerIdentified):
            self.heard[fact.controller] = fact
        if len(self.heard) == self._expected:
            self.everybody.set()


def audit(config: Config) -> AuditReport:
    """Ask every unit who it is, drive none. StateInUse while a daemon runs: it asks as well."""
    with StateDirectory.open(config.site.state_dir) as state:
        keys = open_keys(config, state.path)
        places = approved_before(PlaceStore(state.path), config.controllers)
        return asyncio.run(look(config, SystemClock(), keys, places=places))


async def look(
    config: Config,
    clock: Clock,
    keys: KeyStore | None = None,
    *,
    places: Remembered = MappingProxyType({}),
    patience: float = PATIENCE,
) -> AuditReport:
    """Return what is there and what may be driven.

    Without `keys` no unit can prove who it is, and one that must is not approved. `places` say
    who was approved before; nothing is added to them here.
    """
    listener = _Listener(len(config.controllers))
    lines = make_lines(config, listener.tell, Keyring(keys, listener.tell))
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(line.run()) for line in lines.values()]
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await listener.everybody.wait()
        silence = {name: _silence(name, line.trouble) for name, line in lines.items()}
        for task in tasks:
            task.cancel()
    site = site_config(config, places=places)
    return _report(site, clock, listener.heard, silence)


def _silence(line: str, trouble: str | None) -> str:
    """Say why nobody answered on a line."""
    if trouble is not None:
        return f"line {line} could not be opened: {trouble}"
    return "no answer; check its address, baud, power and wires"


def _report(
    site: SiteConfig,
    clock: Clock,
    heard: dict[ControllerId, ControllerIdentified],
    silence: dict[str, str],
) -> AuditReport:
    needs, approved = needs_of(site.doors), Places(site.places)
    now = clock.moment().utc
    views = []
    for controller, line in site.controllers.items():
        fact = heard.get(controller)
        if fact is None:
            view = ControllerView(controller, line, why=silence[line])
        else:
            need = needs.get(controller, Needs())
            need = replace(need, secure=controller in site.require_secure)
            changed = approved.objection(controller, fact.identity)
            found = judge(fact.identity, site.catalogue, need, fact.fault, changed)
            view = ControllerView(
                controller,
                line,
                online=True,
                verdict=found.verdict,
                family=found.family,
                why=found.why,
                replacement=found.replacement,
                identity=fact.identity,
                since=now,
            )
        views.append(view)
    refused = any(each.verdict is Verdict.CLASSIC for each in views)
    return AuditReport(now, refused and site.on_classic is OnClassic.REFUSE, tuple(views))
