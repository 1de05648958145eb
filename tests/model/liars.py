"""What a dishonest party can sign, for `checker.Model`: any entry that may mean something to the other side.

A liar has no chain to keep: it forks at will, so every entry stands at seq 1. It knows all that was sent. Entries
with random contents are left to the tests of the formats; here they all parse and are signed by their author.
"""

from ledger.entry import Entry, encode_entry, settlement_of, sign_entry
from ledger.payloads import Settlement, encode_payload, salted
from protocols.identity import Signer
from tests.ledger.people import NET

from .checker import Forger
from .world import EARLY, LATE, Plan, Salts


def entry(liar: Signer, kind: str, said: Settlement, now: int, hold: int = 0, claims: Signer | None = None) -> Entry:
    """claims: in whose name, without its signature."""
    return sign_entry(
        Pretender(liar, claims) if claims else liar,  # type: ignore[arg-type]
        network=NET,
        seq=1,
        prev=b"x" * 32,
        root=b"y" * 32,
        kind=kind,
        at=now,
        balance=0,
        hold=hold,
        limit=100,
        settlement=salted(encode_payload(said), Salts()),
        private=None,
    )


class Pretender:
    """Signs with its own key under another's name."""

    epoch = 0

    def __init__(self, liar: Signer, claims: Signer) -> None:
        self.sign = liar.sign
        self.inception, self.author = claims.inception, claims.author


def answer(liar: Signer, kind: str, to: Entry, now: int, **other: int) -> bytes:
    said = settlement_of(to)
    assert said is not None
    amount = other.get("amount", said.amount)
    return encode_entry(
        entry(liar, kind, Settlement(to.author, amount, said.deal, 0, said.terms, encode_entry(to)), now)
    )


def payee(liar: Signer, victim: Signer) -> Forger:
    """Accepts in time and late, releases as well, accepts what was never proposed, gives receipts."""

    def forge(known: tuple[Entry, ...]) -> list[bytes]:
        made: list[bytes] = []
        for e in known:
            said = settlement_of(e)
            if e.author != victim.author or said is None:
                continue
            if e.kind == "PAY_PROPOSE":
                made += [answer(liar, "PAY_ACCEPT", e, now) for now in (EARLY, LATE)]
                made.append(answer(liar, "PAY_RELEASE", e, EARLY))
                fake = Settlement(liar.author, said.amount - 20, said.deal, said.expiry, said.terms)
                made.append(
                    answer(liar, "PAY_ACCEPT", entry(liar, "PAY_PROPOSE", fake, EARLY, hold=40, claims=victim), EARLY)
                )
            if e.kind == "PAY_COMPLETE":
                made.append(answer(liar, "PAY_RECEIPT", e, LATE))
        return made

    return forge


def payer(liar: Signer, victim: Signer, plan: Plan) -> Forger:
    """Proposes twice, beyond its limit and against itself; completes and cancels over whatever it has or invents."""

    def forge(known: tuple[Entry, ...]) -> list[bytes]:
        said = Settlement(
            victim.author,
            plan.amount,
            plan.id,
            plan.expiry,
            b"t" * 32,
            witnesses=plan.witnesses,
            quorum=plan.quorum,
        )
        proposed = entry(liar, "PAY_PROPOSE", said, EARLY, hold=plan.amount)
        twice = entry(liar, "PAY_PROPOSE", said, LATE, hold=plan.amount)
        over = entry(liar, "PAY_PROPOSE", said, EARLY, hold=101)
        made = [encode_entry(e) for e in (proposed, twice, over)]
        made += [encode_entry(entry(liar, "PAY_CANCELREQ", request(said, e), LATE)) for e in (proposed, twice)]
        agreed = Settlement(liar.author, plan.amount, plan.id, 0, b"t" * 32, encode_entry(proposed))
        invented = entry(liar, "PAY_ACCEPT", agreed, EARLY, claims=victim)
        made.append(answer(liar, "PAY_COMPLETE", invented, EARLY))
        for e in known:
            if e.author == victim.author and e.kind in ("PAY_ACCEPT", "PAY_RELEASE"):
                made += [answer(liar, kind, e, LATE) for kind in ("PAY_COMPLETE", "PAY_CANCEL")]
        return made

    return forge


def request(said: Settlement, proposed: Entry) -> Settlement:
    return Settlement(said.counterparty, said.amount, said.deal, 0, said.terms, encode_entry(proposed))
