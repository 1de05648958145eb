"""Tables of tasks, from what people and other people's programs write; and which file is which result."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.bounds import MAX_TASKS
from p2pnode.tasks import Result, Task, hash_of, join, numbered, parse_table, task_name
from protocols.errors import Refusal

TABLES = {
    "title,text,price\nPage 1,The first,0.5\nPage 2,,\n": (Task(1, "Page 1", "The first", "0.5"), Task(2, "Page 2")),
    '\ufeffPrice,Title\r\n3 EUR,"A, and B"\r\n': (Task(1, "A, and B", "", "3 EUR"),),
    "title\n\nx\n   \ny\n": (Task(1, "x"), Task(2, "y")),
    '{"title": "Page 1", "price": 0.5}\n\n{"title": "P", "text": "t"}': (
        Task(1, "Page 1", "", "0.5"),
        Task(2, "P", "t"),
    ),
}
UNSOUND = {
    "": "0 tasks",
    "title\n": "0 tasks",
    "name\nx\n": "line 1: 'name' is no column",
    "title,title\nx,y\n": "line 1: each needs one title",
    "text\nx\n": "line 1: each needs one title",
    "title\nx,y\n": "line 2: 2 cells, but 1 columns",
    'title\n"x\n': "line 2",
    "title,text\n,x\n": "line 2: a title has",
    "title\n" + "x" * 121: "line 2: a title has",
    '{"title": "x"}\n{"title": 3}': "line 2: title is no text",
    '{"title": "x"}\nnot': "line 2: no JSON object",
    '{"title": "x"}\n[1]': "line 2: no JSON object",
    '{"title": "x", "who": "y"}': "line 1: 'who' is no column",
    '{"title": "x", "price": true}': "line 1: price is no text",
    "title\n" + "x\n" * (MAX_TASKS + 1): "1001 tasks",
}


@pytest.mark.parametrize("text", TABLES, ids=range(len(TABLES)))
def test_a_table(text):
    assert parse_table(text) == TABLES[text]


@pytest.mark.parametrize("text", UNSOUND, ids=range(len(UNSOUND)))
def test_what_is_no_table_is_refused_by_its_line(text):
    with pytest.raises(Refusal) as e:
        parse_table(text)
    assert e.value.code == "usage" and UNSOUND[text] in e.value.message


def test_the_price_of_those_that_name_none():
    assert [t.price for t in parse_table("title,price\na,1\nb,\n", "2")] == ["1", "2"]


@given(st.text(max_size=200))
def test_nothing_else_comes_of_any_text(text):
    try:
        tasks = parse_table(text)
    except Refusal:
        return
    assert [t.number for t in tasks] == list(range(1, len(tasks) + 1)) and all(t.title for t in tasks)


def test_numbered():
    assert numbered(2, "Page {n}", "No. {n}", "1") == (Task(1, "Page 1", "No. 1", "1"), Task(2, "Page 2", "No. 2", "1"))
    assert numbered(1, "All of it") == (Task(1, "All of it"),)
    assert numbered(1, "{x} {n.__class__}")[0].title == "{x} {n.__class__}"
    for count, title in ((2, "Page"), (0, "{n}"), (MAX_TASKS + 1, "{n}"), (1, " ")):
        with pytest.raises(Refusal):
            numbered(count, title)


def test_names_are_of_the_project_and_the_number():
    names = {task_name(bytes([project]) * 16, number) for project in range(3) for number in range(1, 5)}
    assert len(names) == 12 and {len(name) for name in names} == {16}
    assert task_name(b"p" * 16, 1) == task_name(b"p" * 16, 1)


def test_files_are_known_by_what_was_signed_and_come_in_order():
    one, two = hash_of(b"one"), hash_of(b"two")
    results = [Result(3, "c", "", "three"), Result(2, "b", two, "see the file"), Result(1, "a", one), Result(4, "d")]
    joined = join(results, {one: "scan.txt", hash_of(b"x"): "holiday.jpg"})
    assert [(p.number, p.file, p.text) for p in joined.pieces] == [(1, "scan.txt", ""), (3, "", "three")]
    assert [r.number for r in joined.missing] == [2, 4] and joined.other == ("holiday.jpg",)
    assert [r.number for r in join(results[:3], {one: "a", two: "b"}).missing] == []
