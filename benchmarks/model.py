"""Counts how often a real small language model makes a valid roadmap, and answers about it.

`make bench-model` runs it. The model is SmolLM2-135M behind llama.cpp's server, on one core.
"""

import statistics
import tempfile
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import httpx

from tests.support.model_trial import (
    QUESTIONS,
    Outcome,
    ask_question,
    make_roadmap,
    running_service,
)
from tests.support.real_model import RealModel, running_model
from tests.support.verdict import conclude

SEEDS = range(1, 21)
MIN_COMPLETE = 16


def make_roadmaps(client: httpx.Client, model: RealModel) -> list[Outcome]:
    """Make a roadmap for each seed, the first half of one week, the others of two."""
    print(f"{'seed':>4} {'weeks':>5} {'level':<13} {'seconds':>7} {'calls':>5}  goal, result")
    outcomes = []
    for seed in SEEDS:
        outcome = make_roadmap(client, model, seed, weeks=1 if seed <= len(SEEDS) / 2 else 2)
        request = outcome.request
        print(
            f"{seed:>4} {request.duration_weeks:>5} {request.level:<13} {outcome.seconds:>7.1f}"
            f" {outcome.calls:>5}  {request.goal}: {outcome.problem or 'complete'}",
            *outcome.faults,
            sep="\n     ",
            flush=True,
        )
        outcomes.append(outcome)
    return outcomes


def ask_questions(client: httpx.Client, roadmap_ids: Sequence[int]) -> list[str]:
    """Ask every question about one of the roadmaps, and return what is wrong."""
    faults = []
    for question, roadmap_id in zip(QUESTIONS, cycle(roadmap_ids), strict=False):
        faults += ask_question(client, roadmap_id, question)
    return faults


def main() -> int:
    """Print each generation, the figures, and the verdict, which is also the exit status."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running_model() as model,
        running_service(model, Path(directory)) as client,
    ):
        outcomes = make_roadmaps(client, model)
        complete = [outcome for outcome in outcomes if outcome.roadmap_id]
        unanswered = ask_questions(client, [o.roadmap_id for o in complete if o.roadmap_id])
    print(f"{len(complete)} of {len(outcomes)} roadmaps are complete and valid")
    if complete:
        print(f"{len(QUESTIONS) - len(unanswered)} of {len(QUESTIONS)} questions are answered")
        weeks = [outcome.request.duration_weeks for outcome in complete]
        seconds = statistics.median(o.seconds / w for o, w in zip(complete, weeks, strict=True))
        calls = statistics.median(o.calls / w for o, w in zip(complete, weeks, strict=True))
        print(f"per week: {seconds:.0f} s and {calls:.1f} calls (medians)")
    faults = [fault for outcome in outcomes for fault in outcome.faults] + unanswered
    if len(complete) < MIN_COMPLETE:
        faults.append(f"{len(complete)} of {len(outcomes)} roadmaps, not {MIN_COMPLETE}")
    return conclude(faults)


if __name__ == "__main__":
    raise SystemExit(main())
