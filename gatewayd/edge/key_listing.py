"""Whose keys a sealed file holds: what it says to whoever has no root key.

Nothing of it is checked, so it is good for a remark and for nothing that opens anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gatewayd.core.model import ControllerId
from gatewayd.edge.disk import SYSTEM
from gatewayd.edge.key_seal import HEAD, LINE, LONGEST
from gatewayd.errors import DamagedState, StateError


@dataclass(frozen=True, slots=True)
class Listing:
    """Names and numbers; the default is that of a site without keys."""

    root_name: str = ""
    generation: int = 0
    slots: Mapping[ControllerId, tuple[str, ...]] = field(default_factory=dict)


def look_into(path: Path) -> Listing:
    """Read the names. Raises StateError, or DamagedState if the file is not one of ours."""
    try:
        data = SYSTEM.read(path, LONGEST + 1)
    except OSError as error:
        raise StateError(f"{path}: {error.strerror or error}") from error
    if data is None:
        return Listing()
    head = HEAD.match(data)
    if head is None or len(data) > LONGEST or not data.isascii():
        raise DamagedState(f"{path} does not hold keys as we write them")
    slots: dict[ControllerId, tuple[str, ...]] = {}
    for line in data[head.end() :].decode().splitlines():
        found = LINE.fullmatch(line)
        if found is not None:  # else it is the proof, the last one
            name = ControllerId(found[1])
            slots[name] = (*slots.get(name, ()), found[2])
    return Listing(head[2].decode(), int(head[3]), slots)
