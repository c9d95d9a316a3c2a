"""A file goes to a unit, part by part, or it is said why not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.osdp.commands import Abort
from protocol.osdp.file_sender import (
    AWAY_PATIENCE,
    FINISHING_PATIENCE,
    FINISHING_PAUSE,
    LARGEST_FILE,
    MOST_INTERRUPTIONS,
    REBOOT_PAUSE,
    UNSENT_PAUSE,
    End,
    Ended,
    FileSender,
    Progress,
    Stage,
)
from protocol.osdp.replies import Nak
from protocol.osdp.transfer import (
    FileType,
    TransferAction,
    TransferFile,
    TransferResult,
    TransferStatus,
)

CONTENT = b"0123456789"
ON = TransferStatus(1, 0, TransferResult.PROCEED, 0)
FINISHING = replace(ON, status=TransferResult.FINISHING)
PROCESSED = replace(ON, status=TransferResult.PROCESSED)
REBOOTING = replace(ON, status=TransferResult.REBOOTING)
GAVE_UP = replace(ON, status=TransferResult.ABORTED)


def begun(room: int = 4) -> FileSender:
    sender = FileSender(CONTENT)
    sender.connected(room, 0.0)
    return sender


def fragment(sender: FileSender, now: float = 0.0) -> TransferFile:
    command = sender.next(now)
    assert isinstance(command, TransferFile)
    return command


def accept(sender: FileSender, parts: int, now: float = 0.0) -> None:
    for _ in range(parts):
        fragment(sender, now)
        sender.answered(ON, now)


def test_a_file_goes_out_in_parts_that_fit() -> None:
    sender = begun()
    sent = []
    while sender.ended is None:
        sent.append(fragment(sender))
        sender.answered(ON, 0.0)
    assert [(each.offset, each.data) for each in sent] == [
        (0, b"0123"),
        (4, b"4567"),
        (8, b"89"),
    ]
    assert {(each.type, each.total) for each in sent} == {(FileType.OPAQUE, 10)}
    assert sender.ended == Ended(End.RECEIVED)
    assert sender.ended.well


@pytest.mark.parametrize(
    ("status", "end"), [(PROCESSED, End.PROCESSED), (REBOOTING, End.REBOOTING)]
)
def test_the_unit_says_how_it_ended(status: TransferStatus, end: End) -> None:
    sender = begun(room=10)
    fragment(sender)
    sender.answered(status, 0.0)
    assert sender.ended == Ended(end)
    assert sender.progress == Progress(Stage.ENDED, 10, 10, 0, Ended(end))


@pytest.mark.parametrize("size", [0, LARGEST_FILE + 1])
def test_a_file_has_bounds(size: int) -> None:
    with pytest.raises(ValueError, match=f"the file has {size} bytes"):
        FileSender(bytes(size))


def test_one_command_is_out_at_a_time() -> None:
    sender = begun()
    fragment(sender)
    assert sender.next(99.0) is None


def test_the_unit_may_ask_for_time() -> None:
    sender = begun()
    fragment(sender)
    sender.answered(replace(ON, delay=6000), 1.0)
    assert sender.deadline == 7.0
    assert sender.next(6.9) is None
    assert fragment(sender, 7.0).offset == 4


def test_the_unit_may_ask_for_shorter_parts_and_for_no_longer_ones_than_fit() -> None:
    sender = FileSender(bytes(1000))
    sender.connected(100, 0.0)
    lengths = []
    for longest in (64, 3, 0, 1000):
        lengths.append(len(fragment(sender).data))
        sender.answered(replace(ON, longest=longest), 0.0)
    lengths.append(len(fragment(sender).data))
    assert lengths == [100, 36, 3, 3, 100]


def test_the_unit_says_whether_others_may_come_in_between() -> None:
    sender = begun()
    assert sender.interleaves
    fragment(sender)
    sender.answered(replace(ON, action=TransferAction.LEAVE_SECURE), 0.0)
    assert not sender.interleaves


def test_a_unit_that_works_is_asked_without_data_until_it_is_done() -> None:
    sender = begun(room=10)
    fragment(sender)
    sender.answered(FINISHING, 0.0)
    assert sender.progress.stage is Stage.FINISHING
    assert sender.next(FINISHING_PAUSE / 2) is None
    assert fragment(sender, FINISHING_PAUSE) == TransferFile(1, 10, 10, b"")
    sender.answered(replace(FINISHING, delay=2000), 1.0)
    assert fragment(sender, 3.0).data == b""
    sender.answered(PROCESSED, 3.0)
    assert sender.ended == Ended(End.PROCESSED)


def test_a_unit_may_work_in_the_middle() -> None:
    sender = begun()
    fragment(sender)
    sender.answered(FINISHING, 0.0)
    assert fragment(sender, 1.0) == TransferFile(1, 10, 4, b"")
    sender.answered(ON, 1.0)
    assert fragment(sender, 1.0) == TransferFile(1, 10, 4, b"4567")


def test_a_unit_that_never_finishes_has_failed() -> None:
    sender = begun(room=10)
    fragment(sender)
    sender.answered(FINISHING, 0.0)
    now = 0.0
    while (command := sender.next(now := now + 10)) is not None:
        assert isinstance(command, TransferFile)
        sender.answered(FINISHING, now)
    assert now == FINISHING_PATIENCE
    assert sender.ended == Ended(End.FAILED, "the unit did not finish in 900 s")


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (GAVE_UP, "it gave the transfer up (status -1)"),
        (replace(ON, status=TransferResult(-2)), "it does not recognise the file (status -2)"),
        (
            replace(ON, status=TransferResult(-3)),
            "it found the file damaged or unfit (status -3)",
        ),
        (replace(ON, status=-9), "it said what nobody understands (status -9)"),
        (replace(ON, status=4), "it said what nobody understands (status 4)"),
        (Nak(3), "it takes no files (NAK 3)"),
        (Nak(2), "a part of the file was too long for it (NAK 2)"),
        (Nak(9), "it could not use a part of the file (NAK 9)"),
        (Nak(0x80), "it refused (NAK 128)"),
        (None, "it answered without a status"),
        (PROCESSED, "it says that it has used the file, and does not have all of it yet"),
    ],
)
def test_a_refusal_ends_it_with_its_meaning(
    reply: TransferStatus | Nak | None, why: str
) -> None:
    sender = begun()
    fragment(sender)
    sender.answered(reply, 0.0)
    assert sender.ended == Ended(End.FAILED, why)
    assert not sender.ended.well
    assert sender.next(99.0) is None


def test_a_buffer_without_room_ends_it() -> None:
    sender = begun(room=0)
    assert sender.ended == Ended(
        End.FAILED, "its receive buffer has no room for any part of a file"
    )


def test_after_the_line_was_lost_it_goes_on_where_the_unit_has_got_to() -> None:
    sender = begun()
    accept(sender, 1)
    fragment(sender)
    sender.lost(1.0, forgotten=False)
    assert sender.progress == Progress(Stage.AWAY, 4, 10, 1)
    assert sender.next(2.0) is None
    sender.connected(4, 3.0)
    assert fragment(sender, 3.0) == TransferFile(1, 10, 4, b"4567")
    sender.answered(ON, 3.0)
    fragment(sender, 3.0)
    sender.answered(PROCESSED, 3.0)
    assert sender.ended == Ended(End.PROCESSED)


def test_after_the_unit_was_lost_it_begins_anew() -> None:
    sender = begun()
    accept(sender, 2)
    sender.lost(1.0, forgotten=True)
    sender.connected(4, 3.0)
    assert fragment(sender, 3.0).offset == 0


@pytest.mark.parametrize("reply", [Nak(9), GAVE_UP, None])
def test_a_unit_that_cannot_go_on_gets_all_of_it_anew(
    reply: TransferStatus | Nak | None,
) -> None:
    sender = begun()
    accept(sender, 1)
    sender.lost(1.0, forgotten=False)
    sender.connected(4, 3.0)
    fragment(sender, 3.0)
    sender.answered(reply, 3.0)
    assert fragment(sender, 3.0).offset == 0
    sender.answered(GAVE_UP, 3.0)
    assert sender.ended is not None


def test_a_unit_that_restarts_in_the_middle_begins_anew() -> None:
    sender = begun()
    fragment(sender)
    sender.answered(REBOOTING, 0.0)
    assert sender.next(REBOOT_PAUSE - 1) is None
    sender.lost(REBOOT_PAUSE - 1, forgotten=True)
    sender.connected(4, 20.0)
    assert fragment(sender, 20.0).offset == 0
    assert sender.progress.interruptions == 2


UNCERTAIN = "it has got everything but did not say what became of it; look at its firmware"


def installing(sender: FileSender) -> None:
    fragment(sender)
    sender.answered(FINISHING, 0.0)


@pytest.mark.parametrize("last", [installing, fragment])
def test_a_unit_that_has_everything_does_not_get_it_again(
    last: Callable[[FileSender], object],
) -> None:
    sender = begun(room=10)
    last(sender)
    sender.lost(1.0, forgotten=True)
    assert sender.ended == Ended(End.FAILED, UNCERTAIN)


def test_a_unit_that_finished_unheard_is_not_given_it_again() -> None:
    sender = begun(room=5)
    accept(sender, 1)
    fragment(sender)
    sender.lost(1.0, forgotten=False)
    sender.connected(5, 2.0)
    fragment(sender, 2.0)
    sender.answered(Nak(9), 2.0)
    assert sender.ended == Ended(End.FAILED, UNCERTAIN)


def test_it_waits_for_a_unit_that_is_away_but_not_for_ever() -> None:
    sender = begun()
    sender.lost(1.0, forgotten=True)
    assert sender.deadline == 1.0 + AWAY_PATIENCE
    assert sender.next(sender.deadline) is None
    assert sender.ended == Ended(End.FAILED, "the unit was away for 600 s")


def test_it_begins_again_only_so_often() -> None:
    sender = begun()
    while sender.ended is None:
        sender.lost(1.0, forgotten=True)
        sender.connected(4, 1.0)
    assert sender.ended == Ended(End.FAILED, "it was interrupted more than 10 times")
    assert sender.progress.interruptions == MOST_INTERRUPTIONS + 1


def test_what_did_not_leave_is_sent_later() -> None:
    sender = begun()
    first = fragment(sender)
    sender.unsent(1.0)
    assert sender.next(1.0) is None
    assert fragment(sender, 1.0 + UNSENT_PAUSE) == first


def test_an_abort_waits_for_the_answer_and_is_told_to_the_unit() -> None:
    sender = begun()
    fragment(sender)
    sender.abort(0.0)
    assert sender.progress.stage is Stage.ABORTING
    assert sender.next(1.0) is None
    sender.answered(replace(ON, delay=9000), 1.0)
    assert sender.next(1.0) == Abort()
    sender.answered(None, 2.0)
    assert sender.ended == Ended(End.ABORTED, "as asked")
    assert not sender.ended.well


def test_an_abort_between_two_parts_goes_out_at_once() -> None:
    sender = begun()
    fragment(sender)
    sender.answered(replace(ON, delay=9000), 1.0)
    sender.abort(2.0)
    assert sender.next(2.0) == Abort()


def test_an_abort_that_comes_too_late_changes_nothing() -> None:
    sender = begun(room=10)
    fragment(sender)
    sender.abort(0.0)
    sender.answered(PROCESSED, 0.0)
    assert sender.ended == Ended(End.PROCESSED)
    sender.abort(1.0)
    assert sender.ended == Ended(End.PROCESSED)


def test_an_abort_while_the_unit_is_away_or_goes_needs_nobody() -> None:
    away = begun()
    away.lost(1.0, forgotten=True)
    away.abort(2.0)
    assert away.ended == Ended(End.ABORTED, "the unit was away")
    going = begun()
    fragment(going)
    going.abort(1.0)
    going.lost(2.0, forgotten=False)
    assert going.ended == Ended(End.ABORTED, "the connection was lost")


def test_it_can_be_given_up_for_a_reason_outside() -> None:
    sender = begun()
    sender.give_up("another unit answers")
    sender.give_up("it is late")
    assert sender.ended == Ended(End.FAILED, "another unit answers")


def test_after_the_end_nothing_changes_any_more() -> None:
    sender = begun(room=10)
    sender.answered(PROCESSED, 0.0)  # nobody asked
    assert sender.ended is None
    sender.unsent(0.0)
    fragment(sender)
    sender.answered(PROCESSED, 0.0)
    sender.connected(4, 1.0)
    sender.lost(1.0, forgotten=True)
    sender.unsent(1.0)
    sender.answered(GAVE_UP, 1.0)
    assert sender.ended == Ended(End.PROCESSED)


def test_the_content_is_in_no_repr() -> None:
    assert "0123" not in repr(fragment(begun()))
