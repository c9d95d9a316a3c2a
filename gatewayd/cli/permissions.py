"""`gatewayd permissions`: the people of a first site, out of a spreadsheet."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from joserfc import jwe
from joserfc.jwk import OKPKey
from rich.console import Console
from rich.progress import Progress

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, load, zone_of
from gatewayd.core.access.pins import PIN_ALONE
from gatewayd.core.pin_entry import Digits
from gatewayd.edge.control_client import ask
from gatewayd.edge.people_csv import People, read_people
from gatewayd.edge.pin_envelopes import MOST_PINS
from gatewayd.edge.request_size import Extent, extent
from gatewayd.errors import UsageError

MOST_BYTES = 100_000  # of the JSON of the records in one request
AROUND = Extent(16, 32)  # what stands around them, amply
KEPT = "kept"  # the PIN that a holder has already, if any

Records = dict[str, Any]
Seal = Callable[[Digits], str]


class Batch(NamedTuple):
    """What goes into one request: some people, each with all that this table has of them."""

    holders: Records
    credentials: Records


def import_people(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table, CSV in UTF-8.")],
    config: ConfigFile = DEFAULT,
    *,
    level: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DOOR,…", help="Make this level first: these doors, at all times."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look for mistakes.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take cardholders, cards and PINs out of a table; the running daemon gets them.

    The first line names the columns: holder and any of levels, format, facility, number, card,
    pin, duress_pin, pin_alone, state, max_uses, valid_from, valid_until, clearance, flags
    (docs/permissions.md explains them). If one line is wrong nothing is imported at all. Who is
    there already is replaced, but keeps a PIN that the table does not give. PINs leave this
    command encrypted to the gateway.

        gatewayd permissions import people.csv --dry-run
        gatewayd permissions import people.csv --level staff=lobby,annex
    """
    settings = load(config)
    levels = _levels(level or [])
    people = _read(file, settings, as_json=as_json)
    if people.mistakes:
        raise typer.Exit(UsageError.exit_code)
    counts = {
        "holders": len(people.holders),
        "credentials": len(people.cards) + len(people.pins),
        "levels": sorted(people.levels),
    }
    if not dry_run:
        counts["version"] = _send(settings, people, levels, as_json=as_json)
    _say(counts, dry_run=dry_run, as_json=as_json)


def _levels(given: list[str]) -> Records:
    """Return the levels to be made."""
    levels: Records = {}
    for text in given:
        name, is_there, doors = text.partition("=")
        named = [each.strip() for each in doors.split(",") if each.strip()]
        if not name or not is_there or not named:
            raise UsageError(f"--level {text!r} is no NAME=DOOR,DOOR")
        levels[name] = {"rules": [{"doors": sorted(set(named))}]}
    return levels


def _read(file: Path, config: Config, *, as_json: bool) -> People:
    """Read the table and say what is wrong with it."""
    with _progress(as_json=as_json) as progress:
        size = file.stat().st_size if file.is_file() else None
        task = progress.add_task("reading", total=size)
        people = read_people(
            file, zone_of(config), lambda done: progress.update(task, completed=done)
        )
    for each in people.mistakes:
        typer.echo(f"{file}: {each}", err=True)
    if people.unnamed:
        typer.echo(f"{file}: and {people.unnamed} more", err=True)
    if people.mistakes:
        typer.echo("nothing was imported", err=True)
    return people


def _send(config: Config, people: People, levels: Records, *, as_json: bool) -> int:
    """Send batch after batch; return the version that the last one led to."""
    send = partial(ask, config.site.control_socket)
    version = int(_result(send("health.read", {}), as_json=as_json)["permissions_version"])
    batches = list(_batches(people, levels, _sealer(config, as_json=as_json)))
    with _progress(as_json=as_json) as progress:
        task = progress.add_task("importing", total=len(people.holders))
        for number, batch in enumerate(batches):
            args: Records = {"base": version, "version": version + 1, **batch._asdict()}
            if number == 0 and levels:
                args["levels"] = levels
            _result(send("permissions.apply", args), as_json=as_json, done=number > 0)
            version += 1
            progress.update(task, advance=len(batch.holders))
    return version


