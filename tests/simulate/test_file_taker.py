"""The simulated unit takes a file only whole."""

from gatewayd.simulate.file_taker import LARGEST, FileTaker
from protocol.osdp.replies import Ack, Nak
from protocol.osdp.transfer import TransferFile, TransferResult, TransferStatus


def part(offset: int, data: bytes, total: int = 6) -> TransferFile:
    return TransferFile(1, total, offset, data)


def test_a_file_comes_in_parts() -> None:
    taker = FileTaker()
    assert taker.take(part(0, b"abc")) == TransferStatus(1, 0, TransferResult.PROCEED, 0)
    assert taker.take(part(3, b"def")) == TransferStatus(1, 0, TransferResult.PROCESSED, 0)
    assert list(taker.files) == [b"abcdef"]


def test_it_may_want_to_be_asked_before_it_is_done() -> None:
    taker = FileTaker()
    taker.idle, taker.verdict = 1, TransferResult.REBOOTING
    assert taker.take(part(0, b"abcdef")) == TransferStatus(1, 0, TransferResult.FINISHING, 0)
    assert taker.take(part(6, b"")) == TransferStatus(1, 0, TransferResult.REBOOTING, 0)


def test_a_part_may_come_twice_but_none_may_be_missing_or_different() -> None:
    taker = FileTaker()
    taker.take(part(0, b"abc"))
    assert isinstance(taker.take(part(1, b"bcd")), TransferStatus)
    assert taker.take(part(5, b"f")) == Nak(9)
    taker.take(part(0, b"abc"))
    assert taker.take(part(2, b"xyz")) == Nak(9)
    assert taker.take(part(3, b"def")) == Nak(9)
    assert taker.take(part(0, b"a", total=LARGEST + 1)) == Nak(9)


def test_power_and_abort_take_what_is_not_whole() -> None:
    for end in (FileTaker.forget, FileTaker.abort):
        taker = FileTaker()
        taker.take(part(0, b"abc"))
        end(taker)
        assert taker.take(part(3, b"def")) == Nak(9)


def test_an_abort_is_counted_if_there_was_something() -> None:
    taker = FileTaker()
    assert taker.abort() == Ack()
    taker.take(part(0, b"abc"))
    taker.abort()
    assert taker.aborted == 1


def test_it_may_object() -> None:
    taker = FileTaker()
    taker.objects_at, taker.objection = 4, TransferResult.UNRECOGNISED
    taker.take(part(0, b"abc"))
    said = taker.take(part(3, b"def"))
    assert said == TransferStatus(1, 0, TransferResult.UNRECOGNISED, 0)
    assert not taker.files
