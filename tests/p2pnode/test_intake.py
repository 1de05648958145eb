"""The validation ladder, rung by rung: taken, ignored at no cost, or refused at the sender's."""

import msgspec
import pytest

from ledger.entry import encode_entry
from p2pnode.core.rating_proof import check_attestation
from protocols.attestation import Attestation, parse_attestation, seal_attestation
from protocols.codec import encode
from protocols.envelope import Record, parse_record, seal
from protocols.errors import DecodeError, Ignore, Reject
from protocols.gossip_messages import PROTOCOL as GOSSIP
from protocols.gossip_messages import Hello, encode_message
from protocols.identity import Signer, derive_seed, digest, incept, parse_inception
from protocols.invite import make_invite, parse_link
from protocols.limits import DAY, MAX_RECORD, MAX_SKEW
from protocols.redemption import Redemption, countersign, prove, seal_redemption
from protocols.rotation import rotation_name
from tests.p2pnode.lab import EVE, EVES_PEER, Lab, struck, wrote

OLD = incept(b"old".ljust(32))[0]


@pytest.fixture(scope="module")
def lab() -> Lab:
    made = Lab()
    made.meet(made.ben)
    return made


def record(lab: Lab, signer: Signer = EVE, **changes: object) -> Record:
    fields = {"kind": "poem", "name": b"x", "created": lab.now, "until": lab.now + DAY, "payload": b"\x80"}
    return seal(signer, network=lab.network(lab.ben).id, **(fields | changes))


def ignored(lab: Lab, made: Record) -> str:
    with pytest.raises(Ignore) as e:
        lab.take(lab.ben, made)
    return e.value.code


def refused(lab: Lab, made: Record) -> str:
    with pytest.raises(Reject) as e:
        lab.take(lab.ben, made)
    return e.value.code


def test_each_rung(lab):
    network = lab.network(lab.ben)
    with pytest.raises(Reject, match="size"):
        lab.ben.core.intake.take(network, bytes(MAX_RECORD + 1), lab.now)
    with pytest.raises(DecodeError):
        lab.ben.core.intake.take(network, b"\xc1", lab.now)
    assert refused(lab, record(lab, kind="listing", name=b"n" * 16)) == "field"
    foreign = seal(EVE, network=b"\7" * 16, kind="poem", created=lab.now, until=lab.now + 1, payload=b"\x80")
    assert refused(lab, foreign) == "context"
    assert ignored(lab, record(lab, created=lab.now + MAX_SKEW + 1, until=lab.now + DAY)) == "future"
    ten_years = 3_650 * DAY
    assert ignored(lab, record(lab, created=lab.now + ten_years, until=lab.now + ten_years + 1)) == "future"
    assert ignored(lab, record(lab, created=lab.now - DAY, until=lab.now)) in ("expired", "seen")
    good = record(lab, created=lab.now + MAX_SKEW)
    forged = parse_record(encode([good.header, bytes(64), good.inception]))
    assert refused(lab, forged) == "signature"
    assert lab.take(lab.ben, good).id == good.id
    assert ignored(lab, good) in ("known", "seen")
    lab.take(lab.ben, record(lab, revision=1))
    assert ignored(lab, good) in ("older", "seen")


@pytest.mark.parametrize(
    ("kind", "name", "scope"),
    [
        ("listing", b"short", ""),
        ("listing", b"n" * 16, "u33dc1"),
        ("profile", b"x", ""),
        ("profile", b"", "u33"),
        ("lease", b"x", ""),
        ("attestation", b"x", ""),
        ("attestation", b"x" * 32, "u33"),
        ("vouch", b"", ""),
        ("blocklist", b"x", ""),
        ("blocklist", b"x" * 16, "u33"),
    ],
)
def test_a_withdrawal_keeps_to_the_header_rules_of_its_kind(lab, kind, name, scope):
    made = record(lab, kind=kind, name=name, scope=scope, payload=b"", revision=1)
    assert refused(lab, made) == "field"


def test_an_old_copy_of_a_withdrawn_listing_does_not_come_back(lab):
    shown = lab.ask(lab.ben, "listing.publish", direction="offer", kind="give", title="Chair")
    lab.sim.run(60_000)
    network = lab.network(lab.anna)
    row = next(r for r in network.catalog.rows(kind="listing") if r.id.hex() == shown["record_id"])
    old = lab.anna.core.listings.record_of(network, row.id)
    lab.ask(lab.ben, "listing.withdraw", id=shown["listing_id"])
    lab.sim.run(60_000)
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        lab.meet(node)
        effects = lab.gossip(node, old)
        current = lab.network(node).catalog.get(row.slot)
        assert current.withdrawn and not wrote(effects) and not struck(effects)
    lab.sim.crash(lab.dora)
    lab.sim.run(60_000)
    with pytest.raises(Ignore):
        lab.take(lab.dora, old)


def test_a_profile_of_eve_does_not_make_her_ben(lab):
    lab.take(lab.ben, lab.profile(EVE, "Anna", lab.anna.peer_id))
    directory = lab.ben.core.state.directory
    assert directory.author_of(lab.anna.peer_id) is None
    assert directory.name(EVE.author).startswith("Anna (")
    lab.take(lab.ben, lab.profile(EVE, "Eve", EVES_PEER, revision=2))
    assert directory.author_of(lab.anna.peer_id) == lab.signer(lab.anna).author


