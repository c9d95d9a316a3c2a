"""What speaks against a request."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Objection:
    """What speaks against a request: a stable code and a sentence."""

    error: str
    message: str
