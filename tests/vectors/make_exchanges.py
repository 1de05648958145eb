"""Writes facts.json and exchanges.json: `python -m tests.vectors.make_exchanges`. Always the same bytes.

facts.json: `valid` facts with their fields and what they say, `invalid` wire forms with the reason, and a frame of each
of the `messages`, and ids of `claims` that pay. exchanges.json: sets of facts, the state of the payment (or of each
of several, with the ids of their settlements) and a time, and what they amount to.
"""

import json
from pathlib import Path
from random import Random
from typing import Any

import msgspec
from msgspec.structs import replace

from ledger import chain
from ledger.entry import encode_entry
from ledger.payloads import InceptPayload
from ledger.tokens import sign_token
from protocols import exchange_messages as m
from protocols.codec import decode, encode, plain
from protocols.conditions import SECOND_FORM
from protocols.exchange import Exchange
from protocols.fact import NO_DEAL, WITH_TERMS, Fact, seal_fact
from protocols.limits import DAY, MAX_CLAIMS_OF_PAYMENT
from protocols.payments import PAY, Payment, claim_of, deal_of
from protocols.steps import parse_step
from protocols.terms import encode_terms, parse_terms, terms_hash
from tests.protocols.deals import ANN, BOB, EVE, LAPSES, NOW, accept, counter, propose, say, seen
from tests.protocols.full_deals import END, GRACE, START, Deal, booking, pledge
from tests.strategies import signer

FACTS = Path(__file__).with_name("facts.json")
EXCHANGES = Path(__file__).with_name("exchanges.json")
PLAIN = ("network", "deal", "author", "epoch", "kind", "prev", "at", "payload", "id")

ROOT = propose()
COUNTER = counter(ROOT, BOB, ROOT, NOW + 1, amount=300)
YES = accept(ROOT, BOB, ROOT, NOW + 2, text="Gladly.\nSee you on Saturday.")
DONE = say(ROOT, BOB, "done", YES, NOW + 3, duty="handover")
BOTH = [
    say(ROOT, ANN, "confirm", YES, NOW + 4, duty="handover"),
    say(ROOT, BOB, "confirm", YES, NOW + 6, duty="return"),
]
RATED = [say(ROOT, p, "rated", YES, NOW + 9, commitment=b"\x33" * 32) for p in (ANN, BOB)]
CANCELLED = [say(ROOT, p, "cancel", YES, NOW + 9) for p in (ANN, BOB)]
NOTE = say(ROOT, ANN, "note", ROOT, NOW + 1, text="Is it heavy?")
DECLINED = say(ROOT, BOB, "decline", ROOT, NOW + 2, text="It is broken.")
WITHDRAWN = say(ROOT, ANN, "withdraw", ROOT, NOW + 2)
SECOND = counter(ROOT, BOB, ROOT, NOW, amount=900)
THIRD = counter(ROOT, ANN, COUNTER, NOW + 3, amount=280)
GIFT = propose(kind="give", amount=0, unit="")
GIFT_DUTIES = parse_terms(GIFT.payload).duties
GIFT_YES = accept(GIFT, BOB, GIFT, NOW + 1)
CASH = propose(unit="EUR")
CASH_YES = accept(CASH, BOB, CASH, NOW + 1)
STEPS = propose(kind="help", instalments=3)
STEPS_YES = accept(STEPS, BOB, STEPS, NOW + 1)
WORKED = [say(STEPS, BOB, "done", STEPS_YES, NOW + 1 + k, duty=f"work-{k}") for k in (1, 2, 3)]
BEHIND = propose(kind="lend", amount=0, unit="", deposit=(500, "hour"))
BEHIND_YES = accept(BEHIND, BOB, BEHIND, NOW + 1)
LENT = [say(BEHIND, p, "done", BEHIND_YES, NOW + 2, duty=d) for p, d in ((BOB, "handover"), (ANN, "return"))]
CALLED_OFF = [say(BEHIND, p, "cancel", BEHIND_YES, NOW + 9) for p in (ANN, BOB)]

