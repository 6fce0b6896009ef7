"""The quotas of this deployment, from its settings."""

from dataclasses import dataclass

from src.domain.quotas import QuotaPolicies, quota_policies
from src.settings import Settings


@dataclass(frozen=True)
class UsageQuotas:
    """What limits generations and questions, and what each reserves of the budget."""

    generations: QuotaPolicies
    questions: QuotaPolicies
    reserved_dollars_per_week: float
    reserved_dollars_per_question: float


def usage_quotas(settings: Settings) -> UsageQuotas:
    """Return the quotas that the settings describe. The offline models reserve nothing."""
    is_free = settings.openai_api_key is None
    return UsageQuotas(
        generations=quota_policies(settings, "generation"),
        questions=quota_policies(settings, "question"),
        reserved_dollars_per_week=0 if is_free else settings.reserved_dollars_per_week,
        reserved_dollars_per_question=0 if is_free else settings.reserved_dollars_per_question,
    )
