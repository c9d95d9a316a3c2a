"""A small file of the state directory, read whole as one pydantic type."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from gatewayd.edge.disk import Disk
from gatewayd.errors import DamagedState, StateError

T = TypeVar("T")


def load(
    disk: Disk, path: Path, adapter: TypeAdapter[T], *, longest: int, what: str
) -> T | None:
    """Return what the file holds, None if there is none. `what` it should hold, in words.

    Raises StateError, or DamagedState if it is not what we wrote.
    """
    try:
        content = disk.read(path, longest + 1)
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}") from error
    if content is None:
        return None
    if len(content) > longest:
        raise DamagedState(f"{path} is longer than {longest} bytes")
    try:
        return adapter.validate_json(content)
    except ValidationError as error:
        raise DamagedState(f"{path} does not hold {what}") from error