Payments = Payment | dict[str, Payment]
SETS: list[tuple[str, list[Fact], Payments, int]] = [
    ("a proposal", [ROOT], Payment.PENDING, NOW),
    ("lapsed", [ROOT], Payment.PENDING, LAPSES + 1),
    ("countered", [ROOT, COUNTER], Payment.PENDING, NOW),
    ("declined with a reason", [ROOT, DECLINED], Payment.PENDING, NOW),
    ("withdrawn", [ROOT, WITHDRAWN], Payment.PENDING, NOW),
    ("agreed", [ROOT, YES, NOTE], Payment.PENDING, NOW),
    ("agreed, and time does not undo it", [ROOT, YES], Payment.PENDING, LAPSES + 1),
    ("accepted too late", [ROOT, accept(ROOT, BOB, ROOT, LAPSES + 1)], Payment.PENDING, NOW),
    ("an acceptance that names somebody else", [ROOT, accept(ROOT, BOB, ROOT, party=EVE.author)], Payment.PENDING, NOW),
    ("an acceptance of one's own terms", [ROOT, accept(ROOT, ANN, ROOT)], Payment.PENDING, NOW),
    ("acceptance and withdrawal cross", [ROOT, YES, WITHDRAWN], Payment.PENDING, NOW),
    ("acceptance and decline by one party", [ROOT, YES, DECLINED], Payment.PENDING, NOW),
    ("two counters, none answered: the lower (at, id)", [ROOT, COUNTER, SECOND], Payment.PENDING, NOW),
    ("two counters, one answered", [ROOT, COUNTER, SECOND, accept(ROOT, ANN, COUNTER)], Payment.PENDING, NOW),
    ("an answered counter beats an acceptance", [ROOT, COUNTER, THIRD, accept(ROOT, BOB, ROOT)], Payment.PENDING, NOW),
    ("an acceptance beats an unanswered counter", [ROOT, COUNTER, YES], Payment.PENDING, NOW),
    ("a counter that names other terms", [ROOT, counter(ROOT, BOB, ROOT, previous=bytes(32))], Payment.PENDING, NOW),
    ("a stranger's facts", [ROOT, accept(ROOT, EVE, ROOT), say(ROOT, EVE, "decline", ROOT)], Payment.PENDING, NOW),
    ("said of terms, not of an agreement", [ROOT, YES, say(ROOT, ANN, "cancel", ROOT)], Payment.PENDING, NOW),
    ("one duty done", [ROOT, YES, DONE], Payment.PENDING, NOW),
    (
        "contested",
        [ROOT, YES, DONE, say(ROOT, ANN, "contest", YES, NOW + 4, duty="handover")],
        Payment.PENDING,
        NOW,
    ),
    (
        "given back by who never said to have it",
        [ROOT, YES, say(ROOT, ANN, "done", YES, NOW + 5, duty="return")],
        Payment.PENDING,
        NOW,
    ),
    ("fulfilled, not paid", [ROOT, YES, DONE, *BOTH], Payment.PENDING, NOW),
    ("the payment is proposed", [ROOT, YES], Payment.PROPOSED, NOW),
    ("paid before the duties are done", [ROOT, YES], Payment.SETTLED, NOW),
    ("settled", [ROOT, YES, DONE, *BOTH], Payment.SETTLED, NOW),
    ("closed", [ROOT, YES, DONE, *BOTH, *RATED], Payment.SETTLED, NOW),
    ("one asks to cancel", [ROOT, YES, CANCELLED[0]], Payment.PENDING, NOW),
    ("cancelled by both", [ROOT, YES, *CANCELLED], Payment.PENDING, NOW),
    ("cancelled by both while the payment is under way", [ROOT, YES, *CANCELLED], Payment.ACCEPTED, NOW),
    ("a gift, received", [GIFT, GIFT_YES, say(GIFT, ANN, "confirm", GIFT_YES, duty="handover")], Payment.NONE, NOW),
    (
        "paid in cash",
        [
            CASH,
            CASH_YES,
            say(CASH, ANN, "confirm", CASH_YES, duty="handover"),
            say(CASH, BOB, "confirm", CASH_YES, duty="return"),
            say(CASH, BOB, "confirm", CASH_YES, duty="pay"),
        ],
        Payment.NONE,
        NOW,
    ),
    ("instalments, agreed", [STEPS, STEPS_YES], {}, NOW),
    ("the first step is done", [STEPS, STEPS_YES, WORKED[0]], {}, NOW),
    ("its instalment is accepted", [STEPS, STEPS_YES, WORKED[0]], {"pay-1": Payment.ACCEPTED}, NOW),
    ("its instalment is settled", [STEPS, STEPS_YES, WORKED[0]], {"pay-1": Payment.SETTLED}, NOW),
    (
        "both stop after the first step",
        [STEPS, STEPS_YES, WORKED[0], *(say(STEPS, p, "cancel", STEPS_YES, NOW + 9) for p in (ANN, BOB))],
        {"pay-1": Payment.SETTLED},
        NOW,
    ),
    (
        "all instalments are settled",
        [STEPS, STEPS_YES, *WORKED],
        {f"pay-{k}": Payment.SETTLED for k in (1, 2, 3)},
        NOW,
    ),
    ("a deposit is settled", [BEHIND, BEHIND_YES], {"deposit": Payment.SETTLED}, NOW),
    ("the thing is back, the deposit is not", [BEHIND, BEHIND_YES, *LENT], {"deposit": Payment.SETTLED}, NOW),
    (
        "the deposit is back, too",
        [BEHIND, BEHIND_YES, *LENT],
        {"deposit": Payment.SETTLED, "refund": Payment.SETTLED},
        NOW,
    ),
    ("called off, the deposit is out", [BEHIND, BEHIND_YES, *CALLED_OFF], {"deposit": Payment.SETTLED}, NOW),
    (
        "called off, the deposit is back",
        [BEHIND, BEHIND_YES, *CALLED_OFF],
        {"deposit": Payment.SETTLED, "refund": Payment.SETTLED},
        NOW,
    ),
]

