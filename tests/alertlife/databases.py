"""A fresh database of each kind for a test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from peers.postgres import Postgres, postgres

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLAlchemy's URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/alerts.db"
    return postgres_url(request.getfixturevalue("postgres_server"))


def postgres_url(server: Postgres) -> str:
    """SQLAlchemy's URL of a database that is made now."""
    name = f"alerts_{next(_NUMBERS)}"
    with psycopg.connect(server.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.url.rpartition('/')[0]}/{name}"
