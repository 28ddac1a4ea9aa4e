"""What the demo's processes agree on; the director hands it down through the environment."""

import os
from dataclasses import dataclass
from typing import Final

__all__ = ["ROUTE", "DemoSettings"]

ROUTE: Final = "/webhook/whatsapp"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """Read by the app, the worker and the traffic.

    Attributes:
        redis_url: where Redis is.
        public_url: the app's own address, which Twilio's signature covers.
        auth_token: the secret that signs webhooks.
    """

    redis_url: str
    public_url: str
    auth_token: str

    @classmethod
    def from_environment(cls) -> "DemoSettings":
        """What `environment` of the parent process wrote."""
        return cls(
            redis_url=os.environ.get("DEMO_REDIS_URL", "redis://127.0.0.1:6379/0"),
            public_url=os.environ.get("DEMO_PUBLIC_URL", "http://127.0.0.1:8000"),
            auth_token=os.environ.get("DEMO_AUTH_TOKEN", "demo-token"),
        )

    def environment(self) -> dict[str, str]:
        """For child processes."""
        return {
            "DEMO_REDIS_URL": self.redis_url,
            "DEMO_PUBLIC_URL": self.public_url,
            "DEMO_AUTH_TOKEN": self.auth_token,
        }
