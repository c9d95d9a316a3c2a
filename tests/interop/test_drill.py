"""Cards again and again, and the arithmetic around them."""

from tests.interop.drill import PATIENCE, Drill


def held_to(drill: Drill) -> tuple[float, list[int]]:
    """Let time pass until the next card."""
    due = drill.next_due
    return due, drill.due(due)


def test_a_card_is_answered_and_the_next_one_follows() -> None:
    drill = Drill([(1, 2, 3)], begin=10.0, seconds=5.0, gap=0.1)
    first, (address,) = held_to(drill)

    drill.heard(address, first + 0.03)
    second, _ = held_to(drill)

    assert drill.answered == [(address, first, first + 0.03)]
    assert first + 0.03 <= second <= first + 0.13


def test_an_output_nobody_waits_for_answers_no_card() -> None:
    drill = Drill([(1,)], begin=0.0, seconds=5.0, gap=0.1)
    drill.heard(1, 0.0)
    _, presented = held_to(drill)
    drill.heard(2, 1.0)

    assert presented == [1]
    assert drill.answered == []


def test_a_card_without_an_answer_is_lost() -> None:
    drill = Drill([(1,)], begin=0.0, seconds=5.0, gap=0.1)
    held_to(drill)
    given_up, presented = held_to(drill)

    assert (drill.lost, presented) == (1, [])
    assert given_up >= PATIENCE


def test_it_ends_once_its_time_is_over_and_no_card_is_out() -> None:
    drill = Drill([(1,), (2,)], begin=0.0, seconds=1.0, gap=0.1)
    while not drill.over:
        due, presented = held_to(drill)
        for address in presented:
            drill.heard(address, due + 0.01)

    assert drill.lost == 0
    assert {address for address, _, _ in drill.answered} == {1, 2}
    assert max(begin for _, begin, _ in drill.answered) < 1.0
