"""In an open network those whom nobody has let in share what room they have; members have their own."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dht.catalog import Quotas
from p2pnode.bounds import CLOCK_WRONG
from p2pnode.core.newcomers import reached
from protocols.envelope import Record, seal
from protocols.errors import Ignore
from protocols.identity import Signer, incept
from protocols.invite import make_invite, parse_link
from protocols.limits import DAY, MINUTE
from protocols.listing import Listing, seal_listing
from protocols.redemption import Redemption, countersign, prove, seal_redemption
from protocols.vouch import VouchStatement, seal_vouch
from tests.p2pnode.lab import EVE, EVES_PEER, Lab
from tests.sim.simulator import Node

ROOM = 4
MALLORY = incept(b"mallory".ljust(32))[0]


@pytest.fixture
def lab() -> Lab:
    lab = Lab()
    for node in (lab.anna, lab.ben, lab.cleo, lab.dora):
        bound(lab, node)
    lab.sim.run(2 * MINUTE)
    return lab


def bound(lab: Lab, node: Node) -> None:
    network = lab.network(node)
    network.genesis = msgspec.structs.replace(network.genesis, newcomer_records=ROOM)
    network.catalog.quotas = Quotas(500, 2_000, ROOM)


def listing(lab: Lab, who: Signer, number: int, days: int = 30) -> Record:
    said = Listing("offer", "give", f"Thing {number}")
    name = who.author[:15] + bytes([number])
    network = lab.network(lab.anna).id
    return seal_listing(who, network, said, name=name, created=lab.now, until=lab.now + days * DAY)


def taken(lab: Lab, node: Node, *records: Record) -> int:
    count = 0
    for record in records:
        try:
            lab.take(node, record)
            count += 1
        except Ignore:
            pass
    return count


def let_in(lab: Lab, inviter: Signer, newcomer: Signer) -> Record:
    network = lab.network(lab.anna)
    invite, link = make_invite(
        inviter, network.record.id, lab.sim.rng, expires_at=lab.now + DAY, vouch=0, uses=1, note="", addresses=()
    )
    proof = prove(parse_link(link).seed, invite, newcomer.author)
    redemption = Redemption(invite.wire, proof, countersign(inviter, invite, newcomer.author, proof))
    return seal_redemption(newcomer, network.id, redemption, created=lab.now)


def held(lab: Lab, node: Node, who: Signer) -> int:
    return sum(1 for _ in lab.network(node).catalog.rows(kind="listing", author=who.author))


def test_newcomers_fill_their_room_and_no_more_and_members_have_theirs(lab):
    anna, ben = lab.anna, lab.signer(lab.ben)
    crowd = [incept(bytes([i]).ljust(32, b"c"))[0] for i in range(3)]
    for who in crowd:
        taken(lab, anna, *(listing(lab, who, i) for i in range(5)))
    assert sum(held(lab, anna, who) for who in crowd) == ROOM
    assert taken(lab, anna, *(listing(lab, ben, i) for i in range(9))) == 9
    # Whoever of them ends last stays; who lets whom in among themselves changes nothing.
    assert taken(lab, anna, *(listing(lab, EVE, i, 31) for i in range(9))) >= ROOM
    assert [held(lab, anna, who) for who in crowd] == [0, 0, 0] and held(lab, anna, EVE) == ROOM
    with pytest.raises(Ignore):
        lab.take(anna, let_in(lab, MALLORY, EVE))
    taken(lab, anna, *(listing(lab, EVE, i, 31) for i in range(10, 19)))
    assert held(lab, anna, EVE) == ROOM and held(lab, anna, ben) == 9


def test_a_crowd_cannot_keep_out_who_is_let_in(lab):
    """Records that end later than a redemption fill all room of the newcomers."""
    anna = lab.anna
    network = lab.network(anna).id
    for i in range(3 * ROOM):
        who = incept(bytes([i]).ljust(32, b"v"))[0]
        lab.sim.now += 1
        taken(lab, anna, seal_vouch(who, network, VouchStatement(EVE.author, 5), created=lab.now + MINUTE, revision=1))
    lab.take(anna, let_in(lab, lab.signer(lab.ben), EVE))
    assert taken(lab, anna, *(listing(lab, EVE, i) for i in range(9))) == 9 == held(lab, anna, EVE)
    lab.take(anna, let_in(lab, EVE, MALLORY))  # and whom she lets in, at once
    assert taken(lab, anna, *(listing(lab, MALLORY, i) for i in range(9))) == 9 == held(lab, anna, MALLORY)


@pytest.mark.parametrize("how", ["let in", "vouched for"])
def test_who_is_known_gets_room_of_its_own_and_loses_it_with_the_vouch(lab, how):
    anna, ben = lab.anna, lab.signer(lab.ben)
    mine = [listing(lab, EVE, i) for i in range(9)]
    taken(lab, anna, *mine)
    assert held(lab, anna, EVE) == ROOM
    network = lab.network(anna).id
    if how == "let in":
        lab.take(anna, let_in(lab, ben, EVE))
    else:
        lab.take(anna, seal_vouch(ben, network, VouchStatement(EVE.author, 5), created=lab.now, revision=1))
    lab.sim.run(2 * MINUTE)
    taken(lab, anna, *mine)
    assert held(lab, anna, EVE) == 9
    lab.sim.run(2 * MINUTE)
    lab.sim.crash(anna)
    lab.sim.run(2 * MINUTE)
    bound(lab, anna)
    lab.sim.run(2 * MINUTE)
    assert held(lab, anna, EVE) == 9
    if how == "vouched for":
        until = lab.now + 5 * 365 * DAY
        gone = seal(
            ben, network=network, kind="vouch", name=EVE.author, revision=2, created=lab.now, until=until, payload=b""
        )
        lab.take(anna, gone)
        lab.sim.run(2 * MINUTE)
        assert held(lab, anna, EVE) == ROOM
        stored = {row.id for row in lab.network(anna).catalog.rows(author=EVE.author)}
        assert stored == {r.id for r in mine if anna.core.listings.record_of(lab.network(anna), r.id)}


def test_what_is_ours_stays_here_though_we_are_a_newcomer(lab):
    """Dora came by an address alone."""
    for i in range(6):
        lab.ask(lab.dora, "listing.publish", direction="offer", kind="give", title=f"Thing {i}")
    lab.sim.run(10 * MINUTE)
    dora = lab.signer(lab.dora)
    assert held(lab, lab.dora, dora) == 6 and held(lab, lab.anna, dora) == ROOM
    assert [held(lab, n, dora) for n in (lab.ben, lab.cleo)] == [ROOM, ROOM]


@pytest.mark.parametrize("founders_friend", [True, False])
def test_a_crowd_that_lets_in_itself_is_no_members(founders_friend):
    """In an open network, that is; each is as good as who let it in, whichever redemption comes first."""
    lab = Lab()
    anna = lab.network(lab.anna)
    lab.take(lab.anna, let_in(lab, MALLORY, EVE))
    assert not anna.member(EVE.author) and not anna.member(MALLORY.author)
    lab.take(lab.anna, let_in(lab, lab.signer(lab.ben) if founders_friend else EVE, MALLORY))
    assert anna.member(EVE.author) is anna.member(MALLORY.author) is founders_friend
    assert anna.member(lab.signer(lab.ben).author)
    lab.take(lab.anna, lab.profile(EVE, "Eve", EVES_PEER))
    lab.meet(lab.anna)
    lab.anna.core.state.time.heard(EVES_PEER, lab.now + 3 * CLOCK_WRONG, lab.now)
    assert (3 * CLOCK_WRONG in lab.anna.core.state.time._votes()) is founders_friend


def test_without_the_bound_nothing_is_different():
    lab = Lab()
    assert taken(lab, lab.anna, *(listing(lab, EVE, i) for i in range(9))) == 9
    lab.sim.run(2 * MINUTE)
    assert held(lab, lab.anna, EVE) == 9


people = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])


@given(st.sets(people), st.lists(st.tuples(people, people)))
def test_reached_is_the_least_set_that_is_closed(roots, edges):
    found = reached(roots, edges)
    assert roots <= found and all(target in found for source, target in edges if source in found)
    for one in found - roots:
        assert any(target == one and source in found and source != one for source, target in edges)
