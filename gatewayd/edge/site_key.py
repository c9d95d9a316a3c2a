"""The key under which this site keeps its PINs (core.access.pins)."""

from pathlib import Path

from gatewayd.core.access.pins import SiteKey
from gatewayd.edge.own_key import Purpose, read_or_make
from gatewayd.edge.root_key import RootKey

FILE = "site.key"
PURPOSE = Purpose(
    "pins",
    FILE,
    "a new key is made, and all PINs are gone. They must be sent again; until then nobody "
    "opens a door with one",
)
PINS_ARE_GONE = "the key to PINs was not there, so another one was made: PINs that were kept \
before open nothing any more and must be sent again"


def site_key(directory: Path, root: RootKey | None) -> tuple[SiteKey, bool]:
    """Return the key and whether it is new. Raise StateError.

    If it is new and people are held already, say `PINS_ARE_GONE`.
    """
    found = read_or_make(directory, PURPOSE, root)
    return SiteKey(found.key.reveal()), found.is_new
