"""What the offline planner teaches: five phases, their topics, and six aspects of each topic.

Every topic fits whatever is being learned. Its aspects go from the easy to the demanding, so that
a level is served by taking them from the start, the middle or the end.
"""

from dataclasses import dataclass
from typing import Literal

from src.domain.vocabulary import Level

Phase = Literal["foundations", "core", "applied", "project", "consolidation"]

PHASES: tuple[Phase, ...] = ("foundations", "core", "applied", "project", "consolidation")

WEEKS_OF_A_YEAR: dict[Level, tuple[int, ...]] = {
    "beginner": (12, 14, 11, 10, 5),
    "intermediate": (10, 14, 12, 11, 5),
    "advanced": (8, 14, 12, 12, 6),
}
"""How many of 52 weeks each phase takes; shorter plans keep the proportion."""

SHORT_PLANS: dict[int, tuple[tuple[Phase, ...], ...]] = {
    1: (("foundations", "foundations", "core", "applied", "project", "project"),),
    2: (("foundations", "core", "core"), ("applied", "project", "consolidation")),
    3: (
        ("foundations", "foundations", "core"),
        ("core", "applied", "applied"),
        ("project", "project", "consolidation"),
    ),
    4: (
        ("foundations", "foundations", "foundations"),
        ("core", "core", "core"),
        ("applied", "applied", "project"),
        ("project", "project", "consolidation"),
    ),
}
"""The phase of each topic, week by week, where there are fewer weeks than phases.

A plan of a single week consolidates on its last day.
"""

BY_IMPORTANCE: dict[Phase, tuple[int, ...]] = {
    "foundations": (2, 3, 4, 1, 0, 5, 7, 9, 8, 6, 10, 11),
    "core": (0, 5, 7, 2, 3, 4, 8, 11, 1, 6, 10, 12, 9, 13),
    "applied": (0, 2, 7, 3, 6, 11, 1, 4, 8, 10, 5, 9),
    "project": (2, 10, 0, 3, 1, 5, 7, 8, 4, 9, 6, 11),
    "consolidation": (1, 3, 0, 2, 5, 4),
}
"""Which topics stay, by their position, where a plan has no room for all of them."""


@dataclass(frozen=True)
class Topic:
    """A facet of whatever is being learned, and its aspects from easy to demanding."""

    phase: Phase
    name: str
    aspects: tuple[str, ...]


