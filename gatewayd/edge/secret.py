"""Bytes that nobody sees by accident.

No dataclass, so `asdict` finds nothing in it; no repr, pickle or JSON of its content. Only
`reveal` gives it away, which is easy to find in the source. Equality takes the same time
wherever the difference is. Python cannot overwrite bytes, so a secret stays in memory until
that memory is used again (docs/adr/0006).
"""

import hmac
from typing import NoReturn, Self


class Secret:
    """A key. Equal to another by content; no hash, so it is no key of a dictionary."""

    __slots__ = ("_content",)
    __hash__ = None  # type: ignore[assignment]  # the documented way to be unhashable

    def __init__(self, content: bytes) -> None:
        self._content = content

    def reveal(self) -> bytes:
        """Return the content, for the one place that needs it."""
        return self._content

    def __eq__(self, other: object) -> bool:
        """Compare contents in constant time."""
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._content, other._content)

    def __repr__(self) -> str:
        """Say nothing, not even how long it is."""
        return "<secret>"

    def __copy__(self) -> Self:
        """It never changes."""
        return self

    def __deepcopy__(self, _: object) -> Self:
        """`asdict` copies deeply; one place in memory is enough."""
        return self

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError("a secret is not written anywhere")
