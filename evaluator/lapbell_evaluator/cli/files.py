"""`lapbell check …`, `lapbell test …`, `lapbell rules …`: files, without a running evaluator."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Final

import typer

from lapbell_evaluator.cli.exits import Exit
from lapbell_evaluator.cli.options import ConfigFile, config_file, settings_from

__all__ = ["check", "rules", "test"]

check: Final = typer.Typer(help="Check files without starting anything.", no_args_is_help=True)
test: Final = typer.Typer(help="Run unit tests of rules.", no_args_is_help=True)
rules: Final = typer.Typer(help="The rules that run.", no_args_is_help=True)

Files = Annotated[list[Path], typer.Argument(help="One or several.", show_default=False)]


@check.command("config")
def check_config(
    file: Annotated[Path | None, typer.Argument(help="The configuration.", show_default=False)] = None,
    config: ConfigFile = None,
) -> None:
    """Check the configuration and the LAPBELL_ variables."""
    settings_from(file or config)
    typer.echo(f"{config_file(file or config) or 'defaults'}: fine")


@check.command("schema")
def check_schema() -> None:
    """Print the JSON Schema of lapbell.yaml, for editors."""
    from lapbell_evaluator.config import Settings  # noqa: PLC0415 # heavy

    typer.echo(json.dumps(Settings.model_json_schema(), indent=2))


@check.command("rules")
def check_rules(
    files: Files,
    *,
    lint_fatal: Annotated[
        bool, typer.Option("--lint-fatal", help="End with 3 if rules write the same series, as promtool does.")
    ] = False,
) -> None:
    """Check Prometheus rule files; the exit code is 1 if one of them can't be used."""
    from lapbell_evaluator.rules import check_file  # noqa: PLC0415 # heavy

    checks = [check_file(file) for file in files]
    for check in checks:
        typer.echo(f"{check.file}: {check.rules} rules, fine" if check.is_success else f"{check.file}: can't be used")
        for line in check.errors:
            typer.echo(f"  {line}", err=True)
        for line in check.hints:
            typer.echo(f"  hint: {line}")
    if not all(check.is_success for check in checks):
        raise typer.Exit(Exit.FAILED)
    if lint_fatal and any(check.duplicates for check in checks):
        raise typer.Exit(Exit.LINT)


@test.command("rules")
def run_rule_tests(
    files: Files,
    only: Annotated[str | None, typer.Option("--run", help="Run the test groups whose name matches alone.")] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit's XML here.")] = None,
) -> None:
    """Run promtool's unit tests of rules; the exit code is 1 if one of them fails."""
    from lapbell_evaluator.rule_tests import junit as as_junit  # noqa: PLC0415 # heavy
    from lapbell_evaluator.rule_tests import run_file, shown  # noqa: PLC0415 # heavy

    reports = []
    for file in files:
        typer.echo(f"Unit Testing:  {file}")
        reports.append(asyncio.run(run_file(file, only)))
        typer.echo(shown(reports[-1]))
    if junit is not None:
        junit.write_text(as_junit(reports), encoding="utf-8")
    if not all(report.is_success for report in reports):
        raise typer.Exit(Exit.FAILED)


@rules.command("show")
def rules_show(config: ConfigFile = None) -> None:
    """Print the shipped rules, with the thresholds of the configuration, as a Prometheus rule file."""
    from lapbell_evaluator.room_settings import shipped_rules  # noqa: PLC0415 # heavy
    from lapbell_evaluator.rules import printed  # noqa: PLC0415 # heavy

    typer.echo(printed(shipped_rules(settings_from(config))), nl=False)
