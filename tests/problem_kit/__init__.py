"""Incidents that may explain each other, and a service that has them."""

from problem_kit.incidents import incident
from problem_kit.shop import CHAT, START, Lives, Shop, World, firing, shop

__all__ = ["CHAT", "START", "Lives", "Shop", "World", "firing", "incident", "shop"]
