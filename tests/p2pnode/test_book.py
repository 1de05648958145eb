"""The tables of the address book: who gets a place, who keeps it, and what is stored."""

from collections import Counter
from random import Random

import pytest

from p2pnode.bounds import BUCKET, GROUP_IN_BUCKET, GROUP_IN_TABLE, NEW_BUCKETS, SOURCE_BUCKETS, TRIED_BUCKETS
from p2pnode.core import book as module
from p2pnode.core.book import NAMED, NEW, TRIED, Book
from p2pnode.core.effects import Write
from p2pnode.core.journal import Journal
from p2pnode.core.keys import PEER
from p2pnode.store import MemoryStore
from protocols.codec import decode, encode

NOW = 1_800_000_000_000


def peer(number: int) -> str:
    return "12D3KooW" + f"{number:044}".translate(str.maketrans("0123456789", "ABCDEFGHJK"))


def public(number: int, host: int = 7) -> str:
    return f"/ip4/{20 + number // 65_536}.{number // 256 % 256}.{number % 256}.{host}/tcp/4001"


class Lab:
    def __init__(self, disk: MemoryStore | None = None, seed: int = 1) -> None:
        self.disk = disk or MemoryStore()
        self.journal = Journal(self.disk)
        self.held: set[str] = set()
        self.names: dict[str, str] = {}
        self.book = Book(bytes(32), self.journal, Random(seed), self.names, lambda: self.held)
        self.book.begin()
        self.commit()

    def commit(self) -> None:
        for effect in self.journal.take():
            assert isinstance(effect, Write)
            self.disk.commit(effect.puts, effect.deletes, effect.durable, effect.heads)
        self.journal.committed()

    def restarted(self) -> "Lab":
        self.commit()
        return Lab(self.disk)

    def table(self, name: str) -> list[str]:
        return [p for p, k in self.book.known.items() if k.table == name]

    def rows(self) -> set[str]:
        return {key[len(PEER) :].decode() for key, _ in self.journal.scan(PEER)}


def test_a_peer_that_was_talked_of_is_new_until_we_have_connected_to_it():
    lab = Lab()
    assert lab.book.add(peer(1), (public(1), public(2)), "dht", NOW)
    assert lab.table(NEW) == [peer(1)] and not lab.book.known[peer(1)].reached
    lab.book.called(peer(1), NOW + 1)
    assert lab.table(NEW) == [peer(1)], "that it dialled us shows nothing about its address"
    lab.book.reached(peer(1), f"{public(2)}/p2p/{peer(1)}", NOW + 2)
    known = lab.book.known[peer(1)]
    assert known.table == TRIED and known.reached == NOW + 2
    assert known.addresses == [f"{public(2)}/p2p/{peer(1)}", f"{public(1)}/p2p/{peer(1)}"]


def test_an_address_that_proved_itself_is_not_pushed_out_by_what_others_say():
    lab = Lab()
    lab.book.add(peer(1), (public(1),), "profile", NOW)
    lab.book.reached(peer(1), f"{public(1)}/p2p/{peer(1)}", NOW)
    lab.book.add(peer(1), [public(n) for n in range(50, 80)], "profile", NOW)
    known = lab.book.known[peer(1)]
    assert len(known.addresses) == module.ADDRESSES_OF_ONE and known.addresses[0].startswith(public(1))


def test_one_holder_of_many_addresses_has_few_places():
    lab = Lab()
    for number in range(600):
        lab.book.add(peer(number), (public(9, host=number % 250 + 1),), "dht", NOW)
    assert 0 < len(lab.table(NEW)) <= GROUP_IN_TABLE
    beside = Counter(lab.book.known[p].bucket for p in lab.table(NEW))
    assert max(beside.values()) <= GROUP_IN_BUCKET
    for number in range(600):
        lab.book.reached(peer(number), f"{public(9, host=number % 250 + 1)}/p2p/{peer(number)}", NOW)
    assert len(lab.table(TRIED)) <= GROUP_IN_TABLE and len(lab.table(NEW)) <= GROUP_IN_TABLE


def test_a_household_or_a_lab_may_hold_as_many_as_it_likes():
    lab = Lab()
    for number in range(100):
        lab.book.add(peer(number), (f"/ip4/192.168.1.{number + 1}/tcp/4001",), "profile", NOW)
    assert len(lab.table(NEW)) > 90


def test_the_tables_are_bounded_and_so_are_their_rows():
    lab = Lab()
    for number in range(4_000):
        lab.book.add(peer(number), (public(number),), "profile", NOW)
    assert 0.9 * NEW_BUCKETS * BUCKET < len(lab.book.known) <= NEW_BUCKETS * BUCKET
    assert lab.rows() == set(lab.book.known)
    for number in range(4_000):
        lab.book.add(peer(number), (public(number),), "profile", NOW)
        lab.book.reached(peer(number), f"{public(number)}/p2p/{peer(number)}", NOW + number)
    assert len(lab.table(TRIED)) <= TRIED_BUCKETS * BUCKET and len(lab.table(NEW)) <= NEW_BUCKETS * BUCKET
    assert lab.rows() == set(lab.book.known)


