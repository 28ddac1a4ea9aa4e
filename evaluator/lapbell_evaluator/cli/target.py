"""Which evaluator a verb asks, with which token, and what named it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lapbell_evaluator.cli.address import Address
from lapbell_evaluator.cli.options import config_file, settings_from
from lapbell_evaluator.model import EvaluatorError

if TYPE_CHECKING:
    from lapbell_evaluator.config import Settings

__all__ = ["Target", "target", "token_from"]

_URL_VARIABLE: Final = "LAPBELL_URL"
_REST_VARIABLE: Final = "LAPBELL_LISTEN__REST"
_TOKEN_FILE: Final = Path(".lapbell/admin.token")


@dataclass(frozen=True, slots=True)
class Target:
    """One evaluator.

    Attributes:
        url: of its REST gate.
        named_by: an option, a variable or a setting, as people write it.
        token: a bearer token; empty sends none.
    """

    url: str
    named_by: str
    token: str = ""


def target(url: str, config: Path | None, token_file: Path | None = None, token: str = "") -> Target:
    """The evaluator that `url` names, or else the configuration of this folder, which `lapbell serve` reads as well.

    Args:
        url: from --url or LAPBELL_URL; empty if neither names one.
        config: from --config; None means `lapbell.yaml` in this folder, or the defaults without one.
        token_file: None means the admin token of the configuration that names the evaluator, where it is there.
        token: goes before `token_file`.

    Raises:
        EvaluatorError: the configuration can't be used or has port 0, or a token file can't be read.
    """
    if url:
        named_by = _URL_VARIABLE if url == os.environ.get(_URL_VARIABLE) else "--url"
        return Target(url, named_by, token or token_from(token_file, _TOKEN_FILE))
    from lapbell_evaluator.config import admin_token_file  # noqa: PLC0415 # pydantic is heavy

    settings = settings_from(config)
    rest = Address.of_listen(settings.listen.rest)
    named_by = _named_by(settings, config_file(config))
    if rest.port == 0:
        raise EvaluatorError(
            f"{named_by} is port 0: the evaluator takes a free one.",
            "Name the one that its log tells after `ready:` by --url or LAPBELL_URL.",
        )
    return Target(f"http://{rest}", named_by, token or token_from(token_file, admin_token_file(settings)))


def token_from(file: Path | None, otherwise: Path) -> str:
    """What stands in the token file; without one, in `otherwise`, or nothing if that is not there.

    Raises:
        EvaluatorError: the file can't be read.
    """
    try:
        return (file or otherwise).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if file is None and isinstance(error, FileNotFoundError):
            return ""
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise EvaluatorError(f"Token file {file or otherwise}: {reason}.", "Name another with --token-file.") from None


def _named_by(settings: "Settings", file: Path | None) -> str:
    if "rest" not in settings.listen.model_fields_set:
        return "the default of listen.rest"
    return _REST_VARIABLE if _REST_VARIABLE in os.environ else f"listen.rest of {file or 'LAPBELL_LISTEN'}"
