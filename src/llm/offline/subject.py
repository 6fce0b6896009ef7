"""What a goal is about: a short name for its subject, and the kind of skill it belongs to."""

import re
import unicodedata
from dataclasses import dataclass

MAX_SUBJECT_LENGTH = 80

_WISH = re.compile(
    r"""^(?:
        (?:hi|hello|hey|please|ok|okay|so)\b[\s,.!]*
      | (?:i|we)\s+(?:really\s+|just\s+)?(?:want|wish|would\s+like|need|hope|plan|have|am\s+going)
        (?:\s+to\b)?\s*
      | (?:i|we)['\u2019]d\s+(?:like|love)(?:\s+to\b)?\s*
      | (?:my|our|the)\s+goal\s+is(?:\s+to\b)?[\s:]*
      | goal\s*:\s*
      | (?:help|teach)\s+me\s+(?:to\s+)?
      | how\s+to\s+ | to\s+
      | (?:be\s+able|start|begin|try)\s+to\s+
      | (?:(?:get|be|become)\s+)?(?:started|better|good|fluent)\s+(?:with|at|in)\s+
      | (?:(?:start|begin)\s+)?(?:learn|learning|study|studying|master|mastering)\b
        (?:\s+(?:to|how\s+to|about)\b)?\s*
      | understand\s+ | improve\s+ | the\s+basics\s+of\s+
      | (?:我?想要?)?(?:学习|學習|学会|学)\s*
    )""",
    re.IGNORECASE | re.VERBOSE,
)
"""What people write in front of the subject itself."""

_ASIDE = re.compile(
    r"\s*(?:[.;!?。！？](?=\s|$)|\s(?:because|so\s+that|so\s+i|in\s+order\s+to|since\s+i)\b"  # noqa: RUF001  full-width marks end Chinese sentences
    r"|\s(?:in|within|over)\s+(?:\d+|one|two|three|six|twelve)\s+(?:days?|weeks?|months?|years?)\b)",
    re.IGNORECASE,
)
"""Where a goal turns to reasons, deadlines or another sentence."""

_ADDING = (
    "play build speak read cook paint sing draw do teach train understand develop sew knit deploy "
    "debug crack perform grow sell learn design fly launch pass research ski sketch talk test work"
)
_DROPPING_E = (
    "write make become create bake drive compose prepare analyse analyze use improve manage "
    "produce compete prove translate solve code dance exercise ride type"
)
_DOUBLING = "run swim get jog win plan program set"
_GERUNDS = {
    "be": "being",
    **{verb: f"{verb}ing" for verb in _ADDING.split()},
    **{verb: f"{verb[:-1]}ing" for verb in _DROPPING_E.split()},
    **{verb: f"{verb}{verb[-1]}ing" for verb in _DOUBLING.split()},
}
"""A subject that begins with a verb is named by its gerund: `play chess` is `playing chess`."""

_VERB_OR_NOUN = (
    "design fly launch pass research ski sketch talk test work use code dance exercise ride type "
    "plan program set run"
)
"""Verbs only when alone or before one of `_AFTER_VERB`: `design patterns` stays as it is."""

_AFTER_VERB = "a an the my your in with for like on at better well"

_CONTROL_OR_OVERRIDE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LOOSE_START = re.compile(r"^(?:[ ,:;!?]|[.-]+(?=\s|$))+")
_JOINER = "\u200d"
_MY = re.compile(r"(?<!\S)my(?=\s)", re.IGNORECASE)  # the word, and not `my.cnf` or `my-app`


@dataclass(frozen=True)
class Field:
    """The words that a kind of skill has for what its learners use and make."""

    source: str
    piece: str
    expert: str
    project: str


