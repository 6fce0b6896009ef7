"""How many requests of one user and of one address follow generations at once."""

from contextlib import ExitStack
from uuid import uuid4

import pytest

from src.domain.errors import LimitReachedError
from src.domain.quotas import FollowerLimits, QuotaSettings, Requester, follower_limits
from src.services.generation.places import FollowerPlaces
from src.web.problem_texts import text_of

LIMITS = FollowerLimits(per_user=2, per_address=3)


def requester(address: str = "here") -> Requester:
    return Requester(user_id=uuid4(), client_key=address)


def test_one_user_has_so_many_places_at_one_address() -> None:
    """The same user at another address, and another user at the same one, have their own."""
    places, ana = FollowerPlaces(LIMITS), requester()
    with places.take(ana), places.take(ana):
        with pytest.raises(LimitReachedError) as refused, places.take(ana):
            pass
        assert (refused.value.policy, refused.value.most) == ("followers-at-once", 2)
        with places.take(ana.model_copy(update={"client_key": "there"})), places.take(requester()):
            assert places.taken == 4
    assert places.taken == 0


def test_all_users_of_an_address_share_its_places() -> None:
    places = FollowerPlaces(LIMITS)
    with ExitStack() as taken:
        for _ in range(3):
            taken.enter_context(places.take(requester()))
        with pytest.raises(LimitReachedError) as refused:
            places.check(requester())
        assert (refused.value.policy, refused.value.most) == ("followers-at-once-of-an-address", 3)
        places.check(requester("there"))
    places.check(requester())


def test_place_is_given_back_after_an_error() -> None:
    places, ana = FollowerPlaces(LIMITS), requester()
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.take(ana):
            _ = 1 / 0
    assert places.taken == 0


def test_refusal_says_what_to_do() -> None:
    """It names the limit, and that the roadmap may still be finished."""
    error = LimitReachedError("followers-at-once", most=10)
    error.generation_id = uuid4()
    text = text_of(error)
    assert (text.status, text.retry_after) == (429, 10)
    assert text.detail.startswith(
        "You wait for roadmaps with 10 requests already, which is the limit."
        " Try again when one of them is finished."
    )
    assert "may still be finished" in text.detail


def test_address_has_the_places_of_so_many_learners() -> None:
    limits = follower_limits(QuotaSettings(learners_per_address=7))
    assert (limits.per_user, limits.per_address) == (10, 70)
