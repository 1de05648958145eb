"""What a question for somebody's reputation costs where much is held: counted in what is read, not in seconds."""

from random import Random

import pytest

from ledger import opinions
from p2pnode.core import rated
from p2pnode.core.keys import RECORD
from protocols.attestation import Attestation, seal_attestation
from protocols.envelope import Record
from protocols.identity import Signer, incept
from protocols.limits import DAY, HOUR
from tests.p2pnode.lab import Lab

PEOPLE, RATINGS = 40, 400


class Town(Lab):
    """Ben holds what a crowd of people have said of each other."""

    def __init__(self) -> None:
        super().__init__()
        self.chance = Random(1)
        made = [incept(self.chance.randbytes(32))[0] for _ in range(PEOPLE)]
        self.people = [self.signer(node) for node in (self.anna, self.cleo, self.dora)] + made
        for _ in range(RATINGS):
            self.put(self.said(*self.chance.sample(self.people, 2)))

    def said(self, rater: Signer, ratee: Signer, outcome: int = 2, deal: bytes = b"", **more: int) -> Record:
        deal = deal or self.chance.randbytes(32)
        said = Attestation(deal, ratee.author, outcome, bytes(16), proof=bytes(900))
        return seal_attestation(rater, self.network(self.ben).id, said, created=self.now - DAY, **more)

    def put(self, record: Record) -> None:
        network = self.network(self.ben)
        assert network.catalog.admit(record, self.now).added
        self.ben.disk.commit({RECORD + network.id + record.id: record.wire}, (), False)

    def ask_of(self, author: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[float, int]:
        """The score, and how many records were read from the disk for it."""
        core, network = self.ben.core, self.network(self.ben)
        read: list[bytes] = []
        record_of = type(core.listings).record_of
        with monkeypatch.context() as patched:
            patched.setattr(
                type(core.listings), "record_of", lambda self, n, i: read.append(i) or record_of(self, n, i)
            )
            score = core.reputations.score(network, author, self.now)
        return score, len(read)


def test_what_is_held_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    subject = town.signer(town.cleo)
    first, read = town.ask_of(subject.author, monkeypatch)
    assert read >= RATINGS
    assert town.ask_of(subject.author, monkeypatch) == (first, 0)
    bad = town.said(town.signer(town.anna), subject, -2)
    town.put(bad)
    worse, read = town.ask_of(subject.author, monkeypatch)
    assert worse < first and read <= 1 + len(town.people), "the new one, and who let in whom"
    town.put(town.said(town.signer(town.anna), subject, 2, bad.name, revision=1))
    better, _ = town.ask_of(subject.author, monkeypatch)
    assert better >= first, "what replaces it counts in its place"


def test_one_more_costs_its_pair_and_not_all(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    core, network, subject = town.ben.core, town.network(town.ben), town.signer(town.cleo)
    made: list[int] = []
    opinion = opinions._Fading.opinion
    monkeypatch.setattr(opinions._Fading, "opinion", lambda self, said: made.append(len(said)) or opinion(self, said))
    core.reputations.score(network, subject.author, town.now)
    assert len(made) > RATINGS // 2, "the first question reads all"
    for outcome in (-2, 1, 2):
        made.clear()
        town.put(town.said(town.people[5], subject, outcome))
        core.reputations.score(network, subject.author, town.now)
        assert len(made) == 1
    made.clear()
    core.reputations.score(network, subject.author, town.now + HOUR)
    assert len(made) > RATINGS // 2, "words fade"


def test_what_many_changes_leave_is_what_a_new_reading_gives() -> None:
    """More of them than are remembered one by one."""
    town = Town()
    core, network, subject = town.ben.core, town.network(town.ben), town.signer(town.cleo)
    core.reputations.score(network, subject.author, town.now)
    for _ in range(3):
        town.put(town.said(*town.chance.sample(town.people, 2), town.chance.randint(-2, 2)))
        core.reputations.read(network)
    followed = [core.reputations.view(network, town.now).score(each.author) for each in town.people]
    for limit in (rated.MAX_PENDING, 0):
        core.reputations._read.clear()
        core.reputations._views.clear()
        assert [core.reputations.view(network, town.now).score(each.author) for each in town.people] == followed
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(rated, "MAX_PENDING", limit)
            town.put(town.said(*town.people[:2], -2))
            followed = [core.reputations.view(network, town.now).score(each.author) for each in town.people]


def test_exposure_reads_each_proof_once_and_passes_over_what_it_cannot_read(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    core, network = town.ben.core, town.network(town.ben)
    anna, cleo = town.people[0], town.people[1]
    read: list[bytes] = []
    parse = rated.parse_entry
    monkeypatch.setattr(rated, "parse_entry", lambda proof: read.append(proof) or parse(proof))

    def ask() -> int:
        read.clear()
        core.reputations.exposures.to(network, cleo.author, town.now)
        return len(read)

    ask()
    first = town.said(anna, cleo)
    town.put(first)
    assert ask() == 0, "only one side spoke"
    town.put(town.said(cleo, anna, deal=first.name))
    assert ask() == 2
    assert ask() == 0
    town.put(town.said(anna, cleo, -2))
    assert ask() == 1


def test_what_has_expired_or_was_withdrawn_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    subject, network = town.signer(town.cleo), town.network(town.ben)
    first, _ = town.ask_of(subject.author, monkeypatch)
    bad = town.said(town.signer(town.anna), subject, -2)
    town.put(bad)
    assert town.ask_of(subject.author, monkeypatch)[0] < first
    town.ben.core.intake.gone(network, network.catalog.expire(bad.until))
    assert network.catalog.row(bad.id) is None
    assert town.ask_of(subject.author, monkeypatch)[0] != first
    assert not town.ben.core.reputations.ratings(network)


def test_the_answer_is_that_of_a_node_that_has_just_started(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town()
    subject = town.signer(town.cleo)
    for outcome in (-2, 1, 2):
        town.put(town.said(town.signer(town.anna), subject, outcome))
        town.ask_of(subject.author, monkeypatch)
    before = town.ben.core.reputations.view(town.network(town.ben), town.now).score(subject.author)
    town.sim.crash(town.ben, away=1)
    town.sim.run(10)
    town.ben.core.handle(_nothing(), town.now)
    assert town.ben.core.reputations.view(town.network(town.ben), town.now).score(subject.author) == before


def _nothing() -> object:
    from p2pnode.core.events import Disconnected

    return Disconnected("nobody")
