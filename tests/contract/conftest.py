"""The stores that the contract suite runs on."""

from collections.abc import AsyncIterator

import pytest

from src.dao import Store
from tests.support.backends import Backend


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    store = await backend.open()
    yield store
    await store.close()


@pytest.fixture
async def other_store(backend: Backend, store: Store) -> AsyncIterator[Store]:  # noqa: ARG001  order
    """Open a second store on the same database, as another process has."""
    other = await backend.open()
    yield other
    await other.close()
