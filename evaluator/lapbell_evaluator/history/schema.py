"""The file of history: its tables, and how it is opened."""

import sqlite3
from pathlib import Path
from typing import Final

from lapbell_evaluator.damage import FAULTS, is_damage
from lapbell_evaluator.history.errors import HistoryError

__all__ = ["FLOATS", "HISTOGRAMS", "open_reader", "open_writer", "used_bytes"]

FLOATS: Final = 0
HISTOGRAMS: Final = 1
_VERSION: Final = 1
_BUSY_MS: Final = 5_000
_PAGE_BYTES: Final = 8_192  # four to eight chunks of two hours

_TABLES: Final = """
CREATE TABLE series (            -- who the numbers are
    id INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,       -- of the labels: they are too long to be indexed themselves
    name TEXT NOT NULL,
    labels BLOB NOT NULL         -- JSON, pairs sorted by name
);
CREATE INDEX series_by_hash ON series (hash);
CREATE INDEX series_by_name ON series (name);

CREATE TABLE tail (              -- what was acknowledged since the last cut, as it came
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    data BLOB NOT NULL
);

CREATE TABLE pages (             -- a few minutes of many series, ordered by series
    id INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    cut INTEGER NOT NULL,        -- when it was made, Unix milliseconds
    first_series INTEGER NOT NULL,
    last_series INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE INDEX pages_by_cut ON pages (cut);

CREATE TABLE chunks (            -- up to two hours of one series; with rowids, because those keep large rows together
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    count INTEGER NOT NULL,
    data BLOB NOT NULL
);
CREATE UNIQUE INDEX chunks_by_series ON chunks (series, kind, start_ms, end_ms, count);
CREATE INDEX chunks_by_end ON chunks (end_ms);

CREATE TABLE coverage (          -- when somebody listened
    start_ms INTEGER PRIMARY KEY,
    end_ms INTEGER NOT NULL
);
"""

_QUARANTINE: Final = """
CREATE TABLE IF NOT EXISTS quarantine (  -- damaged entries, as they are
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,              -- when they were found
    source TEXT NOT NULL,                -- the table they were in
    key INTEGER NOT NULL,                -- their number there
    reason TEXT NOT NULL,
    data BLOB
);
"""


def open_writer(path: Path) -> sqlite3.Connection:
    """The one connection that writes; makes the file on first use.

    Commits reach the disk before they return (`synchronous=FULL`), and readers never wait (`WAL`).

    Raises:
        HistoryError: it is no history of ours, or cannot be opened.
    """
    connection = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        _make_or_check(connection, path)
    except (*FAULTS, OSError, HistoryError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, HistoryError):
            raise
        is_damaged = is_damage(error, path)
        raise HistoryError(
            f"History file {path} cannot be opened: {error}.", _remedy(error), is_damage=is_damaged
        ) from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; any thread may have its own."""
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    except sqlite3.Error as error:
        raise HistoryError(f"History file {path} cannot be read: {error}.") from error
    return connection


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something."""
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    return int(size * (pages - free))


def _make_or_check(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if not version:
        connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise HistoryError(
            f"History file {path} has format {version}, this evaluator knows {_VERSION}.",
            "Use the version of lapbell that wrote it.",
            is_damage=True,  # or it was written by a later lapbell: kept aside either way, because alerting must begin
        )
    connection.executescript(_QUARANTINE)


def _remedy(error: BaseException) -> str:
    """What helps where a file cannot be opened for writing."""
    may_not = ("SQLITE_READONLY", "SQLITE_CANTOPEN")
    if isinstance(error, OSError) or getattr(error, "sqlite_errorname", "").startswith(may_not):
        return "Set data_dir to a folder that this user may write to, or start lapbell as its owner."
    return "Run `lapbell history check`, or move the file away."
