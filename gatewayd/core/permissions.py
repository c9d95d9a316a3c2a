"""Who may pass where. Replaced by a compact table in time; the questions stay."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gatewayd.core.model import DoorId, HolderId


@dataclass(frozen=True, slots=True)
class Grant:
    """What one credential may do."""

    holder: HolderId
    doors: frozenset[DoorId]
    valid_from: datetime | None = None  # inclusive
    valid_until: datetime | None = None  # exclusive, as in ONVIF
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Update:
    """Changes that lead from `base` to `version`; None takes a grant away.

    Keys are `Card.decoded` ("H10301:12:345") or `Card.raw` ("26:12345680").
    """

    base: int
    version: int
    grants: Mapping[str, Grant | None] = field(default_factory=dict)
