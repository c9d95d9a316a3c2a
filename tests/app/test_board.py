"""What every controller is and counts, where the world can see it."""

import json
from dataclasses import replace
from typing import Any

from gatewayd.app.board import Board
from gatewayd.core.model import ControllerId, ControllerView, Verdict
from protocol.osdp.counters import Counters

ONE, TWO = ControllerId("one"), ControllerId("two")
VIEW = ControllerView(ONE, "north", online=True, verdict=Verdict.APPROVED)


class Line:
    """A line that was counted for."""

    def __init__(self, name: str, trouble: str | None = None) -> None:
        self.name = name
        self.trouble = trouble
        self.counted = Counters()

    def counters(self, _controller: ControllerId) -> Counters:
        return self.counted.copy()


class World:
    """A board, its lines, and everything it published."""

    def __init__(self) -> None:
        self.north, self.south = Line("north"), Line("south", "no such port")
        self.published: list[tuple[str, dict[str, Any]]] = []
        self.board = Board({ONE: self.north, TWO: self.south}, self.retain)

    def retain(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, json.loads(payload)))


def test_what_the_brain_says_is_published_with_what_was_counted() -> None:
    world = World()
    world.north.counted.polls = 7
    world.north.counted.naks = {6: 1, 3: 2}
    world.north.counted.round_trips.add(0.0031)
    world.board.show(VIEW)

    ((topic, document),) = world.published
    assert topic == "controllers/one"
    assert (document["verdict"], document["counters"]["polls"]) == ("approved", 7)
    assert document["counters"]["naks"] == {"3": 2, "6": 1}
    assert document["counters"]["round_trip_ms"] == dict.fromkeys(
        ("p50", "p95", "p99", "max"), 3.1
    )


def test_what_was_counted_is_published_again_when_it_has_changed() -> None:
    world = World()
    world.board.refresh()
    world.board.show(VIEW)
    world.board.refresh()
    assert len(world.published) == 1
    world.north.counted.polls += 1
    world.board.refresh()
    world.board.refresh()
    assert [document["counters"]["polls"] for _, document in world.published] == [0, 1]


async def test_over_the_local_channel_lines_are_seen_with_their_controllers() -> None:
    world = World()
    world.board.show(VIEW)
    world.board.show(replace(VIEW, controller=TWO, line="south", online=False))
    world.north.counted.polls = 9
    lines: Any = await world.board.handlers["site.lines"]({})
    assert [(line["line"], line["trouble"]) for line in lines] == [
        ("north", None),
        ("south", "no such port"),
    ]
    ((one,), (two,)) = (line["controllers"] for line in lines)
    assert (one["controller"], one["counters"]["polls"]) == ("one", 9)
    assert (two["controller"], two["online"]) == ("two", False)
