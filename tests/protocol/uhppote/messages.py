"""Strategies for messages, drawn from their layouts and forms; none can be left out."""

from dataclasses import fields, replace
from ipaddress import IPv4Address
from typing import Any

from construct import Bytes
from hypothesis import strategies as st

from protocol.message import Form, Record, known
from protocol.uhppote import values
from protocol.uhppote.cards import INVALID_CARDS, LAST_PROFILE, PutCard
from protocol.uhppote.message import DOORS, Request
from protocol.uhppote.messages import REPLIES, REQUESTS
from protocol.uhppote.schedules import SetProfile, SetTime
from protocol.uhppote.settings import Identity
from protocol.uhppote.status import NO_EVENT, Event, Status
from protocol.uhppote.values import Date, Minute, Moment, Segment, Time

KINDS = REQUESTS + REPLIES

serials = st.integers(1, 0xFFFFFFFF)
byte = st.integers(0, 255)


def drawn_date(day: Any) -> Date:  # noqa: ANN401 - a datetime.date, which mypy need not know
    return Date(day.year, day.month, day.day)


known_dates = st.dates().map(drawn_date).filter(lambda date: date != Date(1, 1, 1))
short_dates = st.builds(
    Date, st.integers(2000, 2099), st.integers(1, 12), st.integers(1, 28)
).filter(lambda date: date != Date(2000, 1, 1))
times = st.builds(Time, st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
moments = st.builds(Moment, known_dates, times)
minutes = st.just(Minute(24, 0)) | st.builds(Minute, st.integers(0, 23), st.integers(0, 59))
segments = st.builds(Segment, minutes, minutes)
addresses = st.integers(0, 0xFFFFFFFF).map(IPv4Address)


def _tuples(each: st.SearchStrategy[Any], count: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.tuples(*[each] * count)


_BY_FORM: list[tuple[Form, st.SearchStrategy[Any]]] = [
    (values.DATE, st.none() | known_dates),
    (values.LOOSE_DATE, st.none() | known_dates),
    (values.LOOSE_SHORT_DATE, st.none() | short_dates),
    (values.MOMENT, moments),
    (values.LOOSE_MOMENT, st.none() | moments),
    (values.LOOSE_TIME, times),
    (values.MINUTE, minutes),
    (values.SEGMENTS, _tuples(segments, 3)),
    (values.LOOSE_SEGMENTS, _tuples(segments, 3)),
    (values.FLAG, st.booleans()),
    (values.PIN, st.integers(0, 999_999)),
    (values.PASSCODES, _tuples(st.integers(0, 999_999), 4)),
    (values.ADDRESS, addresses),
    (values.VERSION, st.tuples(byte, byte).map(lambda raw: f"{raw[0]:x}.{raw[1]:02x}")),
    (SetTime.FORMS["now"], moments),
    (Event.FORMS["granted"], st.booleans()),
    (Identity.FORMS["mac"], st.binary(min_size=6, max_size=6).map(lambda raw: raw.hex(":"))),
]

_BY_NAME: dict[tuple[type[Record], str], st.SearchStrategy[Any]] = {
    (PutCard, "card"): st.integers(0, 0xFFFFFFFF).filter(lambda c: c not in INVALID_CARDS),
    (PutCard, "doors"): _tuples(st.integers(0, LAST_PROFILE), DOORS),
    (Request, "door"): st.integers(1, DOORS),
    (Request, "profile"): st.integers(2, LAST_PROFILE),
    (SetProfile, "linked"): st.just(0) | st.integers(2, LAST_PROFILE),
}


def field_values(kind: type[Record], name: str) -> st.SearchStrategy[Any]:
    """Values that one field of a message can carry."""
    for (owner, named), strategy in _BY_NAME.items():
        if named == name and issubclass(kind, owner):
            return strategy
    if name in kind.CHOICES:
        return _choices(kind, name)
    part = {each.name: each.subcon for each in kind.LAYOUT.subcons}[name]
    if name in kind.FORMS:
        return messages_of(Event) if name == "event" else _formed(kind.FORMS[name], part)
    return st.integers(0, (1 << part.sizeof() * 8) - 1)


def _choices(kind: type[Record], name: str) -> st.SearchStrategy[Any]:
    members = known(kind.CHOICES[name])
    if issubclass(kind, Request):
        allowed = [each for each in members.values() if name != "active" or each < 3]
        return st.sampled_from(allowed)
    return byte.map(lambda number: members.get(number, number))


def _formed(form: Form, part: Bytes) -> st.SearchStrategy[Any]:
    for known_form, strategy in _BY_FORM:
        if form is known_form:
            return strategy
    if form is values.NUMBERS:
        return _tuples(byte, part.sizeof())
    assert form in (values.FLAGS, values.LOOSE_FLAGS)
    return _tuples(st.booleans(), part.sizeof())


@st.composite
def messages_of(draw: st.DrawFn, kind: type[Any]) -> Any:  # noqa: ANN401 - an instance of kind
    """Draw a message that the wire can carry."""
    drawn = kind(**{each.name: draw(field_values(kind, each.name)) for each in fields(kind)})
    if isinstance(drawn, Event) and not drawn.index:
        return NO_EVENT
    if isinstance(drawn, SetProfile) and drawn.linked == drawn.profile:
        return replace(drawn, linked=0)
    return drawn


statuses = messages_of(Status)
events = messages_of(Event)
