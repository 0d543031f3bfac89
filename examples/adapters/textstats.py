"""Statistics of texts: an adapter in its simplest form.

Tools are functions with a ``@tool`` in front; dataclasses travel to Java as records.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from terrarium import tool

WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")


@dataclass
class Frequencies:
    """How often each word occurs, the most frequent first."""

    total: int
    words: dict[str, int]


@dataclass
class Phrase:
    """Words in a row that both texts have."""

    text: str
    times: int


@dataclass
class Report:
    """What two texts have in common; ``similarity`` is 1.0 where they use the same words."""

    similarity: float
    shared: list[Phrase]


@tool
def word_frequencies(text: str) -> Frequencies:
    """Count the words of a text."""
    words = words_of(text)
    return Frequencies(len(words), dict(Counter(words).most_common()))


@tool
def analyse(first: str, second: str, depth: int = 2) -> Report:
    """Find the phrases of up to ``depth`` words that two texts share."""
    if depth < 1:
        raise ValueError(f"depth must be at least 1, not {depth}")
    ours, theirs = words_of(first), words_of(second)
    shared = [
        Phrase(" ".join(phrase), times)
        for length in range(depth, 0, -1)
        for phrase, times in (phrases(ours, length) & phrases(theirs, length)).most_common()
    ]
    return Report(similarity(set(ours), set(theirs)), shared)


def words_of(text: str) -> list[str]:
    """The text's words in lower case."""
    return WORD.findall(text.lower())


def phrases(words: list[str], length: int) -> Counter[tuple[str, ...]]:
    """Every run of so many words."""
    return Counter(zip(*(words[start:] for start in range(length))))


def similarity(ours: set[str], theirs: set[str]) -> float:
    """The share of words that both have."""
    return len(ours & theirs) / (len(ours | theirs) or 1)
