"""The configuration: its file, its variables, its rule files, its tokens."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.installation import Installation
from lapbell_evaluator.config import Settings, admin_token_file, is_lax, refuse_open_gates
from lapbell_evaluator.model import EvaluatorError
from lapbell_evaluator.rules import check_file

__all__ = ["file", "rule_files", "tokens", "variables"]

FILE: Final = Place("configuration.file", "lapbell.yaml")
VARIABLES: Final = Place("configuration.variables", "LAPBELL_ variables")
RULES: Final = Place("configuration.rules", "rule files")
TOKENS: Final = Place("configuration.tokens", "token files")
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_SHOWN: Final = 5


def file(installation: Installation) -> Iterator[Finding]:
    """Whether it is there, and can be used."""
    if installation.settings is None:
        for line in installation.trouble.splitlines():
            yield FILE.wrong(line, "Mend it, then `lapbell check config`.")
    elif installation.file is None:
        yield FILE.ok("no ./lapbell.yaml, no LAPBELL_CONFIG: defaults")
    else:
        yield FILE.ok(f"{installation.file} is fine")


def variables(installation: Installation) -> Iterator[Finding]:
    """Which variables override it, and which were meant to."""
    overriding = sorted(name for name in installation.environ if name in _names("__"))
    mistyped = {name: right_name for name, right_name in _names("_").items() if name in installation.environ}
    for name, right_name in sorted(mistyped.items()):
        yield VARIABLES.warning(f"nothing reads {name}", f"Write two underscores: {right_name}.")
    if overriding:
        yield VARIABLES.ok(f"override the file: {', '.join(overriding)}")
    elif not mistyped:
        yield VARIABLES.ok("none overrides the file")


def rule_files(settings: Settings) -> Iterator[Finding]:
    """Whether each of the user's files can be used."""
    count = 0
    for report in map(check_file, settings.rules.files):
        count += report.rules
        for line in report.errors[:_SHOWN]:
            yield RULES.wrong(line, f"Mend it, then `lapbell check rules {report.file}`.")
        if len(report.errors) > _SHOWN:
            more = len(report.errors) - _SHOWN
            yield RULES.wrong(f"{report.file}: {more} more", f"See them all: `lapbell check rules {report.file}`.")
        if report.is_success and not report.rules:
            yield RULES.warning(f"{report.file} holds no rules", "Write `groups:`, or leave it out of rules.files.")
    if not settings.rules.files:
        yield RULES.ok("the shipped rules alone (rules.files names none)")
    elif count:
        yield RULES.ok(f"{len(settings.rules.files)} named, {count} rules beside the shipped ones")


def tokens(settings: Settings) -> Iterator[Finding]:
    """Whether each file is there, holds something, and is this user's alone."""
    auth, admin = settings.auth, admin_token_file(settings)
    named = {
        "auth.ingest_token_file": auth.ingest_token_file,
        "auth.viewer_token_file": auth.viewer_token_file,
        "auth.editor_token_file": auth.editor_token_file,
        "export.headers_file": settings.export.headers_file,
        "database.url_file": settings.database.url_file,
    }
    files = {setting: name for setting, name in named.items() if name is not None}
    if auth.admin_token_file is not None or admin.exists():
        files["auth.admin_token_file"] = admin
    findings = [
        *_open_gates(settings),
        *(finding for setting, name in files.items() for finding in _secret(setting, name)),
    ]
    yield from findings
    if not findings:
        yield TOKENS.ok(_listed(files) if files else f"none yet: the first `lapbell serve` makes {admin}")


def _open_gates(settings: Settings) -> Iterator[Finding]:
    try:
        refuse_open_gates(settings)
    except EvaluatorError as error:
        yield TOKENS.wrong(error.message, error.remedy)


def _secret(setting: str, name: Path) -> Iterator[Finding]:
    try:
        is_empty = not name.read_text(encoding="utf-8").strip()
        mode = name.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        yield TOKENS.wrong(f"{setting} {name}: {why}", f"Create it, readable by this user, or leave out {setting}.")
        return
    if is_empty:
        yield TOKENS.wrong(f"{setting} {name} is empty", "Write the secret into it.")
    if is_lax(name):
        yield TOKENS.wrong(f"{name} has mode {stat.S_IMODE(mode):04o}: others may use it", f"chmod 600 {name}")
    elif mode & _OTHERS:
        yield TOKENS.warning(f"{name} has mode {stat.S_IMODE(mode):04o}: others may use it", f"chmod 600 {name}")


def _listed(files: dict[str, Path]) -> str:
    return f"{len(files)} there, for this user alone: {', '.join(str(name) for name in files.values())}"


def _names(between: str) -> dict[str, str]:
    """Variables of all settings with `between` between section and key, each with its right name."""
    names = {}
    for section, described in Settings.model_fields.items():
        inner = described.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            for key in inner.model_fields:
                name = f"{section}{between}{key}".upper()
                names[f"LAPBELL_{name}"] = f"LAPBELL_{section}__{key}".upper()
        elif between == "__":
            names[f"LAPBELL_{section}".upper()] = f"LAPBELL_{section}".upper()
    return names
