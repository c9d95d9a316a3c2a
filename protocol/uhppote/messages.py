"""All 34 functions, both ways, and the two doors that datagrams come in by."""

from collections.abc import Callable

from protocol.errors import FrameError, UnknownMessage, UnsendableMessage
from protocol.uhppote import cards, doors, schedules, settings, status
from protocol.uhppote.frame import DISCOVERY, EVERY_BOARD, MARK, Frame
from protocol.uhppote.message import Reply, Request

REQUESTS: tuple[type[Request], ...] = (
    status.GetStatus,
    schedules.SetTime,
    schedules.GetTime,
    doors.OpenDoor,
    cards.PutCard,
    cards.DeleteCard,
    cards.DeleteCards,
    cards.CountCards,
    cards.GetCard,
    cards.GetCardAtIndex,
    doors.SetDoorControl,
    doors.GetDoorControl,
    doors.SetAntipassback,
    doors.GetAntipassback,
    schedules.SetProfile,
    schedules.ClearProfiles,
    doors.SetPasscodes,
    settings.RecordSpecialEvents,
    settings.SetListener,
    settings.GetListener,
    settings.Identify,
    settings.SetAddress,
    schedules.GetProfile,
    settings.SetHostControl,
    doors.SetInterlock,
    doors.ActivateKeypads,
    schedules.ClearTasks,
    schedules.AddTask,
    doors.SetFirstCard,
    schedules.RefreshTasks,
    status.GetEvent,
    status.SetEventIndex,
    status.GetEventIndex,
    settings.RestoreDefaults,
)
REPLIES: tuple[type[Reply], ...] = tuple(
    request.REPLY for request in REQUESTS if request.REPLY is not None
)

_REQUESTS = {request.CODE: request for request in REQUESTS}
_READERS: dict[int, Callable[[bytes], Reply]] = {
    **{reply.CODE: reply.decode for reply in REPLIES},
    status.Status.CODE: status.read_status,
    status.Event.CODE: status.read_event,
}


def encode(serial: int, message: Request | Reply, sequence: int = 0) -> bytes:
    """Return a datagram; raises UnsendableMessage."""
    if serial == EVERY_BOARD and not isinstance(message, settings.Identify):
        raise UnsendableMessage(f"{type(message).__name__} cannot go to every board")
    return Frame(message.CODE, serial, message.encode(), sequence).encode()


def decode_request(frame: Frame) -> Request:
    """Open what a host asks; raises FrameError, UnknownMessage or MalformedMessage."""
    if frame.mark != MARK:
        raise FrameError("the mark of an event on a question")
    if frame.serial == EVERY_BOARD and frame.function != DISCOVERY:
        raise FrameError("a question to every board that is none")
    kind = _REQUESTS.get(frame.function)
    if kind is None:
        raise UnknownMessage(frame.function)
    return kind.decode(frame.body)


def decode_reply(frame: Frame) -> Reply:
    """Open what a board says; raises FrameError, UnknownMessage or MalformedMessage."""
    if frame.serial == EVERY_BOARD:
        raise FrameError("an answer without a serial number")
    read = _READERS.get(frame.function)
    if read is None:
        raise UnknownMessage(frame.function)
    return read(frame.body)
