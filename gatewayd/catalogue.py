"""The catalogue of hardware families: data that the audit judges by.

`catalogue.toml` beside this file comes with the program; a site may have one of its own in
the same layout. `gatewayd/core/audit.py` says in which order rules are asked: no site can
approve what the shipped catalogue calls Classic.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError
from pydantic_core import PydanticCustomError

from gatewayd.core.audit import Catalogue, Family, Status
from gatewayd.errors import ConfigError, Mistake
from gatewayd.tables import Section, Table, Where, Wrong, read_toml, validate, wrong_values

SHIPPED = Path(__file__).with_name("catalogue.toml")
MOST_FAMILIES = 1_000  # in one file


def _oui(text: str) -> str:
    if len(text) != 6 or set(text) - set("0123456789abcdef"):
        raise PydanticCustomError("oui", "must be six hexadecimal digits in lower case")
    return text


def _version(text: str) -> str:
    parts = text.split(".")
    if len(parts) != 3 or not all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
        raise PydanticCustomError("version", 'must be three numbers up to 255, like "1.2.0"')
    return text


Byte = Annotated[int, Field(ge=0, le=255)]
Version = Annotated[str, StringConstraints(max_length=11), AfterValidator(_version)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Capability(Section):
    """A PDCAP entry (SIA OSDP 2.2, Annex B): at least this compliance in this function."""

    function: Byte
    compliance: Annotated[int, Field(ge=0, le=255)] = 1


class FamilyTable(Section):
    """One [[families]] entry; a key that is not given matches everything."""

    name: Sentence
    status: Literal["approved", "classic"]
    vendor: Annotated[str, AfterValidator(_oui)] | None = None
    model: Byte | None = None
    hardware: tuple[Byte, Byte] | None = None
    firmware_from: Version | None = None
    firmware_to: Version | None = None
    requires: tuple[Capability, ...] = ()
    lacks: tuple[Capability, ...] = ()
    replacement: Sentence | None = None
    note: Annotated[str, StringConstraints(max_length=255)] = ""


class CatalogueFile(Section):
    """The whole file."""

    families: Annotated[tuple[FamilyTable, ...], Field(max_length=MOST_FAMILIES)]


_SECTIONS: Mapping[Where, type[Section]] = {
    (): CatalogueFile,
    ("families",): FamilyTable,
    ("families", "requires"): Capability,
    ("families", "lacks"): Capability,
}


def load(site: Path | None = None) -> Catalogue:
    """Read the shipped catalogue and the site's, or raise ConfigError with every mistake."""
    return Catalogue(shipped=families(SHIPPED), site=families(site) if site else ())


def families(path: Path) -> tuple[Family, ...]:
    """Read one catalogue file, or raise ConfigError with every mistake in it."""
    data = read_toml(path)
    wrong = list(_contradictions(data))
    try:
        file = validate(CatalogueFile, data, path.parent)
    except ValidationError as error:
        wrong = [*wrong_values(error, _SECTIONS), *wrong]
    if wrong:
        raise ConfigError(Mistake(str(path), key, reason) for key, reason in wrong)
    return tuple(_family(table) for table in file.families)


def _contradictions(data: Table) -> Iterator[Wrong]:
    listed = data.get("families")
    tables = (
        [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    )
    names = Counter(str(table.get("name")) for table in tables)
    for number, table in enumerate(tables):
        if table.get("status") == "approved" and "vendor" not in table:
            yield f"families.{number}.vendor", "an approval names the vendor it is for"
        if names[str(table.get("name"))] > 1 and "name" in table:
            yield f"families.{number}.name", "two families have this name"


def _family(table: FamilyTable) -> Family:
    return Family(
        name=table.name,
        status=Status(table.status),
        vendor=table.vendor,
        model=table.model,
        hardware=table.hardware,
        firmware_from=_numbers(table.firmware_from),
        firmware_to=_numbers(table.firmware_to),
        requires=tuple((each.function, each.compliance) for each in table.requires),
        lacks=tuple((each.function, each.compliance) for each in table.lacks),
        replacement=table.replacement,
        note=table.note,
    )


def _numbers(version: str | None) -> tuple[int, int, int] | None:
    if version is None:
        return None
    major, minor, build = map(int, version.split("."))
    return major, minor, build