_CODE = Field(
    "the documentation or your main book",
    "a small program",
    "an experienced programmer",
    "a program that you would use yourself",
)
_LANGUAGE = Field(
    "your course book",
    "a short text or dialogue",
    "a fluent speaker",
    "a small booklet of texts and recordings of your own",
)
_MUSIC = Field(
    "your method book or course",
    "a short recording",
    "an experienced player",
    "a short programme of pieces that you can perform from start to end",
)
_GENERAL = Field(
    "your main book or course",
    "a small piece of work",
    "an experienced practitioner",
    "a finished piece of work that you can show",
)
_CODE_WORDS = (
    r"python|java|javascript|typescript|rust|golang|sql|html|css|react|django|fastapi|linux"
    r"|program|programs|programming|coding|code|software|kotlin|swift|web|docker|kubernetes"
    r"|api|apis|apps?|algorithms?|machine learning|deep learning|data science|devops|ruby"
    r"|php|c\+\+|c#|编程"
)
_LANGUAGE_WORDS = (
    r"english|spanish|french|german|italian|portuguese|japanese|chinese|mandarin|korean"
    r"|arabic|russian|dutch|swedish|turkish|hindi|greek|latin|polish|hebrew|languages?"
    r"|español|français|deutsch|日语|日本語|日本语|英语|英語|法语|德语|韩语|中文|汉语|西班牙语"
)
_MUSIC_WORDS = (
    r"guitar|piano|violin|cello|drums?|flute|ukulele|bass|saxophone|trumpet|singing|sing"
    r"|music|keyboard|harp|clarinet|吉他|钢琴"
)
_KEYWORDS: tuple[tuple[Field, str], ...] = (
    # Italian cooking is no language course.
    (_GENERAL, r"cook|cooking|bak(?:e|ing)|cuisine|food|dishes|wine|history|law"),
    (_CODE, _CODE_WORDS),
    (_LANGUAGE, _LANGUAGE_WORDS),
    (_MUSIC, _MUSIC_WORDS),
)


def subject_of(goal: str) -> str:
    """Return a short name for what a goal is about, on one line and never empty."""
    whole = _one_line(goal)
    subject = _without_wishes(whole)
    aside = _ASIDE.search(subject)
    if aside and aside.start() > 0:
        subject = subject[: aside.start()]
    subject = _shortened(_without_loose_marks(subject))
    if not any(character.isalnum() for character in subject):
        subject = _shortened(whole) or "your goal"
    return _as_noun(subject)


def field_of(goal: str) -> Field:
    """Return the words that suit a goal, in general terms where its kind is not recognised."""
    text = _one_line(goal).casefold()
    for field, pattern in _KEYWORDS:
        # ASCII word borders only: Chinese and Japanese write no spaces between words.
        if re.search(rf"(?<![a-z])(?:{pattern})(?![a-z])", text):
            return field
    return _GENERAL


def _one_line(text: str) -> str:
    # An override would turn the sentence around the subject. Joiners and tags are parts of emoji.
    return " ".join(_CONTROL_OR_OVERRIDE.sub(" ", text).split())


def _without_loose_marks(text: str) -> str:
    # `.NET`, `--help` and a final `"` in code are no loose marks.
    text = _LOOSE_START.sub("", text).rstrip(" ,:;-.!?")
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip() if is_quoted else text


def _without_wishes(text: str) -> str:
    while (wish := _WISH.match(text)) and wish.end() > 0 and wish.end() < len(text):
        text = text[wish.end() :]
    return text


def _shortened(text: str) -> str:
    if len(text) <= MAX_SUBJECT_LENGTH:
        return text
    cut = text[: MAX_SUBJECT_LENGTH - 1]
    at_word = cut.rpartition(" ")[0]
    # A text without spaces, or with one very long word, has no better place than the limit.
    if len(at_word) <= MAX_SUBJECT_LENGTH // 2:
        at_word = cut[: _end_of_character(text, len(cut))]
    return at_word.rstrip(" ,:;-.") + "…"


def _end_of_character(text: str, end: int) -> int:
    """Return the last place up to `end` that is not inside a character with its marks and joiners.

    That is `end` itself if there is none.
    """
    at = end
    while at and (_continues(text[at]) or text[at - 1] == _JOINER):
        at -= 1
    return at or end


def _continues(character: str) -> bool:
    is_skin_tone = "\U0001f3fb" <= character <= "\U0001f3ff"
    return is_skin_tone or unicodedata.category(character) in {"Mn", "Mc", "Me", "Cf"}


def _as_noun(subject: str) -> str:
    first, *others = subject.split(" ")
    verb = first.lower()
    if verb not in _VERB_OR_NOUN.split() or not others or _goes_with_verb(others[0]):
        first = _GERUNDS.get(verb, first)
    # The texts speak to the learner: what they call "my" is "your" to them.
    return _MY.sub("your", " ".join([first, *others]))


def _goes_with_verb(word: str) -> bool:
    return word.lower() in _AFTER_VERB.split()
