from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from lapbell_evaluator.api import Access
from lapbell_evaluator.api.errors import install
from lapbell_evaluator.model import Role, Tokens

TOKENS = Tokens(((Role.INGEST, "in"), (Role.VIEWER, "view"), (Role.EDITOR, "edit"), (Role.ADMIN, "boss")))


def gate(*, allow_loopback: bool = True) -> FastAPI:
    app = FastAPI()
    access = Access(TOKENS, allow_loopback=allow_loopback, own_origin="https://lapbell.example")
    install(app)

    @app.get("/read")
    async def read(caller: Annotated[str, Depends(access.requires(Role.VIEWER))]) -> str:
        return caller

    @app.post("/change")
    async def change(caller: Annotated[str, Depends(access.requires(Role.ADMIN))]) -> str:
        return caller

    return app


async def ask(
    method: str, path: str, headers: dict[str, str], *, peer: str = "127.0.0.1", allow_loopback: bool = True
) -> tuple[int, str]:
    transport = httpx.ASGITransport(gate(allow_loopback=allow_loopback), client=(peer, 50000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8740", timeout=60) as client:
        response = await client.request(method, path, headers=headers)
    body = response.json()
    return response.status_code, body if isinstance(body, str) else body["code"]


@pytest.mark.parametrize(
    ("headers", "peer", "wanted"),
    [
        ({}, "127.0.0.1", (200, "loopback")),
        ({}, "::1", (200, "loopback")),
        ({}, "192.0.2.7", (401, "token_needed")),
        ({"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", (401, "token_needed")),
        ({"Via": "1.1 proxy"}, "127.0.0.1", (401, "token_needed")),
        ({"CF-Connecting-IP": "192.0.2.7"}, "127.0.0.1", (401, "token_needed")),
        ({"Host": "attacker.example"}, "127.0.0.1", (401, "token_needed")),
        ({"X_Forwarded_For": "127.0.0.1"}, "127.0.0.1", (401, "token_needed")),
        ({"Host": "localhost:8740"}, "127.0.0.1", (200, "loopback")),
        ({"Host": "[::1]:8740"}, "::1", (200, "loopback")),
        ({"Origin": "https://attacker.example"}, "127.0.0.1", (403, "foreign_origin")),
        ({"Origin": "http://127.0.0.1:8740"}, "127.0.0.1", (200, "loopback")),
        ({"Origin": "https://lapbell.example"}, "127.0.0.1", (200, "loopback")),
        ({"Authorization": "Bearer view"}, "192.0.2.7", (200, "viewer")),
        ({"Authorization": "Bearer boss"}, "192.0.2.7", (200, "admin")),
        ({"Authorization": "Bearer in"}, "127.0.0.1", (403, "role_too_low")),
        *(
            ({"Authorization": shown}, "127.0.0.1", (401, "token_needed"))
            for shown in ("Bearer wrong", "Basic dmlldw==", "view", "Bearer", "")
        ),
    ],
)
async def test_who_may_read(headers, peer, wanted):
    assert await ask("GET", "/read", headers, peer=peer) == wanted


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, (401, "token_needed")),
        ({"Authorization": "Bearer view"}, (403, "role_too_low")),
        ({"Authorization": "Bearer edit"}, (403, "role_too_low")),
        ({"Authorization": "bearer boss"}, (200, "admin")),
        ({"Authorization": "Basic boss"}, (401, "token_needed")),
    ],
)
async def test_changes_need_the_admin_token_even_from_loopback(headers, wanted):
    assert await ask("POST", "/change", headers) == wanted


async def test_of_two_tokens_none_is_taken():
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gate(allow_loopback=True)), base_url="http://127.0.0.1:8740", timeout=60
    ) as client:
        response = await client.get("/read", headers=[("Authorization", "Bearer view"), ("Authorization", "Bearer in")])
    assert response.status_code == 401


LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({"Sec-Fetch-Site": "cross-site"}, 401),
        ({"Sec-Fetch-Site": "same-site"}, 401),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, 401),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"} | LINK, 200),
        ({"Sec-Fetch-Site": "cross-site"} | LINK, 200),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "null"} | LINK, 403),
    ],
)
async def test_pages_of_other_sites_may_lead_here_but_not_ask(headers, wanted):
    assert (await ask("GET", "/read", headers))[0] == wanted


@pytest.mark.parametrize(
    "name",
    [
        *("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Prefix"),
        *("X-Forwarded-Client-Cert", "X-Forwarded", "Forwarded", "Via", "X-Real-IP", "X-Client-IP"),
        *("X-Envoy-External-Address", "X-Envoy-Expected-Rq-Timeout-Ms", "Fly-Client-IP", "Fly-Forwarded-Port"),
        *("CF-Connecting-IP", "CF-Ray", "CDN-Loop", "True-Client-IP", "Fastly-Client-IP", "X-Amzn-Trace-Id"),
        *("X-Original-Forwarded-For", "X-Cluster-Client-IP", "X-Azure-ClientIP", "X-Appengine-Country"),
        *("Tailscale-User-Login", "X-Vercel-Forwarded-For", "X-Scheme", "X-Original-URL"),
    ],
)
async def test_any_sign_of_a_proxy_ends_the_trust_in_loopback(name):
    assert await ask("GET", "/read", {name: "x"}) == (401, "token_needed")


async def test_loopback_can_be_made_to_show_a_token():
    assert await ask("GET", "/read", {}, allow_loopback=False) == (401, "token_needed")
