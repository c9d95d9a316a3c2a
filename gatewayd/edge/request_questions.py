"""What questions about the decision may say: why, who, what (core.questions)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from gatewayd.core.access.model import Side
from gatewayd.core.access.pins import PIN_ALONE
from gatewayd.core.access.record_check import well_formed
from gatewayd.core.model import DoorId, HolderId
from gatewayd.core.requests import Command, ExplainDecision, WhatCanOpen, WhoCanOpen
from gatewayd.edge.request_args import Args
from gatewayd.edge.request_values import Instant, Name

LONGEST_HOLDER = 64  # characters


def _card(key: str) -> str:
    """Take the key of a card: no PIN is asked about, as the answer would tell right ones."""
    if key.startswith(PIN_ALONE) or not well_formed(key):
        rule = "must be the key of a card, like H10301:36:6765 or 26:12345680"
        raise PydanticCustomError("card", rule)
    return key


CardKey = Annotated[str, AfterValidator(_card)]


class ExplainArgs(Args):
    """`decision.explain`."""

    door: Name
    side: Literal["in", "out"] = "in"
    credential: CardKey
    at: Instant | None = None

    def command(self) -> Command:
        return ExplainDecision(DoorId(self.door), Side(self.side), self.credential, self.at)


class WhoArgs(Args):
    """`decision.who`."""

    door: Name
    side: Literal["in", "out"] = "in"
    at: Instant | None = None

    def command(self) -> Command:
        return WhoCanOpen(DoorId(self.door), Side(self.side), self.at)


class WhatArgs(Args):
    """`decision.what`."""

    holder: Annotated[str, Field(min_length=1, max_length=LONGEST_HOLDER)]
    at: Instant | None = None

    def command(self) -> Command:
        return WhatCanOpen(HolderId(self.holder), self.at)
