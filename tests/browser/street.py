"""Two nodes on loopback, in whose pages something is to be seen: what both have said and done, by the commands."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from p2pnode.client import Client
from tests.browser.window import Window
from tests.e2e.nodes import Node, until

AREA = "u33dc"


class Street:
    """Anna founded Elm Street, Ben joined. examples: for each parameter of a view's path what there is to be looked
    at, by the name of the view."""

    def __init__(self, anna: Node, ben: Node) -> None:
        self.anna, self.ben = anna, ben
        self.examples: dict[str, str] = {}

    def of(self, node: Node) -> Node:
        return self.ben if node is self.anna else self.anna

    def found(self, listing: str, by: Node) -> None:
        """Wait until a listing has come to a neighbour."""
        until("the listing spreads", lambda: any(r["listing_id"] == listing for r in by.cli("search")))

    def seen(self, node: Node, exchange: str, status: str) -> None:
        until(f"{node.name} sees: {status}", lambda: node.cli("exchange", "show", exchange)["status"] == status)

    def next(self, node: Node, exchange: str) -> list[str]:
        """The commands that this side can give now, a word each."""
        steps = node.cli("exchange", "show", exchange)["next"]
        return [step["command"].split()[2] for step in steps if step["who"] == "you"]


@contextmanager
def street(root: Path, *, ben: str = "Ben", network: str = "Elm Street") -> Iterator[Street]:
    """ben: what he calls himself; network: what it is called."""
    founder, joiner = Node("Anna", root), Node("Ben", root)
    with founder, joiner:
        founder.init("--area", AREA, "--new-network", network, "--unit", "hour")
        founder.start()
        joiner.cli("init", "--name", ben, "--area", AREA)
        joiner.start()
        link = founder.cli("invite", "--note", "for Ben")["link"]
        joiner.cli("join", link, "--wait", "20")
        until("both are in it", lambda: joiner.cli("status")["network"] and founder.cli("status")["peers"])
        yield Street(founder, joiner)


def live_in(street: Street) -> None:
    """A few offers and wants, a rental that is over and rated, one under way, one just asked for."""
    anna, ben = street.anna, street.ben

    def offers(node: Node, *args: str, word: str = "offer") -> str:
        listing: str = node.cli(word, "publish", *args)["listing_id"]
        return listing

    drill = offers(
        ben, "--kind", "rent", "--title", "Impact drill with bits", "--price", "0.50/hour",
        "--text", "Goes through concrete.\nThe bits are in the lid; please clean them.", "--tag", "tools",
    )  # fmt: skip
    offers(ben, "--kind", "lend", "--title", "Ladder, 6 m", "--tag", "tools")
    offers(ben, "--kind", "food", "--title", "Twelve eggs, from our own hens", "--price", "0.25")
    bike = offers(anna, "--kind", "rent", "--title", "Cargo bicycle", "--price", "1/hour", "--when", "sat,sun")
    offers(anna, "--kind", "help", "--title", "Somebody to carry a sofa", "--price", "1", word="request")
    street.found(drill, anna)
    street.found(bike, ben)
    finished, under_way, _ = (asks(street, anna, drill) for _ in range(3))
    act_out(street, finished)
    anna.cli("attest", finished, "--outcome", "2", "--text", "All as agreed, and a coffee with it.")
    ben.cli("attest", finished, "--outcome", "1")
    chronicle = Client(ben.home).call("listing.publish", {
        "direction": "request", "kind": "project", "title": "The village chronicle", "text": "To be typed.",
    })["listing_id"]  # fmt: skip
    pages = [{"number": n, "title": f"Page {n}", "text": "As in the scan.", "price": "0.25"} for n in (1, 2, 3)]
    Client(ben.home).call("project.split", {"listing": chronicle, "tasks": pages})
    parcel = carried(street, "What fits on a bicycle, to the village")
    ben.cli("exchange", "accept", under_way)
    ben.cli("exchange", "handover", under_way, "--note", "The tank is full.")
    until("Anna sees the hand-over", lambda: "confirm" in street.next(anna, under_way))
    writes = ("message", "send", "--wait", "20")
    anna.cli(*writes, "Ben", "I am ten minutes late, sorry.", "--exchange", under_way)
    ben.cli(*writes, "Anna", "No hurry. It stands by the door.", "--exchange", under_way)
    ben.cli(*writes, "Anna", "By the way: do you still look for somebody to carry the sofa?")
    street.examples = {
        "listing": drill, "edit": bike, "exchange": under_way, "peer": ben.peer_id, "neighbour": ben.peer_id,
        "author": ben.peer_id, "kind": "rent", "project": chronicle, "parcel": parcel,
    }  # fmt: skip


def carried(street: Street, title: str) -> str:
    """Ben carries something of Anna's to a door. The id of the parcel."""
    fields = {"direction": "offer", "kind": "deliver", "title": title, "price": "0.25"}
    ride = Client(street.ben.home).call("listing.publish", fields)["listing_id"]
    street.found(ride, street.anna)
    asked = {"listing": ride, "parcel": True, "door": True}
    exchange = Client(street.anna.home).call("exchange.propose", asked)["exchange_id"]
    street.seen(street.ben, exchange, "proposed")
    street.ben.cli("exchange", "accept", exchange)
    street.seen(street.anna, exchange, "agreed")
    parcel: str = street.anna.cli("parcel", "list")["parcels"][0]["parcel"]
    return parcel


def asks(street: Street, node: Node, listing: str) -> str:
    exchange: str = node.cli("exchange", "propose", listing, "--quantity", "1", "--note", "On Saturday?")["exchange_id"]
    other = street.of(node)
    until("the proposal arrives", lambda: any(e["exchange_id"] == exchange for e in other.cli("exchange", "list")))
    return exchange


_ORDER = ("accept", "handover", "confirm", "return", "pay")


def act_out(street: Street, exchange: str, note: str = "") -> None:
    """Both do whatever is next, until it is settled. note: what is said with each step."""

    def over() -> bool:
        for node in (street.ben, street.anna):
            words = street.next(node, exchange)
            word = next((w for w in _ORDER if w in words), None)
            if word is not None:
                node.cli("exchange", word, exchange, "--note", note)
        return all(n.cli("exchange", "show", exchange)["status"] == "settled" for n in (street.anna, street.ben))

    until("the deal is settled", over, 60)


def log_in(node: Node, opens: Callable[..., Window], *args: Any, **given: Any) -> Window:
    """A window on the node's page, entered by the link that `p2pnode web` prints."""
    answer = node.cli("web", "--no-open")
    window = opens(answer["url"], *args, **given)
    window.page.goto(answer["link"])
    return window
