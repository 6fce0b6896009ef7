"""How much learners may ask for, from the settings."""

from dataclasses import dataclass

from src.domain.quotas import DAY_SECONDS, HOUR_SECONDS, Bounds, Limit
from src.settings import Settings


@dataclass(frozen=True)
class Allowances:
    """What new generations and new questions have to keep to, and what they are counted with."""

    generations: Bounds
    questions: Bounds
    dollars_per_week: float
    dollars_per_question: float


def allowances_of(settings: Settings) -> Allowances:
    """Return the allowances that the settings grant."""
    per_hour, per_day = settings.generations_per_hour, settings.generations_per_day
    generations = (
        ("generations-at-once", settings.generations_at_once, None),
        ("generations-per-hour", per_hour, HOUR_SECONDS),
        ("generations-per-day", per_day, DAY_SECONDS),
    )
    questions = (("questions-per-hour", settings.questions_per_hour, HOUR_SECONDS),)

    def bounds(*limits: tuple[str, int, int | None]) -> Bounds:
        of_users = [
            Limit(policy=policy, scope="user", most=most, window_seconds=window)
            for policy, most, window in limits
        ]
        of_addresses = [
            limit.model_copy(
                update={
                    "policy": f"{limit.policy}-of-an-address",
                    "scope": "client",
                    "most": limit.most * settings.learners_per_address,
                }
            )
            for limit in of_users
        ]
        return Bounds(
            limits=(*of_users, *of_addresses),
            budget_dollars=settings.daily_budget_dollars,
            address_budget_dollars=settings.daily_budget_dollars * settings.address_budget_share,
        )

    is_free = settings.openai_api_key is None  # nobody has to pay for the offline models
    return Allowances(
        generations=bounds(*generations),
        questions=bounds(*questions),
        dollars_per_week=0 if is_free else settings.reserved_dollars_per_week,
        dollars_per_question=0 if is_free else settings.reserved_dollars_per_question,
    )
