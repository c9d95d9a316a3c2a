"""How many people an area holds, after a move as before."""

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.company import companion, somebody_follows
from gatewayd.core.access.rules.passback import way
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.model import AreaId, HolderId


def occupancy(case: Case) -> Reason | None:
    """After any move an area holds nobody, or at least its minimum and at most its maximum."""
    entered, left = case.point.enters, case.point.leaves
    if entered is not None:
        before, after = _count(case, entered.area), _after_entering(case, entered.area)
        most = entered.max_occupancy
        if most is not None and after > most and after > before:
            return Reason.OCCUPANCY_MAX
        if after < entered.min_occupancy:
            return Reason.OCCUPANCY_MIN
    if left is not None and 0 < _after_leaving(case, left.area) < left.min_occupancy:
        return Reason.OCCUPANCY_MIN
    return None


def _count(case: Case, area: AreaId) -> int:
    return case.state.occupancy.get(area, 0)


def _inside(case: Case, area: AreaId) -> int:
    """Return how many of those who pass are in the area by the record."""
    presences = case.state.presences
    return sum(
        (presence := presences.get(each)) is not None and presence.area == area
        for each in _passing(case)
    )


def _passing(case: Case) -> list[HolderId]:
    other = companion(case)
    return [case.holder.id] if other is None else [case.holder.id, other.holder]


def _after_entering(case: Case, area: AreaId) -> int:
    newcomers = len(_passing(case)) - _inside(case, area) + somebody_follows(case)
    return _count(case, area) + newcomers


def _after_leaving(case: Case, area: AreaId) -> int:
    return _count(case, area) - _inside(case, area) - somebody_follows(case)


def _occupancy(case: Case, reason: Reason | None) -> str:
    areas = [each for each in (case.point.enters, case.point.leaves) if each is not None]
    said = [
        f"{each.area} holds {_count(case, each.area)}"
        + (f" of at most {each.max_occupancy}" if each.max_occupancy is not None else "")
        + (f", at least {each.min_occupancy}" if each.min_occupancy else "")
        for each in areas
    ]
    return "; ".join(said) + (f"; the way is {way(case)}" if reason else "")


def _counted(point: Point, _: Policy) -> bool:
    areas = (point.enters, point.leaves)
    return any(
        each is not None and (each.max_occupancy is not None or each.min_occupancy > 0)
        for each in areas
    )


OCCUPANCY = Rule("occupancy", About.COMPANY, occupancy, _occupancy, at=_counted)
