"""What new generations and questions must fit into, from the settings."""

from dataclasses import dataclass

from src.domain.quotas import QuotaPolicies, quota_policies
from src.settings import Settings


@dataclass(frozen=True)
class UsageQuotas:
    """The quotas of generations and of questions, and what each reserves of the budget."""

    generations: QuotaPolicies
    questions: QuotaPolicies
    reserved_dollars_per_week: float
    reserved_dollars_per_question: float


def usage_quotas(settings: Settings) -> UsageQuotas:
    """Return the quotas that the settings name. The offline models reserve nothing."""
    is_free = settings.openai_api_key is None
    return UsageQuotas(
        generations=quota_policies(settings, "generation"),
        questions=quota_policies(settings, "question"),
        reserved_dollars_per_week=0 if is_free else settings.reserved_dollars_per_week,
        reserved_dollars_per_question=0 if is_free else settings.reserved_dollars_per_question,
    )
