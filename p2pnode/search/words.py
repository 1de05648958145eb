"""Words for the search index: folding, splitting, stems, and words that look alike. Pure.

What is indexed and what is asked go through the same `tokens`, so the two always agree, whatever the version of SQLite
and of its Unicode tables. A token holds nothing but letters, digits and marks, or is one picture character; it can
therefore stand inside the double quotes of an FTS5 expression without escaping.
"""

import pkgutil
import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, Final

import snowballstemmer

from p2pnode.bounds import MAX_TOKEN_LETTERS

# Letters that Unicode does not take apart into a base letter and a mark, though people type the base letter.
_BASE_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n"}
)
# Marks that are only a variant of their letter: accents, Hebrew points, Arabic vowel signs. The vowel signs of Indian
# and Thai script are marks too, but there they make the word.
_ACCENTS: Final = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670]")
# Written without spaces between words, so each character is a token; pictures likewise.
_SINGLE: Final = re.compile(
    "[\u2600-\u27bf\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U0001f300-\U0001faff\U00020000-\U0003ffff]"
)
_ASCII_WORDS: Final = re.compile(r"[0-9a-z]+")

LANGUAGES: Final = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian",
    "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch",
    "no": "norwegian", "nb": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def fold(text: str) -> str:
    """`text` without case, accents and compatibility forms: "Schneefräse ﬁx" becomes "schneefrase fix"."""
    if text.isascii():
        return text.lower()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    if bare.isascii():
        return bare.lower()
    return unicodedata.normalize("NFC", bare).casefold().translate(_BASE_LETTERS)


def tokens(text: str) -> list[str]:
    """The tokens of `text` in their order. Total: any string, also with NUL or lone surrogates, gives a list."""
    folded = fold(text)
    if folded.isascii():
        return [word[:MAX_TOKEN_LETTERS] for word in _ASCII_WORDS.findall(folded)]
    found: list[str] = []
    word: list[str] = []
    for letter in folded:
        single = _SINGLE.match(letter) is not None
        if not single and _in_word(letter):
            word.append(letter)
            continue
        if word:
            found.append("".join(word[:MAX_TOKEN_LETTERS]))
            word = []
        if single:
            found.append(letter)
    if word:
        found.append("".join(word[:MAX_TOKEN_LETTERS]))
    return found


@lru_cache(maxsize=4_096)
def _in_word(letter: str) -> bool:
    return letter.isalnum() or unicodedata.category(letter)[0] == "M"


def stemmer(languages: Iterable[str]) -> Callable[[str], frozenset[str]]:
    """A function from a token to its stems in `languages` (ISO 639-1 codes or Snowball's names; unknown ones are left
    out; English where none is known). The token itself is among them only if it is its own stem.

    Stems are taken of folded tokens: a little worse for languages full of accents, but the same word is found
    whether or not its accents were typed. Snowball's stemmers keep state: use one from one thread at a time.
    """
    names = {LANGUAGES.get(code.lower().split("-")[0], code.lower()) for code in languages} & _algorithms()
    stemmers = [_snowball(name) for name in sorted(names or {"english"})]

    def stems(token: str) -> frozenset[str]:
        return frozenset(word for each in stemmers for word in tokens(each.stemWord(token)))

    return stems


@cache
def _algorithms() -> frozenset[str]:
    """The names of Snowball's algorithms. Each is a module of its own, and most are never wanted."""
    modules = (module.name for module in pkgutil.iter_modules(snowballstemmer.__path__))
    return frozenset(name.removesuffix("_stemmer") for name in modules if name.endswith("_stemmer"))


def _snowball(name: str) -> Any:
    """A new stemmer. name: one of `_algorithms()`."""
    module = import_module(f"snowballstemmer.{name}_stemmer")
    return getattr(module, name.title().replace("_", "") + "Stemmer")()


def trigrams(word: str) -> set[str]:
    """The three-letter pieces of `word`, its beginning and its end marked."""
    padded = f" {word} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}


def allowed_errors(word: str) -> int:
    """How many typing errors to forgive in `word`: none up to 3 letters, one up to 5, two beyond."""
    return 0 if len(word) < 4 else 1 if len(word) < 6 else 2


def errors(typed: str, word: str) -> int:
    """The least number of letters to insert, drop, replace or swap with their neighbour that turns `typed` into `word`
    or into a beginning of it (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(word) + 1))
    for i, letter in enumerate(typed, 1):
        next_row = [i]
        for j, other in enumerate(word, 1):
            best = min(row[j] + 1, next_row[j - 1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == word[j - 2] and typed[i - 2] == other:
                best = min(best, before[j - 2] + 1)
            next_row.append(best)
        before, row = row, next_row
    return min(row)
