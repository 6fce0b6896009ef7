"""Moments as servers state them."""

import time


def milliseconds_from_now(seconds: float) -> str:
    """Return a moment as OpenRouter states it in `X-RateLimit-Reset`."""
    return str(int((time.time() + seconds) * 1000))