FULL = Deal(booking())
FULL_DONE = Deal(booking())
FULL_DONE.say(BOB, "done", START, duty="handover")
NO_SHOW = Deal(booking())
NO_SHOW.say(ANN, "default", START + GRACE + 1, duty="handover")
NO_SHOW.say(ANN, "cancel", START + GRACE + 2)
ALONE = Deal(booking())
ALONE.say(ANN, "cancel", START - DAY)
AMENDED = Deal(booking())
AMENDED.say(BOB, "done", START, duty="handover")
CHEAPER = tuple(replace(d, amount=500) if d.id == "pay" else d for d in booking().duties)
OTHER_TERMS = AMENDED.amend(BOB, START + 5, amount=500, duties=CHEAPER)
RULED = Deal(booking())
RULED.say(ANN, "dispute", NOW + 8, text="The roof leaks.")
RULING = RULED.amend(EVE, NOW + 9, amount=0, unit="", duties=(), cancellation=())
UNTIL_THEN = [*RULED.facts]
RULED.agree(BOB, RULING, NOW + 10)
PLEDGED = Deal(pledge())
GONE = Deal(pledge())
GONE.say(BOB, "go", NOW + 9, counted=30, total=10_000)
SETS += [
    ("form 2: agreed, and nobody is late", FULL.facts, {}, START),
    ("form 2: both are overdue", FULL.facts, {}, START + GRACE + 1),
    ("form 2: a default, and cancelled for it", NO_SHOW.facts, {}, END),
    ("form 2: a fee for cancelling alone in time", ALONE.facts, {}, START),
    ("form 2: an amendment waits", [*AMENDED.facts], {}, START + 6),
    ("form 2: an amendment counts", [*AMENDED.facts, AMENDED.agree(ANN, OTHER_TERMS, START + 7)], {}, START + 8),
    ("form 2: a dispute is open", UNTIL_THEN, {}, NOW + 9),
    ("form 2: the mediator and one party have decided", RULED.facts, {}, NOW + 11),
    ("form 2: a pledge waits", PLEDGED.facts, {}, NOW + DAY),
    ("form 2: a pledge lapses", PLEDGED.facts, {}, NOW + 10 * DAY + 1),
    ("form 2: a pledge is called in", GONE.facts, {}, NOW + DAY),
]

WITNESSES = tuple(signer(n).author for n in (3, 4, 5))
WITNESSED = propose(witnesses=WITNESSES)
VALID = [
    ROOT,
    COUNTER,
    YES,
    DONE,
    *BOTH,
    *RATED,
    *CANCELLED,
    NOTE,
    DECLINED,
    WITHDRAWN,
    GIFT,
    CASH,
    WITNESSED,
    STEPS,
    BEHIND,
    FULL.root,
    OTHER_TERMS,
    RULED.facts[2],
    GONE.facts[-1],
    NO_SHOW.facts[2],
]


