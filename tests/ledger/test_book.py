"""A book that is kept up with what comes and goes is, to the last bit, the one that would be made anew."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.opinions import Attestation, Book
from ledger.reputation import Settings, Standpoint, View
from protocols.limits import DAY

NOW = 1_800_000_000_000
RULE = Settings()
PEOPLE = [number.to_bytes(32) for number in range(6)]
PEERS = st.sampled_from(PEOPLE)
SAID = st.builds(
    Attestation,
    PEERS,
    PEERS,
    st.integers(0, 3).map(lambda n: n.to_bytes(32)),
    st.integers(0, 5).map(lambda n: NOW - 97 * n * DAY),
    st.integers(-3, 3),
)
EDGES = st.lists(st.tuples(PEERS, PEERS), max_size=4)


def scores(book: Book) -> list[object]:
    view = View.of(book, Standpoint(book.graph, PEOPLE[0], RULE.restart), RULE)
    return [view.score(author) for author in PEOPLE]


@given(EDGES, st.sets(PEERS, max_size=2), st.sets(SAID, max_size=20), st.lists(st.tuples(st.booleans(), SAID)))
def test_what_comes_and_goes_leaves_the_book_that_would_be_made_anew(
    edges: list[tuple[bytes, bytes]],
    misconduct: set[bytes],
    first: set[Attestation],
    changes: list[tuple[bool, Attestation]],
) -> None:
    book, held = Book(edges, first, misconduct, NOW, RULE.half_life), set(first)
    gone = [(False, each) for each in sorted(first)[::2]]
    for comes, each in [*changes, *gone]:
        graph, turns = dict(book.graph), book.turns
        if comes:
            book.add(each)
            held.add(each)
        else:
            book.remove(each)
            held.discard(each)
        assert (dict(book.graph) != graph) == (book.turns != turns)
    anew = Book(edges, held, misconduct, NOW, RULE.half_life)
    assert (book.about, book.by, book.graph, book.sources) == (anew.about, anew.by, anew.graph, anew.sources)
    ordered = [[(a, list(of)) for a, of in sorted(b.about.items())] for b in (book, anew)]
    assert ordered[0] == ordered[1], "floats are added in this order"
    assert scores(book) == scores(anew)
