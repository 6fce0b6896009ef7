"""For each topic of the offline planner, one thing to make and one thing to practise.

They open the topic; the days after it are worded by `offline_phrases`.
"""

_TABLE = """
the big picture
    Make a one-page poster of {subject}: its main areas, how they hang together, and a cross
        where you stand.
    Try out three very different examples of {subject} for a few minutes each, and rank them by
        appeal.
the tools you need
    Set up everything that you need for {subject}, use it once for {piece}, and write down how
        to do it again.
    Start and tidy up your work place three times in a row, until it takes less than two minutes.
the key terms
    Make a glossary of ten terms of {subject}, each with an example of your own.
    Take any example of {subject} and name everything in it with the proper term; look up what
        you cannot name.
the first worked example
    Rebuild a worked example from {source} step by step, and write next to each step what it is
        for.
    Go through one worked example three times: with the text, with half of it covered, and from
        memory.
the basic building blocks
    Build {piece} from three basic building blocks, and label each of them.
    Put the same three building blocks together in four different ways, and note which ones work.
the basic rules
    Make a sheet with the five most important rules of {subject}, each with one right and one
        wrong example.
    Find the broken rules in five short examples, and correct them.
good habits from the start
    Make your own checklist for the beginning and the end of a session, and use it at once.
    Run through a complete short session by the checklist: warm up, work, check, note, stop.
typical first mistakes
    Build {piece} with one typical mistake in it on purpose, then repair it and note what gave
        it away.
    Go through what you made so far, count your three most frequent mistakes, and redo one spot
        of each kind.
how to follow an example
    Rebuild an example of {subject} with content of your own; keep its form and change
        everything else.
    Follow an example to its middle, predict what comes next, and only then read on; do so with
        three examples.
the first guided exercises
    Build {piece} along a guide from {source}, then once more with the guide closed.
    Work through a set of guided exercises in order, and repeat every one that needed a second
        look.
asking good questions
    Set up a small experiment in {subject} that answers one question you really have, and record
        the answer.
    Turn three vague doubts into precise questions, and find an answer to each.
the first steps without help
    Build {piece} without any guide; look things up only after ten minutes of trying.
    Repeat an exercise of the last weeks with all help put away, and compare the two results.
the central technique
    Build {piece} that consists of the central technique and nothing else.
    Drill the central technique of {subject} slowly, ten times, and check each one before the
        next.
the second technique
    Build {piece} that is easier to do with the second technique than with the first, and say why.
    Alternate between the first and the second technique, five times each, and watch the change-
        over.
structure
    Take something untidy that you made, draw its structure, and rebuild it after a better
        drawing.
    Outline three examples of {subject} in five lines each, then compare the outlines.
patterns that return
    Make a collection of six patterns from {subject}, each with a name and a small example.
    Look through unfamiliar material for ten minutes and mark every pattern that you recognise.
accuracy
    Make a checking sheet for your most frequent slips, and use it on something you have just
        made.
    Do one short exercise five times, count the errors each time, and stop only after a run
        without any.
combining what you know
    Build {piece} that joins two skills which you have used only separately so far.
    Do an exercise for each of two skills, then one in which both are needed at the same time.
working from memory
    Rebuild something that you made last week from memory, then lay both side by side.
    Recall a whole sequence without notes, mark the gaps, close them, and try again.
finding faults
    Build {piece}, let a fault slip in, put it away for an hour, and then track the fault down
        in a planned way.
    Take three things that do not work or sound right, and find the cause of each before you
        change anything.
choosing between alternatives
    Build the same small thing in two ways, and write down which you prefer and what it costs.
    Decide five small cases within two minutes each, give a reason for each, and check two of
        them closely.
ease and speed
    Rebuild something familiar in half the usual time, then repair what the hurry has spoiled.
    Drill the step that slows you down most: five slow rounds, five at a normal pace, two fast
        ones.
variations
    Make three variations of something you made: a simpler one, a harder one and one for another
        audience.
    Repeat one exercise six times and change exactly one thing each time.
using feedback
    Improve something of yours after comparing it with a very good model; note each change and
        its reason.
    Ask another person for one remark on your work, turn it into an exercise, and do it.
quality
    Write down five criteria for good work in {subject}, and bring something of yours up to all
        five.
    Grade three examples by the same criteria: a poor one, a good one and one of your own.
understanding why it works
    Make an explanation with a drawing of why the central technique works, and test it on a new
        example.
    Predict the result of five small changes before you make them, and look closely where you
        were wrong.
cases from daily life
    Build {piece} that solves or serves a real occasion of your own week.
    Work through one real occasion from start to end, and note where it departs from the textbook.
learning from a model
    Copy a short part of a model that you admire as faithfully as you can, then continue it in
        the same manner.
    Practise the one spot of the model that you could not do, until you can.
working to a brief
    Write a brief of three sentences for {piece}, then build exactly that and nothing more.
    Take three short briefs, and for each write the questions that you would ask before starting.
larger cases in parts
    Choose something too large for one session, cut it into four parts, and build the first one.
    Cut three large cases into parts on paper, and estimate each part; then do one part and
        compare.
working within limits
    Build {piece} with half of the means that you usually allow yourself.
    Do a familiar exercise with a timer set to two thirds of your usual time, three times over.
material made by others
    Take something that another learner made and improve it in one point without changing its
        character.
    Explain step by step what another person has made, and mark what you would have to ask them.
unfamiliar cases
    Build {piece} of a kind that you have never made before, with what you know already.
    Give yourself ten minutes with something unfamiliar, write down all that you can tell, then
        look it up.
improving earlier work
    Take the oldest thing you have kept, and make a second version that you would show today.
    Repeat an exercise from the first weeks, and list what you do differently now.
measuring results
    Make a simple table that records one number per session, and fill it in for what you have
        done so far.
    Set yourself a fair test that can be repeated, take it, and write down the result with the
        date.
working with others
    Make something that another person can use without asking you, and let somebody try it.
    Explain one thing to another person, let them do it, and watch without helping.
difficult edges
    Build {piece} that holds up in the smallest, the largest and the strangest case that you can
        think of.
    Collect six awkward cases of {subject}, and work through the three that worry you most.
performing under real conditions
    Make something complete in a single session, with no second attempt, as if it were due today.
    Do one full run in front of another person or a recorder, and note three points afterwards.
the project's aim
    Write the aim of the project on one card, sketch the result, and build the smallest sample
        of it.
    Describe the project aloud in one minute, three times, until every sentence is needed.
the project's plan
    Make a plan of the project on one page: the parts, their order, and a visible result for
        each week.
    Walk through the plan in your mind from the first step to the last, and mark each spot where
        it could fail.
the rough first version
    Build a rough version of the project that is complete from beginning to end, with stand-ins
        where needed.
    Go through the rough version five times, and fix one thing after each time.
the heart of the project
    Build the part of the project on which all others depend, and put it in place of its stand-in.
    Try the heart of the project on three demanding examples, and note how it holds up.
the second main part
    Build the second main part of the project in its simplest useful form, and connect it with
        the first.
    Go back and forth between the two parts of the project, and smooth what does not fit.
putting the parts together
    Replace the last stand-ins by real parts, and bring the project through its first complete
        run.
    Run through the whole project three times without stopping, and repair the roughest seam
        each time.
the hard remainder
    Make a first attempt at the part of the project that you have put off longest.
    Take the hardest spot of the project out, work on it alone in short rounds, and put it back.
trying it on others
    Prepare the project for an outside tester: what they get, what they do, what you will ask.
    Let somebody use or watch the project without a word from you, and write down what you see.
finishing touches
    Go through the project with a list of twenty small flaws, and remove as many as the time
        allows.
    Meet the project as if for the first time, and polish the first minute of it until it invites.
explaining the project
    Make a short guide to the project: what it is, how to begin, and where its limits are.
    Give a talk of three minutes on one decision in the project, and repeat it without notes.
handing it over
    Bring the project into its final form, keep a safe copy, and hand it to its audience.
    Rehearse the showing of the project twice: once for time and once for the likely questions.
the second edition
    Build the one addition to the project that was asked for most often.
    Try both editions of the project side by side, and note where the old one was better.
the map of what you know
    Draw a map of all that you know of {subject}, with the week in which you learned it at each
        point.
    Point to five random places on the map, and show what you can do there without notes.
your weak spots
    Make a short daily drill for your weakest spot, and try it out at once.
    Do the exercise that you have avoided so far, slowly and to the end.
confidence through repetition
    Make a set of ten cards, each with an exercise that you once found hard.
    Draw three of the hardest old exercises, and do each until it feels easy.
proof of skill
    Make a sample of work that shows the best you can do today in {subject}, without any help.
    Take a test that you write before you start, and grade it the way a strict teacher would.
teaching it to others
    Make a lesson of five minutes for a newcomer, with one example and one exercise.
    Teach the lesson to somebody, or to a recorder, and note the first place where it became
        unclear.
the road ahead
    Make a plan for the coming three months: one habit, one goal, one thing to build.
    Do the session by which you will keep the skill alive from now on, and see that it fits a
        normal day.
"""


def _exercises(table: str) -> dict[str, tuple[str, str]]:
    # A deeper indent continues the line before.
    lines = [line.strip() for line in table.strip().replace("\n        ", " ").splitlines()]
    return {
        topic: (make, drill)
        for topic, make, drill in zip(lines[::3], lines[1::3], lines[2::3], strict=True)
    }


EXERCISES: dict[str, tuple[str, str]] = _exercises(_TABLE)
"""By the topic's name: what to make (for `coding`) and what to practise."""