def fact_json(fact: Fact) -> dict[str, Any]:
    fields = {f: getattr(fact, f) for f in PLAIN}
    row = {k: v.hex() if isinstance(v, bytes) else v for k, v in fields.items()}
    if fact.kind in WITH_TERMS:
        row["terms_hash"] = terms_hash(parse_terms(fact.payload)).hex()
    else:
        step = parse_step(fact)
        values = {f: getattr(step, f) for f in step.__struct_fields__}
        row["step"] = {k: v.hex() if isinstance(v, bytes) else v for k, v in values.items() if v}
    return {**row, "wire": fact.wire.hex()}


def invalid() -> list[dict[str, str]]:
    root = ROOT

    def header(**changes: Any) -> bytes:
        names = ("version", "network", "deal", "author", "epoch", "kind", "prev", "at", "payload")
        fields = {"version": 1, **{n: getattr(YES, n) for n in names[1:]}} | changes
        return encode([fields[n] for n in names])

    def signed(head: bytes) -> bytes:
        return encode([head, BOB.sign("fact", head), BOB.inception])

    def step(kind: str, **fields: Any) -> bytes:
        return signed(header(kind=kind, payload=encode(fields)))

    text = encode({"text": "", "duty": "pay"})
    cases: list[tuple[str, bytes]] = [
        ("cut short", root.wire[:-1]),
        ("a byte too many", root.wire + b"\0"),
        ("the signature of another", encode([YES.header, ROOT.signature, BOB.inception])),
        ("the inception of another", encode([YES.header, YES.signature, ANN.inception])),
        ("signed in the domain of entries", encode([YES.header, BOB.sign("entry", YES.header), BOB.inception])),
        ("a version that is not known", signed(header(version=2))),
        ("a kind that is not known", signed(header(kind="haggle"))),
        ("a proposal in an exchange that began before", signed(header(kind="propose"))),
        ("no network", signed(header(network=bytes(16)))),
        ("an exchange without its proposal's id", signed(header(deal=bytes(32)))),
        ("a time before 1970", signed(header(at=-1))),
        ("a payload that is too long", signed(header(kind="note", payload=bytes(7 * 1024 + 1)))),
        ("an acceptance that names nobody", signed(header(payload=b""))),
        ("a duty in a note", step("note", duty="pay")),
        ("no duty in a confirmation", signed(header(kind="confirm", payload=b""))),
        ("a commitment of 31 bytes", step("rated", commitment=bytes(31))),
        ("text that moves the cursor", step("note", text="\x1b[2J")),
        ("text that turns round", step("note", text="a\u202eb")),
        ("a default written out", signed(header(kind="done", payload=text))),
        ("a key that is not known", step("note", mood="good")),
        ("terms of other people", signed(header(kind="counter", payload=terms_of_others()))),
        ("a party as witness", propose_with(witnesses=(*WITNESSES[:2], BOB.author))),
        ("the same witness twice", propose_with(witnesses=(*WITNESSES[:2], WITNESSES[0]))),
        ("a quorum of half the witnesses", propose_with(witnesses=(*WITNESSES, signer(6).author), quorum=2)),
        ("a quorum without witnesses", propose_with(witnesses=(), quorum=1)),
        ("witnesses where nothing is paid", propose_with(amount=0, unit="", duties=GIFT_DUTIES)),
        *[(reason, signed(header(kind="counter", payload=payload))) for reason, payload in bad_steps()],
    ]
    return [{"reason": reason, "wire": wire.hex()} for reason, wire in cases]


def propose_with(**changes: Any) -> bytes:
    """The wire of Ann's proposal with witnesses, changed so that it does not hold together."""
    terms = msgspec.structs.replace(parse_terms(WITNESSED.payload), **changes)
    fact = seal_fact(
        ANN,
        network=WITNESSED.network,
        deal=NO_DEAL,
        kind="propose",
        prev=terms.listing,
        at=NOW,
        payload=encode_terms(terms),
    )
    return fact.wire


def terms_of_others() -> bytes:
    return counter(ROOT, BOB, ROOT, responder=EVE.author).payload


