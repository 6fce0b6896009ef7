"""What explorations come to, in lines to print."""

from tests.support.conformance.exploration import Explored

LEAST_CASES = 2_000
"""On both stores together."""


def figures(found: dict[str, Explored]) -> list[str]:
    """Return a line for each exploration."""
    return [
        f"{name:>15} {each.cases:6} cases {len(each.failures):4} failures {each.seconds:5.0f} s"
        for name, each in found.items()
    ]


def shortfalls(found: dict[str, Explored], least_cases: int = LEAST_CASES) -> list[str]:
    """Return what the explorations fall short of, in a sentence each."""
    faults = [f"{name}: {failure}" for name, each in found.items() for failure in each.failures]
    cases = found["sqlite"].cases + found["supabase"].cases
    if cases < least_cases:
        faults.append(f"{cases} cases on both stores, fewer than {least_cases}")
    return faults
