"""One measured figure beside its peer or its limit, from the same run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table and of build/bench.json.

    `peer` says who the figure is compared with and what that one reached; `ratio` is
    `value` divided by the peer's. `goal` is a sentence, `met` whether it was reached.
    """

    name: str
    value: float
    unit: str
    peer: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def percentile(values: list[float], percent: float) -> float:
    """Return the smallest value that is not below `percent` of all; NaN of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
