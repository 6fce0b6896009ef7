"""How the offline planner words its tasks: sentences with gaps, by category and kind of week.

The gaps are `aspect` (what today is about), `previous` (what the day before was about), `topic`,
`subject`, `week`, `before` (the week before), and the words of `offline_subject.Field`.
"""

from typing import Literal

from src.domain.vocabulary import Category, Level
from src.llm.offline.topics import Phase

Kind = Literal["learn", "apply", "project", "consolidate"]
KIND_OF_PHASE: dict[Phase, Kind] = {
    "foundations": "learn",
    "core": "learn",
    "applied": "apply",
    "project": "project",
    "consolidation": "consolidate",
}

TASKS: dict[Kind, dict[Category, tuple[str, ...]]] = {
    "learn": {
        "reading": (
            "Read what {source} has on {aspect}, and write down the three points that matter most.",
            "Look for a clear explanation of {aspect}, and note one thing that was new to you.",
            "Study an example in {subject} with a single question in mind: {aspect}.",
            (
                "Read or watch one short lesson on {aspect}; after each part, say in a sentence "
                "what it was about."
            ),
            "Compare two explanations of {aspect}, and note where they differ.",
            (
                "Go through {source} with one thing in mind, {aspect}; copy out the two clearest "
                "examples."
            ),
            "Find out how {expert} looks at {aspect}, and note what surprises you.",
        ),
        "coding": (
            "Build something small around {aspect}; choose it so that it is finished today.",
            "Build {piece} to try out {aspect}, then change one thing and note the effect.",
            (
                "Rebuild an example from {source} by hand, paying attention to {aspect}, and alter "
                "one part of it."
            ),
            (
                "Make a short demonstration for somebody who is new to {subject}; its point is "
                "{aspect}."
            ),
            "Take the last thing that you made and extend it; this time the point is {aspect}.",
            "Build {piece} twice, in two different ways, to learn more about {aspect}.",
            "Make a reference page of your own on {aspect}, with one example that you built.",
        ),
        "practice": (
            "Do three short exercises, from easy to hard, and look out for {aspect} in each.",
            (
                "Practise in short rounds of five minutes, with a minute of rest between; the "
                "theme is {aspect}."
            ),
            "Set yourself a small problem in {subject} about {aspect}, and solve it in two ways.",
            (
                "Take the exercise that felt hardest so far and repeat it, now with regard to "
                "{aspect}."
            ),
            "Practise without looking at a solution, then compare; the point to check is {aspect}.",
            (
                "Explain aloud, as if to a friend: {aspect}. Where you falter, look it up and "
                "start again."
            ),
            "Repeat one exercise until it goes well twice in a row, with your mind on {aspect}.",
        ),
        "revision": (
            "Close your notes and write down all that you know about {aspect}; then fill the gaps.",
            "Make five question cards on {aspect}: the question in front, the answer on the back.",
            "Sum up {aspect} in four sentences of your own.",
            "Draw a small map that links {aspect} with what you knew before.",
            (
                "Write three test questions about {aspect}, put them aside, and answer them at the "
                "end of the day."
            ),
            "Tidy today's notes on {aspect} until they fit on half a page.",
        ),
    },
    "apply": {
        "reading": (
            "Read how {expert} deals with {aspect}; note each decision and the reason for it.",
            "Find two published examples that bear on {aspect}, and compare how they were done.",
            "Look through {source} for help with {aspect}, and make a list of half a page.",
            (
                "Study a finished work in {subject} with an eye on {aspect}; write down what you "
                "would take over."
            ),
            "Look for an account of something that went wrong, and relate it to {aspect}.",
        ),
        "coding": (
            "Build {piece} from an empty page; the challenge today is {aspect}.",
            "Make a rough result quickly, then improve its weakest part; the theme is {aspect}.",
            "Rework something that you made in an earlier week, now with regard to {aspect}.",
            "Build something small that a real person could use, and let it be about {aspect}.",
            "Build two versions that treat {aspect} differently, and decide which one to keep.",
        ),
        "practice": (
            "Work on {aspect} under real conditions: no notes, one attempt, then a look back.",
            "Set a timer to half of this session and train {aspect}; use the other half to repair.",
            (
                "Choose three situations in {subject} that have to do with {aspect}, and work "
                "through each."
            ),
            (
                "Find the hardest moment in today's theme, {aspect}; train it alone, then put it "
                "back in its place."
            ),
            "Do one complete run with your mind on {aspect}, and grade yourself afterwards.",
        ),
        "revision": (
            "Write half a page on {aspect}: what you tried, what worked, what you would change.",
            (
                "List the earlier skills that {aspect} calls for, and mark those that you had to "
                "look up."
            ),
            "Add {aspect} to your collection of solved cases: the problem, the way, the result.",
            "Explain {aspect} to an imagined colleague in five sentences, without notes.",
            "Turn what you learned about {aspect} into a rule of thumb, and add an exception.",
        ),
    },
    "project": {
        "reading": (
            "Look at two finished projects like yours, and note what they show about {aspect}.",
            (
                "Find the passage in {source} that helps most with {aspect}, and take over one "
                "piece of advice."
            ),
            (
                "Read through your project notes as a stranger would, and add what is missing on "
                "{aspect}."
            ),
            "Find out how {expert} would approach {aspect}; write down one idea to use.",
            (
                "Collect what you still need to know about {aspect}, and look up the two most "
                "urgent points."
            ),
        ),
        "coding": (
            "Build the next piece of the project, on top of the last session's state: {aspect}.",
            "Work on the project itself; today's piece is {aspect}. End with a state that works.",
            "Make a first attempt at {aspect} for the project, then fit it to what is there.",
            "Build on in the project with a single concern, {aspect}; save the old state first.",
            "Take the project one visible step further; the step is about {aspect}.",
        ),
        "practice": (
            (
                "Try out what there is of the project with one thing in mind, {aspect}; write down "
                "what does not hold up."
            ),
            (
                "Choose the hardest step that {aspect} asks of you, practise it alone, and use it"
                " in the project."
            ),
            "Show or describe {aspect} to another person, or to a recorder, in three minutes.",
            "Do a dry run of the project up to the point where it stands, watching {aspect}.",
            "Solve one small problem on the side that will help with {aspect}.",
        ),
        "revision": (
            (
                "Go back to the project's plan: note what has changed through the work on "
                "{aspect}, and adjust the next two steps."
            ),
            "Write a progress note on {aspect}: done, open, next.",
            "Compare the project with its state a week ago, with regard to {aspect}.",
            "Note which earlier topic would help with {aspect}, and reread your page on it.",
            "Write down what you would tell a newcomer about {aspect}, in five sentences.",
        ),
    },
    "consolidate": {
        "reading": (
            (
                "Read your own notes from the beginning with one question: what do they say about "
                "{aspect}?"
            ),
            "Reread the best explanation that you found in {source}, now thinking of {aspect}.",
            "Choose a demanding text or example in {subject} and study it with regard to {aspect}.",
            "Look up how {expert} keeps in form, and relate it to {aspect}.",
            (
                "Read something that you found hard in the first weeks, and note what it now tells "
                "you about {aspect}."
            ),
        ),
        "coding": (
            "Build one more small thing without any help; let it have to do with {aspect}.",
            "Make a page or a collection that others could use, about {aspect}.",
            "Rebuild an early result in a fraction of the time; let it show {aspect}.",
            "Improve the finished project in a single point that you choose for {aspect}.",
            "Build {piece} that brings several weeks together; let it be about {aspect}.",
        ),
        "practice": (
            (
                "Draw three old exercises by chance and do them again; note what they say about "
                "{aspect}."
            ),
            "Do a complete run at full strength, then reflect on {aspect}.",
            "Practise at the border of what you can do, on the theme of {aspect}.",
            "Take a test of your own making on {aspect}, and mark it strictly.",
            "Repeat a favourite exercise in a new setting, with {aspect} in mind.",
        ),
        "revision": (
            "Write down from memory what the whole plan has taught you about {aspect}.",
            (
                "Go through your question cards, keep the ten hardest, and answer them with "
                "{aspect} in mind."
            ),
            "Sum up {aspect} on a page that you will still understand in a year.",
            "Compare your first notes with today's knowledge; the point is {aspect}.",
            "Note two strengths and one gap that concern {aspect}.",
        ),
    },
}
"""What a day's task says, by the kind of week and the category."""

