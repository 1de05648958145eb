"""Vouches that are not taken by themselves, but kept until our user says; and what our user gives back unasked.

A vouch is worth what its author's limit is worth. With one that nobody backs our own limit would claim more than there
is, and payees would leave our payments unanswered. So by itself a vouch is taken only from who let us in, and from
members whose limit is covered by endowments and by what members publicly vouch for them.
"""

from typing import TYPE_CHECKING, Any

from ledger import vouching as machine
from ledger.entry import Entry, encode_entry, parse_entry, settlement_of
from ledger.vouching import Vouch, VouchState
from p2pnode import commands
from p2pnode.bounds import MAX_VOUCH_OFFERS, MAX_VOUCH_OFFERS_OF_ONE
from protocols.envelope import parse_record
from protocols.errors import Ignore, Refusal
from protocols.vouch import parse_vouch

from .effects import Emit
from .keys import OFFERED, RECORD
from .state import Network, State

if TYPE_CHECKING:
    from .vouches import Vouches


class Offered:
    """The VOUCH entries that wait for our user, by network and id; the oldest first."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.all: dict[tuple[bytes, bytes], Entry] = {}
        for key, value in state.journal.scan(OFFERED):
            place = key[len(OFFERED) :]
            self.all[place[:16], place[16:]] = parse_entry(value)

    def by_itself(self, network: Network, entry: Entry, amount: int) -> bool:
        """Whether a vouch of so much, minor units, is taken without asking our user."""
        backed = entry.author == network.inviter or (
            network.member(entry.author) and entry.limit <= self._covered(network, entry.author)
        )
        return backed and network.bears(amount)

    def _covered(self, network: Network, author: bytes) -> int:
        """How much limit an author can have, by its endowment and by what is publicly vouched for it by members to whom
        a path of such vouches leads from an endowment. Minor units."""
        given = [r for r in network.catalog.rows(kind="vouch") if not r.withdrawn and network.member(r.author)]
        lent: dict[bytes, list[bytes]] = {}
        for row in given:
            lent.setdefault(row.author, []).append(row.name)
        reached = [founder for founder, _ in network.genesis.endowments]
        seen = set(reached)
        for voucher in reached:
            found = [s for s in lent.get(voucher, ()) if s not in seen]
            reached += found
            seen.update(found)
        total = network.genesis.endowment(author)
        for row in given:
            wire = self._state.journal.get(RECORD + network.id + row.id)
            if row.name == author and row.author in seen and wire is not None:
                total += parse_vouch(parse_record(wire)).amount
        return total

    def keep(self, network: Network, entry: Entry, vouch_id: bytes) -> None:
        """Until our user takes or declines it. `Ignore` if too many wait."""
        if (network.id, vouch_id) in self.all:
            return
        his = sum(e.author == entry.author for e in self.all.values())
        room = MAX_VOUCH_OFFERS if network.member(entry.author) else MAX_VOUCH_OFFERS // 2
        if his >= MAX_VOUCH_OFFERS_OF_ONE or len(self.all) >= room:
            raise Ignore("quota", "enough vouches wait for our user")
        self.all[network.id, vouch_id] = entry
        self._state.journal.put(OFFERED + network.id + vouch_id, encode_entry(entry))
        self._state.journal.out(Emit("vouch", {"state": "offered", "amount": _amount(entry)}))

    def drop(self, network: bytes, vouch_id: bytes) -> None:
        if self.all.pop((network, vouch_id), None) is not None:
            self._state.journal.delete(OFFERED + network + vouch_id)

    def listed(self, network: Network, whose: bytes | None) -> list[dict[str, Any]]:
        """As `vouch.list` shows them."""
        unit, names = network.genesis.unit, self._state.directory
        nothing = {"amount": 0, "unit": unit}
        return [
            {
                "vouch_id": vouch_id.hex(),
                "peer_id": names.peer_id(entry.author),
                "name": names.name(entry.author),
                "direction": "taken",
                "at_risk": None,
                "state": "offered",
                "amount": {"amount": _amount(entry), "unit": unit},
                **{name: nothing for name in ("left", "returned", "taken_over", "asked_back")},
                "delivered": True,
            }
            for (of, vouch_id), entry in self.all.items()
            if of == network.id and whose in (None, entry.author)
        ]

    def undecided(self, now: int) -> list[str]:
        """A line for each that waits for our user."""
        lines = []
        for (of, _), entry in self.all.items():
            network = self._state.networks.get(of)
            if network is not None:
                name = self._state.directory.name(entry.author)
                lines.append(
                    f"{name} would vouch for you with {network.money(_amount(entry))}, and nothing here says what "
                    f"their own limit comes from: `p2pnode vouches take {name}` or `p2pnode vouches decline {name}`"
                )
        return lines


class Answers:
    """What our user says to the vouches of others."""

    def __init__(self, state: State, vouches: "Vouches") -> None:
        self._state = state
        self._vouches = vouches

    def take(self, args: commands.AnswerVouch, now: int) -> dict[str, Any]:
        """Take what a peer offers."""
        network, offers = self._offers(args)
        amount = sum(_amount(e) for e in offers)
        if not network.bears(amount):
            raise Refusal(
                "refused",
                "with it your limit would claim more than the whole network was endowed with, and nobody would take "
                "your payments",
                "`p2pnode vouches decline PEER` gives it back.",
            )
        for entry in offers:
            self._vouches.take(network, entry, now)
        return self._json(network, offers[0].author, amount, "taken")

    def decline(self, args: commands.AnswerVouch, now: int) -> dict[str, Any]:
        """Take and give back in one, so that the voucher's hold is free again."""
        network, offers = self._offers(args)
        for entry in offers:
            vouch = self._vouches.take(network, entry, now)
            self._vouches.write(network, vouch, machine.give_back(vouch), now)
        return self._json(network, offers[0].author, sum(_amount(e) for e in offers), "returned")

    def give_back(self, args: commands.Unvouch, now: int) -> dict[str, Any]:
        """What a peer vouches for us with, or a part, the newest vouch first: as far as we do not use it."""
        network = self._state.network(args.network)
        voucher = self._state.directory.resolve(args.peer)
        held = [
            v
            for v in self._vouches.all.values()
            if (v.network, v.counterparty, v.voucher, v.state) == (network.id, voucher, False, VouchState.TAKEN)
        ]
        if not held:
            raise Refusal(
                "not_found", "you hold no vouch of this peer that could go back", "`p2pnode vouches` lists them."
            )
        parts = self._vouches.parts(network, held[::-1], args.amount, "this peer vouches for you with {}")
        total, free = sum(part for _, part in parts), network.chain.state.figures.spendable
        if total > free:
            raise Refusal(
                "refused",
                f"you use that part of your limit: {network.money(free)} can go back now",
                "Give back less, or earn first.",
            )
        self._check_ready(network)
        asks = [(vouch, machine.give_back(vouch, part)) for vouch, part in parts]
        for vouch, ask in asks:
            self._vouches.write(network, vouch, ask, now)
        return self._json(network, voucher, total, "returned")

    def _offers(self, args: commands.AnswerVouch) -> tuple[Network, list[Entry]]:
        network = self._state.network(args.network)
        voucher = self._state.directory.resolve(args.peer)
        found = [e for (of, _), e in self._vouches.offered.all.items() if (of, e.author) == (network.id, voucher)]
        if not found:
            raise Refusal(
                "not_found",
                "no vouch of this peer waits for you",
                "`p2pnode vouches` lists them; `p2pnode vouches return` gives back one that was taken.",
            )
        if any(self._state.taken(network.id, _deal(e), "vouch") for e in found):
            raise Refusal(
                "conflict", "a payment or claim has the same number as this vouch", "Ask them to give it anew."
            )
        self._check_ready(network)
        return network, found

    def _check_ready(self, network: Network) -> None:
        network.chain.check_ready()
        self._vouches.check_room()

    def _json(self, network: Network, voucher: bytes, amount: int, state: str) -> dict[str, Any]:
        unit = network.genesis.unit
        mine: list[Vouch] = [
            v
            for v in self._vouches.all.values()
            if (v.network, v.counterparty, v.voucher) == (network.id, voucher, False)
        ]
        return {
            "peer_id": self._state.directory.peer_id(voucher),
            "name": self._state.directory.name(voucher),
            "amount": {"amount": amount, "unit": unit},
            "total": {"amount": sum(v.left for v in mine), "unit": unit},
            "limit": {"amount": network.chain.state.figures.spendable, "unit": unit},
            "state": state,
        }


def _deal(entry: Entry) -> bytes:
    said = settlement_of(entry)
    assert said is not None
    return said.deal


def _amount(entry: Entry) -> int:
    said = settlement_of(entry)
    assert said is not None
    return said.amount
