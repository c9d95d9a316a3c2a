"""Who may pass where. Replaced by a compact table in time; the questions stay.

`Permissions` is one dictionary, changed in place by updates that are already on disk:
nothing is copied, however many credentials there are. What an update takes away denies
from the moment the update is accepted (`revoke`), whether or not the disk then keeps it.

The digest lets both sides compare what they hold without sending it. It is the sum,
modulo 2^256, of the SHA-256 of one line for every credential, as 64 hexadecimal digits;
so it does not depend on order, and an update changes it by its own lines only. A line is
UTF-8, its fields separated by tabs: key, holder, door ids in ascending order separated by
commas, valid_from, valid_until, enabled ("1" or "0"). Times are UTC with microseconds,
"2030-01-01T00:00:00.000000Z", or empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from gatewayd.core.model import Card, DoorId, HolderId

_MODULUS = 1 << 256


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


class Permissions:
    """Everything the decision needs to know, at one version."""

    def __init__(
        self,
        version: int = 0,
        grants: dict[str, Grant] | None = None,
        *,
        digest: str | None = None,
    ) -> None:
        """Take over `grants`; nobody else may change them from now on.

        `digest` spares reading them all, for a store that keeps it beside them.
        """
        self.version = version
        self._grants = {} if grants is None else grants
        self._revoked: dict[str, Grant | None] = {}  # only of credentials we hold
        self._sum = (
            sum(_weight(key, grant) for key, grant in self._grants.items())
            if digest is None
            else int(digest, 16)
        )

    def __len__(self) -> int:
        """Count the credentials held."""
        return len(self._grants)

    def __contains__(self, key: object) -> bool:
        """Say whether a credential is held under this key."""
        return key in self._grants

    @property
    def digest(self) -> str:
        """What is held, in 64 hexadecimal digits."""
        return f"{self._sum % _MODULUS:064x}"

    def find(self, card: Card) -> Grant | None:
        """Return what a card may do: by its decoded number, otherwise by its raw bits."""
        decoded = card.decoded
        if decoded is not None:
            grant = self._look_up(decoded)
            if grant is not None:
                return grant
        return self._look_up(card.raw)

    def revoke(self, update: Update) -> None:
        """Let everything the update takes away deny from now on, until the next `apply`."""
        for key, grant in update.grants.items():
            if key in self._grants and (grant is None or not grant.enabled):
                self._revoked[key] = grant

    def apply(self, update: Update) -> None:
        """Become the next version. The update is sound and on disk."""
        self._revoked.clear()
        for key, grant in update.grants.items():
            self._replace(key, grant)
        self.version = update.version

    def _look_up(self, key: str) -> Grant | None:
        if self._revoked and key in self._revoked:
            return self._revoked[key]
        return self._grants.get(key)

    def _replace(self, key: str, grant: Grant | None) -> None:
        old = self._grants.pop(key, None)
        if old is not None:
            self._sum -= _weight(key, old)
        if grant is not None:
            self._grants[key] = grant
            self._sum += _weight(key, grant)


def _weight(key: str, grant: Grant) -> int:
    doors = ",".join(sorted(grant.doors))
    since, until = _stamp(grant.valid_from), _stamp(grant.valid_until)
    line = f"{key}\t{grant.holder}\t{doors}\t{since}\t{until}\t{grant.enabled:d}"
    return int.from_bytes(sha256(line.encode()).digest())


def _stamp(when: datetime | None) -> str:
    if when is None:
        return ""
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
