"""From a YAML file and the environment to Settings; every error says where and what to write instead."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeGuard, get_args

import re2
import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lapbell_evaluator.config.settings import Settings
from lapbell_evaluator.model import EvaluatorError

__all__ = ["ConfigError", "load"]

ENV_PREFIX: Final = "LAPBELL_"
CLIENT_VARIABLES: Final = frozenset({"LAPBELL_URL", "LAPBELL_TOKEN", "LAPBELL_CONFIG"})
Path_ = tuple[str | int, ...]

_STANDARD: Final = {
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca_file",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "client_certificate_file",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "client_key_file",
}
"""Variables of every OTLP exporter, and the settings of `export` that they stand for where those are not given."""

_SECRET: Final = frozenset({"url", "routing_key"})
_WITH_SECRETS: Final = frozenset({"receivers", "heartbeat", "export", "database"})
"""Sections in which a slip may put a URL or a key anywhere."""
"""Of receivers and of the database: what may hold a secret is not repeated in an error."""


class ConfigError(EvaluatorError):
    """The configuration can't be used; one line for each thing to mend."""


def load(file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Settings from `file`, overridden by `LAPBELL_SECTION__KEY` variables.

    Args:
        file: a YAML file; None means defaults alone.
        environ: the process environment.

    Raises:
        ConfigError: an unreadable file, broken YAML, an unknown key or a value out of range.
    """
    marks: dict[Path_, str] = {}
    values: dict[str, Any] = {}
    if file is not None:
        values = _read(file, marks)
    for variable, name in _STANDARD.items():
        export = values.get("export", {})
        if environ.get(variable) and isinstance(export, dict) and name not in export:
            _put(values, ("export", name), environ[variable])
            marks["export", name] = variable
    for path, variable, value in _overrides(environ):
        _put(values, path, value)
        marks[path] = variable
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(mistake, marks, file) for mistake in _innermost(error.errors()))) from None


def _read(file: Path, marks: dict[Path_, str]) -> dict[str, Any]:
    try:
        return _parse(file, file.read_text(encoding="utf-8"), marks)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}.", "Name a readable file with --config.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: not UTF-8 text.", "Save it as UTF-8.") from None
    except RecursionError:
        raise ConfigError(f"{file}: nests too deeply, or an alias contains itself.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else str(file)
        raise ConfigError(f"{where}: not valid YAML: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise ConfigError(f"{file}: not valid YAML: {error}.") from None


def _parse(file: Path, text: str, marks: dict[Path_, str]) -> dict[str, Any]:
    _refuse_aliases(file, text)
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{file}:1:1: expected sections such as `thresholds:`.")
    for path, position in _positions(node, ()):
        if path in marks:
            raise ConfigError(f"{file}:{position}: `{_dotted(path)}` stands here a second time.", "Keep one of them.")
        marks[path] = f"{file}:{position}"
    values: dict[str, Any] = yaml.SafeLoader("").construct_document(node)
    return values


def _refuse_aliases(file: Path, text: str) -> None:
    """A few lines of aliases can stand for gigabytes."""
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            mark = token.start_mark
            raise ConfigError(
                f"{file}:{mark.line + 1}:{mark.column + 1}: aliases (`*name`) are not read here.", "Repeat the value."
            )


def _positions(node: yaml.Node, path: Path_) -> Iterator[tuple[Path_, str]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*path, key.value), f"{key.start_mark.line + 1}:{key.start_mark.column + 1}"
            yield from _positions(value, (*path, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), f"{value.start_mark.line + 1}:{value.start_mark.column + 1}"
            yield from _positions(value, (*path, index))


def _overrides(environ: Mapping[str, str]) -> Iterator[tuple[Path_, str, Any]]:
    """Variables that name a setting; those of lapbell's client and library (no such section) are left alone."""
    for variable in sorted(environ):
        name = variable.removeprefix(ENV_PREFIX)
        if name == variable or variable in CLIENT_VARIABLES:
            continue
        path = tuple(name.lower().split("__"))
        if len(path) > 1 or path[0] in Settings.model_fields:
            yield path, variable, _value(variable, environ[variable])


def _value(variable: str, text: str) -> object:
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, TypeError):
        raise ConfigError(f"{variable}={text!r}: not a YAML value.", "Quote it.") from None


def _put(values: dict[str, Any], path: Path_, value: object) -> None:
    for key in path[:-1]:
        inner = values.get(str(key))
        if not isinstance(inner, dict):
            inner = values[str(key)] = {}
        values = inner
    values[str(path[-1])] = value


def _innermost(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Without those that only follow from an error further in, as a list that is too short without its wrong items."""
    return [
        error
        for error in errors
        if not any(
            len(other["loc"]) > len(error["loc"]) > 0 and other["loc"][: len(error["loc"])] == error["loc"]
            for other in errors
        )
    ]


def _line(error: ErrorDetails, marks: Mapping[Path_, str], file: Path | None) -> str:
    path = error["loc"]
    if not path:
        return f"{file or 'environment'}: {_reason(error)}."
    place = _where(path, marks) or str(file or "environment")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown key `{_dotted(path)}`.{_did_you_mean(path)}"
    is_number = isinstance(error["input"], (int, float))
    is_secret = path[-1] in _SECRET or (path[0] in _WITH_SECRETS and not is_number)
    shown = "" if is_secret else f" = {_shown(error['input'])}"
    return f"{place}: `{_dotted(path)}`{shown}: {_reason(error)}."


def _shown(value: object) -> str:
    """The value; of a URL without what stands before its last @, which may hold a password."""
    return str(re2.sub(r"//[^'\"]*@", "//***@", repr(value)))


def _reason(error: ErrorDetails) -> str:
    """Pydantic's words in the middle of a sentence; our own as they are."""
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ").rstrip(".")
    return error["msg"].replace(" after validation", "").lower()


def _where(path: Path_, marks: Mapping[Path_, str]) -> str | None:
    """The mark of a path, of what it stands in, or of something that stands in it."""
    above = (marks[path[:end]] for end in range(len(path), 0, -1) if path[:end] in marks)
    below = (mark for marked, mark in marks.items() if marked[: len(path)] == path)
    return next(above, None) or next(below, None)


def _did_you_mean(path: Path_) -> str:
    section: type[BaseModel] = Settings
    for key in path[:-1]:
        if isinstance(key, str):
            annotation = section.model_fields[key].annotation
            inner = next((of for of in (annotation, *get_args(annotation)) if _is_section(of)), None)
            if inner is None:
                return ""
            section = inner
    close = difflib.get_close_matches(str(path[-1]), section.model_fields, n=1)
    return f" Did you mean `{close[0]}`?" if close else f" Known here: {', '.join(section.model_fields)}."


def _is_section(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _dotted(path: Path_) -> str:
    return ".".join(map(str, path))
