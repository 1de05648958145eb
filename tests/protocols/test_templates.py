"""The files of the kinds: what they may hold, and what is said of one that is wrong."""

import pytest

from protocols.drafts import check_template
from protocols.errors import Refusal
from protocols.limits import DAY, HOUR, MAX_TEMPLATE
from protocols.templates import Moment, parse_template, template, templates

HEAD = 'kind = "x"\ntitle = "X"\nabout = "An x."\ngiver = "a"\ntaker = "b"\n'
WORK = '[[duties]]\nid = "work"\naction = "work"\nby = "giver"\nwhat = "do {title}"\n'
RULE = '{ by = "giver", before = "1d" }'
PAY = '[[duties]]\nid = "pay"\naction = "transfer"\nby = "taker"\nwhat = "pay {price}"\nprice = "1"\n'


def test_every_kind_that_the_project_names_is_there():
    assert set(templates()) == {
        "sell", "rent", "lend", "give", "food", "service", "help", "deliver", "design", "pledge",
        "barter", "want", "task", "project", "barn", "fund",
    }  # fmt: skip


@pytest.mark.parametrize("kind", sorted(templates()))
def test_every_kind_gives_terms_that_hold_together(kind):
    check_template(templates()[kind], f"{kind}.toml")


@pytest.mark.parametrize("kind", sorted(templates()))
def test_every_duty_of_the_full_form_can_be_overdue(kind):
    assert not [row.id for row in templates()[kind].full if not (row.until or row.within)]


def test_a_kind_that_is_not_known_is_still_an_exchange():
    unknown = template("tool-sharpening")
    assert [(row.id, row.by) for row in unknown.plain] == [("work", "giver"), ("pay", "taker")]
    assert template("x", {"x": templates()["rent"]}) is templates()["rent"]
    assert template("sell", {"sell": templates()["rent"]}) is templates()["sell"], "what is built in means the same"


