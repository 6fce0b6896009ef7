"""What a fault is."""

from collections.abc import Callable
from random import Random

from benchmarks.plan_checks.plans import Plan

Fault = Callable[[Plan, Random], Plan | None]

GENERAL = (
    "Spend the time on whatever seems useful today, and be patient with yourself.",
    "Try out something small that is new to you, then change one part of it.",
    "Do the exercise that you like best, slowly and with full attention.",
    "Put together what went well so far, and show it to somebody whom you trust.",
)
"""Tasks that would fit any subject."""
