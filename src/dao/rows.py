"""Planned parts, as both databases keep them."""

from pydantic import ValidationError

from src.domain.errors import StoreMisconfiguredError
from src.domain.generation import PART_KINDS, PlannedPart


def parse_part(kind: str, part: object) -> PlannedPart:
    """Return the part that was kept as this kind and value.

    Raises:
        StoreMisconfiguredError: another version of this service kept it, in another shape.
    """
    try:
        return PART_KINDS[kind].model_validate(part)
    except (KeyError, ValidationError):
        # Without the error's text: it quotes what is planned for a learner.
        raise StoreMisconfiguredError("a kept part does not fit") from None