WARM_UPS = (
    "Before anything new, recall from memory what you did about {previous}; then check your notes.",
    "Warm up with three questions on {previous}, answered without notes.",
    "Say in one minute what you know by now about {previous}.",
    "Go through your notes on {previous}, and mark what has already faded.",
    "Redo one step of the last session from memory; it was about {previous}.",
    "Write down the most useful sentence that you remember about {previous}.",
)
"""How a day begins: with what the day before was about."""

OPENING = (
    "Write down in five sentences what you already know of {subject} and what you want to be able"
    " to do at the end; keep the page for the last day."
)

STEPS: dict[Kind, tuple[str, ...]] = {
    "learn": (
        (
            "Running project, step {week}: take what stood after step {before} and build in one "
            "thing that you learned about {topic}."
        ),
        (
            "Running project, step {week}: look at step {before} again, repair its weakest point,"
            " and make it larger with the help of {topic}."
        ),
        (
            "Running project, step {week}: add a new part that rests on step {before} and puts "
            "{topic} to use."
        ),
    ),
    "apply": (
        (
            "Running project, step {week}: bring the result of step {before} closer to a real "
            "use; lean on {topic}."
        ),
        (
            "Running project, step {week}: extend step {before} by a part that is only possible "
            "now, thanks to {topic}."
        ),
    ),
    "project": (
        (
            "Project milestone {milestone} of {milestones}: on top of the state of week {before},"
            " finish this week's share ({topic}) and write down what the next one needs."
        ),
        (
            "Project milestone {milestone} of {milestones}: join this week's work on {topic} with"
            " all that stood at the end of week {before}, and run or go through the whole once."
        ),
    ),
    "consolidate": (
        (
            "Finished project, step {week}: go over the state of week {before} and improve it in "
            "one point that concerns {topic}."
        ),
        (
            "Finished project, step {week}: show what grew from step 1 to step {before}, and add "
            "what {topic} asks for."
        ),
    ),
}
"""The task with which the project grows at the end of each week."""

