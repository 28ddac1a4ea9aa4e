"""`lapbell runbook`: what to do about an alert, from the package itself: no evaluator, no network."""

import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

import typer

from lapbell_evaluator.model import EvaluatorError

if TYPE_CHECKING:
    from lapbell_evaluator.runbooks import Runbook

__all__ = ["runbook"]


def runbook(
    name: Annotated[str, typer.Argument(help="Of the alert or of its page.", show_default=False)] = "",
) -> None:
    """Show what an alert of lapbell means and what to do; without a name, list them."""
    from lapbell_evaluator import runbooks  # noqa: PLC0415 # heavy

    if not name:
        _print_list(runbooks.runbooks())
        return
    page = runbooks.runbook(name)
    if page is None:
        near = get_close_matches(name.lower(), [each.name for each in runbooks.runbooks()], n=1)
        remedy = f"Did you mean {near[0]}? " if near else ""
        raise EvaluatorError(f"There is no runbook {name!r}.", f"{remedy}`lapbell runbook` lists them.")
    if sys.stdout.isatty():
        _print_page(page)
    else:
        typer.echo(page.text, nl=False)


def _print_list(pages: "tuple[Runbook, ...]") -> None:
    from rich.table import Table  # noqa: PLC0415 # heavy

    from lapbell_evaluator.cli.console import PlainConsole  # noqa: PLC0415 # heavy

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NAME", no_wrap=True)
    table.add_column("WHAT THE ALERT MEANS")
    for page in pages:
        table.add_row(page.name, page.meaning)
    PlainConsole().print(table)


def _print_page(page: "Runbook") -> None:
    """Links to other pages say what to type for them."""
    from rich.markdown import Markdown  # noqa: PLC0415 # heavy

    from lapbell_evaluator.cli.console import PlainConsole  # noqa: PLC0415 # heavy
    from lapbell_evaluator.runbooks import LINK  # noqa: PLC0415 # heavy

    text = LINK.sub(r"\1 (`lapbell runbook \2`)", page.text)
    PlainConsole().print(Markdown(text, hyperlinks=False))
