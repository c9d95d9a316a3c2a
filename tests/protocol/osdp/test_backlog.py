"""How old a report may be."""

from math import inf

from protocol.osdp.backlog import MOST_KEPT, Backlog


def test_what_a_unit_reports_happened_after_it_had_nothing_to_say() -> None:
    backlog = Backlog()
    backlog.polled(10.0, nothing=True)
    assert backlog.polled(10.05, nothing=False) == 10.05 - 10
    assert backlog.polled(10.25, nothing=False) == 0.25
    backlog.polled(10.5, nothing=True)
    assert backlog.polled(11.0, nothing=False) == 0.5


def test_after_an_outage_reports_may_be_from_any_time_until_there_is_none() -> None:
    backlog = Backlog()
    assert backlog.polled(10.0, nothing=False) == inf
    backlog.polled(10.5, nothing=True)
    backlog.lost()
    assert backlog.polled(11.0, nothing=False) == inf
    assert backlog.polled(11.5, nothing=False) == inf
    backlog.polled(12.0, nothing=True)
    assert backlog.polled(12.5, nothing=False) == 0.5


def test_a_unit_that_always_has_something_to_say_is_believed_in_the_end() -> None:
    backlog = Backlog()
    waited = [backlog.polled(float(at), nothing=False) for at in range(MOST_KEPT + 2)]
    assert waited[:MOST_KEPT] == [inf] * MOST_KEPT
    assert waited[MOST_KEPT:] == [1.0, 2.0]
