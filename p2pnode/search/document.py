"""What the full-text index is given of a listing, and what a question is to it. Pure.

Each listing is one line of tokens, in four forms; the marks keep them apart, since no word holds one:

    word      a word of title, tags or text, or a stem of one
    =word     the same, if it stands in the title or a tag
    #…        network, kind or direction
    @cell     the cell that its place lies in, of 3, 4 and 5 characters; `@` alone if it has no place

So a filter is one more word that must be there, and the index meets it without looking at the listings themselves.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from p2pnode.bounds import FORMS_KEPT, MAX_COVER, MAX_QUERY_LETTERS, MAX_QUERY_TOKENS, SHORTEST_BEGINNING
from protocols.cell import decode, encode

from .places import Point, boxes
from .words import tokens

MARKS: Final = "=#@"
NOWHERE: Final = "@"
FINEST, COARSEST = 5, 3  # characters of a cell that has a token


class Word(NamedTuple):
    """One word of a question. forms: the word and its stems, any of which will do; begins: whether a word that begins
    like it will do, too."""

    text: str
    forms: frozenset[str]
    begins: bool = True


class Stage(NamedTuple):
    """Listings of which the words stand in places that count alike. score: higher is better; match: FTS5 expression."""

    score: float
    match: str


class Documents:
    """Makes the documents. stems: of a token, itself among them only if it is its own stem."""

    def __init__(self, stems: Callable[[str], frozenset[str]]) -> None:
        self.forms = lru_cache(maxsize=FORMS_KEPT)(lambda token: stems(token) | {token})
        self._said = lru_cache(maxsize=FORMS_KEPT)(lambda token: " ".join(self.forms(token)))
        self._named = lru_cache(maxsize=FORMS_KEPT)(
            lambda token: " ".join(f"{form} ={form}" for form in self.forms(token))
        )

    def document(self, title: Iterable[str], body: Iterable[str], filters: Iterable[str]) -> str:
        """The tokens of a listing; some may be there twice. title: those of title and tags; body: those of its text."""
        title = {*title}
        return " ".join([*filters, *map(self._named, title), *map(self._said, {*body} - title)])


def filters(network: bytes, kind: str, direction: str, place: Point | None) -> tuple[str, ...]:
    """The tokens that a listing is filtered by."""
    return _what(network, kind, direction) + _where(place)


@lru_cache(maxsize=1_024)
def _what(network: bytes, kind: str, direction: str) -> tuple[str, ...]:
    return of_network(network), of_kind(kind), of_direction(direction)


@lru_cache(maxsize=1_024)
def _where(place: Point | None) -> tuple[str, ...]:
    if place is None:
        return (NOWHERE,)
    cell = encode(*place, FINEST)
    return tuple(f"@{cell[:length]}" for length in range(COARSEST, FINEST + 1))


def of_network(network: bytes) -> str:
    return f"#n{network[:8].hex()}"


def of_kind(kind: str) -> str:
    return f"#k{kind.encode(errors='replace').hex()}"


def of_direction(direction: str) -> str:
    return f"#d{direction.encode(errors='replace').hex()}"


def around(point: Point, within_km: float) -> list[str] | None:
    """The tokens of which every listing within this distance has one, those without a place too; None if it would take
    too many."""
    for length in range(FINEST, COARSEST - 1, -1):
        cells = _cover(point, within_km, length)
        if cells is not None:
            return [NOWHERE, *(f"@{cell}" for cell in sorted(cells))]
    return None


def _cover(point: Point, within_km: float, length: int) -> set[str] | None:
    cells: set[str] = set()
    for box in boxes(point, within_km):
        first = decode(encode(box.south, box.west, length))
        high, wide = first.north - first.south, first.east - first.west
        rows, columns = int((box.north - first.south) / high) + 1, int((box.east - first.west) / wide) + 1
        if rows * columns + len(cells) > MAX_COVER:
            return None
        for row in range(rows):
            lat = min(90.0, first.south + (row + 0.5) * high)
            for column in range(columns):
                cells.add(encode(lat, min(180.0, first.west + (column + 0.5) * wide), length))
    return cells


def asked(text: str) -> list[str]:
    """The distinct tokens of what a user typed, in order, bounded in number."""
    return list(dict.fromkeys(tokens(text[:MAX_QUERY_LETTERS])))[:MAX_QUERY_TOKENS]


def stages(words: Sequence[Word]) -> list[Stage]:
    """The questions to put one after the other, the best places first, until there are hits enough."""
    exact = [sorted(word.forms) for word in words]
    begun = [[f"{word.text}*"] if word.begins else [] for word in words]
    named = [_any(_titled(each)) for each in exact]
    found = [Stage(5.0, _all(named))]
    if len(words) > 1:
        found.append(Stage(4.0, _all([_any(named), anywhere(words).match])))
    if any(begun):
        found.append(Stage(3.0, _all(_any(_titled(e + b)) for e, b in zip(exact, begun, strict=True))))
    found.append(anywhere(words))
    if any(begun):
        found.append(begun_anywhere(words))
    return found


def anywhere(words: Sequence[Word]) -> Stage:
    """Each word, wherever it stands."""
    return Stage(2.0, _all(_any(map(_quoted, sorted(word.forms))) for word in words))


def in_title(word: Word) -> Stage:
    """One word, in title or tags."""
    return Stage(0.0, _any(_titled(sorted(word.forms))))


def begun_anywhere(words: Sequence[Word]) -> Stage:
    """The widest question: each word, or a beginning of it, anywhere. What one or two letters begin is looked for in
    titles and tags only: in texts that is nearly everything."""
    asked = []
    for word in words:
        forms = [_quoted(form) for form in sorted(word.forms)]
        if word.begins:
            forms += _titled([f"{word.text}*"])
            if len(word.text) >= SHORTEST_BEGINNING:
                forms.append(_quoted(f"{word.text}*"))
        asked.append(_any(forms))
    return Stage(1.0, _all(asked))


def together(match: str, filters: Iterable[str | Sequence[str]]) -> str:
    """An expression with filters: of each, the token or one of the tokens must be there."""
    asked = [_quoted(one) if isinstance(one, str) else _any(map(_quoted, one)) for one in filters]
    return _all([*([f"({match})"] if match else []), *asked])


def _titled(forms: Iterable[str]) -> list[str]:
    return [_quoted(f"={form}") for form in forms]


def _quoted(token: str) -> str:
    """A token in FTS5's grammar; with a star at its end, what begins so."""
    return f'"{token[:-1]}"*' if token.endswith("*") else f'"{token}"'


def _any(expressions: Iterable[str]) -> str:
    return "(" + " OR ".join(expressions) + ")"


def _all(expressions: Iterable[str]) -> str:
    return " AND ".join(expressions)


def title_tokens(title: str, tags: Iterable[str]) -> list[str]:
    """The tokens of title and tags."""
    return tokens(" ".join((title, *tags)))
