"""Records of a line: written, read back, read from other tools' files, and put together."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.osdp.frame import Frame
from protocol.osdp.trace import (
    LONGEST_LINE,
    LONGEST_SOURCE,
    SILENCE,
    Direction,
    Found,
    Reassembly,
    Record,
    UnreadableRecord,
)
from tests.protocol.osdp.frames import frames

POLL = Frame(1, 0, 0x60, b"").encode()
records = st.builds(
    Record,
    time=st.integers(0, (1 << 40) * 1_000_000_000),
    direction=st.sampled_from(Direction),
    data=st.binary(max_size=200),
    masked=st.booleans(),
    source=st.sampled_from(["gatewayd", "OSDP.Net", ""]),
)


def read(line: str) -> Record:
    return Record.decode(line.encode())


def why(line: bytes) -> str:
    with pytest.raises(UnreadableRecord) as caught:
        Record.decode(line)
    return str(caught.value)


# --- one line -----------------------------------------------------------------------------


@given(records)
def test_what_is_written_is_read_back(record: Record) -> None:
    line = record.encode()
    assert "\n" not in line
    assert read(line) == record


def test_a_record_looks_like_everybody_elses() -> None:
    record = Record(1_580_342_115_084_691_851, Direction.OUTPUT, b"\xff\x53\x01")
    assert json.loads(record.encode()) == {
        "timeSec": "1580342115",
        "timeNano": "084691851",
        "io": "output",
        "data": "ff 53 01",
        "osdpTraceVersion": "1",
        "osdpSource": "gatewayd",
    }


@pytest.mark.parametrize(
    ("line", "record"),
    [
        (
            (
                '{ "timeSec" : "2", "timeNano" : "000000005", "io" : "trace", '
                '"osdpTraceVersion":"1", "data" : " ff ff 53 80", '
                '"osdpSource":"libosdp-conformance 0.91-5" }'
            ),
            Record(
                2_000_000_005,
                Direction.TRACE,
                b"\xff\xff\x53\x80",
                source="libosdp-conformance 0.91-5",
            ),
        ),
        (
            '\ufeff{"timeSec":2,"timeNano":5,"io":"input","data":"53-80","osdpSource":"OSDP.Net"}\r\n',
            Record(2_000_000_005, Direction.INPUT, b"\x53\x80", source="OSDP.Net"),
        ),
        (
            '{"data":"5380","more":{"of":[this]}}'.replace("this", "1"),
            Record(0, Direction.TRACE, b"\x53\x80", source=""),
        ),
        (
            '{"data":"","io":7,"osdpSource":3,"masked":true}',
            Record(0, Direction.TRACE, b"", source=""),
        ),
    ],
)
def test_other_tools_records_are_read(line: str, record: Record) -> None:
    assert read(line) == record


def test_a_tools_name_is_cut_and_cannot_steer_a_terminal() -> None:
    named = read(json.dumps({"data": "", "osdpSource": "\x1b[2J" + "x" * 1000}))
    assert named.source == "[2J" + "x" * (LONGEST_SOURCE - 4)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "is no JSON object"),
        (b"[]", "is no JSON object"),
        (b"\xff{}", "is no JSON object"),
        (b"[" * 20_000, "is no JSON object"),
        (b'{"data": ' + b"9" * 5000 + b"}", "is no JSON object"),
        (b"{}", "data must be"),
        (b'{"data": 12}', "data must be"),
        (b'{"data": "5"}', "data must be"),
        (b'{"data": "secret"}', "data must be"),
        (b'{"data": "", "timeSec": -1}', "timeSec must be"),
        (b'{"data": "", "timeSec": 1.5}', "timeSec must be"),
        (b'{"data": "", "timeSec": true}', "timeSec must be"),
        (b'{"data": "", "timeSec": null}', "timeSec must be"),
        (b'{"data": "", "timeSec": "soon"}', "timeSec must be"),
        (b'{"data": "", "timeSec": "99999999999999999999999"}', "timeSec must be"),
        (b'{"data": "", "timeNano": "1000000000"}', "timeNano must be"),
        (b" " * (LONGEST_LINE + 1), "longer than"),
    ],
)
def test_what_is_no_record_is_named_and_not_quoted(line: bytes, reason: str) -> None:
    said = why(line)
    assert reason in said
    assert "secret" not in said


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_line_is_read_or_refused(line: bytes) -> None:
    with suppress(UnreadableRecord):
        Record.decode(line)


def test_bytes_are_not_in_the_repr() -> None:
    assert "data" not in repr(Record(0, Direction.INPUT, b"1234"))


# --- frames from records ------------------------------------------------------------------


def heard(
    chunks: list[bytes], direction: Direction = Direction.INPUT, gap: int = 1
) -> list[Record]:
    return [Record(at * gap, direction, chunk) for at, chunk in enumerate(chunks)]


def put_together(given_: list[Record]) -> tuple[list[Frame], Reassembly]:
    reassembly = Reassembly()
    found = [each for record in given_ for each in reassembly.take(record)]
    return [each.frame for each in found + reassembly.finish()], reassembly


@given(frames(), st.integers(1, 80), st.sampled_from(Direction))
def test_a_frame_is_found_however_it_was_cut(
    frame: Frame, size: int, direction: Direction
) -> None:
    raw = b"\xff" + frame.encode()
    chunks = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert put_together(heard(chunks, direction))[0] == [frame]


def test_a_frame_has_the_time_of_its_last_bytes() -> None:
    first, last = heard([POLL[:3], POLL[3:]])
    reassembly = Reassembly()
    assert reassembly.take(first) == []
    assert reassembly.take(last) == [Found(Frame.decode(POLL), last)]


def test_the_other_direction_ends_a_half_read_frame() -> None:
    cut = Record(0, Direction.INPUT, b"\x53\x81\x40\x00" + POLL)
    out = Record(1, Direction.OUTPUT, POLL)
    reassembly = Reassembly()
    assert reassembly.take(cut) == []
    poll = Frame.decode(POLL)
    assert reassembly.take(out) == [Found(poll, cut), Found(poll, out)]
    assert reassembly.dropped == 4


def test_a_silence_ends_a_half_read_frame() -> None:
    cut = [POLL[:4], POLL]
    assert put_together(heard(cut, gap=SILENCE + 1))[0] == [Frame.decode(POLL)]
    assert put_together(heard(cut, gap=SILENCE))[1].dropped > 0


def test_noise_and_bad_checks_are_counted() -> None:
    _, reassembly = put_together(heard([b"\x00\xff", POLL[:-1] + b"\1"]))
    assert reassembly.bad_checks == 1
    assert reassembly.dropped == 9


def test_nothing_is_found_in_nothing() -> None:
    assert Reassembly().finish() == []
