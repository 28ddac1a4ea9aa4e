"""Every route declares a role, and refuses callers without it."""

from collections.abc import Iterable, Iterator

import pytest
from fastapi.routing import APIRoute

from evaluator_kit import evaluator
from lapbell_evaluator.api import documented_app, openapi
from lapbell_evaluator.api.access import RoleCheck
from lapbell_evaluator.model import Role


def leaves(routes: Iterable[object]) -> Iterator[object]:
    """Routes, those of included routers too."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from [route] if included is None else leaves(included.routes)


ALL = list(leaves(documented_app("test").routes))
ROUTES = [route for route in ALL if isinstance(route, APIRoute)]
OPEN = {"/-/healthy", "/-/ready"}


def role_of(route: APIRoute) -> Role | None:
    """The role that a route's dependencies ask for."""
    checks = [dependency.call for dependency in route.dependant.dependencies]
    return max((check.role for check in checks if isinstance(check, RoleCheck)), default=None)


def test_every_route_declares_a_role():
    undeclared = [route.path for route in ROUTES if role_of(route) is None]
    public = {route.path for route in ROUTES if role_of(route) is Role.NOBODY}
    changing = {
        role_of(route) or Role.NOBODY for route in ROUTES if (route.methods or set()) & {"PUT", "DELETE", "PATCH"}
    }
    assert undeclared == []
    assert public == OPEN
    assert len(ROUTES) > 20
    assert min(changing) >= Role.EDITOR


def test_nothing_but_routes_answers():
    assert [route for route in ALL if not isinstance(route, APIRoute)] == []


async def test_without_a_token_a_proxied_caller_gets_nowhere(tmp_path):
    async with evaluator(tmp_path) as (client, _):
        answers = {
            (method, route.path): (
                await client.request(method, route.path.replace("{", "x").replace("}", "x"), headers={"Via": "1.1 x"})
            ).status_code
            for route in ROUTES
            if route.path not in OPEN
            for method in route.methods or ()
        }
    assert set(answers.values()) == {401}, {key: code for key, code in answers.items() if code != 401}


@pytest.mark.parametrize("path", sorted(OPEN))
async def test_health_is_for_everybody(tmp_path, path):
    async with evaluator(tmp_path) as (client, _):
        assert (await client.get(path, headers={"Via": "1.1 x"})).status_code == 200


def test_the_description_names_every_documented_route():
    documented = {route.path for route in ROUTES if route.include_in_schema}
    assert set(openapi("test")["paths"]) == documented
