"""Keys at the start: the root key is found, what is sealed under it opened.

A site with a unit that must be secure does not start without a root key: no door would work,
and whoever installs it should learn why at once. A root key that does not fit the file is a
mistake to be told, never a reason to begin a new file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from gatewayd.config import Config
from gatewayd.edge.box_key import box_key
from gatewayd.edge.key_store import FILE, KeyStore
from gatewayd.edge.pin_envelopes import Secrets
from gatewayd.edge.root_key import find_root_key
from gatewayd.edge.site_key import site_key
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


def own_secrets(
    config: Config, state: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Secrets, bool]:
    """Return the keys that PINs need, and whether the one that keeps them is new.

    Both are made at the first start, and sealed under the root key where there is one. Raises
    StateError if one of them cannot be used.
    """
    keys = config.keys
    root = find_root_key(keys.root_key_file, environment, keys.root_credential)
    site, is_new = site_key(state, root)
    return Secrets(box_key(state, root), site), is_new


def _no_root_key(config: Config) -> str:
    name = config.keys.root_credential
    return (
        f"there is no root key, and {len(config.secure)} controllers must be secure "
        f"({', '.join(sorted(config.secure))}). Make one with `gatewayd keys make-root` and "
        f"hand it over as the credential {name} or as root_key_file; or set "
        'secure = "off" for units that cannot'
    )
