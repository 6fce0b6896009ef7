"""The tests' own data plane: nothing that an earlier test has sent lands after a reset."""

import asyncio
from contextlib import closing

import psycopg
import pytest

from src.domain.errors import StoreTooSlowError
from tests.contract.test_quotas import begin, request_of, somebody
from tests.support.backends import count
from tests.support.data_plane import DataPlane, open_store
from tests.support.fault_proxy import Fault
from tests.support.plans import UNBOUNDED


async def give_up_a_begin(plane: DataPlane) -> None:
    async with open_store(plane.url, plane.service_key, seconds=0.2) as store:
        with pytest.raises(StoreTooSlowError):
            await begin(store, request_of(somebody()), UNBOUNDED)


async def test_reset_drops_what_the_proxy_holds(data_plane: DataPlane) -> None:
    data_plane.proxy.inject(Fault.DELAY, lambda _: True)
    await give_up_a_begin(data_plane)
    data_plane.reset()
    data_plane.proxy.release()
    await data_plane.proxy.settled()
    assert count(data_plane, "generations") == 0


async def test_reset_waits_for_what_the_database_works_on(data_plane: DataPlane) -> None:
    with closing(psycopg.connect(data_plane.database.uri())) as other:
        other.execute("select pg_advisory_xact_lock(hashtext('momentum-ai: the ledger'))")
        await give_up_a_begin(data_plane)
        resetting = asyncio.create_task(asyncio.to_thread(data_plane.reset))
        await asyncio.sleep(0.2)
        other.rollback()
        await resetting
    await data_plane.proxy.settled()
    assert count(data_plane, "generations") == 0
