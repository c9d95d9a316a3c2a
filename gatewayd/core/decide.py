"""The decision. It reads nothing but its arguments: the same question always gets the
same answer.

One reason is given, the first that holds, in this order (docs and tests rely on it):

1. the door is blocked                       door_blocked
2. the bits are not sound                    unknown_format
3. no grant for the decoded number, nor for the raw bits:
   no format of that length is known         unknown_format
   otherwise                                 unknown_credential
4. the credential is disabled                credential_disabled
5. it is too early                           credential_not_yet_active
6. it is too late (the end is exclusive)     credential_expired
7. this door is not among its doors          no_rights_point
8. nothing speaks against it                 granted
"""

from typing import Protocol

from gatewayd.core.model import Card, Decision, Door, DoorMode, Moment, Reason
from gatewayd.core.permissions import Grant


class Grants(Protocol):
    """Where the decision looks a card up."""

    def find(self, card: Card) -> Grant | None:
        """Return what this card may do, if it is known."""


def decide(door: Door, mode: DoorMode, card: Card, grants: Grants, now: Moment) -> Decision:
    """Say whether this card opens this door now, and why."""
    if mode is DoorMode.BLOCKED:
        return Decision(door.id, card, Reason.DOOR_BLOCKED)
    if not card.parity_ok:
        return Decision(door.id, card, Reason.UNKNOWN_FORMAT)
    grant = grants.find(card)
    if grant is None:
        known = card.format is not None
        reason = Reason.UNKNOWN_CREDENTIAL if known else Reason.UNKNOWN_FORMAT
        return Decision(door.id, card, reason)
    return Decision(door.id, card, _reason(door, grant, now), grant.holder)


def _reason(door: Door, grant: Grant, now: Moment) -> Reason:
    if not grant.enabled:
        return Reason.CREDENTIAL_DISABLED
    if grant.valid_from is not None and now.utc < grant.valid_from:
        return Reason.CREDENTIAL_NOT_YET_ACTIVE
    if grant.valid_until is not None and now.utc >= grant.valid_until:
        return Reason.CREDENTIAL_EXPIRED
    if door.id not in grant.doors:
        return Reason.NO_RIGHTS_POINT
    return Reason.GRANTED
