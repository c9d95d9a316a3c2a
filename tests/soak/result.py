"""One measured promise: what was done how often, every figure, and whether it was kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table and of build/soak.json.

    `figures`: each single one, in `unit`. `promise` is a sentence, `kept` whether it was; None
    where nothing is promised.
    """

    what: str
    figures: Sequence[float] = ()
    unit: str = "s"
    promise: str = ""
    kept: bool | None = None
    note: str = ""
    raw: dict[str, object] = field(default_factory=dict)  # for the file only


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that is not below `percent` of all; NaN of none."""
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
