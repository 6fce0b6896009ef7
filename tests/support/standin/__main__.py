"""The stand-in by hand, from the command line."""

import argparse
import contextlib
import sys
import threading

from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.dialects import DIALECTS, DialectStandIn


def main() -> None:
    """Serve until interrupted."""
    pace = Pace()
    parser = argparse.ArgumentParser(description="A stand-in for OpenRouter.")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--first-token", type=float, default=pace.first_token, help="seconds")
    parser.add_argument(
        "--tokens-per-second", type=float, default=pace.tokens_per_second, help="0: at once"
    )
    parser.add_argument(
        "--dialect", choices=sorted(DIALECTS), metavar="NAME", help="of another server; has no pace"
    )
    options = parser.parse_args()
    standin = OpenRouterStandIn(
        pace=Pace(first_token=options.first_token, tokens_per_second=options.tokens_per_second),
        port=options.port,
    )
    if options.dialect:
        standin = DialectStandIn(DIALECTS[options.dialect], port=options.port)
    with standin, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(
            f"Listening on {standin.url}. Start the service with:\n"
            f"OPENAI_BASE_URL={standin.base_url} OPENAI_API_KEY={standin.api_key}\n"
        )
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
