import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.codec import encode
from protocols.errors import DecodeError, Reject
from protocols.fact import KINDS, NO_DEAL, Fact, parse_fact, seal_fact, verify_fact
from protocols.identity import Signer, derive_seed, initial_state, parse_inception
from protocols.limits import MAX_FACT, MAX_TERMS
from protocols.steps import check_fact, parse_step
from tests.protocols.deals import ANN, BOB, accept, propose, say
from tests.strategies import NOW, network, signer

ROOT = propose()
KIND = st.sampled_from(sorted(KINDS - {"propose"}))


def seal(**changes: object) -> Fact:
    fields = {"network": network(), "deal": ROOT.id, "kind": "note", "prev": ROOT.id, "at": NOW, "payload": b""}
    return seal_fact(ANN, **(fields | changes))


@given(KIND, st.binary(max_size=MAX_TERMS), st.integers(0, 2**53 - 1))
def test_round_trip(kind, payload, at):
    fact = seal(kind=kind, payload=payload, at=at)
    verify_fact(fact)
    assert parse_fact(fact.wire) == fact
    assert (fact.kind, fact.payload, fact.at, fact.exchange_id) == (kind, payload, at, ROOT.id)
    assert len(fact.wire) <= MAX_FACT


def test_the_proposal_names_the_exchange():
    assert ROOT.deal == NO_DEAL and ROOT.exchange_id == ROOT.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "propose"},
        {"deal": NO_DEAL},
        {"kind": "haggle"},
        {"network": bytes(16)},
        {"network": b"\1" * 15},
        {"prev": b"\1" * 31},
        {"at": -1},
        {"payload": bytes(MAX_TERMS + 1)},
    ],
)
def test_bounds(wrong):
    with pytest.raises(DecodeError):
        seal(**wrong)


@given(st.integers(0, len(ROOT.wire) - 1))
def test_cut_short(size):
    with pytest.raises(DecodeError):
        parse_fact(ROOT.wire[:size])


@given(st.integers(0, len(ROOT.wire) * 8 - 1))
def test_no_bit_can_be_flipped(bit):
    wire = bytearray(ROOT.wire)
    wire[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Reject):
        verify_fact(parse_fact(bytes(wire)))


@given(st.binary(max_size=400))
def test_any_bytes(data):
    with pytest.raises(DecodeError):
        parse_fact(data)


def test_the_inception_must_be_the_authors_even_where_the_key_is_known():
    stranger = encode([ROOT.header, ROOT.signature, BOB.inception])
    for key in (None, ANN.public_key):
        with pytest.raises(Reject, match="inception"):
            verify_fact(parse_fact(stranger), key)


def test_a_later_epoch_needs_its_key():
    entropy = (1).to_bytes(32, "big")
    later = Signer(derive_seed(entropy, 1), parse_inception(ANN.inception), 1)
    fact = seal_fact(later, network=network(), deal=ROOT.id, kind="note", prev=ROOT.id, at=NOW, payload=b"")
    with pytest.raises(Reject, match="not known"):
        verify_fact(fact)
    with pytest.raises(Reject, match="signature"):
        verify_fact(fact, initial_state(parse_inception(ANN.inception)).key)
    verify_fact(fact, later.public_key)


def test_another_domain_is_another_signature():
    forged = parse_fact(encode([ROOT.header, ANN.sign("entry", ROOT.header), ANN.inception]))
    with pytest.raises(Reject):
        verify_fact(forged)


@pytest.mark.parametrize(
    ("kind", "step"),
    [
        ("done", {}),
        ("note", {"duty": "pay"}),
        ("confirm", {"duty": "Pay"}),
        ("done", {"duty": "pay\n"}),
        ("rated", {}),
        ("rated", {"commitment": bytes(31)}),
        ("note", {"commitment": bytes(32)}),
        ("accept", {}),
        ("accept", {"party": bytes(32)}),
        ("accept", {"party": bytes(32), "terms": bytes(31)}),
        ("decline", {"party": bytes(32), "terms": bytes(32)}),
        ("note", {"text": "\x1b[2J"}),
        ("note", {"text": "abc\u202edef"}),
        ("note", {"text": "\x85"}),
        ("note", {"text": "x" * 1_001}),
    ],
)
def test_steps_that_no_kind_calls_for(kind, step):
    with pytest.raises(DecodeError):
        check_fact(say(ROOT, ANN, kind, ROOT, **step))


@pytest.mark.parametrize("payload", [encode({"text": ""}), encode({"x": 1}), encode([]), b"\x80\x80", b"\xc1"])
def test_a_step_has_one_encoding(payload):
    with pytest.raises(DecodeError):
        check_fact(seal(payload=payload))


def test_steps_that_fit():
    check_fact(say(ROOT, ANN, "note", ROOT, text="two\nlines, 雪"))
    check_fact(say(ROOT, ANN, "done", ROOT, duty="handover"))
    check_fact(say(ROOT, ANN, "rated", ROOT, commitment=bytes(32)))
    check_fact(accept(ROOT, BOB, ROOT))
    assert parse_step(seal()).text == ""


def test_a_proposal_is_its_proposers():
    with pytest.raises(DecodeError):
        check_fact(propose(by=BOB))
    with pytest.raises(DecodeError):
        check_fact(propose(by=signer(4)))
    with pytest.raises(DecodeError):
        check_fact(propose(previous=bytes(32)))
    check_fact(ROOT)
