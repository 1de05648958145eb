"""What is typed into a form becomes what the command's struct takes, or a word on what is wrong in which field."""

import datetime
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2pnode import commands
from p2pnode.bounds import MAX_FORM_FIELDS
from p2pnode.commands import COMMANDS
from p2pnode.web.doing import filled_in
from p2pnode.web.filled import Filled
from p2pnode.web.forms import Malformed, decimal_of, decode
from p2pnode.web.languages import Catalog
from p2pnode.web.multipart import parse_multipart
from p2pnode.web.reading import Reader
from p2pnode.web.times import moment_in
from protocols.limits import DAY

BERLIN = datetime.timezone(datetime.timedelta(hours=1))
MOMENT = moment_in(BERLIN)
NOON = 1_767_265_200_000  # 2026-01-01 12:00 at UTC+1


def made(command: str, *fields: tuple[str, str]) -> object:
    return decode(command, fields, MOMENT)


def test_text_numbers_times_and_choices() -> None:
    args = made(
        "exchange.propose", ("listing", "ab"), ("quantity", " 3 "), ("start", "2026-01-01T12:00"), ("price", "2 hour"),
        ("note", "a\nb"), ("door", "yes"), ("form", "key /x"), ("request_id", "x" * 9), ("deposit", ""),
        ("within", "2d"),
    )  # fmt: skip
    assert args == commands.Propose(
        listing="ab", quantity=3, start=NOON, price="2 hour", note="a\nb", door=True, within=2 * DAY
    )


def test_lists_by_line_by_comma_and_by_field() -> None:
    base = (("direction", "offer"), ("kind", "lend"), ("title", "x"))
    for fields in ([("tags:list", "a, b ,c")], [("tags", "a\nb\nc")], [("tags", "a"), ("tags", "b"), ("tags", "c")]):
        args = made("listing.publish", *base, *fields)
        assert isinstance(args, commands.Publish) and args.tags == ("a", "b", "c")
    args = made("listing.publish", *base, ("on", "2026-01-01T12:00/2026-01-01T13:00"))
    assert isinstance(args, commands.Publish) and args.on == ((NOON, NOON + 3_600_000),)


def test_a_map_is_made_of_fields_that_name_its_keys() -> None:
    base = (("exchange", "ab"), ("outcome", "2"))
    said = [("dimensions.punctual", "-2"), ("dimensions.friendly", ""), ("dimensions.clean_up", " 1 ")]
    assert made("attest", *base, *said) == commands.Attest(
        exchange="ab", outcome=2, dimensions={"punctual": -2, "clean_up": 1}
    )
    assert made("attest", *base, ("dimensions.a", "")) == commands.Attest(exchange="ab", outcome=2)
    for wrong, field in (
        ([("dimensions.a", "much")], "dimensions.a"),
        ([("dimensions.a", "1"), ("dimensions.a", "2")], "dimensions.a"),
        ([("dimensions.a", "3")], "dimensions"),
        ([(f"dimensions.{n}", "1") for n in range(9)], "dimensions"),
        ([("dimensions", "1")], "dimensions"),
    ):
        with pytest.raises(Malformed) as refused:
            made("attest", *base, *wrong)
        assert refused.value.field == field