_TABLE: dict[Phase, str] = {
    "foundations": """
the big picture
    the results that a newcomer can reach in a month
    the main areas and how they hang together
    three typical results of growing size
    the usual route from newcomer to confident
    the parts that can safely be left out for now
    the standard that separates good work from average work
the tools you need
    the one tool to begin with
    a tidy place to work and a quick way to start
    the everyday handling of the main tool
    the settings that are worth changing early
    where to find help when a tool misbehaves
    the choice between two tools for the same job
the key terms
    the ten terms that come up first
    the terms that name parts and things
    the terms that name actions
    everyday words that have a special meaning here
    terms that look alike but differ
    precise definitions of the main terms
the first worked example
    the steps of one simple worked example
    the purpose of each step in a worked example
    a second worked example of the same kind
    the effect of changing one step
    what two worked examples have in common
    the reasoning that runs through a whole example
the basic building blocks
    the smallest useful building block
    the building blocks that are used most
    the way two building blocks are joined
    building blocks that are easily confused
    the best order for putting blocks together
    a complete small whole made of basic blocks
the basic rules
    the rule that is used most often
    rules about order and form
    the reason behind a basic rule
    a quick check that a rule was kept
    a rule and its best-known exception
    two rules that act on each other
good habits from the start
    a short warm-up that always works
    slow and exact work before fast work
    notes that are still useful in a month
    a check before every next step
    a good point at which to stop for the day
    an honest learning log
typical first mistakes
    the mistake that nearly everyone makes first
    early signs that something is going wrong
    a calm way to put a mistake right
    the cause behind a mistake that keeps returning
    a short checklist against your own mistakes
    mistakes that even experienced people make
how to follow an example
    following an example one step at a time
    the essential and the incidental parts of an example
    predicting the next step of an example
    the pattern behind several examples
    adapting an example to a new purpose
    judging whether an example is a good one
the first guided exercises
    exercises that can be done with a model at hand
    exercises with one missing step
    exercises with a deliberate mistake to find
    exercises in which only the result is given
    exercises that join two earlier ones
    exercises that you set for yourself
asking good questions
    the question behind the feeling of being stuck
    a question that can be answered in one sentence
    places where good answers are found
    telling a good answer from a poor one
    a small experiment that answers a question
    questions to which there is no single right answer
the first steps without help
    a familiar task without any instructions
    getting started when nothing is prepared
    the moment at which to look something up
    a small decision of your own
    recovering from a wrong turn alone
    an honest check of the first independent result
""",
    "core": """
the central technique
    the simplest form of the central technique
    the preparation that the central technique needs
    the hardest moment in the central technique
    the central technique at a slow and steady pace
    the central technique in three different settings
    the limits of the central technique
the second technique
    the situations that call for a second technique
    the first steps of the second technique
    the differences between the first and the second technique
    switching from one technique to the other
    the second technique without a model
    the side effects of choosing the second technique
structure
    the beginning and the end of good work
    a useful size for each part
    the links between neighbouring parts
    an outline made before the work begins
    restructuring something that has grown untidy
    two structures for the same content
patterns that return
    the pattern that you have met most often
    recognising a pattern in unfamiliar material
    a pattern and its usual variations
    a collection of patterns worth remembering
    a pattern used in the wrong place
    breaking a pattern on purpose
accuracy
    the details that must always be right
    a slow run with full attention
    a way to measure your accuracy
    the errors that hide in routine work
    accuracy when several things happen at once
    accuracy under light pressure
combining what you know
    two simple skills used together
    the order in which skills are combined
    a combination that saves effort
    three skills in one exercise
    skills that get in each other's way
    a combination that you have not seen before
working from memory
    the parts that you must know by heart
    cues that bring back a whole sequence
    a sequence recalled without notes
    gaps in memory and how to bridge them
    understanding in place of memorising
    recall after a long pause
finding faults
    the first place to look for a fault
    halving the search for a fault
    a fault reproduced on purpose
    the difference between a symptom and its cause
    a fault that shows only now and then
    preventing a whole class of faults
choosing between alternatives
    two ways to reach the same result
    the costs of each alternative
    a rule of thumb and the cases where it fails
    a choice that can be changed later
    a choice that is hard to undo
    a decision defended in writing
ease and speed
    the movements or steps that cost the most time
    routine that frees attention for harder things
    short bursts of faster work
    shortcuts that keep the quality
    speed in unfamiliar material
    a steady pace over a long session
variations
    one thing changed while the rest stays
    a simpler version of something difficult
    a harder version of something easy
    the same content for another audience
    a variation in style or form
    a variation that changes the meaning
using feedback
    a self-check with three clear questions
    feedback from a comparison with a good model
    feedback from another person
    turning a remark into a next step
    feedback that contradicts itself
    a feedback routine that you can keep up
quality
    the marks of work that is good enough
    a list of criteria for your own work
    the last ten percent of care
    consistency from beginning to end
    simplicity as a mark of quality
    quality that holds when conditions get worse
understanding why it works
    the plain explanation behind a daily technique
    causes and effects in a small example
    an analogy that helps until it breaks
    the principle that several techniques share
    a prediction tested by an experiment
    the theory that experts rely on
""",
    "applied": """
cases from daily life
    a small case from your own week
    the first look at a real case
    the facts that a real case leaves out
    a real case brought to a usable result
    an awkward detail that textbooks avoid
    the difference between the exercise and the real thing
learning from a model
    a short model that you admire
    a faithful copy of a small part of a model
    the choices that its maker had to make
    the same approach with content of your own
    a weakness in a model that you admire
    a style that is becoming your own
working to a brief
    a brief of three sentences
    the questions to ask before starting
    the parts of a brief that matter most
    a result that meets the brief exactly
    a brief that changes halfway
    a brief with demands that conflict
larger cases in parts
    a larger case cut into four parts
    the part to begin with
    the joints between separately made parts
    a simple plan for a week of work
    parts that turn out larger than expected
    an overview kept while working on details
working within limits
    a result with half the usual means
    a result in a short and fixed time
    a limit that makes the work better
    the part to give up when time runs out
    three limits at the same time
    a tight limit set by somebody else
material made by others
    understanding something that another person made
    a small repair to another person's work
    a respectful way to build on others' work
    judging whether material can be relied on
    mixing material from two sources
    a critique that its maker could use
unfamiliar cases
    a case that resembles one you know
    the first ten minutes with something unfamiliar
    a sensible guess that is tried out at once
    a search for the right term or name
    a case in which known methods fail
    a new method worked out for one case
improving earlier work
    one weakness in something you made weeks ago
    a before-and-after comparison
    the smallest change with the largest effect
    the choice between parts to keep and parts to replace
    a second version made from scratch
    the point at which to stop improving
measuring results
    one number that shows progress
    a fair test that can be repeated
    a comparison with last month's result
    results that are good by chance
    a measure that can mislead
    an honest report on a weak result
working with others
    a clear request for help
    a task shared between two people
    an explanation that suits the listener
    a review of somebody else's attempt
    a disagreement about the right approach
    a way of working that a group could adopt
difficult edges
    the smallest and the largest case
    an unusual case that does occur
    a case with something missing
    a case that is easily misunderstood
    two difficulties at once
    a case that looks easy but is not
performing under real conditions
    a calm start when it counts
    one complete run without stopping
    small slips and how to carry on
    a run in front of one other person
    an unexpected interruption
    a review straight after a demanding run
""",
    "project": """
the project's aim
    the project's aim in one sentence
    the person for whom the project is made
    what the project leaves out
    the test by which you will call it finished
    the largest risk in the project
    a smaller aim to fall back on
the project's plan
    the list of parts that the project needs
    the order of the parts
    a calendar with one visible result per week
    the material that has to be gathered first
    the open questions sorted by weight
    the spare time for what goes wrong
the rough first version
    the thinnest version that is complete
    a stand-in for every part that is missing
    a first run from beginning to end
    the places where the rough version creaks
    a comparison of the rough version with the aim
    the decision on what to build next
the heart of the project
    the one part that everything else depends on
    a careful version of the heart of the project
    the connection of the heart to the rough version
    a test of the heart on its own
    a demanding example that the heart must handle
    the simplification of what became too complicated
the second main part
    the purpose of the second part
    the simplest useful form of the second part
    the fit between the first and the second part
    a shared element that both parts use
    a conflict between the parts and its solution
    the second part in its final form
putting the parts together
    the first complete run with all real parts
    the seams between the parts
    one style throughout the project
    gaps that show only in the whole
    parts that can now be removed
    the project's behaviour under an unusual demand
the hard remainder
    the part that you have put off longest
    a first attempt at the hard remainder
    advice from outside on the hard remainder
    a workaround and its price
    a proper solution to the hardest point
    the lesson that the hard remainder taught
trying it on others
    the choice of a first outside tester
    three questions for a tester
    a silent look at how somebody uses or receives it
    the most frequent remark
    the remark that hurts and is right
    the change that answers most remarks
finishing touches
    the first impression that the project makes
    small flaws that anybody would notice
    the names and the wording
    the quietest part made as good as the best
    the balance of the whole
    the last flaw that is worth removing
explaining the project
    a short description for a stranger
    a guide to the first five minutes
    the story of one important decision
    a picture or recording of the result
    an open statement of the known limits
    a short talk on how it was made
handing it over
    the final check against the aim
    a safe copy of everything
    the first showing to its audience
    questions that the audience asks
    the thanks and the sources
    a list of what a second edition would change
the second edition
    the wish that was named most often
    one addition that respects the whole
    an old decision made anew
    a part rebuilt with what you know now
    a comparison of both editions
    the plan for keeping the project alive
""",
    "consolidation": """
the map of what you know
    an overview of everything you can do now
    the links between distant topics
    the five ideas that carry all the rest
    blank spots on the map
    your route so far and its detours
    the map as a newcomer would need it
your weak spots
    the weak spot that costs you the most
    the exercise that you have avoided
    an early topic that has faded
    a weak spot turned into a daily drill
    two weak spots with one cause
    a weak spot that is no longer one
confidence through repetition
    the exercises that once were hard
    a complete run on three days in a row
    ease in the things you do most
    a familiar task in strange surroundings
    calm after a slip
    reliability on a bad day
proof of skill
    a test at the level you set out to reach
    a sample of work that speaks for you
    an honest grade with reasons
    a task drawn by chance from the whole plan
    a comparison with the very first attempt
    a demanding task finished without any help
teaching it to others
    a five-minute lesson for a newcomer
    the question that newcomers ask first
    an exercise that you design for somebody else
    an explanation without any special terms
    the clearing up of a common misunderstanding
    a short course of three lessons
the road ahead
    the habit that will keep the skill alive
    the next goal in one sentence
    the sources and people to stay in touch with
    the topic that deserves a closer look
    a plan for the coming three months
    a letter to yourself in one year
""",
}


def _topics(phase: Phase, table: str) -> tuple[Topic, ...]:
    entries: list[tuple[str, list[str]]] = []
    for line in table.strip().splitlines():
        if line.startswith(" "):
            entries[-1][1].append(line.strip())
        else:
            entries.append((line, []))
    return tuple(Topic(phase, name, tuple(aspects)) for name, aspects in entries)


TOPICS: dict[Phase, tuple[Topic, ...]] = {
    phase: _topics(phase, table) for phase, table in _TABLE.items()
}
"""Every phase's topics, in the order in which they are learned."""
