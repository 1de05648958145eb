"""Network: who is connected, who is shut out, and an invite that only the browser sees which made it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocols.errors import Refusal
from tests.web.browser import Browser
from tests.web.hostile import TURNED, mixed
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def test_an_invite_is_shown_as_link_and_as_code(street: Street) -> None:
    ben = street.browsers["ben"]
    assert "p2pnode://join/" not in ben.get("/network").source.replace("p2pnode://join/ or", "")
    assert ben.get("/network?code=invite").fields["content-type"].startswith("text/html"), "there is none"
    ben.get("/network")
    page = ben.submit("/do/invite", uses="3", note=mixed(200), vouch="2")
    assert page.url == "/network" and "For 3 newcomers" in page.words and "2 hour" in page.words
    link = page.source.split("p2pnode://join/")[1].split("<")[0]
    picture = ben.get("/network?code=invite")
    assert picture.fields["content-type"] == "image/svg+xml" and picture.source.startswith("<svg ")
    assert "content-disposition" not in picture.fields
    assert link in ben.get("/network").source, "as long as the session lasts"
    other = Browser(ben.url)
    other.cookies = {**street.browsers["anna"].cookies}
    assert link not in street.browsers["anna"].get("/network").source


def test_links_that_are_still_good_are_listed_with_who_came_by_them(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    assert "Links that are still good" not in ben.get("/network").words
    link = lab.ask(lab.ben, "invite", uses=3, vouch="2", note=mixed(200))["link"]
    words = ben.get("/network").words
    assert "For 3 newcomers · nobody has come yet" in words and "credit for each: 2 hours" in words
    for name in ("Yan", "Zoe"):
        lab.ask(lab.sim.spawn(name), "join", target=link)
    lab.sim.run(60_000)
    lab.ask(lab.ben, "peers.name", peer="Yan", name=TURNED + mixed(40))
    page = ben.get("/network")
    assert "2 have come:" in page.words and "Zoe" in page.words and "ends by itself" in page.words
    assert link not in page.source
    lab.ask(lab.sim.spawn("Last"), "join", target=link)
    assert "Links that are still good" not in ben.get("/network").words, "all have come"


def test_a_link_is_taken_back_after_a_question(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    ben.get("/network")
    page = ben.submit("/do/invite", uses="3", note=mixed(60))
    link = "p2pnode://join/" + page.source.split('<code class="secret" tabindex="0">p2pnode://join/')[1].split("<")[0]
    lab.ask(lab.sim.spawn("Zoe"), "join", target=link)
    lab.sim.run(60_000)
    ben.get("/network")
    asked = ben.submit("/do/invite.revoke")
    assert "Nobody new gets in by it" in asked.words and "stays in" in asked.words
    assert len(lab.ask(lab.ben, "invite.list")) == 1, "asked, not done"
    page = ben.submit("/do/invite.revoke")
    assert page.url == "/network" and "Taken back" in page.words
    assert "Links that are still good" not in page.words and link not in page.source
    assert ben.get("/network?code=invite").fields["content-type"].startswith("text/html")
    with pytest.raises(Refusal, match="taken back"):
        lab.ask(lab.sim.spawn("Yan"), "join", target=link)


def test_a_link_leads_into_the_network(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    ben.get("/network")
    page = ben.submit("/do/join", target="<b>nowhere")
    assert page.status == 422 and dict(page.form("/do/join").fields)["target"] == "<b>nowhere"
    link = lab.ask(lab.anna, "invite")["link"]
    assert ben.submit("/do/join", target=link).status == 200


def test_somebody_is_shut_out_and_let_in_again(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    anna = lab.ask(lab.anna, "status")["peer_id"]
    lab.ask(lab.ben, "peers.name", peer=anna, name=TURNED + mixed(40))
    ben.get(f"/neighbour/{anna}")
    page = ben.submit("/do/peers.block", reason=mixed(100))
    assert page.status == 200, page.words
    assert "shut out" in page.words and page.url == f"/neighbour/{anna}"
    page = ben.get("/network")
    assert "<script>alert(1)</script>" in page.words and "by you" in page.words
    page = ben.submit("/do/peers.unblock")
    assert page.url == "/network" and not lab.ask(lab.ben, "peers.banned")


def test_where_things_are_listed_is_told_by_cell(street: Street) -> None:
    lab, ben = street.lab, street.browsers["ben"]
    lab.ask(lab.anna, "listing.publish", direction="offer", kind="sell", title="Ten eggs", price="2 hour")
    lab.sim.run(20_000)
    page = ben.get("/network")
    assert "in your own area" in page.words and "Where something is listed" in page.words
    assert page.source.count('class="map-cell') == 1 and 'class="map-own"' in page.source
    assert page.source.count('class="map-kept"') == 8, "the cells around are kept, too"
    assert "Ten eggs" in ben.get(next(link for link, text in page.links if text == "in your own area")).words
    page = ben.get("/network")
    assert page.source.count("/neighbour/12D3KooW") == 3