def _sealer(config: Config, *, as_json: bool) -> Seal:
    """Return what encrypts a PIN to the gateway."""
    public = _result(ask(config.site.control_socket, "box.key", {}), as_json=as_json)
    key = OKPKey.import_key({each: public[each] for each in ("kty", "crv", "x")})
    header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": public["kid"]}
    registry = jwe.JWERegistry(algorithms=[header["alg"], header["enc"]])

    def seal(pin: Digits) -> str:
        return jwe.encrypt_compact(header, pin.reveal().encode(), key, registry=registry)

    return seal


def _batches(people: People, levels: Records, seal: Seal) -> Iterator[Batch]:
    """Pack people with their credentials; a person stays together, levels come first."""
    batch, size = Batch({}, {}), _Size(AROUND + extent(levels))
    for each in _persons(people, seal):
        more = size.with_(each)
        if batch.holders and not more.fits:
            yield batch
            batch, more = Batch({}, {}), _Size().with_(each)
        batch.holders.update(each.holders)
        batch.credentials.update(each.credentials)
        size = more
    if batch.holders:
        yield batch


class _Size(NamedTuple):
    """How much is in a request."""

    extent: Extent = AROUND
    size: int = 0
    pins: int = 0

    def with_(self, more: Batch) -> "_Size":
        text = json.dumps(more)
        records = extent([*more.holders.values(), *more.credentials.values()])
        return _Size(self.extent + records, self.size + len(text), self.pins + _envelopes(more))

    @property
    def fits(self) -> bool:
        return self.extent.fits and self.size <= MOST_BYTES and self.pins <= MOST_PINS


def _persons(people: People, seal: Seal) -> Iterator[Batch]:
    """Yield one person after the other, with all credentials."""
    theirs: dict[str, Records] = {}
    for key, card in people.cards.items():
        theirs.setdefault(card["holder"], {})[key] = card
    for pin, record in people.pins:
        theirs.setdefault(record["holder"], {})[f"{PIN_ALONE}{seal(pin)}"] = record
    for holder, said in people.holders.items():
        yield Batch({holder: _sealed(said, seal)}, theirs.get(holder, {}))


def _envelopes(batch: Batch) -> int:
    pins = [each[name] for each in batch.holders.values() for name in ("pin", "duress_pin")]
    alone = [key for key in batch.credentials if key.startswith(PIN_ALONE)]
    return len(alone) + len([pin for pin in pins if pin != KEPT])


def _sealed(holder: Mapping[str, Any], seal: Seal) -> Records:
    pins = {
        each: seal(holder[each]) if each in holder else KEPT for each in ("pin", "duress_pin")
    }
    return {**holder, **pins}


def _result(answer: Mapping[str, Any], *, as_json: bool, done: bool = False) -> Any:  # noqa: ANN401 -- whatever was asked for
    if not answer["ok"]:
        if done:
            typer.echo("what was sent before stays; the import can be repeated whole", err=True)
        show(answer, as_json=as_json)
    return answer["result"]


def _progress(*, as_json: bool) -> Progress:
    console = Console(stderr=True)
    quiet = as_json or not console.is_terminal
    return Progress(console=console, transient=True, disable=quiet)


def _say(counts: Records, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"ok": True, "result": counts}))
        return
    done = "no mistakes:" if dry_run else "imported"
    typer.echo(f"{done} {counts['holders']} holders, {counts['credentials']} credentials")
    typer.echo(f"levels they have: {', '.join(counts['levels']) or 'none'}")
    if not dry_run:
        typer.echo(f"the permissions are version {counts['version']} now")


commands = {"import": import_people}
