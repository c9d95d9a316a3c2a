"""Where people are by the record, and who is on the wrong side of a door.

What the record does not say is that somebody is outside; only who was forgiven may be
anywhere. The record moves when a door was opened after a grant, not before.
"""

from datetime import timedelta
from enum import Enum

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.model import (
    AreaRules,
    Flag,
    Passback,
)
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.model import AreaId


class _Somewhere(Enum):
    ANYWHERE = "may be anywhere"


_ANYWHERE = _Somewhere.ANYWHERE


def passback(case: Case) -> Reason | None:
    """Nobody enters where they are, or leaves where they are not; soft rules only tell."""
    kind = violated(case)
    return Reason.PASSBACK if kind in (Passback.HARD, Passback.TIMED) else None


def violated(case: Case) -> Passback | None:
    """Return the kind of rule that the holder's move violates, the hardest first."""
    entered, left = case.point.enters, case.point.leaves
    if Flag.PASSBACK_EXEMPT in case.holder.flags or (entered is None and left is None):
        return None
    kinds = _entering(case, entered), _leaving(case, left)
    for kind in (Passback.HARD, Passback.TIMED, Passback.SOFT):
        if kind in kinds:
            return kind
    return None


def _place(case: Case) -> AreaId | _Somewhere | None:
    """Return where the holder is by the record; None: outside."""
    presence = case.state.presences.get(case.holder.id)
    if presence is not None:
        return _ANYWHERE if presence.forgiven else presence.area
    return None if case.state.forgiven is None else _ANYWHERE


def _entering(case: Case, area: AreaRules | None) -> Passback | None:
    if area is None or area.passback is Passback.OFF or _place(case) != area.area:
        return None
    if area.passback is not Passback.TIMED:
        return area.passback
    since = case.state.presences[case.holder.id].since
    over = case.now.utc - since >= timedelta(seconds=area.passback_seconds)
    return None if over and case.hours.certain else Passback.TIMED


def _leaving(case: Case, area: AreaRules | None) -> Passback | None:
    if area is None or area.passback not in (Passback.SOFT, Passback.HARD):
        return None
    place = _place(case)
    return None if place is _ANYWHERE or place == area.area else area.passback


def _passback(case: Case, reason: Reason | None) -> str:
    place = _place(case)
    if place is _ANYWHERE:
        where = _ANYWHERE.value
    else:
        where = "is outside of all areas" if place is None else f"is in {place}"
    said = f"by the record, the holder {where}; the way is {way(case)}"
    return said + (", which is told and not refused" if violated(case) and not reason else "")


def way(case: Case) -> str:
    """Return between what the point leads: "from outside to lab"."""
    return f"from {case.point.frm or 'outside'} to {case.point.to or 'outside'}"


def _watched(point: Point, _: Policy) -> bool:
    areas = (point.enters, point.leaves)
    return any(each is not None and each.passback is not Passback.OFF for each in areas)


PASSBACK = Rule("passback", About.PERSON, passback, _passback, at=_watched)
