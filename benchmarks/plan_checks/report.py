"""The tables that a run prints."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from benchmarks.plan_checks.checks import CHECKS
from benchmarks.plan_checks.faults import Catch
from benchmarks.plan_checks.plans import Goal
from benchmarks.plan_checks.repetition import MOST_SHARED, Stamps
from benchmarks.plan_checks.verdict import Verdict, share

EXAMPLES = 3
LEAST_CAUGHT = 0.95
WIDTH = 160


@dataclass(frozen=True)
class Judged:
    """A goal, the verdicts on its plan by check, and what other plans are compared by."""

    goal: Goal
    verdicts: Mapping[str, Verdict]
    stamps: Stamps


def rows(judged: Sequence[Judged], group: str) -> Iterator[tuple[str, list[Judged]]]:
    """Yield the plans by a field of their goals: numbers in order, others as they come up."""
    by_value: dict[str | float, list[Judged]] = defaultdict(list)
    for one in judged:
        by_value[getattr(one.goal, group)].append(one)
    in_order = sorted(by_value) if group in {"weeks", "hours"} else by_value
    for value in in_order:
        yield str(value), by_value[value]


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


def print_pairs(compared: Iterable[tuple[Goal, Goal, float]]) -> list[str]:
    """Print how many tasks plans for two subjects share, and return the faults.

    `compared` has pairs of goals, and the share of tasks that their plans have in common. Two
    unknown subjects are printed, and not judged: what can be said of them is the same.
    """
    shared: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for one, other, part in compared:
        is_judged = one.is_known or other.is_known
        shared[is_judged].append((part, f"{one.goal[:40]} | {other.goal[:40]}"))
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


def print_catches(catches: Iterable[Catch]) -> list[str]:
    """Print how many injected faults each check found, and return the checks that miss some."""
    found: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for catch in catches:
        found[catch.check, catch.fault].append(catch.caught)
    print(f"{'faults injected into good plans':<60}{'caught':>10}")
    faults = []
    for check in CHECKS:
        own = {fault: caught for (name, fault), caught in found.items() if name == check}
        for fault, caught in own.items():
            print(f"{f'{check}: {fault}':<60}{f'{sum(caught)}/{len(caught)}':>10}")
        every = list(chain.from_iterable(own.values()))
        if share(sum(every), len(every)) < LEAST_CAUGHT:
            faults.append(f"{check} finds {sum(every)} of {len(every)} faults")
    return faults
