"""The node's own sentences in other languages: none is left out, each is found again, and nobody's words are."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pnode.doctor.checks import CHECKS
from p2pnode.doctor.looking import look_at_machine
from p2pnode.web.languages import LANGUAGES
from p2pnode.web.sentences import MAX_SENTENCE, Sentences, load_sentences, shape_of
from p2pnode.web.templating import say
from protocols.errors import DecodeError
from protocols.invite import LINK_PREFIX, parse_link
from tests.web.hostile import HOSTILE
from tests.web.sentences import FRAGMENTS, lacking, sentences
from tests.web.street import open_street

OTHERS = [code for code in LANGUAGES if code != "en"]
ENGLISH = re.compile(r"\b(the|this|that|you|is|are|not|with|of)\b")


@pytest.mark.parametrize("language", OTHERS)
def test_nothing_that_the_node_says_is_left_out(language: str) -> None:
    assert len(sentences()) > 600
    assert not lacking(language), f"python -m tests.web.sentences {language}, into locale/{language}/node"


@pytest.mark.parametrize("language", OTHERS)
def test_each_is_found_again_whatever_fills_it(language: str) -> None:
    known = load_sentences(language)
    by_shape = {shape_of(text): translated for text, translated in known.rows.items()}
    for shape in sentences().keys() - FRAGMENTS:
        parts = shape.split("{}")
        text = parts[0] + "".join(f"«{n}»{part}" for n, part in enumerate(parts[1:], 1))
        wanted = re.sub(r"%\(\w+\)s", "«.»", by_shape[shape]).replace("%%", "%")
        assert re.sub(r"«\d»", "«.»", known.say(text)) == wanted, text


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("link", ["join me", LINK_PREFIX + "AAAA", LINK_PREFIX + "A" * 99_999])
def test_what_is_wrong_with_an_invite_link_is_said(language: str, link: str) -> None:
    with pytest.raises(DecodeError) as e:
        parse_link(link)
    assert not ENGLISH.search(say(language, e.value.message)) and say(language, e.value.message) != e.value.message


@pytest.mark.parametrize("language", OTHERS)
def test_what_doctor_could_not_look_at_is_said_whole(language: str) -> None:
    why = look_at_machine("1", lambda command: None).unsynchronised_why
    sizes = "database 84 KB, search index 1 KB, log 0 bytes, photos 2 KB"
    for text, english in ((f"Not looked at: {why}", ENGLISH), (sizes, re.compile("database|search|log "))):
        assert not english.search(say(language, text)), text


def test_fragments_say_nothing_by_themselves() -> None:
    assert sentences().keys() >= FRAGMENTS, "what is not there need not be left out"


@pytest.mark.parametrize("language", OTHERS)
def test_every_check_has_a_name(language: str) -> None:
    assert CHECKS.keys() <= load_sentences(language).rows.keys()


def test_holes_are_filled_as_they_are() -> None:
    known = Sentences(
        {
            "no kind %(kind)s": "keine Art %(kind)s",
            "%(n)s are left of %(our_all)s": "%(n)s von %(our_all)s",
            "all": "allem",
            "100%% of it": "ganz 100%%",
        }
    )
    assert known.say("no kind 'no kind x'") == "keine Art 'no kind x'"
    assert known.say("all are left of all") == "all von allem"
    assert known.say("100% of it") == "ganz 100%" and known.say("All") == "Allem"
    assert known.say("price: no kind %(n)s") == "price: keine Art %(n)s"
    assert known.say("what is not known") == "what is not known" and known.say("") == ""


def test_who_says_most_by_himself_is_meant() -> None:
    known = Sentences({"it is %(x)s": "A %(x)s", "it is %(x)s already": "B %(x)s", "is %(x)s": "C %(x)s"})
    assert known.say("it is done already") == "B done" and known.say("it is done") == "A done"
    twice = Sentences({"a %(x)s bc": "1%(x)s", "ab %(x)s c": "2%(x)s"})
    assert twice.say("ab x bc") == "ab x bc", "it might be two"


@pytest.mark.parametrize("rows", [{"a %(x)s": "%(y)s"}, {"%(x)s a %(x)s": "%(x)s"}, {"a %(x)s%(y)s": "%(x)s"}])
def test_holes_have_one_name_each(rows: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        Sentences(rows)


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_somebody_wrote_stays_as_it_is(one: str, other: str) -> None:
    known = Sentences({"%(a)s is not %(b)s at all": "%(a)s ist gar nicht %(b)s"})
    said = known.say(f"{one} is not {other} at all")
    assert said.replace(" ist gar nicht ", "") == f"{one} is not {other} at all".replace(" is not ", "", 1)[:-7]


@pytest.mark.parametrize("language", OTHERS)
def test_long_and_strange_texts_cost_nothing(language: str) -> None:
    known = load_sentences(language)
    for text in (*HOSTILE, "is " * 600, ": " * 900, " of " * 450, "x" * MAX_SENTENCE, "{}" * 900, "%(a1)s" * 300):
        assert isinstance(known.say(text), str)
    assert known.say("no kind " + "x" * MAX_SENTENCE).startswith("no kind")


def test_a_form_that_is_refused_says_so_in_german(tmp_path: Path) -> None:
    with open_street(tmp_path, "anna", "ben", language="de") as street:
        lab, ben = street.lab, street.browsers["ben"]
        lab.ask(lab.ben, "peers.name", peer="Anna", name=HOSTILE[1])
        listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ei", price="1")
        lab.sim.run(20_000)
        path = f"/listing/{listing['listing_id']}"
        for typed, said in (
            ({"share": "xyz"}, "kein Anteil: 'xyz'"),
            ({"price": "1.500"}, "lässt sich als zwei verschiedene Zahlen lesen"),
            ({"price": "dear"}, "kein Preis: 'dear'"),
            ({"mediator": "no peer Ben"}, "kein Knoten 'no peer Ben' ist bekannt"),
            ({"quantity": "5", "within": "soon"}, "soll eine ganze Zahl, eine Zeit oder eine Spanne wie 3d sein"),
        ):
            ben.get(path)
            page = ben.submit("/do/exchange.propose", **typed)
            assert page.status == 422 and said in page.words, (typed, page.words)
        page = ben.get("/listing/ffff")
        assert page.status == 404 and "kein Inserat" in page.words


def test_the_page_s_own_texts_come_first() -> None:
    assert say("de", "Cancel") == "Absagen" and say("en", "no kind 'x'") == "no kind 'x'"


def test_nothing_of_it_is_english() -> None:
    for text, translated in load_sentences("de").rows.items():
        kept = re.sub(r"%\(\w+\)s|„[^“]*“|me:1|--is-right", "", translated)
        assert not ENGLISH.search(kept), (text, translated)
