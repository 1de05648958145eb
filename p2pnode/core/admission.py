"""Which proposals of others are kept, and why others are refused."""

from collections.abc import Callable, Collection

from p2pnode.bounds import MAX_EXCHANGES, MAX_OPEN_PER_STRANGER, MAX_UNAGREED
from protocols.errors import Reject
from protocols.exchange import NEGOTIATING, Exchange
from protocols.fact import Fact
from protocols.limits import MAX_LIFETIME
from protocols.terms import Terms, parse_terms

from .held import Held
from .listings import Listings
from .state import Network, State

View = Callable[[Held, int], Exchange]


class Admission:
    """held: what is kept now; view: what one of these amounts to at a time."""

    def __init__(self, state: State, listings: Listings, held: Callable[[], Collection[Held]], view: View) -> None:
        self._state = state
        self._listings = listings
        self._held = held
        self._view = view

    def why_not(self, network: Network, fact: Fact, now: int) -> tuple[str, str] | None:
        """Code and text of a refusal, or None to keep it. `Reject` for what is no proposal to us at all."""
        terms = parse_terms(fact.payload)
        me = self._state.me
        if me not in (terms.responder, terms.mediator):
            raise Reject("context", "a proposal to somebody else")
        problem = self._not_to_us(network, terms, now) if me == terms.responder else None
        if problem is not None:
            return problem
        if network.left:
            return ("refused", "they have left this network")
        if terms.expires > now + MAX_LIFETIME:  # it would be kept as long
            return ("refused", "a proposal lapses within 90 days; is your clock right?")
        if not network.genesis.open and not network.member(fact.author):
            return ("refused", "you are not a member of this network, as far as is known here")
        return None if self._has_room(network, fact.author, now) else ("refused", "too many proposals wait here")

    def _not_to_us(self, network: Network, terms: Terms, now: int) -> tuple[str, str] | None:
        if not self._listings.is_mine(network, terms.name):
            return ("not_found", "there is no such listing any more")
        if now > terms.expires:
            return ("refused", "the proposal has lapsed")
        record = self._listings.record_of(network, terms.listing)
        if record is not None and record.slot != (self._state.me, "listing", terms.name):
            raise Reject("context", "the proposal names another record than the listing's")
        return None

    def _has_room(self, network: Network, author: bytes, now: int) -> bool:
        """Whether one more proposal of this author can be kept. Invited members find room longer than others do."""
        held = self._held()
        unagreed = [h for h in held if h.agreed_seq < 0]
        his = [h for h in unagreed if h.proposal.author == author]
        waiting = sum(self._view(h, now).status in NEGOTIATING for h in his)
        room = MAX_UNAGREED if network.member(author) else MAX_UNAGREED // 2
        return (
            waiting < MAX_OPEN_PER_STRANGER
            and len(his) < 4 * MAX_OPEN_PER_STRANGER
            and len(unagreed) < room
            and len(held) < MAX_EXCHANGES
        )
