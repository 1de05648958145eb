"""Our own ledger as our user sees it."""

from typing import Any

from ledger.entry import parse_entry, settlement_of
from ledger.payloads import Settlement
from p2pnode import commands
from protocols.decimals import OTHER_DECIMALS
from protocols.errors import Reject

from .accounts import Accounts, entry_json
from .exchanges import Exchanges
from .state import State


class LedgerCommands:
    def __init__(self, state: State, exchanges: Exchanges, accounts: Accounts) -> None:
        self._state = state
        self._accounts = accounts
        self._exchanges = exchanges

    def log(self, args: commands.NoArgs, now: int) -> list[dict[str, Any]]:
        network = self._state.network(args.network, reading=True)
        rows = []
        for _, full in network.chain.entries():
            entry = parse_entry(full)
            said = self._said(entry.kind, full)
            unit = network.genesis.unit
            rows.append(
                {
                    **entry_json(entry, unit),
                    "amount": _amount(said, unit) if said else None,
                    "counterparty": self._state.directory.peer_id(said.counterparty) if said else None,
                    "counterparty_name": self._state.directory.name(said.counterparty) if said else None,
                    **self._exchanges.whose(entry.kind, said),
                }
            )
        return rows

    def balance(self, args: commands.NoArgs, now: int) -> dict[str, Any]:
        network = self._state.network(args.network, reading=True)
        genesis, state = network.genesis, network.chain.state
        unit = genesis.unit
        return {
            "unit": unit,
            "decimals": genesis.decimals,
            "balance": {"amount": state.balance, "unit": unit},
            "hold": {"amount": state.hold, "unit": unit},
            **{name: {"amount": value, "unit": unit} for name, value in self._accounts.summed(network, now).items()},
            "limit": {"amount": state.limit, "unit": unit},
            "available": {"amount": max(0, state.balance - state.hold + state.limit), "unit": unit},
        }

    def _said(self, kind: str, full: bytes) -> Settlement | None:
        if kind == "INCEPT":
            return None
        try:
            return settlement_of(parse_entry(full))
        except Reject:
            return None


def _amount(said: Settlement, unit: str) -> dict[str, Any]:
    """In the network's credit; of a private claim in its own unit."""
    if said.unit:
        return {"amount": said.amount, "unit": said.unit, "decimals": OTHER_DECIMALS}
    return {"amount": said.amount, "unit": unit}
