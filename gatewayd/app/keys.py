"""The units' keys at the start: the root key is found, the sealed file opened.

A site with a unit that must be secure does not start without a root key: no door would work,
and whoever installs it should learn why at once. A root key that does not fit the file is a
mistake to be told, never a reason to begin a new file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from gatewayd.config import Config
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.root_key import find_root_key
from gatewayd.errors import ConfigError, Mistake

_NO_FILE = "No such file; `gatewayd keys make-root` makes the first"


def open_keys(
    config: Config, state: Path, environment: Mapping[str, str] = os.environ
) -> KeyStore | None:
    """Return the units' keys; None if there is no root key at hand.

    Raises StateError (WrongRootKey, DamagedState) if there is one that cannot be used. The
    caller holds the lock of the state directory.
    """
    keys = config.keys
    root = find_root_key(keys.root_key_file, environment, keys.root_credential)
    return None if root is None else KeyStore.open(state / FILE, root)


def require_keys(
    config: Config, state: Path, environment: Mapping[str, str] = os.environ
) -> KeyStore | None:
    """Do `open_keys`; ConfigError if there is none where one is named or needed."""
    file = config.keys.root_key_file
    if file is not None and not file.exists():
        raise ConfigError([Mistake("", "keys.root_key_file", f"{file}: {_NO_FILE}")])
    store = open_keys(config, state, environment)
    if store is None and config.secure:
        raise ConfigError([Mistake("", "keys", _no_root_key(config))])
    return store


def _no_root_key(config: Config) -> str:
    name = config.keys.root_credential
    return (
        f"there is no root key, and {len(config.secure)} controllers must be secure "
        f"({', '.join(sorted(config.secure))}). Make one with `gatewayd keys make-root` and "
        f"hand it over as the credential {name} or as root_key_file; or set "
        'secure = "off" for units that cannot'
    )
