"""Payments of exchanges that are paid by a private claim: the debtor offers it, the creditor takes it or declines.

The id of such a claim says which payment it is of, so both know it by the bytes that there were. Nothing is paid by
the offer. The creditor's acceptance and his word on the payment (that it has come; or, of credit, that he does without)
are written in one batch; that word is a fact as any, which nodes that know nothing of this understand.
"""

from collections.abc import Callable
from typing import Any

from ledger.claims import Claim, ClaimState
from p2pnode import commands
from protocols.amounts import parse_amount
from protocols.decimals import OTHER_DECIMALS, in_words
from protocols.duties import OVER
from protocols.errors import Refusal
from protocols.exchange import Exchange
from protocols.limits import MAX_CLAIMS_OF_PAYMENT
from protocols.payments import claim_of
from protocols.terms import Duty, Terms

from .claims import Claims
from .exchanges import Exchanges
from .held import Held, agreement, step_payload
from .payable import why_not_claimed, word_for_claim
from .state import Network, State

WAITING = (ClaimState.OFFERED, ClaimState.ASKED)


class Claimed:
    def __init__(self, state: State, exchanges: Exchanges, claims: Claims) -> None:
        self._state = state
        self._exchanges = exchanges
        self._claims = claims

    def of(self, held: Held, view: Exchange, duty: Duty) -> Claim | None:
        """The newest claim that this payment was offered as, by its payer; one that was declined only if all were."""
        known = self._claims.of_exchange.get((held.network, held.id), set())
        ids = [id_ for id_ in reversed(_ids(held.id, duty.id)) if id_ in known] if known else []
        claims = [c for id_ in ids if self._is_of(c := self._claims.all[held.network, id_], held, duty)]
        standing = [c for c in claims if c.state is not ClaimState.DECLINED]
        return next(iter(standing or claims), None)

    def offer(self, held: Held, view: Exchange, network: Network, duty: Duty, args: commands.Pay, now: int) -> None:
        """Our user offers to owe something in place of a payment. Typed again it is the same claim."""
        assert args.claim is not None
        amount, _, unit = args.claim.strip().partition(" ")
        if not unit.strip():
            raise Refusal("usage", f"{args.claim!r} is not what one can owe", 'Write AMOUNT UNIT: --claim "6 eggs"')
        if (why := why_not_claimed(view, duty)) is not None:
            raise Refusal("conflict", *why)
        known = self.of(held, view, duty)
        if known is not None and known.state is not ClaimState.DECLINED:
            same = (known.amount, known.unit) == (parse_amount(amount, OTHER_DECIMALS), unit.strip())
            if known.state is not ClaimState.OFFERED or not same:
                raise Refusal("conflict", f"{_written(known)} was offered for it before", _SHOWN)
            return
        free = _ids(held.id, duty.id)
        id_ = next((i for i in free if (held.network, i) not in self._claims.all), None)
        if id_ is None:
            raise Refusal("refused", f"{MAX_CLAIMS_OF_PAYMENT} claims were declined for it", "Pay it as agreed.")
        ask = commands.Claim(
            peer=view.counterparty(self._state.me).hex(),
            amount=amount,
            unit=unit.strip(),
            note=args.note or view.terms.title,
            exchange=held.id.hex(),
            network=network.id.hex(),
        )
        self._claims.propose(ask, now, id_)

    def waits(self, held: Held) -> bool:
        """Whether a claim about this exchange waits for an answer."""
        known = self._claims.of_exchange.get((held.network, held.id), set())
        return any(self._claims.all[held.network, id_].state in WAITING for id_ in known)

    def check_unclaimed(self, held: Held, view: Exchange, duty: Duty) -> None:
        """`Refusal` if a claim that we have offered may still pay this: it would be paid twice."""
        claim = self.of(held, view, duty)
        if claim is not None and claim.state is not ClaimState.DECLINED:
            who = self._state.directory.name(claim.counterparty)
            raise Refusal(
                "conflict",
                f"you have offered {_written(claim)} for this, and {who} may take it",
                f"It can be paid in another way once {who} declines: `p2pnode claim decline {claim.id.hex()[:8]}`",
            )

    def taking(self, claim: Claim, now: int) -> Callable[[], None] | None:
        """What is said once our user accepts a claim: that it pays the payment that it is of; None if it is of none.
        `Refusal` if that is paid already, or is to be paid no more."""
        held = self._exchanges.get(claim.exchange)
        if held is None or held.network != claim.network or claim.debtor:
            return None
        view = self._exchanges.view(held, now)
        name = self.duty_of(claim)
        if name is None:
            return None
        duty = view.terms.duty(name)
        if duty is not None and not self._is_of(claim, held, duty):
            return None
        if (why := why_not_claimed(view, duty)) is not None:
            raise Refusal("conflict", *why)
        assert duty is not None
        self._exchanges.check_room(held)
        payload = step_payload(f"claim {claim.id.hex()[:8]}: {_written(claim)}", duty.id)
        kind = word_for_claim(view, duty)
        prev = agreement(view)

        def said() -> None:
            self._exchanges.say(held, kind, prev, payload, now)

        return said

    def duty_of(self, claim: Claim) -> str | None:
        """The payment that a claim was offered for: of any terms that its exchange has had."""
        held = self._exchanges.get(claim.exchange)
        names = () if held is None else {*held.deals, *(d.id for d in held.first.payments)}
        return next((name for name in names if claim.id in _ids(claim.exchange, name)), None)

    def check_amended(self, held: Held, view: Exchange, terms: Terms) -> None:
        """`Refusal` if other terms would change a payment that a claim pays, or may pay: it would be owed beside it."""
        for duty in (d for d in view.terms.payments if terms.duty(d.id) != d):
            claim = self.of(held, view, duty)
            if claim is not None and claim.state not in (ClaimState.ASKED, ClaimState.DECLINED):
                signed = claim.state is not ClaimState.OFFERED
                raise Refusal(
                    "conflict",
                    f"{_written(claim)} {'is owed' if signed else 'was offered'} for a payment that it changes",
                    "Agree on the difference in a new exchange." if signed else "Wait until the claim is declined.",
                )

    def rows(self, held: Held, view: Exchange) -> dict[str, dict[str, Any]]:
        """The claim that each payment was offered as, by its duty, as JSON: not of those that were declined."""
        found = ((d.id, self.of(held, view, d)) for d in view.terms.payments)
        return {duty: self._claims.row(c) for duty, c in found if c is not None and c.state is not ClaimState.DECLINED}

    def next(self, held: Held, view: Exchange, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Whose turn it is where a claim waits for an answer: nobody is asked to pay what he offers to owe."""
        for duty in view.terms.payments if view.agreed else ():
            claim = None if view.duties[duty.id] in OVER else self.of(held, view, duty)
            if claim is None or claim.state is ClaimState.DECLINED:
                continue
            who = "you" if duty.receiver == self._state.me else self._state.directory.name(duty.receiver)
            waits = claim.state in WAITING
            words = [f"claim {word} {claim.id.hex()[:8]}" for word in ("accept", "decline")]
            words = words if waits else [f"exchange confirm {held.id.hex()[:8]}"]
            steps = [step for step in steps if step["duty"] != duty.id]
            steps += [{"who": who, "command": f"p2pnode {word}", "until": None, "duty": None} for word in words]
        return steps

    def _is_of(self, claim: Claim, held: Held, duty: Duty) -> bool:
        me = self._state.me
        payer = me if claim.debtor else claim.counterparty
        payee = claim.counterparty if claim.debtor else me
        return claim.exchange == held.id and (payer, payee) == (duty.provider, duty.receiver)


_SHOWN = "`p2pnode exchange show` says how it stands."


def _ids(exchange: bytes, duty: str) -> list[bytes]:
    return [claim_of(exchange, duty, attempt) for attempt in range(MAX_CLAIMS_OF_PAYMENT)]


def _written(claim: Claim) -> str:
    return in_words(claim.amount, OTHER_DECIMALS, claim.unit)