def test_the_full_form_changes_rows_and_adds_others():
    found = parse_template(
        HEAD + WORK + 'full = { until = "end-30min", confirm = "2d" }\n'
        '[[duties]]\nid = "fetch"\naction = "pickup"\nby = "taker"\nwhat = "be there"\nalong = "work"\nonly = "full"\n',
        "x.toml",
    )
    (plain,) = found.plain
    assert (plain.until, plain.confirm) == (None, 0)
    work, fetch = found.full
    assert (work.until, work.confirm) == (Moment("end", -HOUR // 2), 2 * DAY)
    assert fetch.along == "work"


@pytest.mark.parametrize(
    ("moment", "at"), [(Moment("end"), 9), (Moment("start", 3), 8), (Moment("start", -7), 0), (Moment("end", -2), 7)]
)
def test_a_moment(moment, at):
    assert moment.at(5, 9) == at
    assert moment.at(0, 0) == 0, "open"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = ", "Invalid value"),
        (HEAD, "missing required field `duties`"),
        (HEAD + "duties = []\n", "$.duties"),
        (HEAD.replace("An x.", "An\\u001b[31m x.") + WORK, "$.about"),
        (HEAD.replace('"x"', '"X x"') + WORK, "$.kind"),
        (HEAD + 'colour = "red"\n' + WORK, "unknown field `colour`"),
        (HEAD + WORK.replace('"giver"', '"courier"'), "$.duties[0].by"),
        (HEAD + WORK.replace('action = "work"', 'action = "labour"'), "duty work: action"),
        (HEAD + WORK.replace("{title}", "{title.__class__}"), "duty work: what"),
        (HEAD + WORK.replace("{title}", "{title!r}"), "duty work: what"),
        (HEAD + WORK.replace("{title}", "{title"), "duty work: what"),
        (HEAD + WORK.replace("{title}", "{leg}"), "duty work: by"),
        (HEAD + WORK + 'until = "noon"\n', "duty work: until"),
        (HEAD + WORK + 'until = "end+1y"\n', "duty work: until"),
        (HEAD + WORK + 'within = "soon"\n', "duty work: within"),
        (HEAD + WORK + 'within = "400d"\n', "duty work: within"),
        (HEAD + WORK + 'after = "pay"\n' + PAY, "duty work: after"),
        (HEAD + WORK + 'along = "work"\n', "duty work: along"),
        (HEAD + WORK + 'full = { colour = "red" }\n', "duty work: full"),
        (HEAD + WORK + 'full = { until = "noon" }\n', "duty work: until"),
        (HEAD + WORK + WORK, "duty work: twice"),
        (HEAD + PAY.replace('"1"', '"1/2"'), "price: the parts"),
        (HEAD + PAY.replace('"1"', '"2"'), "duty pay: price"),
        (HEAD + PAY.replace('"1"', '"1/0"'), "duty pay: price"),
        (HEAD + PAY.replace('"1"', '"1e99999999"'), "duty pay: price"),  # at once, and not after counting it out
        (HEAD + PAY.replace('id = "pay"', 'id = "fee"'), "called pay"),
        (HEAD + PAY.replace('action = "transfer"', 'action = "work"'), "duty pay: action"),
        (HEAD + WORK.replace('id = "work"', 'id = "deposit"'), "duty deposit: id"),
        (HEAD + "price = true\n" + WORK, "price: it needs a price"),
        (HEAD + "deposit = true\n" + WORK, "deposit: nothing comes back"),
        (HEAD + f"cancel = [{RULE}, {RULE}]\n" + WORK, "cancel: a party"),
        (HEAD + 'cancel = [{ by = "giver", before = "late" }]\n' + WORK, "cancel[0].before"),
        (HEAD + 'cancel = [{ by = "giver", before = "1d", fee = "x" }]\n' + WORK, "cancel[0].fee"),
        (HEAD + WORK + "#" * MAX_TEMPLATE, "longer than"),
        ("x = " + "[" * 5_000, ""),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_its_name_and_the_key(text, said):
    with pytest.raises(Refusal) as refused:
        parse_template(text, "x.toml")
    assert refused.value.code == "usage"
    assert refused.value.message.startswith("x.toml: ") and said in refused.value.message


def test_terms_that_cannot_hold_together_are_refused():
    """Custody is passed on by a parcel, which no template names."""
    wrong = parse_template(HEAD + WORK + "custody = true\n", "x.toml")
    with pytest.raises(Refusal, match=r"x\.toml: its terms do not hold together.*parcel"):
        check_template(wrong, "x.toml")


BOTH = 'brought = "bring {title}"\nfetched = "let {title} be fetched"\n'


def test_a_duty_says_what_is_owed_where_the_thing_is_brought_or_fetched():
    found = parse_template(HEAD + WORK + BOTH, "x.toml")
    (row,) = found.full
    assert found.goes and [row.words(way) for way in ("", "bring", "fetch")] == [
        "do {title}", "bring {title}", "let {title} be fetched",
    ]  # fmt: skip
    check_template(found, "x.toml")
    assert not parse_template(HEAD + WORK, "x.toml").goes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (WORK + 'brought = "bring {title}"\n', "brought, fetched: what can be brought can be fetched"),
        (WORK + BOTH.replace("be fetched", "go for {price}"), "fetched: in braces stands {title} only"),
        (WORK + BOTH.replace("bring {title}", "do {title}"), "brought: a duty of other words"),
        (WORK + BOTH.replace("bring {title}", "let {title} be fetched"), "brought: a duty of other words"),
        (WORK + PAY + BOTH, "brought: a duty of other words than these, and none that pays"),
        (WORK + BOTH.replace("bring", "{bring"), "brought: "),
    ],
)
def test_what_is_wrong_with_the_ways(text, said):
    with pytest.raises(Refusal, match=r"^x\.toml: ") as e:
        parse_template(HEAD + text, "x.toml")
    assert said in e.value.message
