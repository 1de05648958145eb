"""A project through pages alone: split, claimed, done, confirmed, put together."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.hostile import HOSTILE
from tests.web.street import Street, open_street


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    with open_street(tmp_path, "anna", "ben") as made:
        yield made


def test_from_the_table_to_the_result(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    assert "No projects yet" in anna.get("/projects").words
    made = lab.ask(lab.anna, "listing.publish", direction="request", kind="project", title=HOSTILE[0], text=HOSTILE[1])
    lab.ask(lab.anna, "peers.name", peer="Ben", name=HOSTILE[1])
    path = f"/project/{made['listing_id']}"
    assert path in [link for link, _ in anna.get("/projects").links]
    assert "Not split yet" in anna.get(path).words
    page = anna.submit("/do/project.split", tasks=f'title,text,price\nPage one,,1\n"{HOSTILE[3]}",read it,')
    assert "2 tasks would be published" in page.words and "you owe 1 hour" in " ".join(page.words.split())
    assert not lab.ask(lab.anna, "project.show", listing=made["listing_id"])["tasks"], "it is only looked at"
    page = anna.submit("/do/project.split")
    assert page.url == path and "Page one" in page.words and HOSTILE[3] in page.words
    lab.sim.run(60_000)
    assert HOSTILE[0] in ben.get("/projects").words
    assert "2 tasks are free" in ben.get(path).words
    ben.submit("/do/project.claim", count="2")
    lab.sim.run(120_000)
    page = ben.get(path)
    assert page.source.count("I have done it") == 2 and "0 tasks are free" in page.words
    ben.submit("/do/exchange.done", note=HOSTILE[4])
    lab.sim.run(60_000)
    page = anna.get(path)
    assert "done, to be looked at" in page.words and HOSTILE[1] in page.words
    anna.submit("/do/exchange.confirm")
    lab.sim.run(60_000)
    page = anna.get(path)
    assert HOSTILE[4] in page.words and "1 confirmed" in " ".join(page.words.split())
    assert anna.get(f"{path}?file=results").source == f"{HOSTILE[4]}\n"
    page = anna.get(path)
    form = dict(page.form("/do/project.split").fields)
    assert form["tasks:first"] == "3", "what is added goes on counting"
    anna.submit("/do/project.split", tasks="title\nPage three")
    anna.submit("/do/project.split")
    numbers = [task["number"] for task in lab.ask(lab.anna, "project.show", listing=made["listing_id"])["tasks"]]
    assert numbers == [1, 2, 3]


def test_a_table_that_is_none_is_shown_again_with_what_is_wrong(street: Street) -> None:
    lab, anna = street.lab, street.browsers["anna"]
    made = lab.ask(lab.anna, "listing.publish", direction="request", kind="project", title="Chronicle")
    anna.get(f"/project/{made['listing_id']}")
    for table, first, wrong in (
        ("titel\nx", "1", "column"),
        ("title\nx", "none", "first number"),
        ("title\n" + "x\n" * 17, "1", "16"),
    ):
        page = anna.submit("/do/project.split", tasks=table, **{"tasks:first": first})
        assert page.status == 422 and wrong in page.words, page.words[-1500:]


def test_what_is_overdue_is_taken_back_after_a_question(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    made = lab.ask(lab.anna, "listing.publish", direction="request", kind="project", title="Chronicle")
    id_ = made["listing_id"]
    lab.ask(lab.anna, "project.split", listing=id_, tasks=({"number": 1, "title": "Page 1", "price": "1"},))
    lab.sim.run(60_000)
    ben.get(f"/project/{id_}")
    ben.submit("/do/project.claim")
    lab.sim.run(120_000)
    lab.leap(20 * 86_400_000)
    page = anna.get(f"/project/{id_}")
    assert "overdue" in page.words
    assert "This cannot be undone." in anna.submit("/do/project.free").words
    anna.submit("/do/project.free")
    assert "1 free" in " ".join(anna.get(f"/project/{id_}").words.split())


def test_all_at_once_and_what_could_not_be(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    made = lab.ask(lab.anna, "listing.publish", direction="request", kind="project", title="Chronicle")
    id_ = made["listing_id"]
    rows = tuple({"number": n, "title": HOSTILE[n], "price": "60"} for n in (1, 2))
    lab.ask(lab.anna, "project.split", listing=id_, tasks=rows)
    lab.sim.run(60_000)
    lab.ask(lab.ben, "project.claim", listing=id_, count=2)
    lab.sim.run(120_000)
    for task in lab.ask(lab.ben, "project.claimed", listing=id_)["tasks"]:
        lab.ask(lab.ben, "exchange.done", id=task["exchange_id"])
    lab.sim.run(60_000)
    anna.get(f"/project/{id_}")
    page = anna.submit("/do/project.confirm")
    assert "Tasks confirmed: 2." in page.words and "2 confirmed" in " ".join(page.words.split())
    page = anna.submit("/do/project.pay")
    assert "Payments on their way: 1." in page.words and f"Not paid: 2. {HOSTILE[2]}:" in page.words
    lab.sim.run(60_000)
    assert ben.get(f"/project/{id_}").url


def test_what_went_by_itself_is_said_to_both(street: Street) -> None:
    lab, anna, ben = street.lab, street.browsers["anna"], street.browsers["ben"]
    made = lab.ask(lab.anna, "listing.publish", direction="request", kind="project", title="Chronicle")
    id_ = made["listing_id"]
    lab.ask(lab.anna, "project.split", listing=id_, tasks=({"number": 1, "title": HOSTILE[0]},))
    lab.sim.run(60_000)
    lab.ask(lab.ben, "project.claim", listing=id_)
    lab.sim.run(120_000)
    lab.leap(8 * 86_400_000)
    lab.sim.run(2 * 3_600_000)
    page = " ".join(anna.get(f"/project/{id_}").words.split())
    assert "1 free" in page and "can be claimed again: Ben had it until" in page
    assert "no longer yours, since it was to be done until" in " ".join(ben.get(f"/project/{id_}").words.split())
