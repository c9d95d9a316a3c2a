"""What hangs on controllers: readers, outputs and inputs, as config.toml names them."""

from gatewayd.config.values import Level, Number
from gatewayd.tables import Section


class Part(Section):
    """A reader or an output of a controller."""

    controller: str
    number: Number = 0


class Contact(Part):
    """An input that knows whether the door is open."""

    open_when: Level = "active"


class ExitButton(Part):
    """An input that somebody inside presses."""

    pressed_when: Level = "active"


class InputPart(Part):
    """An input that belongs to no door, and what of it counts."""

    active_when: Level = "active"