def rotation(lab: Lab, entropy: bytes, epoch: int) -> tuple[Signer, Record]:
    inception = parse_inception(incept(entropy)[0].inception)
    new = Signer(derive_seed(entropy, epoch), inception, epoch)
    after = Signer(derive_seed(entropy, epoch + 1), inception, epoch + 1)
    payload = encode({"key": new.public_key, "next_hash": digest(after.public_key), "seq": -1})
    until = lab.now + 1_000 * DAY
    name = rotation_name(epoch)
    return new, record(lab, new, kind="rotation", name=name, payload=payload, until=until)


def test_a_key_that_was_replaced_signs_nothing_more(lab):
    entropy = b"old".ljust(32)
    first, one = rotation(lab, entropy, 1)
    assert ignored(lab, record(lab, first)) == "epoch"
    lab.take(lab.ben, one)
    assert ignored(lab, record(lab, OLD)) == "epoch"
    lab.take(lab.ben, record(lab, first))
    second, two = rotation(lab, entropy, 2)
    lab.take(lab.ben, two)
    assert ignored(lab, record(lab, first, name=b"later")) == "epoch"
    wrong = record(lab, second, kind="rotation", name=b"\0\0\0\x09", payload=two.payload)
    assert refused(lab, wrong) == "field"


def redemption(lab: Lab, inviter: Signer, newcomer: Signer) -> Record:
    genesis = lab.network(lab.ben).record.id
    seed_rng = lab.sim.rng
    invite, link = make_invite(inviter, genesis, seed_rng, expires_at=lab.now + DAY)
    proof = prove(parse_link(link).seed, invite, newcomer.author)
    signed = countersign(inviter, invite, newcomer.author, proof)
    return seal_redemption(newcomer, genesis[:16], Redemption(invite.wire, proof, signed), created=lab.now)


def test_an_invite_by_a_later_key(lab):
    entropy = b"inviter".ljust(32)
    new, one = rotation(lab, entropy, 1)
    _, two = rotation(lab, entropy, 2)
    made = redemption(lab, new, incept(b"newcomer".ljust(32))[0])
    assert ignored(lab, made) == "epoch"
    lab.take(lab.ben, one)
    lab.take(lab.ben, two)
    lab.take(lab.ben, made)  # the key of an earlier epoch is found in its rotation


def test_a_closed_network_takes_members_and_whom_they_invite(lab):
    network = lab.network(lab.cleo)
    closed = msgspec.structs.replace(network.genesis, open=False)
    network.genesis = closed
    friend, other = (incept(n.ljust(32))[0] for n in (b"friend", b"other"))

    def code(made: Record) -> str:
        try:
            lab.take(lab.cleo, made)
        except Ignore as e:
            return e.code
        return "taken"

    assert code(record(lab, EVE, name=b"c")) == "member"
    assert code(redemption(lab, EVE, other)) == "member"  # an invite by nobody makes nobody a member
    assert code(record(lab, other, name=b"c")) == "member"
    assert code(redemption(lab, lab.signer(lab.anna), friend)) == "taken"
    assert code(record(lab, friend, name=b"c")) == "taken"
    assert code(redemption(lab, friend, other)) == "taken"


def test_what_rests_on_a_record_of_the_same_frame_is_taken_too(lab):
    network = lab.network(lab.dora)
    network.genesis = msgspec.structs.replace(network.genesis, open=False)
    friend, other = (incept(n.ljust(32))[0] for n in (b"frames friend", b"frames other"))
    invited = redemption(lab, lab.signer(lab.anna), friend)
    lab.sim.run(1)
    of_friend = redemption(lab, friend, other)
    new, rotated = rotation(lab, b"frames keeper".ljust(32), 1)
    kept = redemption(lab, lab.signer(lab.anna), new)
    made = [
        *(record(lab, s, name=b"f") for s in (other, friend, new)),
        *(of_friend, invited, kept, rotated),
    ]
    frame = [m.wire for m in made]
    assert lab.dora.core.intake.take_all(network, frame, lab.now) == made
    assert {e.code for e in lab.dora.core.intake.take_all(network, frame, lab.now)} == {"seen"}


def test_an_attestation_needs_a_proof_of_its_own_deal(lab):
    network = lab.network(lab.ben)
    incepted = network.chain.entry(0)
    for proof in (b"", b"\x80", encode_entry(incepted)):
        made = seal_attestation(
            EVE,
            network.id,
            Attestation(b"\1" * 32, lab.signer(lab.ben).author, -2, bytes(16), proof=proof),
            created=lab.now,
        )
        with pytest.raises(Reject):
            check_attestation(made, parse_attestation(made), lab.ben.core.state.entry_key, lab.ben.core.state.key_of)
        refused(lab, made)


def test_one_signature_is_checked_of_copies_that_come_at_the_same_moment(monkeypatch):
    """From two neighbours, and twice in one frame: the ladder verifies one."""
    lab = Lab()
    second = EVES_PEER[:-1] + "F"
    hello = Hello(lab.network(lab.ben).id, b"\0" * 8, lab.now, True, ("",))
    for peer in (EVES_PEER, second):
        lab.meet(lab.ben, peer)
        lab.tell(lab.ben, GOSSIP, encode_message(hello), peer)
    verified = []
    intake = lab.ben.core.intake
    verify = intake._verify
    monkeypatch.setattr(intake, "_verify", lambda claims: verified.extend(claims) or verify(claims))
    good = record(lab, name=b"twice")
    lab.gossip(lab.ben, good, good, good)
    lab.gossip(lab.ben, good, peer=second)
    assert len(verified) == 1
    assert lab.network(lab.ben).catalog.row(good.id) is not None
