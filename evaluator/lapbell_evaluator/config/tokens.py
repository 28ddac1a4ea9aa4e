"""Reads what is secret: the tokens of senders and people, the address of the database, headers."""

import os
import secrets
from pathlib import Path
from typing import Final

from lapbell_evaluator.config.load import ConfigError
from lapbell_evaluator.config.secret_file import is_lax, read_secret
from lapbell_evaluator.config.settings import Auth, Export, Settings
from lapbell_evaluator.model import Role, Tokens, is_loopback

__all__ = [
    "acknowledge_key",
    "admin_token_file",
    "database_url",
    "export_headers",
    "read_headers",
    "read_tokens",
    "refuse_open_gates",
]

_TOKEN_BYTES: Final = 32
_KEY_BYTES: Final = 32
_IN_NAMES: Final = frozenset("!#$%&'*+.^_`|~-")


def read_tokens(settings: Settings) -> Tokens:
    """All tokens; an admin token is made in `data_dir` on the first start.

    Raises:
        ConfigError: a token file is missing, empty or open to others, or a gate listens beyond loopback without auth.
    """
    auth = settings.auth
    refuse_open_gates(settings)
    files = (
        (Role.INGEST, auth.ingest_token_file),
        (Role.VIEWER, auth.viewer_token_file),
        (Role.EDITOR, auth.editor_token_file),
    )
    pairs = [(role, read_secret(file)) for role, file in files if file is not None]
    admin = admin_token_file(settings)
    if auth.admin_token_file is None and not admin.exists():
        _make(admin)
    return Tokens((*pairs, (Role.ADMIN, read_secret(admin))))


def acknowledge_key(settings: Settings) -> bytes:
    """What signs the links in messages; made in `data_dir` on the first start.

    Raises:
        ConfigError: the file can't be read, is open to others or too short to be a secret.
    """
    own = settings.data_dir / "acknowledge.key"
    file = settings.auth.acknowledge_key_file or own
    if file == own and not own.exists():
        _make(own)
    key = read_secret(file).encode()
    if len(key) < _KEY_BYTES:
        raise ConfigError(f"{file}: {len(key)} bytes are too few for a key.", "Make one: openssl rand -base64 32")
    return key


def admin_token_file(settings: Settings) -> Path:
    """Where the admin token is read from."""
    return settings.auth.admin_token_file or settings.data_dir / "admin.token"


def database_url(settings: Settings) -> str:
    """SQLAlchemy's URL of the database for alerts.

    Raises:
        ConfigError: the file that should hold it can't be read.
    """
    if settings.database.url_file is not None:
        return read_secret(settings.database.url_file)
    return settings.database.url or f"sqlite:///{settings.data_dir / 'alerts.db'}"


def refuse_open_gates(settings: Settings) -> None:
    """Return if no gate is open to strangers.

    Raises:
        ConfigError: one listens beyond loopback without a token.
    """
    auth: Auth = settings.auth
    needs = {
        "listen.rest": (settings.listen.rest, auth.viewer_token_file, "auth.viewer_token_file"),
        "listen.otlp_grpc": (settings.listen.otlp_grpc, auth.ingest_token_file, "auth.ingest_token_file"),
        "listen.otlp_http": (settings.listen.otlp_http, auth.ingest_token_file, "auth.ingest_token_file"),
    }
    for key, (address, file, setting) in needs.items():
        host = address.rpartition(":")[0]
        if file is None and not is_loopback(host):
            raise ConfigError(
                f"{key} = {address} is reachable from other machines, and anyone there could use it.",
                f"Set {setting}, or listen on 127.0.0.1.",
            )


def _make(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise ConfigError(
            f"data_dir {file.parent}: {error.strerror}.", "Name a folder that this user may write to."
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(secrets.token_urlsafe(_TOKEN_BYTES) + "\n")


def export_headers(export: Export) -> tuple[tuple[str, str], ...]:
    """What is sent with each export of alerts: names and values.

    Raises:
        ConfigError: the file can't be read, or is open to others.
    """
    return read_headers("export.headers_file", export.headers_file)


def read_headers(setting: str, file: Path | None) -> tuple[tuple[str, str], ...]:
    """The lines of `name: value` in a file; none if there is no file.

    Raises:
        ConfigError: it can't be read, or is open to others.
    """
    if file is None:
        return ()
    try:
        is_open = is_lax(file)
        lines = [line.partition(":") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{setting} {file}: {error}.", "Create it, or leave it out.") from None
    if is_open:
        raise ConfigError(f"{setting} {file} is open to other users of this machine.", f"chmod 600 {file}")
    headers = tuple((name.strip(), value.strip()) for name, _, value in lines)
    if not all(map(_is_header, headers)):
        raise ConfigError(f"{setting} {file} is no list of headers.", "Write lines of `name: value`, in ASCII.")
    return headers


def _is_header(header: tuple[str, str]) -> bool:
    """Whether it can be sent (RFC 9110, 5.1 and 5.5)."""
    name, value = header
    is_name = name.isascii() and name != "" and all(each.isalnum() or each in _IN_NAMES for each in name)
    return is_name and value.isascii() and value.isprintable()