def test_one_field_is_made_of_several() -> None:
    base = (("direction", "offer"), ("kind", "rent"), ("title", "x"))

    def published(*fields: tuple[str, str]) -> commands.Publish:
        args = made("listing.publish", *base, *fields)
        assert isinstance(args, commands.Publish)
        return args

    assert published(("price", "2,50"), ("price:per", "day")).price == "2.50/day"
    assert published(("price", "3 eggs/week"), ("price:per", "day")).price == "3 eggs/week"
    assert published(("price", "2"), ("price:per", "")).price == "2"
    assert published(("price", ""), ("price:per", "day")).price is None
    args = published(("when:days", "sat"), ("when:days", "sun"), ("zone:if-when", "Europe/Berlin"))
    assert (args.when, args.zone) == ("sat,sun", "Europe/Berlin")
    assert published(("when", ""), ("zone:if-when", "Europe/Berlin")).zone is None
    times = [("on:from", "2026-01-01T12:00"), ("on:from", ""), ("on:until", "2026-01-01T13:00"), ("on:until", "")]
    assert published(*times).on == ((NOON, NOON + 3_600_000),)
    for wrong, field in (
        ([("when", "mon"), ("when:days", "sat")], "when"),
        ([("on:from", "2026-01-01T12:00"), ("on:until", "")], "on"),
        ([("on:until", "2026-01-01T12:00")], "on:until"),
    ):
        with pytest.raises(Malformed) as refused:
            published(*wrong)
        assert refused.value.field == field
    edit = made("listing.edit", ("id", "ab"), ("price", ""), ("price:per", "day"), ("empty", "price"))
    assert edit == commands.Edit(id="ab", price="free")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("1,50", "1.50"), ("1.50", "1.50"), ("1,5 hour/day", "1.5 hour/day"), ("0,125", "0.125"), ("1,1250", "1.1250"),
        ("1500", "1500"), ("free", "free"), ("3 eggs", "3 eggs"), ("12 1,5", "12 1,5"),
    ],
)  # fmt: skip
def test_a_decimal_comma_is_a_point(typed: str, meant: str) -> None:
    for field in ("price", "deposit", "fee", "goal"):
        assert getattr(made("exchange.propose", ("listing", "ab"), (field, typed)), field) == meant


@pytest.mark.parametrize("typed", ["1.500", "1,500 hour", "12,345/day", "1.500,00", "1,500.00", "1.000.000", "1,2,3"])
def test_what_may_be_two_numbers_is_refused(typed: str) -> None:
    for field in ("price", "deposit", "fee", "goal"):
        with pytest.raises(Malformed) as refused:
            made("exchange.propose", ("listing", "ab"), (field, typed))
        assert refused.value.field == field and "1500" in refused.value.hint


def test_an_amount_that_is_shown_in_a_form_is_understood_again() -> None:
    for language, shown in (("en", "2.5 hour"), ("de", "2,5 hour")):
        reader = Reader(language, Catalog({}), 0, None, [])
        assert reader.typed("2.5 hour") == shown
        for text in ("1.125", "2.5 hour", "2", "", "3 eggs"):
            assert parse_decimal(decimal_of(reader.typed(text))) == parse_decimal(text)


def parse_decimal(text: str) -> tuple[float, str]:
    number, _, rest = text.partition(" ")
    return float(number or 0), rest


def test_a_field_may_be_called_as_what_names_the_form() -> None:
    args = made("exchange.propose", ("listing", "ab"), ("form", "exchange.propose /x"), ("form:", "full"))
    assert args == commands.Propose(listing="ab", form="full")


def test_what_is_empty_is_left_out_unless_it_is_meant() -> None:
    fields = (("id", "ab"), ("title", "x"), ("text", ""), ("tags", ""))
    assert made("listing.edit", *fields) == commands.Edit(id="ab", title="x")
    assert made("listing.edit", *fields, ("empty", "text tags")) == commands.Edit(id="ab", title="x", text="", tags=())


def test_fields_within_and_decimals() -> None:
    args = made("search.save", ("name", "eggs"), ("search.query", "eggs"), ("search.within_km", "2,5"))
    assert isinstance(args, commands.SaveSearch) and args.search == commands.Search(query="eggs", within_km=2.5)


