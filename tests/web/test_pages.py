"""The page over real cores and real HTTP: what is shown, that nothing of it does anything, and what goes wrong."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args
from urllib.parse import urlencode

import pytest

from p2pnode.event_types import What
from p2pnode.walls import PAGE_HEADERS
from p2pnode.web.paths import own
from p2pnode.web.static import FOLDER, listed
from p2pnode.web.views import GROUPS, VIEWS, navigation
from protocols.limits import MAX_TEXT, MAX_TITLE
from tests.web.browser import Browser, Page
from tests.web.hostile import HOSTILE, TURNED, mixed
from tests.web.street import Street, open_street

TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Anna offers hostile things, Ben proposes with hostile words."""
    with open_street(tmp_path_factory.mktemp("street"), "anna", "ben") as made:
        lab = made.lab
        first = None
        for text in HOSTILE:
            fields = {"title": text[:MAX_TITLE], "text": mixed(MAX_TEXT), "price": "2 hour", "tags": []}
            listing = lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", **fields)
            first = first or listing["listing_id"]
        lab.sim.run(20_000)
        lab.ask(lab.ben, "exchange.propose", listing=first, note=mixed(1000))
        lab.ask(lab.ben, "listing.publish", direction="request", kind="want", title=HOSTILE[0], text=mixed(MAX_TEXT))
        project = {"direction": "request", "kind": "project", "title": HOSTILE[0], "text": mixed(MAX_TEXT)}
        chronicle = lab.ask(lab.anna, "listing.publish", **project)["listing_id"]
        tasks = tuple({"number": n, "title": text} for n, text in enumerate(HOSTILE, 1))
        lab.ask(lab.anna, "project.split", listing=chronicle, tasks=tasks)
        _delivered(made)
        yield made


def _delivered(street: Street) -> None:
    """Anna is to carry something of Ben's to Dora."""
    lab = street.lab
    ride = lab.ask(lab.anna, "listing.publish", direction="offer", kind="deliver", title=HOSTILE[0], price="1 hour")
    lab.sim.run(20_000)
    fields = {"to": lab.dora.peer_id, "parcel": True, "note": mixed(1000)}
    exchange = lab.ask(lab.ben, "exchange.propose", listing=ride["listing_id"], **fields)["exchange_id"]
    lab.sim.run(20_000)
    lab.ask(lab.anna, "exchange.accept", id=exchange)
    lab.sim.run(20_000)
    lab.ask(lab.ben, "parcel.give", exchange=exchange, note=HOSTILE[0])
    lab.sim.run(20_000)


@pytest.fixture
def ben(street: Street) -> Browser:
    return street.browsers["ben"]


def paths(street: Street) -> list[str]:
    """Every view with something in it."""
    lab = street.lab
    exchange = lab.ask(lab.ben, "exchange.list")[0]
    ids = {"/listing/{id}": exchange["listing_id"], "/exchange/{id}": exchange["exchange_id"]}
    ids["/neighbour/{id}"] = exchange["counterparty"]
    ids["/listing/{id}/edit"] = lab.ask(lab.ben, "listing.list")[0]["listing_id"]
    ids["/parcel/{id}"] = lab.ask(lab.ben, "parcel.list")["parcels"][0]["parcel"]
    mine = lab.ask(lab.anna, "listing.list")
    ids["/project/{id}"] = next(row["listing_id"] for row in mine if row["kind"] == "project")
    return [view.path.replace("{id}", ids.get(view.path, "")).replace("{kind}", "rent") for view in VIEWS]


@pytest.mark.parametrize("language", ["en", "de"])
def test_nothing_that_somebody_wrote_does_anything(street: Street, language: str) -> None:
    """`Page` refuses whatever element, attribute or comment no template of ours writes."""
    browser = street.browsers["ben"]
    browser.language = language
    seen = ""
    for path in paths(street):
        page = browser.get(path)
        assert page.status == 200, (path, page.source[-400:])
        seen += page.words
        ill = r"<(script>|svg(?! viewBox=)|img src=x|b |a href=//|form action=//|meta http-equiv)"
        assert not re.search(ill, page.source), path
    browser.language = "en"
    assert "<script>alert(1)</script>" in seen, "it is shown as it was written"
    assert "{{ 7 * 7 }}" in seen and "49" not in re.sub(r"\d{3,}", "", seen)


