"""The stand-in by hand, from the command line."""

import argparse
import contextlib
import sys
import threading

from tests.support.standin import OpenRouterStandIn, Pace
from tests.support.standin.misbehaviours import MISBEHAVIOURS


def main() -> None:
    """Serve until interrupted."""
    pace = Pace()
    parser = argparse.ArgumentParser(description="A stand-in for OpenRouter.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9100)
    parser.add_argument("--api-key", default="stand-in")
    parser.add_argument("--no-key-check", action="store_true", help="accept every key")
    parser.add_argument("--first-token", type=float, default=pace.first_token, help="seconds")
    parser.add_argument(
        "--tokens-per-second", type=float, default=pace.tokens_per_second, help="0: at once"
    )
    parser.add_argument("--max-output-tokens", type=int, default=pace.max_output_tokens)
    parser.add_argument("--fail", nargs="+", default=[], choices=sorted(MISBEHAVIOURS))
    parser.add_argument("--share", type=float, default=1.0, help="the share of calls that fail")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    standin = OpenRouterStandIn(
        api_key=options.api_key,
        check_key=not options.no_key_check,
        pace=Pace(
            first_token=options.first_token,
            tokens_per_second=options.tokens_per_second,
            max_output_tokens=options.max_output_tokens,
        ),
        host=options.host,
        port=options.port,
    )
    if options.fail:
        standin.script.spoil(options.share, options.fail, options.seed)
    with standin, contextlib.suppress(KeyboardInterrupt):
        sys.stdout.write(
            f"Listening on {standin.url}. Start the service with:\n"
            f"OPENAI_BASE_URL={standin.base_url} OPENAI_API_KEY={standin.api_key}\n"
        )
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
