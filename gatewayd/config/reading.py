"""From a file to a Config, or to every mistake in it."""

from pathlib import Path

from pydantic import ValidationError

from gatewayd import catalogue
from gatewayd.config.contradictions import contradictions
from gatewayd.config.sections import SECTIONS, Config
from gatewayd.config.values import LONGEST_SECRET
from gatewayd.errors import ConfigError, Mistake, StateError
from gatewayd.tables import Table, read_toml, validate, wrong_values


def load(path: Path) -> Config:
    """Read the file, or raise ConfigError with every mistake in it."""
    return parse(read_toml(path), path)


def parse(data: Table, path: Path) -> Config:
    """Turn tables into a Config; `path` is the file they came from."""
    base = path.absolute().parent
    wrong = list(contradictions(data))
    try:
        config = validate(Config, data, base)
    except ValidationError as error:
        wrong = [*wrong_values(error, SECTIONS), *wrong]
    mistakes = [Mistake(str(path), key, reason) for key, reason in wrong]
    mistakes += _catalogue_mistakes(data, base)
    if mistakes:
        raise ConfigError(mistakes)
    return config


def _catalogue_mistakes(data: Table, base: Path) -> tuple[Mistake, ...]:
    match data:
        case {"audit": {"catalogue": str(name)}} if (base / name).is_file():
            try:
                catalogue.families(base / name)
            except ConfigError as error:
                return error.mistakes
    return ()


def read_secret(path: Path) -> str:
    """Return what stands in a password file, without the line end an editor leaves."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST_SECRET).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        # `from None`: a decoding error carries the bytes of the secret
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StateError(f"{path}: {why}") from None
