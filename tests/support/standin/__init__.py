"""A stand-in for OpenRouter: chat completions over HTTP on a real socket, and its misbehaviours.

In a test:

    with OpenRouterStandIn() as standin:
        standin.script.fail_next("status_429")
        client = AsyncOpenAI(base_url=standin.base_url, api_key=standin.api_key)

It runs in a thread and loop of its own, so a service that blocks its loop cannot starve it. By
hand, for a service that has no key: `python -m tests.support.standin --port 9100`. From other
processes: `POST /_control/script` and `GET /_control/summaries`.

`misbehaviours` has the faults of models and of OpenRouter, `oddities` what single answers of other
servers look like, and `dialects` whole servers, each with what it always refuses.
"""

from tests.support.standin.completion import Pace
from tests.support.standin.server import OpenRouterStandIn

__all__ = ["OpenRouterStandIn", "Pace"]
