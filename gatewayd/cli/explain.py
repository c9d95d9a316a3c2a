"""`gatewayd explain`: why a card opens a door or does not, and who can open what."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatewayd.cli.answers import show
from gatewayd.cli.options import DEFAULT, AsJson, ConfigFile
from gatewayd.config import Config, load, zone_of
from gatewayd.edge.control_client import ask
from gatewayd.errors import UsageError

WIDTH = 100  # characters; a narrower terminal wraps it
NOTHING, AGAINST = ("·", "green"), ("✗", "red")
WAITING = {"pin_awaited", "second_person_awaited", "escort_awaited", "mustered"}


def command(  # noqa: PLR0913  an argument for each option
    door: Annotated[
        str | None, typer.Option(metavar="DOOR", help="Which door; DOOR:out on the way out.")
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Which card: H10301:36:6765, or by its bits, 26:12345680."
        ),
    ] = None,
    holder: Annotated[
        str | None, typer.Option(metavar="ID", help="What can this person open?")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help='When; now if not given. By the clocks of the site: "2026-05-08 18:04".',
        ),
    ] = None,
    config: ConfigFile = DEFAULT,
    *,
    as_json: AsJson = False,
) -> None:
    """Say why, in the words of the rules. Nothing is changed by asking, and no door moves.

    gatewayd explain --door lobby --card H10301:36:6765
    gatewayd explain --door lobby --card H10301:36:6765 --at "2026-05-08 18:04"
    gatewayd explain --door lobby            who can open it
    gatewayd explain --holder anna           what can she open
    """
    settings = load(config)
    asked, args = _question(door, card, holder)
    if at is not None:
        args["at"] = _instant(at, settings)
    answer = ask(settings.site.control_socket, asked, args)
    if as_json or not answer["ok"]:
        show(answer, as_json=as_json)
    elif asked == "decision.explain":
        _explain(answer["result"], settings)
    else:
        _list(answer["result"])


def _question(
    door: str | None, card: str | None, holder: str | None
) -> tuple[str, dict[str, object]]:
    if holder is not None and door is None and card is None:
        return "decision.what", {"holder": holder}
    if door is None or holder is not None:
        raise UsageError("name a --door, with or without a --card, or a --holder alone")
    name, _, side = door.partition(":")
    point: dict[str, object] = {"door": name, "side": side or "in"}
    if card is None:
        return "decision.who", point
    return "decision.explain", {**point, "credential": card}


def _instant(text: str, config: Config) -> str:
    """Return a time as requests have it; without an offset it is the site's own."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f'--at {text!r} is no time such as "2026-05-08 18:04"') from None
    if when.tzinfo is None:
        when = when.replace(tzinfo=zone_of(config))
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _explain(result: Mapping[str, Any], config: Config) -> None:
    when = datetime.fromisoformat(result["at"]).astimezone(zone_of(config))
    who = result["holder"] or "nobody known"
    verdict = ("opens", "bold green") if result["granted"] else ("does not open", "bold red")
    if result["reason"] in WAITING:
        verdict = ("does not open yet", "bold yellow")
    console = Console(width=max(Console().width, WIDTH), highlight=False)
    console.print(
        Text.assemble(
            f"{result['credential']} ({who}) at {result['point']}, "
            f"{when:%a %Y-%m-%d %H:%M:%S %Z}: ",
            verdict,
            f": {result['words']} ({result['reason']})",
        )
    )
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for each in result["rules"]:
        sign, colour = NOTHING if each["reason"] is None else AGAINST
        table.add_row(Text(sign, style=colour), Text(each["rule"]), Text(each["words"]))
    console.print(table)


def _list(result: Mapping[str, Any]) -> None:
    columns = ["holder", "credential", "door", "side", "needs"]
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), header_style="bold")
    for each in result["openings"]:
        needs = ", ".join(need.replace("_", " ") for need in each["needs"])
        table.add_row(*map(Text, (*(each[column] for column in columns[:4]), needs)))
    Console(width=max(Console().width, WIDTH), highlight=False).print(table)
    if not result["openings"]:
        typer.echo("nobody and nothing")
    if result["more"]:
        typer.echo("and more: only the first are listed")
