"""What other people's devices said and sent, with where it was found (tests/vectors)."""

import json
from pathlib import Path
from typing import Any

_DIRECTORY = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    """Return all vectors of one file; each has a `source`."""
    found: list[dict[str, Any]] = json.loads((_DIRECTORY / f"{name}.json").read_text())[
        "vectors"
    ]
    assert all(each["source"] for each in found)
    return found