def messages() -> list[dict[str, str]]:
    """One of each message of `/p2pnode/exchange/1.0.0` (the token is of another deal; any fits)."""
    network = ROOT.network
    entry = chain.extend(chain.start(network, ANN.author), ANN, "INCEPT", InceptPayload(), None, NOW, Random(1))[1]
    token = sign_token(EVE, network, ROOT.id, b"\x44" * 32, "accept", NOW)
    made = (
        m.FactMessage(ROOT.wire),
        m.EntryMessage(network, encode_entry(entry)),
        m.ReturnVouch(network, b"\x55" * 32),
        m.Ack(ROOT.id),
        m.Refuse(ROOT.id, "not_found", "there is no such listing any more"),
        m.TokenMessage(network, token.wire),
    )
    return [{"type": decode(m.encode_message(each))[0], "frame": m.encode_message(each).hex()} for each in made]


def bad_steps() -> list[tuple[str, bytes]]:
    """Terms whose payments do not hold together."""

    def counter_of(root: Fact, duty: str = "", of_terms: dict[str, Any] | None = None, **changes: Any) -> bytes:
        terms = parse_terms(root.payload)
        duties = tuple(replace(d, **changes) if d.id == duty else d for d in terms.duties)
        duties = tuple(d for d in duties if d.id != "gone")
        return encode(plain(replace(terms, duties=duties, previous=terms_hash(terms), **(of_terms or {}))))

    return [
        ("instalments that are not the price", counter_of(STEPS, "pay-1", amount=68)),
        ("an instalment that is missing", counter_of(STEPS, "pay-3", id="gone")),
        ("instalments out of turn", counter_of(STEPS, "pay-2", after="")),
        ("an instalment of another action", counter_of(STEPS, "pay-2", action="work")),
        ("an instalment in another unit", counter_of(STEPS, "pay-2", unit="EUR")),
        ("a deposit without a refund", counter_of(BEHIND, "refund", id="gone")),
        ("a refund of less", counter_of(BEHIND, "refund", amount=499)),
        ("a refund that does not come after the deposit", counter_of(BEHIND, "refund", after="")),
        ("a deposit that is named and not there", counter_of(STEPS, of_terms={"deposit": 500})),
    ]


def make_facts() -> str:
    claims = [
        {"exchange": ROOT.id.hex(), "duty": duty, "attempt": k, "claim": claim_of(ROOT.id, duty, k).hex()}
        for duty, k in ((PAY, 0), (PAY, 1), ("pay-2", 0), (PAY, MAX_CLAIMS_OF_PAYMENT - 1))
    ]
    data = {"valid": [fact_json(f) for f in VALID], "invalid": invalid(), "messages": messages(), "claims": claims}
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def exchange_json(name: str, facts: list[Fact], payment: Payments, now: int) -> dict[str, Any]:
    view = seen(facts, payment, now)
    several: dict[str, Any] = {}
    if not isinstance(payment, Payment):
        several["payments"] = {duty: state.value for duty, state in payment.items()}
        several["deals"] = {d.id: deal_of(view.id, d.id).hex() for d in view.terms.payments}
    return {
        "name": name,
        "now": now,
        "credit": "hour",
        "payment": payment.value if isinstance(payment, Payment) else view.payment.value,
        **several,
        "facts": [f.wire.hex() for f in facts],
        "status": view.status.value,
        "terms": terms_hash(view.terms).hex(),
        "acceptance": view.acceptance.id.hex() if view.acceptance else None,
        "turn": view.turn.hex(),
        "duties": {k: v.value for k, v in view.duties.items()},
        "cancel_asked": sorted(a.hex() for a in view.cancel_asked),
        "rated": sorted(a.hex() for a in view.rated),
        "reason": view.reason,
        **(_second(view) if view.terms.form == SECOND_FORM else {}),
    }


def _second(view: Exchange) -> dict[str, Any]:
    """What only exchanges of form 2 have."""
    return {
        "deadlines": view.deadlines,
        "due": [d.id for d in view.terms.duties if view.agreed and view.due(d)],
        "amendment": view.amendment[0].id.hex() if view.amendment else None,
        "cancelled_by": view.cancelled_by.hex(),
        "gone": view.gone.id.hex() if view.gone else None,
        "dispute": view.dispute.value,
        "changes_at": view.changes_at,
    }


def make_exchanges() -> str:
    return json.dumps([exchange_json(*s) for s in SETS], indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FACTS.write_text(make_facts())
    EXCHANGES.write_text(make_exchanges())
