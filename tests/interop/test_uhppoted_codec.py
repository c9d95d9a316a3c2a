"""Every message of boards and hosts, beside the codec of PyPI `uhppoted`.

That library writes requests and reads replies, so each request must come out of both as the
same bytes, and each reply that we write must be read by it as we meant it. Hypothesis chooses
the values; left out is only what its types cannot hold (24:00, no date, the year 1).
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uhppoted import decode as foreign
from uhppoted import encode as theirs
from uhppoted.structs import DoorMode as TheirMode
from uhppoted.structs import FirstCard
from uhppoted.structs import Weekdays as TheirWeekdays

from protocol.uhppote import cards, doors, schedules, settings, status
from protocol.uhppote.frame import ODD_MARK, Frame
from protocol.uhppote.message import MAGIC, Done, Reply, Request
from protocol.uhppote.messages import REPLIES, REQUESTS, decode_request, encode
from protocol.uhppote.values import Date, Minute, Moment, Segment, Time
from tests.protocol.uhppote.messages import messages_of, serials


def date(value: Date | None) -> dt.date | None:
    return None if value is None else dt.date(value.year, value.month, value.day)


def time(value: Time) -> dt.time:
    return dt.time(value.hour, value.minute, value.second)


def moment(value: Moment | None) -> dt.datetime | None:
    day = None if value is None else date(value.date)
    return None if value is None or day is None else dt.datetime.combine(day, time(value.time))


def minute(value: Minute | None) -> dt.time:
    assert value is not None
    return dt.time(value.hour, value.minute)


def segments(value: tuple[Segment, ...]) -> list[dt.time]:
    return [minute(end) for each in value for end in (each.start, each.end)]


# --- what the host says -------------------------------------------------------------------

Write = Callable[[Any, Any], bytes]  # serial, our request

_MODES = (TheirMode.CONTROLLED, TheirMode.NORMALLY_OPEN, TheirMode.NORMALLY_CLOSED)


def _first_card(serial: int, ours: doors.SetFirstCard) -> bytes:
    modes = (*_MODES, TheirMode.FIRSTCARD_ONLY)
    made = FirstCard(
        start_time=minute(ours.start),
        end_time=minute(ours.end),
        active_mode=modes[ours.active],
        inactive_mode=modes[ours.inactive],
        weekdays=TheirWeekdays(*ours.weekdays),
    )
    return bytes(theirs.set_firstcard_request(serial, ours.door, made))


def _put_card(serial: int, ours: cards.PutCard) -> bytes:
    first = {door: bool(ours.first_card >> (door - 1) & 1) for door in (1, 2, 3, 4)}
    dates = date(ours.start), date(ours.end)
    raw = theirs.put_card_request(serial, ours.card, *dates, *ours.doors, ours.pin, first)
    return bytes(raw)


def _plain(write: Callable[..., bytearray], *names: str) -> Write:
    return lambda serial, ours: bytes(write(serial, *(getattr(ours, name) for name in names)))


WRITERS: dict[type[Request], Write] = {
    status.GetStatus: _plain(theirs.get_status_request),
    schedules.SetTime: lambda serial, ours: theirs.set_time_request(serial, moment(ours.now)),
    schedules.GetTime: _plain(theirs.get_time_request),
    doors.OpenDoor: _plain(theirs.open_door_request, "door"),
    cards.PutCard: _put_card,
    cards.DeleteCard: _plain(theirs.delete_card_request, "card"),
    cards.DeleteCards: _plain(theirs.delete_cards_request),
    cards.CountCards: _plain(theirs.get_cards_request),
    cards.GetCard: _plain(theirs.get_card_request, "card"),
    cards.GetCardAtIndex: _plain(theirs.get_card_by_index_request, "index"),
    doors.SetDoorControl: _plain(theirs.set_door_control_request, "door", "mode", "delay"),
    doors.GetDoorControl: _plain(theirs.get_door_control_request, "door"),
    doors.SetAntipassback: _plain(theirs.set_antipassback_request, "antipassback"),
    doors.GetAntipassback: _plain(theirs.get_antipassback_request),
    schedules.SetProfile: lambda serial, ours: theirs.set_time_profile_request(
        serial,
        ours.profile,
        date(ours.start),
        date(ours.end),
        *ours.weekdays,
        *segments(ours.segments),
        ours.linked,
    ),
    schedules.ClearProfiles: _plain(theirs.delete_all_time_profiles_request),
    doors.SetPasscodes: lambda serial, ours: theirs.set_door_passcodes_request(
        serial, ours.door, *ours.passcodes
    ),
    settings.RecordSpecialEvents: _plain(theirs.record_special_events_request, "enable"),
    settings.SetListener: _plain(theirs.set_listener_request, "address", "port", "interval"),
    settings.GetListener: _plain(theirs.get_listener_request),
    settings.Identify: _plain(theirs.get_controller_request),
    settings.SetAddress: _plain(theirs.set_ip_request, "address", "netmask", "gateway"),
    schedules.GetProfile: _plain(theirs.get_time_profile_request, "profile"),
    settings.SetHostControl: _plain(theirs.set_pc_control_request, "enable"),
    doors.SetInterlock: _plain(theirs.set_interlock_request, "interlock"),
    doors.ActivateKeypads: lambda serial, ours: theirs.activate_keypads_request(
        serial, *ours.readers
    ),
    schedules.ClearTasks: _plain(theirs.clear_tasklist_request),
    schedules.AddTask: lambda serial, ours: theirs.add_task_request(
        serial,
        date(ours.start),
        date(ours.end),
        *ours.weekdays,
        minute(ours.at),
        ours.door,
        ours.kind,
        ours.cards,
    ),
    doors.SetFirstCard: _first_card,
    schedules.RefreshTasks: _plain(theirs.refresh_tasklist_request),
    status.GetEvent: _plain(theirs.get_event_request, "index"),
    status.SetEventIndex: _plain(theirs.set_event_index_request, "index"),
    status.GetEventIndex: _plain(theirs.get_event_index_request),
    settings.RestoreDefaults: _plain(theirs.restore_default_parameters_request),
}


def sayable(ours: Request) -> Request:
    """Replace what their types cannot hold."""
    return replace(ours, **{each.name: _sayable(each.name, ours) for each in fields(ours)})


def _sayable(name: str, ours: Request) -> object:
    value = getattr(ours, name)
    match value:
        case None:
            return Date(2026, 1, 1)
        case Date() if value.year < 1000:  # they write it without its zeros
            return Date(2026, value.month, min(value.day, 28))
        case Moment() if value.date.year < 1000:
            return Moment(Date(2026, 1, 1), value.time)
        case Minute(24, 0):
            return Minute(23, 59)
        case (Segment(), *_):
            return tuple(Segment(_earlier(each.start), _earlier(each.end)) for each in value)
    changed = {"magic": MAGIC, "first_card": getattr(ours, "first_card", 0) & 0b1111}
    return changed.get(name, value)


def _earlier(value: Minute | None) -> Minute:
    return Minute(23, 59) if value is None or value.hour == 24 else value


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: kind.__name__)
@given(serial=serials, data=st.data())
def test_both_write_a_request_the_same_way(
    kind: type[Request], serial: int, data: st.DataObject
) -> None:
    ours: Request = data.draw(messages_of(kind).map(sayable))
    raw = bytes(WRITERS[kind](serial, ours))
    assert encode(serial, ours) == raw
    assert decode_request(Frame.decode(raw)) == ours


def test_every_board_is_asked_the_same_way() -> None:
    assert encode(0, settings.Identify()) == bytes(theirs.get_controller_request(0))


# --- what the board says ------------------------------------------------------------------

Fields = dict[str, Any]


def _dates(ours: Any) -> Fields:  # noqa: ANN401 - whatever has both
    return {"start_date": date(ours.start), "end_date": date(ours.end)}


def _card(ours: cards.CardRecord) -> Fields:
    doors_ = {f"door_{number}": level for number, level in enumerate(ours.doors, 1)}
    first = {door: bool(ours.first_card >> (door - 1) & 1) for door in (1, 2, 3, 4)}
    return {
        "card_number": ours.card,
        "pin": ours.pin,
        "firstcard": first,
        **doors_,
        **_dates(ours),
    }


def _event(ours: status.Event) -> Fields:
    return {
        "event_type": ours.type,
        "access_granted": ours.granted,
        "door": ours.door,
        "direction": ours.direction,
        "card": ours.card,
        "timestamp": moment(ours.at),
        "reason": ours.reason,
    }


def _status(ours: status.Status) -> Fields:
    renamed = {"access_granted": "event_access_granted"}
    event = {
        renamed.get(name, name if name.startswith("event_") else f"event_{name}"): value
        for name, value in _event(ours.event).items()
    }
    told = {name: value if ours.event.index else None for name, value in event.items()}
    doors_ = {f"door_{n}_open": flag for n, flag in enumerate(ours.open, 1)}
    buttons = {f"door_{n}_button": flag for n, flag in enumerate(ours.button, 1)}
    return {**told, "event_index": ours.event.index, **doors_, **buttons, **_rest(ours)}


def _rest(ours: status.Status) -> Fields:
    return {
        "system_date": date(ours.date),
        "system_time": None if ours.time is None else time(ours.time),
        "relays": ours.relays,
        "inputs": ours.inputs,
        "system_error": ours.error,
        "special_info": ours.special,
        "sequence_no": ours.sequence,
    }


def _profile(ours: schedules.Profile) -> Fields:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    names = [f"segment_{n}_{end}" for n in (1, 2, 3) for end in ("start", "end")]
    ends = [end for each in ours.segments for end in (each.start, each.end)]
    told = [None if end == Minute(24, 0) else minute(end) for end in ends]
    return {
        "profile_id": ours.profile,
        "linked_profile_id": ours.linked,
        **_dates(ours),
        **dict(zip(days, ours.weekdays, strict=True)),
        **dict(zip(names, told, strict=True)),
    }


def _same(*names: str) -> Callable[[Any], Fields]:
    return lambda ours: {name: getattr(ours, name) for name in names}


def _identity(ours: settings.Identity) -> Fields:
    return {
        "ip_address": ours.address,
        "subnet_mask": ours.netmask,
        "gateway": ours.gateway,
        "mac_address": ours.mac,
        "version": f"v{ours.version}",
        "date": date(ours.released),
    }


READERS: dict[type[Reply], tuple[Callable[[bytes], Any], Callable[[Any], Fields]]] = {
    status.Status: (foreign.get_status_response, _status),
    schedules.TimeSet: (foreign.set_time_response, lambda ours: {"datetime": moment(ours.now)}),
    schedules.TimeHeld: (
        foreign.get_time_response,
        lambda ours: {"datetime": moment(ours.now)},
    ),
    cards.CardCount: (foreign.get_cards_response, _same("cards")),
    cards.CardRecord: (foreign.get_card_response, _card),
    cards.IndexedCard: (foreign.get_card_by_index_response, _card),
    doors.DoorControlSet: (foreign.set_door_control_response, _same("door", "mode", "delay")),
    doors.DoorControl: (foreign.get_door_control_response, _same("door", "mode", "delay")),
    doors.AntipassbackHeld: (foreign.get_antipassback_response, _same("antipassback")),
    settings.Listener: (foreign.get_listener_response, _same("address", "port", "interval")),
    settings.Identity: (foreign.get_controller_response, _identity),
    schedules.Profile: (foreign.get_time_profile_response, _profile),
    status.Event: (
        foreign.get_event_response,
        lambda ours: {"index": ours.index, **_event(ours)},
    ),
    status.EventIndex: (
        foreign.get_event_index_response,
        lambda ours: {"event_index": ours.index},
    ),
}
DONE: dict[type[Reply], tuple[Callable[[bytes], Any], str]] = {
    doors.DoorOpened: (foreign.open_door_response, "opened"),
    cards.CardPut: (foreign.put_card_response, "stored"),
    cards.CardDeleted: (foreign.delete_card_response, "deleted"),
    cards.CardsDeleted: (foreign.delete_all_cards_response, "deleted"),
    doors.AntipassbackSet: (foreign.set_antipassback_response, "ok"),
    schedules.ProfileSet: (foreign.set_time_profile_response, "stored"),
    schedules.ProfilesCleared: (foreign.delete_all_time_profiles_response, "deleted"),
    doors.PasscodesSet: (foreign.set_door_passcodes_response, "ok"),
    settings.SpecialEventsSet: (foreign.record_special_events_response, "updated"),
    settings.ListenerSet: (foreign.set_listener_response, "ok"),
    settings.HostControlSet: (foreign.set_pc_control_response, "ok"),
    doors.InterlockSet: (foreign.set_interlock_response, "ok"),
    doors.KeypadsActivated: (foreign.activate_keypads_response, "ok"),
    schedules.TasksCleared: (foreign.clear_tasklist_response, "cleared"),
    schedules.TaskAdded: (foreign.add_task_response, "added"),
    doors.FirstCardSet: (foreign.set_firstcard_response, "ok"),
    schedules.TasksRefreshed: (foreign.refresh_tasklist_response, "refreshed"),
    status.EventIndexSet: (foreign.set_event_index_response, "updated"),
    settings.DefaultsRestored: (foreign.restore_default_parameters_response, "reset"),
}


@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
@given(serial=serials, data=st.data())
def test_they_read_an_answer_as_we_meant_it(
    kind: type[Reply], serial: int, data: st.DataObject
) -> None:
    read, expected = READERS[kind]
    ours = data.draw(messages_of(kind))
    heard = read(encode(serial, ours))
    assert {"controller": serial, **expected(ours)} == vars(heard)


@pytest.mark.parametrize("kind", DONE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("ok", [True, False])
def test_they_read_done_and_refused(kind: type[Done], ok: bool) -> None:  # noqa: FBT001 - both
    read, name = DONE[kind]
    assert vars(read(encode(7, kind(ok)))) == {"controller": 7, name: ok}


@given(serial=serials, data=st.data(), odd=st.booleans())
def test_they_read_a_pushed_event_of_any_firmware(
    serial: int,
    data: st.DataObject,
    odd: bool,  # noqa: FBT001 - either
) -> None:
    ours = data.draw(messages_of(status.Status).filter(lambda drawn: drawn.event.index > 0))
    raw = bytearray(encode(serial, ours))
    if odd:
        raw[0] = ODD_MARK
    assert {"controller": serial, **_status(ours)} == vars(foreign.event(bytes(raw)))


def test_nothing_is_left_out() -> None:
    assert set(WRITERS) == set(REQUESTS)
    assert {*READERS, *DONE} == set(REPLIES)
