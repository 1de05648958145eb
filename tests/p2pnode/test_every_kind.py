"""Every kind from the listing to the end, by real cores that do nothing but what `next` tells them."""

import pytest

from protocols.limits import DAY, HOUR, MINUTE
from protocols.templates import templates
from tests.p2pnode.lab import Lab

REQUESTS = {"want", "task", "project", "barn", "fund", "pledge"}


@pytest.fixture(scope="module")
def lab():
    return Lab(50)


def steps(lab, node, id_):
    """What this node says that its own user can do next."""
    shown = lab.ask(node, "exchange.show", id=id_)
    told = [s for s in shown["next"] if s["who"] == "you" and (s["from"] or 0) <= lab.now]
    words = [(s["command"].split()[2] if s["command"].split()[1] == "exchange" else s["command"].split()[1], s["duty"])
             for s in told]  # fmt: skip
    return shown, words


@pytest.mark.parametrize("form", ["plain", "full"])
@pytest.mark.parametrize("kind", sorted(templates()))
def test_a_kind_runs_to_its_end(lab, kind, form):
    of = templates()[kind]
    if form == "plain" and of.goal:
        pytest.skip("with a goal it is never plain")
    price = {"price": "0.1"} if any(row.price for row in of.full) else {}
    goal = {"goal": "0.1 hour" if of.goal == "amount" else "1"} if of.goal else {}
    direction = "request" if kind in REQUESTS else "offer"
    made = lab.ask(lab.ben, "listing.publish", direction=direction, kind=kind, title=kind, **price, **goal)
    lab.sim.run(MINUTE)
    asked = {"form": form}
    if of.time or (of.slot and form == "full"):
        asked |= {"start": lab.now + 2 * DAY, "end": lab.now + 2 * DAY + 4 * HOUR, "quantity": 1}
    if of.legs:
        asked["leg"] = ("mine: apples",)
    id_ = lab.ask(lab.cleo, "exchange.propose", listing=made["listing_id"], **asked)["exchange_id"]
    lab.sim.run(MINUTE)
    assert lab.ask(lab.ben, "exchange.accept", id=id_)["status"] == "agreed"
    lab.sim.run(MINUTE)
    if of.goal:
        assert not [w for w, _ in steps(lab, lab.cleo, id_)[1] if w in ("done", "pay")], "nothing is owed yet"
    for _ in range(12):
        told = [(node, *steps(lab, node, id_)) for node in (lab.cleo, lab.ben)]
        todo = [(node, word, duty) for node, _, words in told for word, duty in words if word != "attest"]
        ahead = [s["from"] for _, shown, _ in told for s in shown["next"] if s["from"]]
        if ahead and not todo:
            lab.leap(min(ahead) - lab.now)
            continue
        if not todo:
            break
        node, word, duty = todo[0]
        more = {"duty": duty} if word == "pay" and duty else {}
        which = {"listing": made["listing_id"]} if word == "go" else {"id": id_}
        lab.ask(node, f"exchange.{word}", **which, **more)
        lab.sim.run(MINUTE)
    for node in (lab.cleo, lab.ben):
        shown, words = steps(lab, node, id_)
        assert shown["status"] == "settled", [(d["id"], d["state"]) for d in shown["duties"]]
        assert [word for word, _ in words] == ["attest"]
