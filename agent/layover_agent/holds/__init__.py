"""Holds: the agent's promise to keep recordings until they are released or a lease ends."""

from layover_agent.core.holding import Terms
from layover_agent.holds.holds import Holds
from layover_agent.holds.keeper import MAX_LEASE_S

__all__ = ["MAX_LEASE_S", "Holds", "Terms"]
