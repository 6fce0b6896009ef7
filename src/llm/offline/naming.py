"""A name for a subject that has no curriculum."""


def name_without_curriculum(goal: str, language: str | None) -> str:
    return "your subject"
