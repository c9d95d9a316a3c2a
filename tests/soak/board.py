"""The table that grows while the soak goes on."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from tests.soak.result import Row

WIDTH = 160  # characters, where no terminal says otherwise
LARGEST_SHOWN = 40  # figures of one row


class Board:
    """What was measured so far, and what is being done now."""

    def __init__(self, target: Path) -> None:
        self.rows: list[Row] = []
        self._target = target
        self._console = Console()
        if not self._console.is_terminal:
            self._console = Console(width=WIDTH)
        self._began = time.monotonic()
        self._doing = ""
        self._live = Live(console=self._console, get_renderable=self._table, auto_refresh=False)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._doing = ""
        if self._console.is_terminal:
            self._live.refresh()
            self._live.stop()
        else:
            self._console.print(self._table())

    @property
    def broken(self) -> list[Row]:
        """Every promise that was not kept."""
        return [row for row in self.rows if row.kept is False]

    def say(self, what: str) -> None:
        """Tell what is done now."""
        self._doing = what
        if self._console.is_terminal:
            self._live.refresh()
        else:
            self._console.print(f"{self._elapsed()}  {what} …")

    def add(self, rows: Sequence[Row]) -> None:
        """Take what was measured; the file has it from then on."""
        self.rows += rows
        self._target.parent.mkdir(exist_ok=True)
        text = json.dumps([asdict(row) for row in self.rows], indent=1)
        self._target.write_text(text + "\n")
        if self._console.is_terminal:
            self._live.refresh()
            return
        for row in rows:
            each = " ".join(f"{figure:.3g}" for figure in row.figures[:LARGEST_SHOWN])
            self._console.print(f"{self._elapsed()}  {row.what}: {each} {row.unit} {row.note}")

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:3}:{seconds:02}"

    def _table(self) -> Table:
        table = Table(
            title=f"outages in real time, {self._elapsed().strip()}",
            caption=f"{self._doing} …" if self._doing else None,
            row_styles=("", "dim"),
        )
        for title in ("what", "times", "median", "worst", "unit", "promise", "", "note"):
            right = title in ("times", "median", "worst")
            table.add_column(title, justify="right" if right else "left")
        for row in self.rows:
            kept = {True: "[green]kept", False: "[red]BROKEN", None: ""}[row.kept]
            middle = f"{median(row.figures):.3g}" if row.figures else "-"
            worst = f"{max(row.figures):.3g}" if row.figures else "-"
            times = str(len(row.figures))
            table.add_row(row.what, times, middle, worst, row.unit, row.promise, kept, row.note)
        return table
