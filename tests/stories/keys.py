"""Keys of a story's site, and looking for places where none may be."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random

from gatewayd.core.model import ControllerId
from gatewayd.edge.key_listing import look_into
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.root_key import create_root_key, read_root_key
from gatewayd.edge.secret import Secret
from gatewayd.edge.state_directory import StateDirectory
from tests.stories.scenery import UNIT

STATE, ROOT_KEY = "state", "root-key"
SEED = 20_261_123

_CHANCE = Random(SEED)  # noqa: S311  # keys of simulated units
KEYS = {address: _CHANCE.randbytes(16) for address in UNIT.values()}


def write_keys(place: Path, keys: Mapping[int, bytes]) -> Path:
    """Make the root key and seal these under it; return the root key's file."""
    path = place / ROOT_KEY
    create_root_key(path)
    names = {address: ControllerId(name) for name, address in UNIT.items()}
    with StateDirectory.open(place / STATE):
        store(place).import_keys({names[each]: Secret(key) for each, key in keys.items()})
    return path


def write_units_keys(place: Path, keys: Mapping[int, bytes]) -> Path:
    """Write what the simulated units have, as they read it."""
    path = place / "units.keys"
    path.touch(0o600)
    path.write_text("".join(f"{address} {key.hex()}\n" for address, key in keys.items()))
    return path


def store(place: Path) -> KeyStore:
    """Open the site's keys; nothing else may run."""
    return KeyStore.open(place / STATE / FILE, read_root_key(place / ROOT_KEY))


def slots(place: Path, controller: str) -> tuple[str, ...]:
    """Return which keys of a unit are on the disk now, whoever runs."""
    return look_into(place / STATE / FILE).slots.get(ControllerId(controller), ())


def held(place: Path) -> list[bytes]:
    """Return all keys there are, for whoever looks for them where they must not be."""
    keys = store(place)
    return [key.reveal() for each in keys.controllers for key in keys.key_of(each).all()]


def shown_in(text: bytes, keys: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the keys that can be read somewhere: as they are, or in hexadecimal."""
    for key in keys:
        if key in text or key.hex().encode() in text.lower():
            yield key
