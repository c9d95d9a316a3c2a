"""Rules of what was presented: cards, PINs, and too many wrong ones."""

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.model import Authentication, Flag, Passback
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason
from gatewayd.core.access.rules.point import clearance_asked
from gatewayd.core.access.rules.rule import About, Rule
from gatewayd.core.access.state import SITE, Subject
from gatewayd.core.model import Card

_PIN_ALONE = Authentication.PIN
_ASKED = {
    Authentication.CARD: "a card",
    Authentication.PIN: "a PIN alone",
    Authentication.CARD_AND_PIN: "a card and its PIN",
    Authentication.CARD_OR_PIN: "a card or a PIN",
}


def card_format(case: Case) -> Reason | None:
    """A card whose parity is wrong was not read well."""
    if case.card is not None and not case.card.parity_ok:
        return Reason.UNKNOWN_FORMAT
    return None


def _card_format(case: Case, reason: Reason | None) -> str:
    if case.card is None:
        return "there is no card to read"
    return "the parity of the card is wrong" if reason else "the card was read well"


def facility(case: Case) -> Reason | None:
    """If the site has named its facility codes, a card has one of them, or none at all."""
    if case.card is None or case.card.facility is None or case.card.format is None:
        return None
    known = _facility(case.card) in case.book.policy.facilities
    return None if known else Reason.INVALID_FACILITY


def _facility(card: Card) -> str:
    return f"{card.format}:{card.facility}"


def _facility_words(case: Case, reason: Reason | None) -> str:
    if case.card is None or case.card.facility is None:
        return "there is no facility code to compare"
    shown = f"facility code {_facility(case.card)}"
    return f"{shown} is none of this site's" if reason else f"{shown} is this site's"


def factors_fit(case: Case) -> Reason | None:
    """What was presented must be what is asked for; otherwise nothing is looked at."""
    asked = case.hours.authentication
    if case.card is not None:
        return Reason.WRONG_FACTOR if asked is _PIN_ALONE else None
    if case.alone and asked in (Authentication.PIN, Authentication.CARD_OR_PIN):
        return None
    return Reason.FACTOR_TIMEOUT if case.late else Reason.WRONG_FACTOR


def _factors_fit(case: Case, reason: Reason | None) -> str:
    asked = _ASKED[case.hours.authentication]
    if reason is Reason.FACTOR_TIMEOUT:
        return f"{asked} is asked for, and the PIN came too late"
    return f"{asked} is asked for" + (", that was not presented" if reason else "")


def reader_lockout(case: Case) -> Reason | None:
    """While a reader, or the site, is locked out for wrong PINs, none is compared."""
    if not case.state.misses or not case.compares:
        return None
    if case.locked(case.point.pins, case.book.policy.point_pins):
        return Reason.POINT_LOCKED_OUT
    locked = case.locked(SITE, case.book.policy.site_pins)
    return Reason.PINS_LOCKED_OUT if locked else None


def _reader_lockout(case: Case, reason: Reason | None) -> str:
    if reason is Reason.POINT_LOCKED_OUT:
        until = shown_until(case, case.point.pins)
        return f"too many wrong PINs at {case.point.id}; until {until}"
    if reason:
        return f"too many wrong PINs at all readers together; until {shown_until(case, SITE)}"
    return "no lockout for wrong PINs here"


def credential_known(case: Case) -> Reason | None:
    """A card is known by its decoded number or its raw bits, a PIN alone by itself."""
    if case.known:
        return None
    if case.card is not None and case.card.format is None:
        return Reason.UNKNOWN_FORMAT
    return Reason.UNKNOWN_CREDENTIAL


def _credential_known(case: Case, reason: Reason | None) -> str:
    if reason is Reason.UNKNOWN_FORMAT:
        return "the card is of no known format, and its bits are nobody's"
    if reason:
        return "no such card is known" if case.card is not None else "no such PIN is known"
    return f"the credential is known, its holder is {case.credential.holder}"


def facility_only(case: Case) -> Reason | None:
    """While degraded, a facility code is enough where nothing of a holder is asked for."""
    point = case.point
    rules = point.rules
    areas = (point.enters, point.leaves)
    demanding = (
        case.hours.authentication not in (Authentication.CARD, Authentication.CARD_OR_PIN)
        or clearance_asked(case) > 0
        or case.hours.first_person
        or rules.two_person
        or rules.muster
        or any(
            each is not None
            and (
                each.passback is not Passback.OFF
                or each.max_occupancy is not None
                or each.min_occupancy > 0
            )
            for each in areas
        )
    )
    return Reason.UNKNOWN_CREDENTIAL if demanding else None


def _facility_only(_: Case, reason: Reason | None) -> str:
    if reason:
        return "a facility code is not enough here, and no such card is known"
    return "permissions cannot be relied on: the facility code is enough"


def pin(case: Case) -> Reason | None:
    """The PIN that goes with a card is its holder's; the one for duress will do."""
    if case.alone or not case.compares:
        return None
    if case.pin is None:
        return Reason.PIN_AWAITED
    return None if any(case.match(case.pin)) else Reason.WRONG_PIN


def _pin(case: Case, reason: Reason | None) -> str:
    if reason is Reason.PIN_AWAITED:
        return f"the PIN is awaited for {case.point.rules.factor_seconds:g} s"
    if reason:
        return "the PIN is not the holder's"
    if case.alone or not case.compares:
        exempt = Flag.PIN_EXEMPT in case.holder.flags
        return "the holder needs no PIN" if exempt else "no PIN goes with it"
    return "the PIN is the holder's"


def shown_until(case: Case, subject: Subject) -> str:
    """Return until when PINs are locked out, on the clocks of the site: "18:04:30"."""
    end = case.state.misses[subject].until or case.now.utc
    return f"{case.book.schedules.clock.shown(end):%H:%M:%S}"


def _has_facilities(_: Point, policy: Policy) -> bool:
    return bool(policy.facilities)


def _uses_pins(point: Point, _: Policy) -> bool:
    return point.uses_pins


FORMAT = Rule("format", About.PRESENTED, card_format, _card_format)
FACILITY = Rule("facility", About.PRESENTED, facility, _facility_words, at=_has_facilities)
FACTORS_FIT = Rule("factors", About.PRESENTED, factors_fit, _factors_fit)
READER_LOCKOUT = Rule(
    "reader lockout", About.PRESENTED, reader_lockout, _reader_lockout, at=_uses_pins
)
CREDENTIAL_KNOWN = Rule(
    "credential known", About.PRESENTED, credential_known, _credential_known
)
FACILITY_ONLY = Rule("facility only", About.PRESENTED, facility_only, _facility_only)
PIN = Rule("PIN", About.PRESENTED, pin, _pin, at=_uses_pins)
