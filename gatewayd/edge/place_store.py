"""Who was approved in which place, in one file of the state directory.

The file is replaced whole, and synced, while the controller is admitted already: nothing waits
for the disk. A power cut in those milliseconds loses only what they would have brought:

* a first approval, which is remembered at the next start. So whoever swaps a unit and cuts the
  power in the moment of its very first approval is taken for the first; to wait for the disk
  would not help, as they could as well have been there before it.
* an acceptance, which must be given again: the place takes nobody until then.

A place with `null` takes nobody without an acceptance. All places become such when the file is
damaged.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter

from gatewayd.core.model import ControllerId
from gatewayd.core.places import Occupant
from gatewayd.edge import json_file
from gatewayd.edge.disk import SYSTEM, Disk, replace

FILE = "approved-units.json"
LONGEST = 4 << 20  # bytes; some ten thousand controllers

_PLACES = TypeAdapter(dict[ControllerId, Occupant | None])


class PlaceStore:
    """The file."""

    def __init__(self, directory: Path, disk: Disk = SYSTEM) -> None:
        self._path = directory / FILE
        self._disk = disk

    def load(self) -> Mapping[ControllerId, Occupant | None]:
        """Return what was saved last; nothing if there is no file.

        Raises StateError, or DamagedState if the file is not what we wrote.
        """
        held = json_file.load(
            self._disk, self._path, _PLACES, longest=LONGEST, what="who was approved"
        )
        return held or {}

    def save(self, places: Mapping[ControllerId, Occupant | None]) -> None:
        """Keep these places and no others. After an OSError it is these or the ones before."""
        replace(self._disk, self._path, _PLACES.dump_json(dict(places)) + b"\n")
