"""Our own ledger as our user sees it."""

from typing import Any

from ledger.entry import parse_entry, settlement_of
from ledger.payloads import Settlement
from p2pnode import commands
from protocols.errors import Reject

from .recovery import Recovery
from .state import Network, State

MAX_NAMED = 1_000  # missing entries that are named one by one


class LedgerCommands:
    def __init__(self, state: State, recovery: Recovery) -> None:
        self._state = state
        self._recovery = recovery

    def log(self, args: commands.NoArgs, now: int) -> list[dict[str, Any]]:
        network = self._state.network(args.network)
        rows = []
        for seq, full in network.chain.entries():
            entry = parse_entry(full)
            said = self._said(entry.kind, full)
            unit = network.genesis.unit
            rows.append(
                {
                    "seq": seq,
                    "id": entry.id.hex(),
                    "kind": entry.kind,
                    "at": entry.at,
                    "balance": {"amount": entry.balance, "unit": unit},
                    "hold": {"amount": entry.hold, "unit": unit},
                    "limit": {"amount": entry.limit, "unit": unit},
                    "amount": {"amount": said.amount, "unit": unit} if said else None,
                    "counterparty": self._state.directory.peer_id(said.counterparty) if said else None,
                    "counterparty_name": self._state.directory.name(said.counterparty) if said else None,
                    "exchange_id": said.deal.hex() if said and "VOUCH" not in entry.kind else None,
                }
            )
        return rows

    def balance(self, args: commands.NoArgs, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        genesis, state = network.genesis, network.chain.state
        given, received = self._totals(network)
        unit = genesis.unit
        return {
            "unit": unit,
            "decimals": genesis.decimals,
            "balance": {"amount": state.balance, "unit": unit},
            "hold": {"amount": state.hold, "unit": unit},
            "given": {"amount": given, "unit": unit},
            "received": {"amount": received, "unit": unit},
            "limit": {"amount": state.limit, "unit": unit},
            "available": {"amount": max(0, state.balance - state.hold + state.limit), "unit": unit},
        }

    def verify(self, args: commands.NoArgs, now: int) -> dict[str, Any]:
        network = self._state.network(args.network)
        report = network.chain.audit()
        lost = self._recovery.missing(network)
        return {
            "entries": report.entries,
            "head": network.chain.state.head.hex(),
            "ok": report.ok and not lost,
            "missing": [seq for span in (*report.missing, lost) for seq in span][:MAX_NAMED],
            "problems": [{"seq": p.seq, "message": p.message} for p in report.errors],
        }

    def _totals(self, network: Network) -> tuple[int, int]:
        """What was given to others (earned) and received from them (spent), in minor units."""
        given = received = 0
        for _, full in network.chain.entries():
            entry = parse_entry(full)
            if entry.kind in ("PAY_RECEIPT", "PAY_COMPLETE"):
                said = settlement_of(entry)
                amount = said.amount if said else 0
                given += amount if entry.kind == "PAY_RECEIPT" else 0
                received += amount if entry.kind == "PAY_COMPLETE" else 0
        return given, received

    def _said(self, kind: str, full: bytes) -> Settlement | None:
        if kind == "INCEPT":
            return None
        try:
            return settlement_of(parse_entry(full))
        except Reject:
            return None
