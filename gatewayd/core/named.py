"""Mistakes in what somebody sent: named up to a bound, so that an answer stays one."""

import re
from collections.abc import Iterable

MAX_NAMED = 20  # mistakes named one by one
SHOWN = 48  # characters of a wrong id or name that are repeated to the sender
ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", re.ASCII)
ID_RULE = "1 to 64 letters, digits, dots, dashes or underscores"


def named(mistakes: Iterable[str]) -> list[str]:
    """Return the first mistakes, and how many more there are."""
    found: list[str] = []
    more = 0
    for mistake in mistakes:
        if len(found) < MAX_NAMED:
            found.append(mistake)
        else:
            more += 1
    return [*found, f"and {more} more"] if more else found


def listed(names: Iterable[str]) -> str:
    """Return names one after the other, not too long and not too many."""
    each = sorted(names)
    shown = [name[:SHOWN] for name in each[:MAX_NAMED]]
    if len(each) > MAX_NAMED:
        shown.append(f"and {len(each) - MAX_NAMED} more")
    return ", ".join(shown)
