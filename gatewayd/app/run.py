"""Starting and stopping: signals, and the lock on the state directory."""

import asyncio
import signal

from gatewayd.app.keys import require_keys
from gatewayd.app.site import Site
from gatewayd.config import Config
from gatewayd.edge.clock import SystemClock
from gatewayd.edge.key_store import KeyStore
from gatewayd.edge.state_directory import StateDirectory


def run(config: Config) -> None:
    """Be the gateway until asked to end.

    Raises Refused if the audit does not let the site be driven, StateInUse if another
    gateway runs here, StateError if the state cannot be used, ConfigError if a unit must be
    secure and there is no root key.

    A hang-up ends nothing: there is nothing to read anew, and systemd would take it for an
    end that was wanted and leave the doors to themselves.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StateDirectory.open(config.site.state_dir) as state:
        keys = require_keys(config, state.path)
        asyncio.run(_run(config, state, keys))


async def _run(config: Config, state: StateDirectory, keys: KeyStore | None) -> None:
    site = Site(config, state, SystemClock(), keys)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, site.stop)
    await site.run()
