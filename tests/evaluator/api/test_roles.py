"""Every route declares a role, and refuses callers without it, however its path is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Route

from evaluator_kit import evaluator
from lapbell_evaluator.api import documented_app, openapi
from lapbell_evaluator.api.access import RoleCheck
from lapbell_evaluator.api.guarded_route import GuardedRoute
from lapbell_evaluator.model import Role


def leaves(routes: Iterable[object]) -> Iterator[object]:
    """Routes, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else leaves(included.routes)


ALL = list(leaves(documented_app("test").routes))
ROUTES = [route for route in ALL if isinstance(route, APIRoute)]
WRITE = "/api/v1/write"
HEALTH = {"/-/healthy", "/-/ready"}
OPEN = HEALTH | {"/runbooks", "/runbooks/{name}", "/acknowledge/{token}"}
PROXIED = {"Via": "1.1 x"}
ALLOWED = "allowed"

CALLERS = {
    "loopback": {},
    "stranger": PROXIED,
    "unknown token": PROXIED | {"Authorization": "Bearer wrong"},
    "ingest": PROXIED | {"Authorization": "Bearer ingest-secret"},
    "viewer": PROXIED | {"Authorization": "Bearer viewer-secret"},
    "editor": PROXIED | {"Authorization": "Bearer editor-secret"},
    "admin": PROXIED | {"Authorization": "Bearer admin-secret"},
}
NEEDS = {
    Role.NOBODY: dict.fromkeys(CALLERS, ALLOWED),
    Role.INGEST: dict(zip(CALLERS, (ALLOWED, "401", "401", ALLOWED, "403", "403", ALLOWED), strict=True)),
    Role.VIEWER: dict(zip(CALLERS, (ALLOWED, "401", "401", "403", ALLOWED, ALLOWED, ALLOWED), strict=True)),
    Role.EDITOR: dict(zip(CALLERS, ("401", "401", "401", "403", "403", ALLOWED, ALLOWED), strict=True)),
    Role.ADMIN: dict(zip(CALLERS, ("401", "401", "401", "403", "403", "403", ALLOWED), strict=True)),
}
FOR_PROXIES = "whole URL"
TRICKS = {
    "as it is": "{0}",
    "slashes doubled": "/{0}",
    "slashes doubled within": "{1}",
    "a slash at its end": "{0}/",
    "up and down": "/x/..{0}",
    "up and down, encoded": "/x/%2e%2e{0}",
    "up after health": "/-/healthy/..{0}",
    "up after health, encoded": "/-/healthy/%2e%2e{0}",
    "up after health, encoded slash": "/-/healthy%2f..{0}",
    "a parameter": "{0};/-/healthy",
    "a parameter of health": "/-/healthy;{0}",
    "upper case": "{2}",
    "a letter encoded": "{3}",
    "every letter encoded": "{4}",
    "a query that looks like health": "{0}?/-/healthy",
    "NUL": "{0}%00",
    "a backslash": "/%5c{0}",
    FOR_PROXIES: "http://localhost{0}",
}


def role_of(route: APIRoute) -> Role | None:
    """The role that a route's dependencies ask for."""
    checks = [dependency.call for dependency in route.dependant.dependencies]
    roles = [check.role for check in checks if isinstance(check, RoleCheck)]
    return max(roles, key=lambda role: len(role.grants), default=None)


def written(path: str, trick: str) -> bytes:
    plain = path.replace("{", "x").replace("}", "x")
    letters = "".join(letter if letter == "/" else f"%{ord(letter):02x}" for letter in plain)
    one = f"{plain[:-1]}%{ord(plain[-1]):02X}"
    return trick.format(plain, plain.replace("/", "//"), plain.upper(), one, letters).encode()


@dataclass(frozen=True)
class Asked:
    """One way to ask for one route."""

    method: str
    path: str
    needed: Role

    async def answer(self, client: httpx.AsyncClient, caller: str, trick: str = "{0}") -> str:
        target = written(self.path, trick)
        request = client.build_request(
            self.method, "/", headers={"Host": "localhost", **CALLERS[caller]}, extensions={"target": target}
        )
        return str((await client.send(request)).status_code)


def asked() -> list[Asked]:
    """Every route with each of its methods; remote write is the one that is none of FastAPI's."""
    declared = [
        Asked(method, route.path, role_of(route) or Role.NOBODY) for route in ROUTES for method in route.methods or ()
    ]
    return [*declared, Asked("POST", WRITE, Role.INGEST)]


def tokens(folder: Path) -> dict[str, str]:
    files = {f"{role}_token_file": folder / role for role in ("ingest", "viewer", "editor", "admin")}
    for file in files.values():
        file.write_text(f"{file.name}-secret\n")
        file.chmod(0o600)
    return {key: str(file) for key, file in files.items()}


def test_every_route_declares_a_role():
    undeclared = [route.path for route in ROUTES if role_of(route) is None]
    public = {route.path for route in ROUTES if role_of(route) is Role.NOBODY}
    changing = {
        role_of(route) or Role.NOBODY for route in ROUTES if (route.methods or set()) & {"PUT", "DELETE", "PATCH"}
    }
    assert undeclared == []
    assert public == OPEN
    assert len(ROUTES) > 20
    assert changing <= {Role.EDITOR, Role.ADMIN}


def test_every_route_asks_who_calls_before_it_reads_a_body():
    assert [route.path for route in ROUTES if not isinstance(route, GuardedRoute)] == []


def test_nothing_but_routes_answers():
    others = [route for route in ALL if not isinstance(route, APIRoute)]
    assert [route.path for route in others if isinstance(route, Route)] == [WRITE]
    assert len(others) == 1


async def test_who_may_ask_for_what(tmp_path):
    """A request that is let in may still be wrong: what matters is that it is not refused for who sends it."""
    async with evaluator(tmp_path / "data", auth=tokens(tmp_path)) as (client, _):
        seen = {
            (route.method, route.path): {
                caller: answer if (answer := await route.answer(client, caller)) in ("401", "403") else ALLOWED
                for caller in CALLERS
            }
            for route in asked()
        }
    assert seen == {(route.method, route.path): NEEDS[route.needed] for route in asked()}


@pytest.mark.parametrize("method", ["as declared", "HEAD", "OPTIONS", "TRACE"])
async def test_no_way_to_write_a_path_leads_past_the_roles(tmp_path, method):
    """Who is refused at a route stays refused, or finds nothing; a target that only proxies get is refused to all."""
    refusals = {"307", "401", "403", "404", "405"}
    async with evaluator(tmp_path / "data", auth=tokens(tmp_path)) as (client, _):
        past = {
            (route.method, route.path, name, caller): answer
            for declared in asked()
            for route in [declared if method == "as declared" else Asked(method, declared.path, declared.needed)]
            for caller in ("stranger", "ingest", "viewer")
            if NEEDS[route.needed][caller] != ALLOWED
            for name, trick in (TRICKS if method == "as declared" else {"as it is": "{0}"}).items()
            if (answer := await route.answer(client, caller, trick)) not in refusals
            if (name, answer) != (FOR_PROXIES, "400")
        }
    assert past == {}


@pytest.mark.parametrize("path", sorted(HEALTH))
async def test_health_is_for_everybody(tmp_path, path):
    async with evaluator(tmp_path) as (client, _):
        assert (await client.get(path, headers=PROXIED)).status_code == 200


def test_the_description_names_every_documented_route():
    documented = {route.path for route in ROUTES if route.include_in_schema}
    assert set(openapi("test")["paths"]) == documented
