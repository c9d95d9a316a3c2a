"""What several commands take, in the same words."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT = Path("/etc/gatewayd/config.toml")

ConfigFile = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", help="The configuration.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for programs.")]
