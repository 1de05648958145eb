"""Which part of the core takes which message of the wire protocols; gossip has its own machine."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ledger.entry import Entry, parse_entry
from ledger.halves import verify_with
from protocols import (
    custody_messages,
    exchange_messages,
    join_messages,
    ledger_messages,
    message_messages,
    recovery_messages,
    replica,
    vouch_messages,
)
from protocols.errors import Ignore, Reject

from .effects import Emit
from .state import Network

if TYPE_CHECKING:
    from .core import Core

Taker = Callable[[str, bytes, int], None]
"""Takes a frame: peer, bytes, ms. Raises `Reject`, `Ignore` and `Refusal`."""


def frames(core: "Core") -> dict[str, Taker]:
    """What takes the frames of each protocol."""
    routes = _Frames(core)
    return {
        exchange_messages.PROTOCOL: routes.exchange,
        exchange_messages.SECOND_PROTOCOL: routes.exchange,
        vouch_messages.PROTOCOL: routes.vouch,
        recovery_messages.PROTOCOL: lambda peer, data, now: core.recovery.received(
            peer, recovery_messages.parse_message(data), now
        ),
        join_messages.PROTOCOL: core.membership.received,
        ledger_messages.PROTOCOL: core.audits.received,
        message_messages.PROTOCOL: core.standing.messages.received,
        replica.PROTOCOL: core.replicas.received,
        custody_messages.PROTOCOL: core.parcels.received,
        custody_messages.SECOND_PROTOCOL: core.parcels.received,
    }


class _Frames:
    def __init__(self, core: "Core") -> None:
        self._core = core

    def vouch(self, peer: str, data: bytes, now: int) -> None:
        part = vouch_messages.parse_message(data)
        self._core.vouches.asked_back(peer, self._known(part.network), part.id, part.total, now)

    def exchange(self, peer: str, data: bytes, now: int) -> None:
        core = self._core
        match exchange_messages.parse_message(data):
            case exchange_messages.FactMessage(wire):
                core.exchanges.received(peer, wire, now)
            case exchange_messages.EntryMessage(network_id, full):
                network = self._known(network_id)
                entry = parse_entry(full)
                verify_with(entry, core.state.sent_key)
                if entry.network != network.id:
                    raise Reject("context", "an entry of another network")
                core.convictions.shown(entry)
                if core.state.directory.speaks_for(peer, entry.author):
                    core.custody.keep(entry)
                self._entry(peer, network, entry, now)
            case exchange_messages.ReturnVouch(network_id, vouch_id):
                core.vouches.asked_back(peer, self._known(network_id), vouch_id, None, now)
            case exchange_messages.Ack(id_):
                if core.outbox.acknowledged(id_, peer):
                    core.claims.acknowledged(id_)
                    core.state.journal.out(Emit("delivered", {"id": id_.hex()}))
                else:
                    core.outbox.acknowledged_copy(id_, peer)
            case exchange_messages.Refuse(id_) as refused:
                core.exchanges.refused(peer, refused, now)
                core.vouches.returned_not(peer, id_)
                core.claims.declined(peer, id_, now)
            case exchange_messages.TokenMessage(network_id, wire):
                core.settlements.heard(self._known(network_id), wire, now)

    def _entry(self, peer: str, network: Network, entry: Entry, now: int) -> None:
        core = self._core
        if core.witnesses.concerns(entry):
            core.witnesses.asked(peer, network, entry, now)
        elif core.mediation.shown(peer, network.id, entry, now):
            return
        elif entry.kind.startswith("PAY_"):
            core.settlements.received(peer, network, entry, now)
        elif entry.kind.startswith("VOUCH") or entry.kind == "UNVOUCH":
            core.vouches.received(peer, network, entry, now)
        elif entry.kind.startswith("CLAIM"):
            core.claims.received(peer, network, entry, now)
        else:
            raise Ignore("state", f"{entry.kind} is not sent to a counterparty")

    def _known(self, network_id: bytes) -> Network:
        network = self._core.state.networks.get(network_id)
        if network is None:
            raise Ignore("network")
        return network
