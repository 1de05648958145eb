"""Block lists: no entry without a reason, and pages that change no more than they must."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.blocklist import BlockEntry, page_name, pages, parse_blocklist, seal_blocklist
from protocols.codec import encode, plain
from protocols.errors import Reject
from protocols.limits import DAY, MAX_BLOCKLIST_ENTRIES, MAX_BLOCKLIST_PAGES, MAX_PAYLOAD
from tests.strategies import NOW, network, signer

ANN = signer(1)


def entry(number: int, text: str = "forty times the same", since: int = NOW) -> BlockEntry:
    return BlockEntry(number.to_bytes(32, "big"), "spam", text, since)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from(["a", "é" * 200, "🚲" * 200])), max_size=150),
    st.text("ab é", min_size=1, max_size=64),
)
def test_a_list_is_its_pages(drawn, name):
    entries = {e.subject: e for e in (entry(n, text, NOW + n) for n, text in drawn)}
    made = pages(name, "about", entries.values())
    assert sorted(e.subject for page in made for e in page.entries) == sorted(entries)
    for number, page in enumerate(made):
        assert page.page == number and len(page.entries) <= MAX_BLOCKLIST_ENTRIES
        assert len(encode(plain(page))) <= MAX_PAYLOAD
    if name.strip():
        for page in made:
            record = seal_blocklist(ANN, network(1), page, created=NOW + DAY, until=NOW + 2 * DAY, revision=1)
            assert parse_blocklist(record) == page


def test_what_is_added_changes_the_last_page_alone():
    entries = [entry(1_000 - n, since=NOW + n) for n in range(130)]
    before = pages("street", "", entries)
    after = pages("street", "", [*entries, entry(1, since=NOW + DAY)])
    assert len(before) == 3 and after[:2] == before[:2] and after[2] != before[2]


def test_a_list_that_is_too_long_is_refused():
    entries = [entry(n, "a") for n in range(MAX_BLOCKLIST_PAGES * MAX_BLOCKLIST_ENTRIES)]
    assert len(pages("street", "", entries)) == MAX_BLOCKLIST_PAGES
    with pytest.raises(Reject, match="16 pages"):
        pages("street", "", [*entries, entry(10_000, "a")])


def test_lists_and_pages_have_slots_of_their_own():
    names = {page_name(name, page) for name in ("street", "elm", "é") for page in range(MAX_BLOCKLIST_PAGES)}
    assert len(names) == 3 * MAX_BLOCKLIST_PAGES
