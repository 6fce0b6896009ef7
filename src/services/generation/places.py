"""The places of those who follow generations in this process."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar
from uuid import UUID

from src.domain.errors import LimitReachedError
from src.domain.quotas import ADDRESS_FOLLOWERS_POLICY, FOLLOWERS_POLICY, FollowerLimits, Requester

K = TypeVar("K")


class FollowerPlaces:
    """Limits how many requests of one user, and of one address, follow generations at once.

    Without that, one client could open as many streams as this process can hold.
    """

    def __init__(self, limits: FollowerLimits) -> None:
        self._limits = limits
        self._of_users: Counter[tuple[UUID, str]] = Counter()
        self._of_addresses: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """How many requests follow generations now."""
        return self._of_addresses.total()

    def check(self, requester: Requester) -> None:
        """Check that one more place is free.

        Raises:
            LimitReachedError: the user, at this address, or the address has taken all its places.
        """
        for taken, most, policy in (
            (self._of_users[_user_key(requester)], self._limits.per_user, FOLLOWERS_POLICY),
            (
                self._of_addresses[requester.client_key],
                self._limits.per_address,
                ADDRESS_FOLLOWERS_POLICY,
            ),
        ):
            if taken >= most:
                raise LimitReachedError(policy, most=most)

    @contextmanager
    def take(self, requester: Requester) -> Iterator[None]:
        """Hold a place while in the context; raises what `check` raises."""
        self.check(requester)
        self._of_users[_user_key(requester)] += 1
        self._of_addresses[requester.client_key] += 1
        try:
            yield
        finally:
            _decrement(self._of_users, _user_key(requester))
            _decrement(self._of_addresses, requester.client_key)


def _user_key(requester: Requester) -> tuple[UUID, str]:
    # With the address: without tokens anybody may name any user, and must not take their places.
    return requester.user_id, requester.client_key


def _decrement(counter: Counter[K], key: K) -> None:
    """Count one less, and forget a key that counts nothing."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
