"""All rules, in the one order in which they are asked. docs/decision.md says why.

The first that speaks gives the reason, so the order is a promise: changing it changes
answers. Rules that may ask somebody to wait come last: all else has been asked by then.
"""

from gatewayd.core.access.book import Point
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.rules import company, occupancy, passback, person, point, presented
from gatewayd.core.access.rules.rule import Ask, Rule

ORDER: tuple[Rule, ...] = (
    point.POINT_ENABLED,
    point.MUSTER,
    point.FRESH,
    point.DOOR_MODE,
    point.LOCKDOWN,
    point.THREAT_LEVEL,
    presented.FORMAT,
    presented.FACILITY,
    presented.FACTORS_FIT,
    presented.READER_LOCKOUT,
    presented.CREDENTIAL_KNOWN,
    person.CREDENTIAL_STATE,
    person.CREDENTIAL_VALIDITY,
    person.CREDENTIAL_LOCKOUT,
    presented.PIN,
    person.HOLDER_STATE,
    person.RIGHTS,
    point.INTERLOCK,
    passback.PASSBACK,
    occupancy.OCCUPANCY,
    company.FIRST_PERSON,
    person.USE_LIMIT,
    company.ESCORT,
    company.TWO_PERSON,
)

DEGRADED: tuple[Rule, ...] = (
    point.POINT_ENABLED,
    point.FRESH,
    point.DOOR_MODE,
    point.LOCKDOWN,
    presented.FORMAT,
    presented.FACILITY,
    presented.FACTORS_FIT,
    presented.FACILITY_ONLY,
    point.INTERLOCK,
)


def asked_at(here: Point, policy: Policy) -> tuple[Ask, ...]:
    """Return what is asked at a point: the rules that can ever say something there."""
    return tuple(rule.ask for rule in ORDER if rule.at(here, policy))
