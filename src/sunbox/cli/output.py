"""What commands print with: rich, imported when something is printed, plain where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_WIDTH = 160
"""Columns where the output is no terminal, so that a line stays a line in a file or pipe."""

GOOD, WARNING, BAD = "green", "yellow", "red"


def console(*, is_error: bool = False) -> Console:
    """Return where to print; a table in a pipe is not folded at 80 columns."""
    from rich.console import Console

    found = Console(stderr=is_error, highlight=False, soft_wrap=False, markup=False)
    if not found.is_terminal:
        found.width = PLAIN_WIDTH
    return found


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], colours: Sequence[str] = ()) -> None:
    """Print rows under headings; `colours` has one per row, if any. Texts are printed as they are, never as markup."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(Text(column), overflow="fold")
    for index, row in enumerate(rows):
        table.add_row(*(Text(cell) for cell in row), style=colours[index] if index < len(colours) else None)
    console().print(table)


def say(text: str, style: str = "", *, is_error: bool = False) -> None:
    """Print a line or several."""
    console(is_error=is_error).print(text, style=style or None, soft_wrap=True)