FIRST_STEP = (
    "Running project, step 1: choose what you will build up week by week (an idea: {project}), "
    "and make its first, smallest part with what you know about {topic}."
)
WHOLE_PROJECT = (
    "Small project: bring the week together in {project}, as small as it must be to be finished "
    "today, and check it against what you learned about {topic}."
)
"""The only step of a plan of a single week."""

THIS_WEEK = (
    "Look back on week {week} ({topic}): write down from memory what stayed, then check.",
    "Week {week} in one page: what {topic} is about, an example, and one open question.",
    (
        "Tell the story of week {week} aloud in two minutes, from the first day to the last; "
        "it was about {topic}."
    ),
    "List what week {week} taught you about {topic}, and grade each point from shaky to safe.",
)
RETURNS = (
    "Return to {items}: answer three questions on it from memory before you open your notes.",
    "Return to {items}: redo one exercise, and compare it with your first attempt.",
    "Return to {items}: explain it aloud without notes, and look up where you faltered.",
    "Return to {items}: write down five key points, then check which of them are missing.",
    "Return to {items}: find a new example of your own for it.",
    "Return to {items}: take the question that you got wrong back then, and answer it now.",
    "Return to {items}: go through your cards or notes, and put aside what is safe.",
    "Return to {items}: write a question on it that would have puzzled you then, and answer it.",
)
RETURNS_TO_SEVERAL = (
    "Return to {items}: write down three points on each from memory, then check.",
    "Return to {items}: redo one exercise from each, the oldest first.",
    "Return to {items}: explain each of them aloud in a minute, and look up where you faltered.",
    "Return to {items}: answer two questions on each before you open your notes.",
    "Return to {items}: find one example that touches on all of them, or a new one for each.",
)
MIXES = (
    "Build something small that needs both {items} and this week's theme, {topic}.",
    "Build {piece} that joins {items} with what is new, {topic}.",
    "Make one thing out of two: {items}, and on top of that {topic}.",
    "Return to {items} once more, and rework a result from then with the help of {topic}.",
)
LAST_LOOK = (
    "Take out the page from the first day, compare it with what you can do now in {subject}, and "
    "write down the next thing that you want to learn."
)

