"""Whether a request comes from this machine, and from nobody who only stands behind something on it."""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from typing import Final

__all__ = ["is_loopback", "is_own_machine"]

_PROXY_HEADERS: Final = frozenset(
    {
        "cdn-loop",
        "fastly-client-ip",
        "forwarded",
        "proxy-connection",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-host",
        "x-original-host",
        "x-original-url",
        "x-proxyuser-ip",
        "x-real-ip",
        "x-real-port",
        "x-remote-addr",
        "x-remote-ip",
        "x-rewrite-url",
        "x-scheme",
    }
)
_PROXY_FAMILIES: Final = (
    "cf-",
    "fly-",
    "tailscale-",
    "x-amzn-",
    "x-appengine-",
    "x-arr-",
    "x-azure-",
    "x-envoy-",
    "x-forwarded",
    "x-original-forwarded",
    "x-vercel-",
)
_OF_PROXIES: Final = frozenset({"0.9", "1.0"})
_GRPC: Final = "2"
_OTHER_SITES: Final = frozenset({"cross-site", "same-site"})


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine alone."""
    name = host.strip("[]")
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def is_own_machine(peer: str, headers: Iterable[tuple[str, str]], http_version: str = "1.1") -> bool:
    """Whether a request comes from this machine itself, not through a proxy and not by a page of another site.

    Args:
        peer: the address that the connection comes from.
        headers: names in lower case, and values.
        http_version: in which it asks. What asks in 1.0 or 0.9 today is a proxy: nginx before 1.29.7, which leaves no
            other sign and even writes our own address as the host.
    """
    present = [(name.replace("_", "-"), value) for name, value in headers]
    hosts = [value for name, value in present if name == "host"]
    by_name = dict(present)
    return (
        is_loopback(peer)
        and _asks_this_machine(hosts, http_version)
        and not _is_proxied(by_name)
        and not _is_of_another_site(by_name)
    )


def _asks_this_machine(hosts: Sequence[str], http_version: str) -> bool:
    """Whether the one host that is named is this machine; of several, or of none in HTTP/1.1, nobody knows."""
    if http_version == _GRPC and not hosts:
        return True
    if http_version in _OF_PROXIES or len(hosts) != 1:
        return False
    (host,) = hosts
    return is_loopback(host.rpartition(":")[0] if ":" in host.rpartition("]")[2] else host)


def _is_proxied(headers: Mapping[str, str]) -> bool:
    """Whether a proxy left a sign; some leave none, see docs/security.md."""
    return any(name in _PROXY_HEADERS or name.startswith(_PROXY_FAMILIES) for name in headers)


def _is_of_another_site(headers: Mapping[str, str]) -> bool:
    """Whether a page of another site asks through somebody's browser on this machine.

    A link that a person follows may come from anywhere: the page that holds it never sees the answer.
    Source: web.dev, "Protect your resources from web attacks with Fetch Metadata".
    """
    is_followed_link = (
        headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and "origin" not in headers
    )
    return headers.get("sec-fetch-site", "").lower() in _OTHER_SITES and not is_followed_link
