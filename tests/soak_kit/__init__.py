"""An evaluator under load for long: honest services, pods that come and go, and clients that mean harm beside them."""

from soak_kit.fleet import Fleet, Service
from soak_kit.hostile import hostile
from soak_kit.usage import processor_s, resident_bytes

__all__ = ["Fleet", "Service", "hostile", "processor_s", "resident_bytes"]
