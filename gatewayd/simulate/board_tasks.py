"""What the tasks of a simulated UHPPOTE board do when their time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.uhppote.doors import DoorMode
from protocol.uhppote.schedules import AddTask, TaskKind
from protocol.uhppote.status import Reason

if TYPE_CHECKING:
    from gatewayd.simulate.board import SimulatedBoard

_MODES = {
    TaskKind.CONTROLLED: DoorMode.CONTROLLED,
    TaskKind.NORMALLY_OPEN: DoorMode.NORMALLY_OPEN,
    TaskKind.NORMALLY_CLOSED: DoorMode.NORMALLY_CLOSED,
}


def perform(board: SimulatedBoard, task: AddTask, now: float) -> None:
    """Do one task to its door."""
    state = board.memory.doors[task.door]
    match task.kind:
        case TaskKind.CONTROLLED | TaskKind.NORMALLY_OPEN | TaskKind.NORMALLY_CLOSED:
            board.store.settings.controls[task.door].mode = _MODES[TaskKind(task.kind)]
        case TaskKind.IGNORE_PROFILES | TaskKind.HEED_PROFILES:
            state.ignores_profiles = task.kind == TaskKind.IGNORE_PROFILES
        case TaskKind.CARD_ONLY | TaskKind.CARD_AND_PIN_IN | TaskKind.CARD_AND_PIN:
            state.method = TaskKind(task.kind)
        case TaskKind.MORE_CARDS | TaskKind.ONE_CARD:
            state.cards_needed = task.cards if task.kind == TaskKind.MORE_CARDS else 1
            state.cards_shown = ()
        case TaskKind.DISABLE_BUTTON | TaskKind.ENABLE_BUTTON:
            state.button_disabled = task.kind == TaskKind.DISABLE_BUTTON
        case _:
            board.unlock(task.door, now, Reason.REMOTE)
