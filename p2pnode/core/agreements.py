"""Files about an exchange that stand by themselves: what was agreed, and what ended or moved it."""

from base64 import b64encode
from typing import Any

from p2pnode import commands
from protocols.booked import ANSWERS, agreement, returns
from protocols.double_booking import encode_agreement, encode_rebuttal
from protocols.errors import Refusal
from protocols.fact import WITH_TERMS, Fact
from protocols.limits import MAX_AGREEMENTS
from protocols.steps import parse_step

from .exchanges import Exchanges
from .key_files import with_keys
from .state import State


class Agreements:
    def __init__(self, state: State, exchanges: Exchanges) -> None:
        self._state = state
        self._exchanges = exchanges

    def agreement(self, args: commands.OneId, now: int) -> dict[str, Any]:
        """The newest terms that were agreed, and their acceptance. What shows that the responder knew of it is never a
        contact: that is for the other party's eyes, and whoever gets this file would hold it."""
        held = self._exchanges.find(args.id)
        view = self._exchanges.view(held, now)
        if view.acceptance is None:
            raise Refusal("conflict", f"nothing is agreed: this exchange is {view.status}", "Accept or counter first.")
        after = [f for f in held.facts.values() if f.prev == view.acceptance.id and f.author == view.terms.responder]
        first = min((f for f in after if f.kind != "contact"), key=lambda f: (f.at, f.id), default=None)
        one = agreement(view.terms_fact, view.acceptance, first)
        signed = [f for f in (one.fact, one.acceptance, one.known) if f is not None]
        data = with_keys(self._state, self._state.networks[held.network], encode_agreement(one), signed)
        return {"exchange_id": held.id.hex(), "bytes": len(data), "agreement": b64encode(data).decode()}

    def rebut(self, args: commands.OneId, now: int) -> dict[str, Any]:
        """What shows that an agreement of this exchange did not stand, was moved, or was over early."""
        held = self._exchanges.find(args.id)
        facts = held.facts
        terms = {f.id for f in facts.values() if f.kind in WITH_TERMS}
        amended = {f.id for f in facts.values() if f.kind == "amend"}
        ended = [f for f in facts.values() if f.kind == "cancel" or (f.kind in ANSWERS and f.prev in terms)]
        moved = [f for f in facts.values() if f.id in amended or (f.kind == "accept" and f.prev in amended)]
        back = {d.id for d in returns(self._exchanges.view(held, now).terms)}
        kept = [f for f in facts.values() if f.kind in ("done", "confirm") and parse_step(f).duty in back]
        said: list[Fact] = [f for some in (ended, moved, kept) for f in sorted(some, key=_order)][:MAX_AGREEMENTS]
        if not said:
            raise Refusal(
                "conflict",
                "nothing was said in this exchange that ends or moves it",
                "`p2pnode exchange cancel` asks the other side to cancel together.",
            )
        data = with_keys(self._state, self._state.networks[held.network], encode_rebuttal(said), said)
        return {
            "exchange_id": held.id.hex(),
            "facts": [f.kind for f in said],
            "bytes": len(data),
            "rebuttal": b64encode(data).decode(),
        }


def _order(fact: Fact) -> tuple[bool, int, bytes]:
    """Cancellations first: there is room for so many facts alone."""
    return fact.kind != "cancel", fact.at, fact.id