@pytest.mark.parametrize(
    ("command", "fields", "field"),
    [
        ("exchange.propose", [("quantity", "1")], "listing"),
        ("exchange.propose", [("listing", "ab"), ("quantity", "many")], "quantity"),
        ("exchange.propose", [("listing", "ab"), ("quantity", "0")], "quantity"),
        ("exchange.propose", [("listing", "ab"), ("quantity", "1"), ("quantity", "2")], "quantity"),
        ("exchange.propose", [("listing", "ab"), ("start", "2026-02-31T12:00")], "start"),
        ("exchange.propose", [("listing", "ab"), ("door", "perhaps")], "door"),
        ("exchange.propose", [("listing", "ab"), ("wat", "1")], "wat"),
        ("listing.publish", [("direction", "x"), ("kind", "lend"), ("title", "x")], "direction"),
        ("listing.publish", [("direction", "offer"), ("kind", "lend"), ("title", "x" * 999)], "title"),
        ("listing.publish", [("direction", "offer"), ("kind", "a"), ("title", "x"), ("on", "2026-01-01")], "on"),
        ("attest", [("exchange", "ab"), ("outcome", "9")], "outcome"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(command: str, fields: list[tuple[str, str]], field: str) -> None:
    with pytest.raises(Malformed) as e:
        made(command, *fields)
    assert e.value.field == field and e.value.message and e.value.code == "usage"


@settings(deadline=None)
@given(st.sampled_from(sorted(COMMANDS)), st.lists(st.tuples(st.text(max_size=12), st.text(max_size=40)), max_size=6))
def test_nothing_but_a_refusal_comes_of_any_fields(command: str, fields: list[tuple[str, str]]) -> None:
    with suppress(Malformed):
        assert isinstance(decode(command, fields, MOMENT), COMMANDS[command].args)


@settings(deadline=None)
@given(st.sampled_from(sorted(COMMANDS)), st.data())
def test_nothing_but_a_refusal_comes_of_fields_with_right_names(command: str, data: st.DataObject) -> None:
    names = st.sampled_from([*COMMANDS[command].args.__struct_fields__, "empty"])
    values = st.sampled_from(["", "1", "2026-01-01T12:00", "3d", "yes", "a,b", "a/b", "9" * 19, "1e999", "nan"])
    fields = data.draw(st.lists(st.tuples(names, values | st.text(max_size=9)), max_size=12))
    with suppress(Malformed):
        decode(command, fields, MOMENT)


def test_forms_with_files() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\n<b>\xc3\xa4\r\n'
        b'--b\r\nContent-Disposition: form-data; name="photos"; filename="../../x.JPG"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n"
        b"\xff\xd8\r\n--c\r\n\x00\r\n"
        b'--b\r\nContent-Disposition: form-data; name="photos"; filename=""\r\n\r\n\r\n--b--\r\n'
    )
    fields, files = parse_multipart(body, "b")
    assert fields == [("title", "<b>ä")]
    assert files == [("photos", ".jpg", b"\xff\xd8\r\n--c\r\n\x00")]


@given(st.binary(max_size=200) | st.just(b"--b\r\n\r\n" * (MAX_FORM_FIELDS + 2) + b"--b--"))
def test_nothing_but_a_value_error_comes_of_any_body(body: bytes) -> None:
    for text in (body, b'--b\r\nContent-Disposition: form-data; name="a"\r\n' + body + b"\r\n--b--"):
        with suppress(ValueError):
            parse_multipart(text, "b")


def test_where_to_go_is_filled_from_the_answer() -> None:
    answer = {"exchange_id": "ab" * 16, "title": "//evil", "listing_id": None}
    assert filled_in("/exchange/{exchange_id}?a=1", answer) == f"/exchange/{'ab' * 16}?a=1"
    for path in ("/x/{title}", "/x/{listing_id}", "/x/{nothing}", "/x/{", "/x/}", "/x/{{exchange_id}}"):
        assert filled_in(path, answer) == "/", path
    assert filled_in("/x/{exchange_id}", []) == "/"


def test_a_form_that_is_shown_again() -> None:
    again = Filled("k", {"note": ["<b>"], "box": ["yes"]}, "note", "wrong")
    assert again.value("note", "x") == "<b>" and again.value("other", "x") == ""
    assert again.is_chosen("box", "yes") and not again.is_chosen("box2", "yes", "yes")
    assert again.has_error("note") and not again.has_error("box")
    fresh = Filled("k")
    assert fresh.value("note", None) == "" and fresh.value("n", 2) == "2" and fresh.is_chosen("o", 2, 2)
    assert not fresh.has_error("") and fresh.knows("a.b:list") == "k-a-b-list"
