"""What pydantic has against an input, in words for whoever sent it: keys and reasons only."""

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gatewayd.edge.request_json import shown

MOST_MISTAKES = 3  # named in one error message

_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be a list",
}


def in_words(error: ValidationError, whole: str = "request", most: int = MOST_MISTAKES) -> str:
    """Name some mistakes, and say how many more there are. `whole`: the input as such."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    named = (f"{_where(each) or whole}: {_reason(each)}" for each in found[:most])
    more = len(found) - most
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


def _where(error: ErrorDetails) -> str:
    return ".".join(shown(str(part)) for part in error["loc"] if part != "[key]")


def _reason(error: ErrorDetails) -> str:
    known = _REASONS.get(error["type"])
    return known or error["msg"].replace("Input should", "must")
