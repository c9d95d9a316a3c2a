"""TOML files as frozen pydantic models, and their mistakes in words.

A file holds at most `LONGEST` bytes. Values are checked strictly (no "50" for 50, no
unknown keys), and relative paths count from the directory of the file they stand in.
What is wrong comes as (key path, reason), in our words and without the value: somebody
may have put a password where it does not belong.
"""

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from gatewayd.errors import ConfigError, Mistake

LONGEST = 1 << 20  # bytes of one file

Table = Mapping[str, object]
Wrong = tuple[str, str]  # key path and reason
Where = tuple[int | str, ...]


class Section(BaseModel):
    """A table of a file: read once, never changed, no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


S = TypeVar("S", bound=Section)


def read_toml(path: Path) -> dict[str, Any]:
    """Read a bounded TOML file; ConfigError names file, line and reason."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
        if len(data) <= LONGEST:
            return tomllib.loads(data.decode())
        reason = f"longer than {LONGEST} bytes"
    except OSError as error:
        reason = error.strerror or str(error)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        reason = f"not UTF-8 (at line {line})"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        reason = f"not TOML: {error}"
    raise ConfigError([Mistake(str(path), "", reason)])


def validate(model: type[S], data: Table, base: Path) -> S:
    """Check tables against a model, or raise pydantic's ValidationError.

    They are read as JSON because strict pydantic then takes a string for a path and a
    list for a tuple, which is all that TOML has, and still no string for a number.
    """
    return model.model_validate_json(json.dumps(data, default=str), context={"base": base})


def wrong_values(
    error: ValidationError, sections: Mapping[Where, type[Section]]
) -> Iterator[Wrong]:
    """Say what pydantic found; `sections` by path (names left out) helps with misspelt keys."""
    for each in error.errors(include_url=False, include_input=False):
        yield _key(each["loc"]), _reason(each, sections)


_REASONS = {
    "missing": "missing",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
    "tuple_type": "must be a list",
    "union_tag_not_found": "has no kind",
    "union_tag_invalid": "kind must be one of {expected_tags}",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a number",
    "string_too_short": "must not be empty",
    "string_too_long": "must not have more than {max_length} characters",
    "too_long": "must not have more than {max_length} entries",
    "tuple_too_long": "must not have more than {max_length} entries",
}


def _key(where: Where) -> str:
    """Write pydantic's path as the file's: no tag of a line's kind, no "[key]"."""
    parts = [str(part) for part in where if part != "[key]"]
    if len(parts) > 2 and parts[0] == "lines" and parts[2] in ("serial", "tcp"):
        del parts[2]
    return ".".join(parts)


def _reason(error: ErrorDetails, sections: Mapping[Where, type[Section]]) -> str:
    kind, where = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return "unknown key" + _meant(str(where[-1]), where[:-1], sections)
    if kind in _REASONS:
        return _REASONS[kind].format(**error.get("ctx", {}))
    return error["msg"]


def _meant(key: str, where: Where, sections: Mapping[Where, type[Section]]) -> str:
    """Guess at the known key that a misspelt one was to be."""
    plain = tuple(part for part in where if isinstance(part, str))
    named = plain[:1] + plain[2:]  # without the name of the line, door, …
    section = sections.get(plain) or sections.get(named)
    close = difflib.get_close_matches(key, section.model_fields if section else (), 1)
    return f"; did you mean {close[0]}?" if close else ""
