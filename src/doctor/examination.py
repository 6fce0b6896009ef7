"""The doctor's composition root: all checks, in the order of what needs what."""

import asyncio
import logging
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, contextmanager

import api
from src.doctor.database import check_database
from src.doctor.findings import Finding, wrong
from src.doctor.model import check_model
from src.doctor.network import Network
from src.doctor.settings import check_settings, explain_invalid
from src.doctor.sqlite import check_sqlite
from src.doctor.supabase_address import URL
from src.doctor.surroundings import check_clock, check_cors, check_proxies
from src.doctor.tokens import check_tokens
from src.domain.errors import SettingsError
from src.settings import Settings, load_settings

TOTAL_SECONDS = 60.0


async def examine(settings: Settings) -> AsyncGenerator[Finding, None]:
    """Yield all findings, each as soon as it is there."""
    network = Network()
    for finding in [*check_settings(settings), *check_proxies(settings)]:
        yield finding
    is_reached = True
    async for finding in _check_store(settings, network):
        yield finding
        is_reached = is_reached and not (finding.is_wrong and finding.subject == URL)
    if is_reached:  # otherwise it would say the same again
        async for finding in check_tokens(settings, network):
            yield finding
    async for finding in check_model(settings, network):
        yield finding
    for finding in check_cors(settings, api.CORS_ORIGINS):
        yield finding
    yield check_clock(network.clock_offsets)


async def _check_store(settings: Settings, network: Network) -> AsyncIterator[Finding]:
    url, key = settings.supabase_url, settings.supabase_service_role_key
    if url and key:
        async for finding in check_database(
            url, key.get_secret_value(), settings.store_timeout_seconds, network
        ):
            yield finding
    else:
        for finding in check_sqlite(settings.sqlite_path):
            yield finding


async def _examine_in_time() -> AsyncGenerator[Finding, None]:
    try:
        settings = load_settings()
    except SettingsError as error:
        for finding in explain_invalid(error):
            yield finding
        return
    try:
        async with asyncio.timeout(TOTAL_SECONDS), aclosing(examine(settings)) as findings:
            async for finding in findings:
                yield finding
    except TimeoutError:
        mend = "Run it again when the network and the servers are faster."
        yield wrong("doctor", f"not all could be checked within {TOTAL_SECONDS:.0f} s", mend)


async def _report() -> int:
    """Print the findings and a verdict; return how many things are wrong."""
    wrongs = 0
    async with aclosing(_examine_in_time()) as findings:
        async for finding in findings:
            wrongs += finding.is_wrong
            _print(str(finding))
    _print(f"FALLS SHORT: {wrongs} WRONG" if wrongs else "PASS")
    return wrongs


def main() -> int:
    """Examine what the environment and `.env` set; return the exit status, 1 if all is not well."""
    with _silent_logs():
        return 1 if asyncio.run(_report()) else 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


@contextmanager
def _silent_logs() -> Iterator[None]:
    """Keep the clients' logs out of the findings, which say the same."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        yield
    finally:
        logging.disable(before)
