"""What our ledger holds of one exchange: erased as far as it is ours alone."""

from typing import Any

from ledger.entry import parse_entry, settlement_of
from p2pnode import commands

from .exchanges import Exchanges
from .settlements import Settlements
from .state import State


class Evidence:
    def __init__(self, state: State, exchanges: Exchanges, settlements: Settlements) -> None:
        self._state = state
        self._exchanges = exchanges
        self._settlements = settlements

    def erase(self, args: commands.OneExchange, now: int) -> dict[str, Any]:
        """Forget the private payloads of the entries of an exchange. Done again, it only purges the files again."""
        held = self._exchanges.find(args.exchange)
        chain = self._state.networks[held.network].chain
        of_it = []
        for seq, full in chain.entries(1):
            said = settlement_of(parse_entry(full))
            if said is not None and said.deal == held.id:
                of_it.append(seq)
        erased = [seq for seq in of_it if chain.erase_private(seq)]
        return {"exchange_id": held.id.hex(), "entries": len(of_it), "erased": erased}
