"""Exchanges between the neighbours of a lab whose terms are of form 2."""

from typing import Any

from msgspec.structs import replace

from p2pnode import commands
from p2pnode.core.drafting import Drafting
from protocols.terms import encode_terms
from tests.p2pnode.lab import Lab
from tests.sim.simulator import Node


def propose(lab: Lab, node: Node, listing: str, **changes: Any) -> str:
    """A proposal of form 2 that names Anna as the mediator; the exchange's id."""
    core = node.core
    drafting = Drafting(core.state, core.exchanges, core.listings)
    network, record, terms = drafting.proposal(commands.Propose(listing=listing), lab.now)
    terms = replace(terms, **({"form": 2, "mediator": lab.signer(lab.anna).author} | changes))
    held = core.exchanges.begin(network, terms, encode_terms(terms), record, lab.now)
    lab.sim.perform(node, core.handle(_nothing(), lab.now))
    lab.sim.run(10_000)
    return str(held.id.hex())


def _nothing() -> Any:
    from p2pnode.core.events import Disconnected

    return Disconnected("nobody")