def test_one_source_fills_few_buckets():
    lab = Lab()
    for number in range(4_000):
        lab.book.add(peer(number), (public(number),), "profile", NOW, "talker", "198.51.100.0/24")
    assert len({lab.book.known[p].bucket for p in lab.table(NEW)}) <= SOURCE_BUCKETS


def test_where_a_peer_falls_depends_on_the_secret():
    disk = MemoryStore()
    buckets = []
    for secret in (bytes(32), b"\1" * 32):
        book = Book(secret, Journal(disk), Random(1), {}, set)
        book.add(peer(1), (public(1),), "profile", NOW)
        book.add(peer(2), (public(2),), "profile", NOW)
        buckets.append([book.known[peer(n)].bucket for n in (1, 2)])
    assert buckets[0] != buckets[1]


def test_a_tried_peer_keeps_its_place_while_it_answers(monkeypatch):
    monkeypatch.setattr(module, "TRIED_BUCKETS", 1)
    lab = Lab()
    for number in range(BUCKET + 1):
        lab.book.add(peer(number), (public(number),), "profile", NOW)
        lab.book.reached(peer(number), f"{public(number)}/p2p/{peer(number)}", NOW + number)
    late = peer(BUCKET)
    assert lab.book.known[late].table == NEW and list(lab.book.suspects) == [peer(0)]
    lab.book.failed(peer(0))
    assert lab.book.known[peer(0)].table == NEW, "it did not answer when it was tested: there is room"
    lab.book.reached(late, f"{public(BUCKET)}/p2p/{late}", NOW + 99)
    assert lab.book.known[late].table == TRIED


def test_new_peers_that_never_answered_go_first(monkeypatch):
    monkeypatch.setattr(module, "NEW_BUCKETS", 1)
    lab = Lab()
    for number in range(BUCKET):
        lab.book.add(peer(number), (public(number),), "profile", NOW)
    lab.book.known[peer(3)].tries = 3
    assert lab.book.add(peer(99), (public(99),), "profile", NOW)
    assert peer(3) not in lab.book.known and len(lab.book.known) == BUCKET


def test_whom_our_user_named_leaves_for_nobody():
    lab = Lab()
    for number in range(20):
        lab.book.add(peer(number), (public(9, host=number + 1),), "join", NOW)
    assert len(lab.table(NAMED)) == 20
    lab.names[peer(500)] = "Ann"
    lab.book.named(peer(500), (public(9),), NOW)
    for number in range(1_000, 5_000):
        lab.book.add(peer(number), (public(number),), "dht", NOW)
    assert len(lab.table(NAMED)) == 21
    assert set(lab.restarted().table(NAMED)) == set(lab.table(NAMED))


def test_callers_are_remembered_for_a_while():
    lab = Lab()
    for number in range(500):
        lab.book.called(peer(number), NOW + number)
    assert len(lab.book.known) == module.MAX_CALLERS and peer(499) in lab.book.known
    lab.book.add(peer(499), (public(1),), "profile", NOW + 900, "talker", "198.51.100.0/24")
    known = lab.book.known[peer(499)]
    assert known.table == NEW and known.source == "talker" and known.seen == NOW + 499


def test_a_row_from_before_there_were_tables_is_read_and_written_anew():
    disk = MemoryStore()
    address = f"{public(1)}/p2p/{peer(1)}"
    rows = {
        peer(1): [[address], "profile", NOW, ""],
        peer(2): [[f"{public(2)}/p2p/{peer(2)}"], "dht", 0, ""],
        peer(3): [[], "dialled us", NOW, "Ann"],
        peer(4): [[], "dialled us", NOW, ""],
    }
    disk.commit({PEER + p.encode(): encode(row) for p, row in rows.items()}, (), True)
    lab = Lab(disk)
    tables = {p: k.table for p, k in lab.book.known.items()}
    assert tables == {peer(1): TRIED, peer(2): NEW, peer(3): NAMED, peer(4): "caller"}
    assert lab.names == {peer(3): "Ann"}
    lab.book.reached(peer(1), address, NOW + 5)
    lab.commit()
    stored = disk.get(PEER + peer(1).encode())
    assert stored is not None
    assert decode(stored) == [[address], "profile", NOW + 5, "", NOW, NOW + 5, 0, "", ""]
    assert lab.restarted().book.known[peer(1)].reached == NOW + 5


def test_rows_that_find_no_place_are_removed():
    disk = MemoryStore()
    many = {PEER + peer(n).encode(): encode([[public(9, n % 250 + 1)], "dht", 0, ""]) for n in range(300)}
    disk.commit(many, (), True)
    lab = Lab(disk)
    assert len(lab.book.known) <= GROUP_IN_TABLE and lab.rows() == set(lab.book.known)


@pytest.mark.parametrize("seed", range(3))
def test_one_seed_is_one_book(seed):
    def made() -> list[str]:
        lab = Lab(seed=seed)
        for number in range(2_000):
            lab.book.add(peer(number), (public(number),), "dht", NOW)
        return sorted(lab.book.known)

    assert made() == made()
