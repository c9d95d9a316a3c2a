"""The modes that doors were ordered into, in one file of the state directory.

The file is replaced whole, and synced, on the loop: that takes milliseconds and happens only
when a person orders another mode. So an order is on disk before the lock is told.

What cannot be kept must not be taken up after a restart either: an older file might open a
door that has been locked since. So a file that could not be replaced is removed, and every
door begins locked then; a lock that is found on gets an alarm.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from gatewayd.core.model import DoorId, DoorMode
from gatewayd.edge import json_file
from gatewayd.edge.disk import SYSTEM, Disk, replace, sync_directory

FILE = "door-modes.json"
LONGEST = 1 << 20  # bytes; far more than any site has doors

_MODES = TypeAdapter(dict[DoorId, DoorMode])


class ModeStore:
    """What was ordered last, door by door."""

    def __init__(self, directory: Path, disk: Disk = SYSTEM) -> None:
        self._path = directory / FILE
        self._disk = disk

    def load(self) -> Mapping[DoorId, DoorMode]:
        """Return what was saved last; nothing if there is no file.

        Raises StateError, or DamagedState if the file is not what we wrote.
        """
        held = json_file.load(
            self._disk, self._path, _MODES, longest=LONGEST, what="the modes of doors"
        )
        return held or {}

    def save(self, modes: Mapping[DoorId, DoorMode]) -> None:
        """Keep these modes and no others, or none at all and raise OSError."""
        try:
            replace(self._disk, self._path, _MODES.dump_json(dict(modes)) + b"\n")
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
                sync_directory(self._disk, self._path.parent)
            raise
