"""Where the daemon's own secrets are: files, and directories of files, that nobody is given."""

import os
from collections.abc import Mapping
from pathlib import Path

from gatewayd.config import Config
from gatewayd.edge.root_key import DIRECTORY


def private_places(
    config: Config, state: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Path, ...]:
    """Return the state directory, the root key, passwords, and what systemd hands over."""
    credentials = environment.get(DIRECTORY)
    named = (
        config.keys.root_key_file,
        config.mqtt.password_file,
        config.mqtt.key_file,
        Path(credentials) if credentials else None,
    )
    return state, *(each for each in named if each is not None)
