"""A webhook service whose requests become spans and counters as the library makes them, and troubles put into it."""

from blame_kit.service import Failing, Request, Service
from blame_kit.troubles import Trouble, random_trouble

__all__ = ["Failing", "Request", "Service", "Trouble", "random_trouble"]