def test_text_cannot_be_turned_around() -> None:
    from p2pnode.web.templating import environment

    shown = environment("en").from_string("<p title='{{ x }}'>{{ x }}</p>").render(x=TURNED + "<b>")
    assert not re.search("[\u202e\u2066\x1b]", shown) and "&lt;b&gt;" in shown and "gpj.exe" in shown


@pytest.mark.parametrize(
    "template", ["{% trans who=x %}Waiting for {{ who }}{% endtrans %}", "{{ _(x) }}", "{{ ngettext(x, x, 2) }}"]
)
def test_nor_where_it_goes_through_a_translation(template: str) -> None:
    """A name within a sentence, and a word that no catalog has, are as foreign there as anywhere."""
    from p2pnode.web.templating import environment

    for language in ("en", "de"):
        shown = environment(language).from_string(template).render(x=TURNED + "<b>")
        assert not re.search("[\u202e\u2066\x1b]|<b>", shown) and "&lt;b&gt;" in shown and "gpj.exe" in shown
    for text in HOSTILE:
        assert Page(200, "/", environment("de").from_string(template).render(x=text), {}).words.endswith(text)
    assert environment("de").from_string('{{ _("Log out") }}').render() == "Abmelden"
    words = "{% trans n=1000 %}{{ n }} found{% pluralize %}{{ n }} found{% endtrans %}"
    assert environment("en").from_string(words).render() == "1000 found"


def test_the_check_can_fail() -> None:
    for text in HOSTILE:
        if text.startswith("<") and text != "<!--<script>-->":
            with pytest.raises(AssertionError):
                Page(200, "/", f"<p>{text}</p>", {})


def test_hostile_words_in_the_url_do_nothing(ben: Browser) -> None:
    for text in HOSTILE:
        for field in ("query", "kind", "direction", "within_km", "max_price", "sort", "all"):
            for path in ("/", "/exchanges"):
                page = ben.get(f"{path}?{urlencode({field: text})}")
                assert page.status in (200, 400), (field, text, page.source[-300:])
        page = ben.get(f"/listing/{urlencode({'': text})[1:]}")
        assert page.status in (400, 404)


def test_a_path_of_nowhere_leads_nowhere_else(ben: Browser) -> None:
    """The page names its own address in links; one that reads as another host's must not get there."""
    page = ben.get("/%2Fevil.example/")
    links = [link for link, _ in page.links if "evil" in link]
    assert page.status == 404 and links == ["/%2Fevil.example/"]
    assert own("//evil.example") == own("/\\evil") == own("https://evil") == own("/a\n") == own("evil") == "/"


def test_every_answer_has_the_page_s_policy(ben: Browser) -> None:
    for path in ("/", "/nothing", "/static/page.css", "/static/vendor/htmx.min.js", "/listing/zz"):
        page = ben.get(path)
        for name, value in PAGE_HEADERS:
            assert page.fields[name.decode()] == value.decode(), (path, name)
    assert "default-src 'none';" in ben.get("/v1").fields["content-security-policy"]


def test_static_files_are_those_that_are_listed(ben: Browser) -> None:
    for name in listed():
        assert ben.get(f"/static/{name}").status == 200 if not name.endswith(".png") else True
    for name in ("../pages.py", "%2e%2e/pages.py", "..%2fpages.py", "vendor/VENDORED.md", "vendor", "", "/etc/passwd"):
        assert ben.get(f"/static/{name}").status == 404, name


def test_filters_stay_as_they_were_set(street: Street, ben: Browser) -> None:
    page = ben.get("/?direction=offer&kind=sell")
    assert len(re.findall("card-link", page.source)) == len(HOSTILE)
    page = ben.submit("/", query="", direction="request", kind="sell")
    assert "Nothing fits" in page.words and dict(page.form("/").fields)["direction"] == "request"
    page = ben.submit("/", direction="offer", max_price="1 hour")
    assert "Nothing fits" in page.words
    page = ben.submit("/", max_price="3 hour")
    assert len(re.findall("card-link", page.source)) == len(HOSTILE)
    page = ben.get("/?max_price=dear&within_km=near")
    assert page.status == 200 and "notice-error" in page.source


