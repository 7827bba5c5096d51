"""The questions of `digits_vqa`: their words, their answers and how they are balanced.

Three digits give a thousand triples, so the answers to every question can be listed, and a triple
drawn for each (question, answer) pair in turn. So a question does not give its answer away: every
wording has each of its answers equally often, to within one example.
"""

import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

Triple = tuple[int, int, int]
Rule = Callable[[Triple], str | None]

TRIPLES: tuple[Triple, ...] = tuple(
    (a, b, c) for a in range(10) for b in range(10) for c in range(10)
)
PLACES = ("left", "middle", "right")
ANSWERS = (*(str(value) for value in range(19)), "no", "yes", *PLACES)
# A random guess answers half of the yes-or-no questions, so they get the smallest share.
SHARES = {
    "position": 0.25,
    "value": 0.22,
    "order": 0.11,
    "sum": 0.16,
    "count": 0.16,
    "parity": 0.10,
}
QUESTION_TYPES = tuple(SHARES)


@dataclass(frozen=True)
class Question:
    """One wording, and for each of its answers the triples that have it."""

    kind: str
    text: str
    triples: dict[str, tuple[Triple, ...]]


def _number(test: Callable[[Triple], int]) -> Rule:
    return lambda triple: str(test(triple))


def _yes_or_no(number: Callable[[Triple], int], remainder: int) -> Rule:
    return lambda triple: "yes" if number(triple) % 2 == remainder else "no"


def _only_place(pick: Callable[[Triple], int]) -> Rule:
    """The place of the picked digit; a tie has no answer, so such triples are not used."""
    return lambda t: PLACES[t.index(pick(t))] if t.count(pick(t)) == 1 else None


def _at(*places: int) -> Callable[[Triple], int]:
    return lambda triple: sum(triple[place] for place in places)


def _how_many(test: Callable[[int], bool]) -> Callable[[Triple], int]:
    return lambda triple: sum(map(test, triple))


def _conditions() -> Iterator[tuple[str, Callable[[int], bool]]]:
    yield "even", lambda digit: digit % 2 == 0
    yield "odd", lambda digit: digit % 2 == 1
    for k in range(2, 8):
        yield f"greater than {k}", functools.partial(operator.lt, k)
    for k in range(10):
        yield f"equal to {k}", functools.partial(operator.eq, k)


def _templates() -> Iterator[tuple[str, Rule, tuple[str, str, str]]]:
    """Question type, rule and three wordings of each question."""
    for i, place in enumerate(PLACES):
        yield (
            "position",
            _number(_at(i)),
            (
                f"which digit is in the {place} place",
                f"what is the {place} digit",
                f"name the {place} digit",
            ),
        )
    for word, pick in (("largest", max), ("smallest", min)):
        yield (
            "value",
            _number(pick),
            (f"which digit is the {word}", f"what is the {word} digit", f"name the {word} digit"),
        )
        yield (
            "order",
            _only_place(pick),
            (
                f"where is the {word} digit",
                f"in which place is the {word} digit",
                f"which place holds the {word} digit",
            ),
        )
    for i, j in ((0, 1), (1, 2), (0, 2)):
        one, two = PLACES[i], PLACES[j]
        yield (
            "sum",
            _number(_at(i, j)),
            (
                f"what is the sum of the {one} and the {two} digit",
                f"what is the {one} digit plus the {two} digit",
                f"add the {one} digit to the {two} digit",
            ),
        )
    for phrase, test in _conditions():
        yield (
            "count",
            _number(_how_many(test)),
            (
                f"how many digits are {phrase}",
                f"how many of the digits are {phrase}",
                f"count the digits that are {phrase}",
            ),
        )
    subjects = [(f"{place} digit", _at(i)) for i, place in enumerate(PLACES)]
    for subject, number in [("sum of the digits", _at(0, 1, 2)), *subjects]:
        for remainder, word in enumerate(("even", "odd")):
            yield (
                "parity",
                _yes_or_no(number, remainder),
                (
                    f"is the {subject} {word}",
                    f"is it true that the {subject} is {word}",
                    f"do you see that the {subject} is {word}",
                ),
            )


def _questions() -> Iterator[Question]:
    for kind, rule, texts in _templates():
        triples: dict[str, list[Triple]] = {}
        for triple in TRIPLES:
            answer = rule(triple)
            if answer is not None:
                triples.setdefault(answer, []).append(triple)
        frozen = {answer: tuple(found) for answer, found in triples.items()}
        yield from (Question(kind, text, frozen) for text in texts)


QUESTIONS = tuple(_questions())
_WORDS = sorted({word for question in QUESTIONS for word in question.text.split()})
# Id 0 is padding; id 1 is a word outside the vocabulary.
VOCABULARY: tuple[str, ...] = ("", "[unknown]", *_WORDS)
QUESTION_LENGTH = max(len(question.text.split()) for question in QUESTIONS)
_IDS = {word: i for i, word in enumerate(VOCABULARY) if i > 1}


def encode_question(text: str) -> np.ndarray:
    """Turns a question into the token ids of `digits_vqa`.

    Args:
        text: String. Words outside the vocabulary become id 1, words past the fixed length are
            dropped, and case and a question mark at the end do not matter.

    Returns:
        An int32 array of the data set's fixed length, padded with 0.

    Example:

    >>> import keras_hadamard
    >>> ids = keras_hadamard.datasets.encode_question("What is the left digit?")
    >>> [keras_hadamard.datasets.VOCABULARY[i] for i in ids[:5]]
    ['what', 'is', 'the', 'left', 'digit']
    """
    words = text.lower().rstrip(" ?").split()[:QUESTION_LENGTH]
    ids = np.zeros(QUESTION_LENGTH, "int32")
    ids[: len(words)] = [_IDS.get(word, 1) for word in words]
    return ids


def plan(count: int, rng: np.random.RandomState) -> list[tuple[Question, str, Triple]]:
    """`count` balanced (question, answer, digits) rows; the order is by question, not random."""
    rows = []
    shares = np.array(list(SHARES.values()))
    sizes = np.diff(np.round(np.concatenate([[0.0], np.cumsum(shares)]) * count).astype(int))
    for kind, size in zip(SHARES, sizes, strict=True):
        asked = [question for question in QUESTIONS if question.kind == kind]
        # Wordings take turns, then each wording's answers take turns, both from a drawn order.
        order = rng.permutation(len(asked))
        for turn, index in enumerate(order):
            question = asked[index]
            answers = sorted(question.triples)
            answers = [answers[i] for i in rng.permutation(len(answers))]
            for k in range((size - turn + len(asked) - 1) // len(asked)):
                answer = answers[k % len(answers)]
                choices = question.triples[answer]
                rows.append((question, answer, choices[rng.randint(len(choices))]))
    return rows
