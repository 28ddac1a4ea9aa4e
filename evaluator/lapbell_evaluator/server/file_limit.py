"""How many files this process may have open: every connection is one."""

import resource
from typing import Final

__all__ = ["connections_that_fit"]

_OWN_FILES: Final = 256  # databases, history, pollers, rule files, connections that leave


def connections_that_fit(wanted: int) -> int:
    """As many connections as there may be, up to `wanted`; the soft limit is raised towards the hard one for them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    needed = wanted + _OWN_FILES
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(min(wanted, soft - _OWN_FILES), 1)