def test_what_is_not_there_is_said(ben: Browser) -> None:
    for path in ("/listing/ffffffff", "/exchange/ffffffff", "/nowhere", "/listing/a/b"):
        page = ben.get(path)
        assert page.status == 404 and "That is not here" in page.words
    assert ben.post("/do/nothing.at_all", b"request_id=12345678").status == 404
    assert ben.post("/do/status", b"request_id=12345678").status == 404, "reading is no doing"
    assert ben.post("/do/exchange.accept", b"id=00").status == 400, "no request_id"
    assert ben.get("/do/exchange.accept").status == 405


def test_a_node_that_fails_or_is_busy_is_an_error_page(
    street: Street, ben: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from p2pnode.web import pages
    from protocols.errors import Refusal

    async def broken(name: str, args: object, request_id: object) -> object:
        raise ZeroDivisionError("secret detail")

    port = street.ports["ben"]
    monkeypatch.setattr(port, "call", broken)
    page = ben.get("/")
    assert page.status == 500 and "secret detail" not in page.source and "failure" in page.words

    async def slow(name: str, args: object, request_id: object) -> object:
        import trio

        await trio.sleep_forever()
        return None

    monkeypatch.setattr(port, "call", slow)
    monkeypatch.setattr(pages, "PAGE_TIMEOUT", 0.05)
    page = ben.get("/")
    assert page.status == 503 and "busy" in page.words

    async def refuses(name: str, args: object, request_id: object) -> object:
        raise Refusal("unreachable", "<b>Nobody</b>", "Wait")

    monkeypatch.setattr(port, "call", refuses)
    page = ben.get("/")
    assert page.status == 504 and "<b>Nobody</b>" in page.words


def test_the_language_follows_the_browser_and_then_the_reader(ben: Browser) -> None:
    assert '<html lang="de">' in ben.get("/", **{"Accept-Language": "fr;q=0.9, de-AT;q=0.8, en;q=0.1"}).source
    assert '<html lang="en">' in ben.get("/", **{"Accept-Language": "fr"}).source
    page = ben.post("/do/page.language", urlencode({"language": "de", "back": "/exchanges"}).encode())
    assert page.url == "/exchanges" and "Tauschgeschäfte" in page.words
    page = ben.post("/do/page.language", urlencode({"language": "en", "back": "//evil.example"}).encode())
    assert page.url == "/"


def test_the_table_of_views_is_sound() -> None:
    names = [view.name for view in VIEWS]
    assert len(set(names)) == len(names) and len({view.path for view in VIEWS}) == len(names)
    for view in VIEWS:
        assert (FOLDER / "templates" / f"{view.name}.html").exists(), view.name
        assert view.group in GROUPS or view.group == "", view.name
        assert not re.match(r"/(v1|do|static|login)(/|$)", view.path), view.path
        assert not view.group or "{" not in view.path
        assert set(view.live) <= {*get_args(What), "health"}, view.name
    assert navigation()[0][1][0].name == "near"


def test_every_view_is_documented() -> None:
    folder = Path(__file__).parents[2] / "docs" / "web"
    for view in VIEWS:
        page = folder / f"{view.name}.md"
        assert page.exists(), f"write {page.relative_to(folder.parents[1])}"
        assert f"`{view.path}`" in page.read_text(), f"{page.name} does not name {view.path}"
    assert {p.stem for p in folder.glob("*.md")} == {view.name for view in VIEWS}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_hold_to_their_rules(template: Path) -> None:
    source = template.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape", source), "everything is escaped"
    assert not re.search(r"\s(style|on[a-z]+)=|hx-on|<style|javascript:", source), "nothing inline"
    assert not re.search(r"<script(?! src=\"/static/)", source)
    assert not re.search(r"=\{\{|=\{%", re.sub(r"\{%.*?%\}", "", source)), "attributes stand in quotes"
    for target in re.findall(r"(?:href|src|action|hx-get)=\"([^\"]*)\"", source):
        own = target.startswith(("/", "#")) or target in ("{{ here }}", "{{ one.path }}", "{{ back }}", "{{ action }}")
        assert own and not target.startswith("//"), target


def test_vendored_files_are_as_noted() -> None:
    from hashlib import sha256

    vendor = FOLDER / "static" / "vendor"
    noted = dict(re.findall(r"^\| (\S+) \| ([0-9a-f]{64}) \|$", (vendor / "VENDORED.md").read_text(), re.MULTILINE))
    there = {str(p.relative_to(vendor)): sha256(p.read_bytes()).hexdigest() for p in vendor.rglob("*") if p.is_file()}
    there.pop("VENDORED.md")
    assert noted == there
