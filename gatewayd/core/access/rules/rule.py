"""What a rule is: a question to a case, and its answer in words."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from gatewayd.core.access.book import Point
from gatewayd.core.access.case import Case
from gatewayd.core.access.policy import Policy
from gatewayd.core.access.reasons import Reason

Ask = Callable[[Case], Reason | None]  # None: nothing against it


class About(Enum):
    """What a rule looks at."""

    POINT = 1  # the access point, and what goes on around it
    PRESENTED = 2  # what was presented, whoever it belongs to
    PERSON = 3  # a credential and its holder: also asked about somebody's companion
    COMPANY = 4  # who comes together with whom


def _everywhere(_: Point, __: Policy) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `ask` changes nothing; `words` is told what `ask` answered.

    `at` spares asking it where it never has anything to say.
    """

    name: str
    about: About
    ask: Ask
    words: Callable[[Case, Reason | None], str]
    at: Callable[[Point, Policy], bool] = _everywhere
