"""An evaluator under load for long: honest services, pods that come and go, and clients that mean harm beside them."""

from soak_kit.fleet import Fleet, Service
from soak_kit.hostile import hostile
from soak_kit.memory import resident_bytes

__all__ = ["Fleet", "Service", "hostile", "resident_bytes"]
