"""What the site's state tells a tool of one unit: its keys, and who was approved in its place.

The state directory is the tool's alone meanwhile, as it is the daemon's while that runs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gatewayd.app.approved import Remembered, approved_before
from gatewayd.app.keys import open_keys
from gatewayd.app.ports import Port
from gatewayd.config import Config
from gatewayd.core.model import ControllerId
from gatewayd.edge.osdp_keys import Keyring
from gatewayd.edge.place_store import PlaceStore
from gatewayd.edge.state_directory import StateDirectory
from gatewayd.errors import NotPermitted, StateInUse
from protocol.osdp.secure_keys import BaseKey


@dataclass(frozen=True, slots=True)
class Known:
    """What is known. `keys`: those the unit may have, the likeliest first."""

    keys: tuple[BaseKey, ...] = ()
    places: Remembered = field(default_factory=dict)


NOTHING = Known()


@contextmanager
def known_at(port: Port, address: int) -> Iterator[Known]:
    """Give what is known of the controller at an address; nothing if there is none.

    StateInUse if the daemon runs, NotPermitted if the state is for others.
    """
    config, controller = port.config, port.controller_at(address)
    if config is None or controller is None or not _has_state(config):
        yield NOTHING
        return
    try:
        state = StateDirectory.open(config.site.state_dir)
    except StateInUse as error:
        raise StateInUse(
            f"{error}: gatewayd runs. `systemctl stop gatewayd`, try again, and start it "
            "afterwards"
        ) from None
    with state:
        keys = _keys(config, controller, state)
        yield Known(keys, approved_before(PlaceStore(state.path), config.controllers))


def _has_state(config: Config) -> bool:
    path = config.site.state_dir
    try:
        return path.is_dir() and any(path.iterdir())
    except PermissionError:
        raise NotPermitted(f"{path} is not for this user; try as root") from None


def _keys(
    config: Config, controller: ControllerId, state: StateDirectory
) -> tuple[BaseKey, ...]:
    """Return the keys of a unit that is spoken to inside a session only."""
    if controller not in config.secure:
        return ()
    return Keyring(open_keys(config, state.path), lambda _: None).candidates(controller)
