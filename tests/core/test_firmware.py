"""Files go to approved controllers, one at a time, and the journal tells how it went."""

from gatewayd.core.actions import AbortFile, Action, Answer, Record, SendFile
from gatewayd.core.events import ControllerFirmware, InternalError
from gatewayd.core.facts import FileEnded, FileRefused, FileStarted
from gatewayd.core.firmware import READ_PATIENCE
from gatewayd.core.model import ControllerId, Moment, RequestId
from gatewayd.core.requests import EndFirmware, Request, SendFirmware
from tests.core.site import DESK, STRIKE, World, answers, events, of, ready

SEND, END = SendFirmware(DESK, "/srv/new.bin"), EndFirmware(DESK)
STARTED = FileStarted(DESK, "/srv/new.bin", 5000, "ab" * 32)
R1, R2 = RequestId("r1"), RequestId("r2")


def told(step: str, detail: str = "") -> ControllerFirmware:
    return ControllerFirmware(
        DESK, step, "request office", "/srv/new.bin", 5000, "ab" * 32, detail
    )


def journal(actions: list[Action]) -> list[ControllerFirmware]:
    return [each for each in events(actions) if isinstance(each, ControllerFirmware)]


def test_a_file_is_read_and_sent_and_whoever_asked_is_answered_when_it_begins() -> None:
    world = ready()
    assert world.ask(SEND) == [SendFile(DESK, "/srv/new.bin")]
    begun = world.tell(STARTED)
    assert journal(begun) == [told("started")]
    (answer,) = of(Answer, begun)
    assert answer.result == {
        "controller": DESK,
        "file": "/srv/new.bin",
        "size": 5000,
        "digest": "ab" * 32,
    }


def test_its_end_is_told_hours_later_with_who_asked() -> None:
    world = ready()
    world.ask(SEND)
    world.tell(STARTED)
    world.wait(7200)
    assert world.tell(FileEnded(DESK, well=True, detail="it restarts")) == [
        Record(told("finished", "it restarts"))
    ]
    assert of(SendFile, world.ask(SEND))


def test_a_failure_says_why() -> None:
    world = ready()
    world.ask(SEND)
    world.tell(STARTED)
    assert journal(world.tell(FileEnded(DESK, well=False, detail="it takes no files"))) == [
        told("failed", "it takes no files")
    ]


def test_it_outlives_the_connection() -> None:
    world = ready()
    world.ask(SEND)
    world.tell(STARTED)
    assert not journal(world.offline(DESK))
    assert answers(world.ask(SEND)) == [(R2, "busy")]


def test_one_file_at_a_time_goes_to_a_controller() -> None:
    world = ready()
    world.ask(SEND)
    assert answers(world.ask(SEND)) == [(R2, "busy")]
    assert of(SendFile, world.ask(SendFirmware(STRIKE, "/srv/new.bin")))


def test_only_who_is_there_and_approved_gets_one() -> None:
    away = World()
    assert answers(away.ask(SEND)) == [(R1, "controller_offline")]
    barred = ready()
    barred.brain._parts.controllers.bar(DESK)
    assert answers(barred.ask(SEND)) == [(R1, "unit_not_approved")]
    nowhere = SendFirmware(ControllerId("nowhere"), "/srv/new.bin")
    assert answers(barred.ask(nowhere)) == [(R2, "no_such_controller")]


def test_a_file_that_is_not_fit_is_refused() -> None:
    world = ready()
    world.ask(SEND)
    assert answers(world.tell(FileRefused(DESK, "no such file"))) == [(R1, "file_refused")]
    assert not world.tell(FileRefused(DESK, "no such file"))
    assert of(SendFile, world.ask(SEND))


def test_a_disk_that_says_nothing_is_not_waited_for_and_not_heard_later() -> None:
    world = ready()
    world.ask(SEND)
    assert answers(world.wait(READ_PATIENCE)) == [(R1, "file_refused")]
    assert world.tell(STARTED) == [AbortFile(DESK)]
    assert not world.tell(FileEnded(DESK, well=False))


def test_a_start_that_is_told_twice_is_no_second_transfer() -> None:
    world = ready()
    world.ask(SEND)
    world.tell(STARTED)
    assert world.tell(STARTED) == [AbortFile(DESK)]
    assert not world.tell(FileRefused(DESK, "twice"))


def test_it_can_be_called_off() -> None:
    world = ready()
    world.ask(SEND)
    world.tell(STARTED)
    called_off = world.ask(END)
    assert of(AbortFile, called_off) == [AbortFile(DESK)]
    assert answers(called_off) == [(R2, None)]
    assert journal(world.tell(FileEnded(DESK, well=False, detail="as asked")))


def test_what_is_not_there_cannot_be_called_off() -> None:
    world = ready()
    assert answers(world.ask(END)) == [(R1, "no_transfer")]
    world.ask(SEND)
    assert answers(world.ask(END)) == [(RequestId("r3"), "no_transfer")]


def test_a_fault_of_ours_leaves_nothing_behind() -> None:
    world = ready()
    firmware = world.brain._parts.firmware
    ask = firmware.ask

    def broken(request: Request, command: SendFirmware, now: Moment) -> None:
        ask(request, command, now)
        raise RuntimeError

    firmware.ask = broken  # type: ignore[method-assign]  # a fault, played
    failed = world.ask(SEND)
    assert not of(SendFile, failed)
    assert any(isinstance(each, InternalError) for each in events(failed))
    assert answers(failed) == [(R1, "internal_error")]
    firmware.ask = ask  # type: ignore[method-assign]  # mended
    assert of(SendFile, world.ask(SEND))
