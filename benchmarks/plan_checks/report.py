"""The tables that a run prints."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.plans import Goal
from benchmarks.plan_checks.repetition import MOST_SHARED, Stamps, pairs, shared_tasks
from benchmarks.plan_checks.verdict import Verdict, share

EXAMPLES = 3
WIDTH = 160


@dataclass(frozen=True)
class Judged:
    """A goal, the verdicts on its plan by check, and what other plans are compared by."""

    goal: Goal
    verdicts: Mapping[str, Verdict]
    stamps: Stamps
    day_one: tuple[str, ...]
    """The tasks of the plan's first day."""


def rows(judged: Sequence[Judged], group: str) -> Iterator[tuple[str, list[Judged]]]:
    """Yield the plans by a field of their goals, in the order in which the values come up."""
    by_value: dict[str, list[Judged]] = defaultdict(list)
    for one in judged:
        by_value[str(getattr(one.goal, group))].append(one)
    yield from by_value.items()


def print_groups(judged: Sequence[Judged]) -> None:
    """Print how many plans pass each check, by kind of goal, by weeks, level and hours."""
    print(f"{'plans that pass':<22}" + "".join(f"{name:>13}" for name in CHECKS))
    for group in ("kind", "weeks", "level", "hours"):
        print(f"-- by {group}")
        for name, plans in rows(judged, group):
            print(f"{name:<15}{len(plans):>4}   " + "".join(_cells(plans)))
    for name, known in (("known subjects", True), ("unknown ones", False)):
        plans = [one for one in judged if one.goal.is_known is known]
        print(f"{name:<15}{len(plans):>4}   " + "".join(_cells(plans)))


def _cells(plans: Sequence[Judged]) -> Iterator[str]:
    for check in CHECKS:
        verdicts = [one.verdicts[check] for one in plans if check in one.verdicts]
        passed = sum(verdict.passed for verdict in verdicts)
        yield f"{f'{passed}/{len(verdicts)}' if verdicts else '-':>13}"


def print_figures(judged: Sequence[Judged]) -> None:
    """Print each check's threshold, the mean and the extremes of its figure, and some faults."""
    for name, check in CHECKS.items():
        verdicts = [(one, one.verdicts[name]) for one in judged if name in one.verdicts]
        figures = sorted(verdict.figure for _, verdict in verdicts)
        failed = [(one, verdict) for one, verdict in verdicts if not verdict.passed]
        if not figures:
            continue
        passed = f"{len(figures) - len(failed)} of {len(figures)} plans pass"
        mean = sum(figures) / len(figures)
        print(
            f"{name} ({check.threshold}): {passed}; {check.figure}: mean {mean:.2f},"
            f" {figures[0]:.2f} to {figures[-1]:.2f}"
        )
        for one, verdict in failed[:: max(1, len(failed) // EXAMPLES)][:EXAMPLES]:
            shape = f"{one.goal.weeks} weeks, {one.goal.hours:g} h, {one.goal.level}"
            fault = verdict.faults[0] if verdict.faults else "an empty plan"
            print(f"    {one.goal.goal[:40]} ({shape}): {fault}"[:WIDTH])


def compare_subjects(judged: Sequence[Judged]) -> list[str]:
    """Print how many tasks plans for two subjects share, and return the faults.

    Two unknown subjects are printed, and not judged: what can be said of them is the same.
    """
    shared: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for one, other in pairs([judged_plan.stamps for judged_plan in judged]):
        both_unknown = not one.goal.is_known and not other.goal.is_known
        names = f"{one.goal.goal[:40]} | {other.goal.goal[:40]}"
        shared[not both_unknown].append((shared_tasks(one, other), names))
    for is_judged, found in shared.items():
        if found:
            worst = max(found)
            over = sum(part > MOST_SHARED for part, _ in found)
            print(
                f"two {'subjects' if is_judged else 'unknown subjects (not judged)'}, same length"
                f" and level (<= {MOST_SHARED:.0%} of tasks the same): {over} of {len(found)} pairs"
                f" share more; most {worst[0]:.0%} ({worst[1]})"
            )
    over = sum(part > MOST_SHARED for part, _ in shared[True])
    return [f"two subjects: {over} of {len(shared[True])} pairs share too much"] if over else []


def shortfalls(judged: Iterable[Judged]) -> list[str]:
    """Return for each check how many of the plans that it concerns fail."""
    failed: dict[str, int] = defaultdict(int)
    whole: dict[str, int] = defaultdict(int)
    for one in judged:
        for name, verdict in one.verdicts.items():
            whole[name] += 1
            failed[name] += not verdict.passed
    return [f"{name}: {failed[name]} of {whole[name]} plans" for name in CHECKS if failed[name]]


def print_catches(catches: Mapping[tuple[str, str], tuple[int, int]]) -> list[str]:
    """Print how many injected faults each check found, and return the checks that miss some.

    `catches` has for each check and kind of fault how many were found, and how many injected.
    """
    print(f"{'faults injected into good plans':<55}{'caught':>10}")
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for (check, fault), (caught, injected) in catches.items():
        print(f"{f'{check}: {fault}':<55}{f'{caught}/{injected}':>10}")
        totals[check][0] += caught
        totals[check][1] += injected
    return [
        f"{check} finds {caught} of {injected} faults"
        for check, (caught, injected) in totals.items()
        if share(caught, injected) < LEAST_CAUGHT
    ]


LEAST_CAUGHT = 0.95
