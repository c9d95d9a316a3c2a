"""What a simulated UHPPOTE board answers to each question, one function for each.

A wrong guard number is refused; `SetEventIndex` without it, and doors or profiles that do not
exist, get no answer at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gatewayd.simulate.board_card_answers import CARD_ANSWERS, Answer
from gatewayd.simulate.board_clock import moment_of
from gatewayd.simulate.board_store import TASKS_BOUND, Control
from protocol.uhppote import doors, extensions, schedules, settings, status
from protocol.uhppote.message import MAGIC, Reply, Request
from protocol.uhppote.status import Event, EventType, Reason

if TYPE_CHECKING:
    from gatewayd.simulate.board import SimulatedBoard

REMOTE_CARD = 3_922_570_474  # in the log, where a host opened a door


# --- doors --------------------------------------------------------------------------------


def _open_door(board: SimulatedBoard, asked: doors.OpenDoor, now: float) -> Reply | None:
    return _open(board, asked.door, REMOTE_CARD, status.Direction.IN, now)


def _open_door_for(
    board: SimulatedBoard, asked: extensions.OpenDoorFor, now: float
) -> Reply | None:
    direction = status.Direction(asked.direction)
    return _open(board, asked.door, asked.card & 0xFFFFFFFF, direction, now)


def _open(
    board: SimulatedBoard, door: int, card: int, direction: status.Direction, now: float
) -> Reply | None:
    if door not in board.doors:
        return None
    board.unlock(door, now, Reason.REMOTE)
    opened = Event(door=door, direction=direction, card=card, reason=Reason.REMOTE)
    board.record(replace(opened, type=EventType.DOOR, granted=True), now)
    return doors.DoorOpened()


def _set_control(board: SimulatedBoard, asked: doors.SetDoorControl, _: float) -> Reply | None:
    if asked.door not in board.doors:
        return None
    board.store.settings.controls[asked.door] = Control(asked.mode, asked.delay)
    return doors.DoorControlSet(asked.door, _reported(asked.mode), asked.delay)


def _get_control(board: SimulatedBoard, asked: doors.GetDoorControl, _: float) -> Reply | None:
    if asked.door not in board.doors:
        return None
    control = board.store.settings.controls[asked.door]
    return doors.DoorControl(asked.door, _reported(control.mode), control.delay)


def _reported(mode: int) -> int:
    return doors.DoorMode.CONTROLLED if mode == doors.DoorMode.FIRST_CARD else mode


def _set_antipassback(board: SimulatedBoard, asked: doors.SetAntipassback, _: float) -> Reply:
    board.store.settings.antipassback = asked.antipassback
    board.memory.passed.clear()
    return doors.AntipassbackSet()


def _get_antipassback(board: SimulatedBoard, _asked: Request, _: float) -> Reply:
    return doors.AntipassbackHeld(board.store.settings.antipassback)


def _set_interlock(board: SimulatedBoard, asked: doors.SetInterlock, _: float) -> Reply:
    board.store.settings.interlock = asked.interlock
    return doors.InterlockSet()


def _activate_keypads(board: SimulatedBoard, asked: doors.ActivateKeypads, _: float) -> Reply:
    board.store.settings.keypads = asked.readers
    return doors.KeypadsActivated()


def _set_passcodes(board: SimulatedBoard, asked: doors.SetPasscodes, _: float) -> Reply | None:
    if asked.door not in board.doors:
        return None
    board.store.settings.passcodes[asked.door] = asked.passcodes
    return doors.PasscodesSet()


def _set_first_card(board: SimulatedBoard, asked: doors.SetFirstCard, _: float) -> Reply | None:
    if asked.door not in board.doors:
        return None
    board.store.settings.first_cards[asked.door] = asked
    return doors.FirstCardSet()


# --- time ---------------------------------------------------------------------------------


def _set_time(board: SimulatedBoard, asked: schedules.SetTime, now: float) -> Reply:
    board.clock.set(asked.now, now)
    board.tick(now)
    return schedules.TimeSet(asked.now)


def _get_time(board: SimulatedBoard, _asked: Request, now: float) -> Reply:
    at = board.clock.read(now)
    return schedules.TimeHeld(None if at is None else moment_of(at))


def _set_profile(board: SimulatedBoard, asked: schedules.SetProfile, _: float) -> Reply:
    board.store.settings.profiles[asked.profile] = asked
    return schedules.ProfileSet()


def _get_profile(board: SimulatedBoard, asked: schedules.GetProfile, _: float) -> Reply:
    found = board.store.settings.profiles.get(asked.profile)
    if found is None:
        return schedules.Profile()
    dates = found.start, found.end
    return schedules.Profile(
        found.profile, *dates, found.weekdays, found.segments, found.linked
    )


def _clear_profiles(board: SimulatedBoard, asked: schedules.ClearProfiles, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.settings.profiles.clear()
    return schedules.ProfilesCleared(asked.magic == MAGIC)


def _clear_tasks(board: SimulatedBoard, asked: schedules.ClearTasks, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.settings.new_tasks.clear()
    return schedules.TasksCleared(asked.magic == MAGIC)


def _add_task(board: SimulatedBoard, asked: schedules.AddTask, _: float) -> Reply | None:
    if asked.door not in board.doors:
        return None
    room = len(board.store.settings.new_tasks) < TASKS_BOUND
    if room:
        board.store.settings.new_tasks.append(asked)
    return schedules.TaskAdded(room)


def _refresh_tasks(board: SimulatedBoard, asked: schedules.RefreshTasks, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.settings.tasks = list(board.store.settings.new_tasks)
    return schedules.TasksRefreshed(asked.magic == MAGIC)


# --- the rest -----------------------------------------------------------------------------


def _get_status(board: SimulatedBoard, _asked: Request, now: float) -> Reply:
    return board.status(now)


def _get_event(board: SimulatedBoard, asked: status.GetEvent, _: float) -> Reply:
    return board.store.log.get(asked.index)


def _set_event_index(
    board: SimulatedBoard, asked: status.SetEventIndex, _: float
) -> Reply | None:
    if asked.magic != MAGIC:
        return None
    changed = board.store.settings.event_index != asked.index
    board.store.settings.event_index = asked.index
    return status.EventIndexSet(changed)


def _get_event_index(board: SimulatedBoard, _asked: Request, _: float) -> Reply:
    return status.EventIndex(board.store.settings.event_index)


def _special_events(
    board: SimulatedBoard, asked: settings.RecordSpecialEvents, _: float
) -> Reply:
    board.store.settings.special_events = asked.enable
    return settings.SpecialEventsSet()


def _set_listener(board: SimulatedBoard, asked: settings.SetListener, _: float) -> Reply:
    board.store.settings.listener = asked.address, asked.port
    board.store.settings.interval = asked.interval
    return settings.ListenerSet()


def _get_listener(board: SimulatedBoard, _asked: Request, _: float) -> Reply:
    return settings.Listener(*board.store.settings.listener, board.store.settings.interval)


def _identify(board: SimulatedBoard, _asked: Request, _: float) -> Reply:
    return board.store.identity


def _set_address(board: SimulatedBoard, asked: settings.SetAddress, _: float) -> None:
    if asked.magic == MAGIC:
        known = board.store.identity
        board.store.identity = settings.Identity(
            asked.address,
            asked.netmask,
            asked.gateway,
            known.mac,
            known.version,
            known.released,
        )


def _host_control(board: SimulatedBoard, asked: settings.SetHostControl, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.settings.host_control = asked.enable
    return settings.HostControlSet(asked.magic == MAGIC)


def _restore(board: SimulatedBoard, asked: settings.RestoreDefaults, _: float) -> Reply:
    if asked.magic == MAGIC:
        board.store.restore_defaults()
    return settings.DefaultsRestored(asked.magic == MAGIC)


ANSWERS: dict[type[Request], Answer] = {
    status.GetStatus: _get_status,
    status.GetEvent: _get_event,
    status.SetEventIndex: _set_event_index,
    status.GetEventIndex: _get_event_index,
    schedules.SetTime: _set_time,
    schedules.GetTime: _get_time,
    schedules.SetProfile: _set_profile,
    schedules.GetProfile: _get_profile,
    schedules.ClearProfiles: _clear_profiles,
    schedules.ClearTasks: _clear_tasks,
    schedules.AddTask: _add_task,
    schedules.RefreshTasks: _refresh_tasks,
    doors.OpenDoor: _open_door,
    doors.SetDoorControl: _set_control,
    doors.GetDoorControl: _get_control,
    doors.SetAntipassback: _set_antipassback,
    doors.GetAntipassback: _get_antipassback,
    doors.SetInterlock: _set_interlock,
    doors.ActivateKeypads: _activate_keypads,
    doors.SetPasscodes: _set_passcodes,
    doors.SetFirstCard: _set_first_card,
    settings.RecordSpecialEvents: _special_events,
    settings.SetListener: _set_listener,
    settings.GetListener: _get_listener,
    settings.Identify: _identify,
    settings.SetAddress: _set_address,
    settings.SetHostControl: _host_control,
    settings.RestoreDefaults: _restore,
    extensions.OpenDoorFor: _open_door_for,
    **CARD_ANSWERS,
}
