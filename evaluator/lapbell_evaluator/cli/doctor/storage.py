"""The data folder: whether it takes what is written, and whether what it holds is whole."""

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from lapbell_evaluator.cli.address import Address
from lapbell_evaluator.cli.doctor.daemon_thread import in_daemon_thread, resolve
from lapbell_evaluator.cli.doctor.finding import Finding, Place
from lapbell_evaluator.cli.doctor.patience import patient
from lapbell_evaluator.cli.size import size
from lapbell_evaluator.config import Settings, database_url
from lapbell_evaluator.model import EvaluatorError

__all__ = ["alerts", "disk", "folder", "history"]

FOLDER: Final = Place("storage.data_dir", "data_dir")
DISK: Final = Place("storage.disk", "disk")
HISTORY: Final = Place("storage.history", "history")
ALERTS: Final = Place("storage.alerts", "alert database")
_MIB: Final = 1024**2
_FULL: Final = 64 * _MIB
_SCARCE: Final = 512 * _MIB
_READ_S: Final = 1.0
_STEPS: Final = 10_000
_CONNECT_S: Final = 2
_POSTGRES_PORT: Final = 5432
_WRITTEN: Final = ("admin.token", "alerts.db", "alerts.db.lock", "history.db")


def folder(settings: Settings) -> Iterator[Finding]:
    """Whether this user may write there; nothing is written to find out."""
    where = settings.data_dir
    shown = where.absolute()
    there = next((path for path in (shown, *shown.parents) if path.exists()), Path("/"))
    remedy = "Set data_dir to a folder that this user may write to, or start lapbell as its owner."
    if not there.is_dir():
        yield FOLDER.wrong(f"{there} is not a folder", remedy)
    elif os.statvfs(there).f_flag & os.ST_RDONLY:
        yield FOLDER.wrong(f"{there} is on a file system that is read only", remedy)
    elif not os.access(there, os.W_OK | os.X_OK):
        yield FOLDER.wrong(f"{there}: this user may not write", remedy)
    elif locked := [name for name in _WRITTEN if (there / name).exists() and not os.access(there / name, os.W_OK)]:
        yield FOLDER.wrong(f"{there}: this user may not write {', '.join(locked)}", remedy)
    else:
        yield FOLDER.ok(f"{shown}, writable" if there == shown else f"{shown}, made by the first `lapbell serve`")


def disk(settings: Settings) -> Finding:
    """Whether there is room for history to grow as it may."""
    shown = settings.data_dir.absolute()
    there = next(path for path in (shown, *shown.parents) if path.exists())
    free = shutil.disk_usage(there).free
    held = _bytes(settings.data_dir / "history.db")
    message = f"{size(free)} free, history takes {size(held)} of at most {size(settings.history.keep_bytes)}"
    if free < _FULL:
        return DISK.wrong(message, "Free some space: samples that can't be written are refused.")
    if free < _SCARCE:
        return DISK.warning(message, "Free some space, or lower history.keep_bytes.")
    if free + held < settings.history.keep_bytes:
        return DISK.note(message, "The disk is full before history is: lower history.keep_bytes.")
    return DISK.ok(message)


def history(settings: Settings) -> Finding:
    """Whether its file is whole, beside an evaluator that may be writing to it."""
    remedy = "Stop the evaluator, `lapbell history check --repair`; or move the file away."
    return _file(HISTORY, settings.data_dir / "history.db", remedy)


async def alerts(settings: Settings) -> Finding:
    """Whether the database of alerts can be read."""
    try:
        url = make_url(database_url(settings))
    except EvaluatorError as error:
        return ALERTS.wrong(error.message, error.remedy)
    except (ArgumentError, ValueError):
        return ALERTS.wrong("database.url is no URL", "Write postgresql+psycopg://user@host/name.")
    if url.get_backend_name() == "sqlite":
        remedy = "Restore it from a backup, or move it away with its -wal."
        return await in_daemon_thread(lambda: _file(ALERTS, Path(url.database or ""), remedy))
    return await _server(url)


async def _server(url: URL) -> Finding:
    shown = url.set(query={}).render_as_string(hide_password=True)
    try:
        if url.host:
            await resolve(Address(url.host, url.port or _POSTGRES_PORT))
    except OSError as error:
        return ALERTS.wrong(f"{shown}: {error}", "Mend database.url (or database.url_file).")
    return await in_daemon_thread(lambda: _connected(url, shown))


def _connected(url: URL, shown: str) -> Finding:
    try:
        engine = create_engine(url, connect_args={"connect_timeout": round(patient(_CONNECT_S))})
        with engine.connect() as connection:
            release = connection.execute(text("SHOW server_version")).scalar_one()
        engine.dispose()
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        return ALERTS.wrong(f"{shown}: {error}", "pip install 'lapbell[postgres]', and write postgresql+psycopg://…")
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", None) or error).splitlines()[0]
        return ALERTS.wrong(f"{shown}: {why}", "Start PostgreSQL, or mend database.url (or database.url_file).")
    return ALERTS.ok(f"{shown} answers: PostgreSQL {release}")


def _file(place: Place, path: Path, remedy: str) -> Finding:
    if not path.exists():
        return place.ok(f"{path} is not there yet: the first `lapbell serve` makes it")
    message = f"{path}, {size(_bytes(path))}"
    try:
        with closing(_read_only(path)) as connection:
            troubles = _troubles(connection)
    except sqlite3.Error as error:
        return place.wrong(f"{path}: {error}", remedy)
    if troubles is None:
        return place.ok(f"{message}, opens; more than can be read in {patient(_READ_S):g} s")
    if troubles:
        return place.wrong(f"{path}: {troubles[0]}", remedy)
    return place.ok(f"{message}, sound")


def _read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes no byte and makes no file.

    Beside a log the evaluator may be at work: SQLite reads both. Without one nobody is, and only `immutable` keeps
    SQLite from making a log itself.

    Source: sqlite.org/wal.html, "Read-Only Databases".
    """
    how = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=patient(_READ_S))


def _troubles(connection: sqlite3.Connection) -> tuple[str, ...] | None:
    """What SQLite finds in its file; None if reading it would take too long."""
    until = time.monotonic() + patient(_READ_S)
    connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    try:
        return tuple(line for (line,) in connection.execute("PRAGMA quick_check(1)") if line != "ok")
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return None
        raise


def _bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in (path, Path(f"{path}-wal")) if file.exists())
