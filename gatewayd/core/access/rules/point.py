"""Rules of the access point and its door: whether anybody may pass here at all."""

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import NOBODY, Case
from gatewayd.core.access.model import (
    CredentialState,
    Flag,
    Interlock,
)
from gatewayd.core.access.policy import Policy, Stale
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.model import DoorId, DoorMode

_BLOCKED, _LOCKED_DOWN = DoorMode.BLOCKED, DoorMode.LOCKED_DOWN


def point_enabled(case: Case) -> Reason | None:
    """A disabled point takes nothing."""
    return None if case.point.rules.enabled else Reason.POINT_DISABLED


def _point_enabled(case: Case, _: Reason | None) -> str:
    return f"{case.point.id} is disabled"


def muster(case: Case) -> Reason | None:
    """A muster point records everybody it knows, also who may not pass anywhere by now.

    Not by a credential that was lost or stolen: it says nothing of where its holder is.
    """
    if not case.point.rules.muster or case.holder is NOBODY:
        return None
    enabled = case.credential.state is CredentialState.ENABLED
    return Reason.MUSTERED if enabled else None


def _muster(case: Case, reason: Reason | None) -> str:
    if reason:
        return f"{case.point.id} is a muster point: presence is recorded, nothing opens"
    return f"{case.point.id} is a muster point, and nobody's presence is known by this"


def fresh(case: Case) -> Reason | None:
    """With permissions that are too old nobody passes, if the policy says so."""
    denies = case.around.stale and case.book.policy.on_stale is Stale.DENY
    return Reason.PERMISSIONS_STALE if denies else None


def _fresh(_: Case, reason: Reason | None) -> str:
    if reason:
        return "the permissions are older than the policy allows, and it denies then"
    return "the permissions are not older than the policy allows"


def _denies_stale(_: Point, policy: Policy) -> bool:
    return policy.on_stale is Stale.DENY


def door_mode(case: Case) -> Reason | None:
    """A blocked door opens for nobody."""
    return Reason.DOOR_BLOCKED if case.mode is _BLOCKED else None


def _door_mode(case: Case, _: Reason | None) -> str:
    return f"door {case.point.door} is {case.mode}"


def lockdown(case: Case) -> Reason | None:
    """A lockdown, of the door or the site, stops all but exempt holders."""
    if case.mode is not _LOCKED_DOWN and not case.state.lockdown:
        return None
    return None if Flag.LOCKDOWN_EXEMPT in case.holder.flags else Reason.LOCKDOWN


def _lockdown(case: Case, reason: Reason | None) -> str:
    if reason:
        whole = "the site" if case.state.lockdown else f"door {case.point.door}"
        return f"{whole} is locked down, and no exempt holder is known"
    return "there is no lockdown that stops the holder"


def threat_level(case: Case) -> Reason | None:
    """The threat level and the point ask for clearance. Who is not known is told so later."""
    clearance = case.holder.clearance
    if clearance >= case.state.threat_level and clearance >= case.point.rules.minimum_clearance:
        return None
    return Reason.THREAT_LEVEL if case.known else None


def clearance_asked(case: Case) -> int:
    """Return how much clearance is needed here now."""
    return max(case.state.threat_level, case.point.rules.minimum_clearance)


def _threat_level(case: Case, _: Reason | None) -> str:
    return (
        f"clearance {clearance_asked(case)} is asked for (threat level "
        f"{case.state.threat_level}, point {case.point.rules.minimum_clearance}), "
        f"the holder has {case.holder.clearance}"
    )


def interlock(case: Case) -> Reason | None:
    """Every other door of the interlock must be shut; what is not known may be open."""
    return Reason.INTERLOCK if _rivals(case) else None


def _rivals(case: Case) -> list[DoorId]:
    found = []
    for kind, doors in case.point.rivals.items():
        for each in doors:
            door = case.around.doors[each]
            unlocked = kind is Interlock.UNLOCK and door.unlocked is not False
            if unlocked or door.open is not False:
                found.append(each)
    return found


def _interlock(case: Case, reason: Reason | None) -> str:
    if reason:
        return f"not shut for certain: {', '.join(_rivals(case))}"
    return "all other doors of the interlock are shut"


def _has_rivals(point: Point, _: Policy) -> bool:
    return bool(point.rivals)


POINT_ENABLED = Rule(
    "point enabled",
    About.POINT,
    point_enabled,
    _point_enabled,
    at=lambda point, _: not point.rules.enabled,
)
MUSTER = Rule(
    "muster", About.PRESENTED, muster, _muster, at=lambda point, _: point.rules.muster
)
FRESH = Rule("permissions fresh", About.POINT, fresh, _fresh, at=_denies_stale)
DOOR_MODE = Rule("door mode", About.POINT, door_mode, _door_mode)
LOCKDOWN = Rule("lockdown", About.PERSON, lockdown, _lockdown)
THREAT_LEVEL = Rule("threat level", About.PERSON, threat_level, _threat_level)
INTERLOCK = Rule("interlock", About.POINT, interlock, _interlock, at=_has_rivals)
