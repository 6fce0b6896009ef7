"""The quotas: their sentences for learners, and the policies that the ledger enforces."""

from typing import get_args

import pytest

from src.domain.quotas import (
    ADDRESS_BUDGET_POLICY,
    BUDGET_POLICY,
    DAY_SECONDS,
    HOUR_SECONDS,
    EntryKind,
    Quota,
    QuotaPolicy,
    QuotaSettings,
    quota_policies,
    quota_sentence,
)

SETTINGS = QuotaSettings(
    generations_at_once=2,
    generations_per_hour=3,
    generations_per_day=5,
    questions_per_hour=7,
    learners_per_address=11,
    daily_budget_dollars=40,
    address_budget_share=0.25,
)

LIMITS = [
    ("generations-at-once", 4, "4 roadmaps at once"),
    ("generations-at-once", 1, "1 roadmap at once"),
    ("generations-per-hour", 20, "20 roadmaps per hour"),
    ("generations-per-hour", 1, "1 roadmap per hour"),
    ("generations-per-day", 60, "60 roadmaps per day"),
    ("questions-per-hour", 1_200, "1200 questions per hour"),
    ("questions-per-hour", 1, "1 question per hour"),
]
SENTENCES: dict[tuple[str, int | None], str] = {
    **{(name, most): f"You have reached the limit of {text}." for name, most, text in LIMITS},
    **{
        (f"{name}-of-an-address", most): f"Your network has reached the limit of {text}."
        for name, most, text in LIMITS
    },
    (BUDGET_POLICY, None): "The service has used up its budget for the language model for today.",
    (
        ADDRESS_BUDGET_POLICY,
        None,
    ): "Your network has used up its share of today's budget for the language model.",
}


def policies_of(entry: EntryKind) -> set[QuotaPolicy]:
    return set(quota_policies(SETTINGS, entry).limits)


def every_policy() -> set[str]:
    """Return the name of every policy that the ledger can refuse with."""
    kinds: tuple[EntryKind, ...] = get_args(EntryKind)
    limits = {policy.policy for entry in kinds for policy in policies_of(entry)}
    return limits | {BUDGET_POLICY, ADDRESS_BUDGET_POLICY}


def test_every_policy_has_a_sentence() -> None:
    """A learner who reaches a new limit has to read which one."""
    assert {key: quota_sentence(*key) for key in SENTENCES} == SENTENCES
    assert {policy for policy, _ in SENTENCES} == every_policy()


def test_unknown_policy_has_no_sentence() -> None:
    with pytest.raises(KeyError):
        quota_sentence("roadmaps-per-century", 1)


def test_policies_of_each_entry() -> None:
    """For a user as the setting says, for an address so many times that."""

    def both(policy: str, most: int, window_seconds: int | None) -> set[QuotaPolicy]:
        user = QuotaPolicy(policy=policy, scope="user", most=most, window_seconds=window_seconds)
        update = {"policy": f"{policy}-of-an-address", "scope": "client", "most": most * 11}
        return {user, user.model_copy(update=update)}

    assert policies_of("generation") == (
        both("generations-at-once", 2, None)
        | both("generations-per-hour", 3, HOUR_SECONDS)
        | both("generations-per-day", 5, DAY_SECONDS)
    )
    assert policies_of("question") == both("questions-per-hour", 7, HOUR_SECONDS)


def test_budgets() -> None:
    """They are the same for generations and questions, which share them."""
    kinds: tuple[EntryKind, ...] = get_args(EntryKind)
    for entry in kinds:
        policies = quota_policies(SETTINGS, entry)
        assert (policies.budget_dollars, policies.address_budget_dollars) == (40, 10)


def test_every_quota_becomes_two_policies() -> None:
    """Declaring the field is enough: nothing else has to list it."""
    declared = {
        name.replace("_", "-")
        for name, field in QuotaSettings.model_fields.items()
        if any(isinstance(each, Quota) for each in field.metadata)
    }
    assert len(declared) == 4
    enforced = every_policy() - {BUDGET_POLICY, ADDRESS_BUDGET_POLICY}
    assert enforced == declared | {f"{policy}-of-an-address" for policy in declared}