EXTRAS: dict[Level, dict[Category, tuple[str, ...]]] = {
    "beginner": {
        "reading": (
            "It is fine if half of it stays unclear today.",
            "One good example is enough.",
            "Skip what you do not need yet.",
            "If a word is new, write it on a list and go on.",
        ),
        "revision": (
            "Use plain words, not the book's.",
            "What you cannot recall is no failure; it shows what to look at next.",
            "Three points are enough.",
            "Read it aloud once when it is done.",
        ),
        "coding": (
            "Keep a finished example beside you as a guide.",
            "Be content when the main part works; details can wait.",
            "Go in small steps, and check each one before the next.",
            "Looking things up is allowed.",
            "If you are stuck for five minutes, go back one step.",
        ),
        "practice": (
            "Take your time: getting it right matters more than getting far.",
            "Note the first point at which you felt unsure.",
            "Keep your notes open if you need them.",
            "Stop while it still goes well.",
        ),
    },
    "intermediate": {
        "reading": (
            "Finish with one question that is still open.",
            "Add an example that is not in the source.",
            "Note where you disagree, or where you would have done it differently.",
        ),
        "revision": (
            "Link it to one thing that you learned earlier.",
            "Say in one sentence why it matters.",
            "Mark the point of which you are least certain.",
            "Add one example of your own.",
        ),
        "coding": (
            "Plan it in three lines first, and compare the plan with the result.",
            "Include one case that is not straightforward.",
            "Explain your most important choice in two sentences.",
            "Leave it in a state that you could show to somebody.",
            "Work without a model at first, then compare.",
        ),
        "practice": (
            "Do the second half a little faster than the first.",
            "Note what you would do differently next time.",
            "Begin without notes, and look only when you must.",
            "End with the part that went worst.",
        ),
    },
    "advanced": {
        "reading": (
            "Weigh it against an opposing view, and take a position in writing.",
            "Go back to a primary source rather than a summary.",
            "Work out what it does not explain.",
            "Judge how far its evidence really carries.",
        ),
        "revision": (
            "Name the assumption on which it rests, and a case where it fails.",
            "Put it so precisely that {expert} would have nothing to add.",
            "Cut it to half its length without losing a point.",
            "Connect it with the most distant topic that you can think of.",
        ),
        "coding": (
            "Hold it to the standard of published work.",
            "Work out two alternatives, and defend your choice in writing.",
            "Look for the situation that breaks it, and deal with that too.",
            "Cut it by a third without losing anything.",
            "Write the criticism that {expert} would make, and answer it.",
        ),
        "practice": (
            "Do it from memory, and justify each step.",
            "Put a number on how well it went, and on what would raise it.",
            "Raise the difficulty as soon as it goes well twice.",
            "Do it once more under worse conditions than you would choose.",
        ),
    },
}
"""What a level asks for in addition, where a task is more than light."""

DEEPER: dict[Category, tuple[str, ...]] = {
    "reading": (
        "Use the second half of the time for a further source.",
        "Take a short break halfway, and begin again with a summary of the first half.",
        "Then look for a worked case, and follow it to the end.",
    ),
    "revision": (
        "Then write a page on it that you could hand to another learner.",
        "Use the second half of the time to relearn what had faded.",
        "Take a short break halfway, and do the second half without notes.",
    ),
    "coding": (
        "When the first version stands, make it twice as demanding.",
        "Use the last third of the time to do it again, better.",
        "Take a break of ten minutes in each hour.",
        "Then write down what you would do differently, and do it.",
    ),
    "practice": (
        "Split the time into rounds, and write down the result of each.",
        "Take a break of five minutes in each half hour.",
        "Use the last third of the time for a harder variant.",
    ),
}
"""What a task of an hour or more asks for in addition."""
