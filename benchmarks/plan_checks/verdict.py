"""What a check says of a plan."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether a plan passes, the figure that decides it, and what is wrong, a sentence each."""

    passed: bool
    figure: float
    faults: tuple[str, ...] = ()


def share(part: int, whole: int) -> float:
    """Return a share between 0 and 1; of nothing it is 0."""
    return part / whole if whole else 0.0
