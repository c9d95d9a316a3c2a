"""Tables of config.toml for what a site does by itself: fire inputs and local reactions.

What belongs together in one `when` and one entry of `then` is looked for in
`contradictions_of_reactions`.
"""

from typing import Annotated, Literal

from pydantic import Field

from gatewayd.config.parts import InputPart, Part
from gatewayd.config.values import Name, PulseSeconds
from gatewayd.core.reaction import MOST_EFFECTS
from gatewayd.tables import Section

MOST_THREAT = 100


class Fire(Section):
    """A fire panel's output, as an input, and the doors it releases."""

    input: InputPart
    doors: tuple[Name, ...] | None = None  # None: all


class When(Section):
    """What triggers a reaction: an event or an input."""

    event: str | None = None
    door: str | None = None
    controller: str | None = None
    input: InputPart | None = None


class Then(Section):
    """One thing that a reaction does."""

    output: Part | None = None
    seconds: PulseSeconds | None = None
    on: bool | None = None
    lockdown: Literal[True] | None = None
    threat_level: Annotated[int, Field(ge=0, le=MOST_THREAT)] | None = None
    door: str | None = None
    mode: Literal["locked", "unlocked", "blocked", "locked_down", "locked_open"] | None = None


class ReactionTable(Section):
    """One local reaction."""

    when: When
    then: Annotated[tuple[Then, ...], Field(max_length=MOST_EFFECTS)]
