"""One year of the neighbourhood of `bench.incentives`, under one system."""

import random
from typing import Final, NamedTuple

from .incentives_people import (
    CREWS,
    ENDOWMENT,
    FAKE,
    FOUNDERS_VOUCH,
    FREE,
    PAYS_DEBTS,
    VOUCH,
    YEAR,
    Member,
    Person,
    people,
)
from .incentives_systems import SYSTEMS, Word

PRICES: Final = (50, 100, 100, 200, 200, 300, 500, 800)
WORTH, COST, SPOILT = 1.3, 0.7, 0.5
LASTS, MADE_GOOD = 3, 14  # days


class Deal(NamedTuple):
    number: int
    buyer: Member
    seller: Member
    price: int
    first: int  # 0: the buyer
    parts: int


class World:
    """After `run`, `people` hold what the year brought them. free: credit for newcomers out of nothing."""

    def __init__(self, system: str, free: bool, count: int, seed: int) -> None:
        self.rng = random.Random(f"{seed} {count}")  # the same year in every run
        self.system = SYSTEMS[system](random.Random(f"{seed} {system}"))
        self.free = free
        self.people = people(count, self.rng)
        self.members: list[Member] = []
        self.deals = 0
        self.due: dict[int, list[Deal]] = {}
        self.repairs: dict[int, list[Deal]] = {}
        self.words: list[Word] = []
        self.thefts: list[tuple[Member, Member, float]] = []  # who lost how many hours by whom
        self._pools: dict[tuple[int, int | None], list[Person]] = {}

    def run(self) -> list[Person]:
        self.begins()
        for day in range(YEAR):
            self.lives(day)
        self.ends()
        return self.people

    def begins(self) -> None:
        """The founders come, and vouch for each other."""
        for person in (p for p in self.people if p.founder):
            self._identity(person, 0).limit = ENDOWMENT
        for member in list(self.members):
            street = [m for m in self.members if m.owner.street == member.owner.street and m is not member]
            for other in self.rng.sample(street, min(3, len(street))):
                self._vouch(member, other, FOUNDERS_VOUCH)

    def lives(self, day: int) -> None:
        """The next day."""
        self._dawn(day)
        for person in self.rng.sample(self.people, len(self.people)):
            if person.present(day):
                self._wants(person, day)
        if day % 28 == 27:
            self._census(day)

    def ends(self) -> None:
        """Who does not pay debts leaves them."""
        for person in self.people:
            if person.kind not in PAYS_DEBTS:
                self._leave(person.members)

    # A day

    def _dawn(self, day: int) -> None:
        for word in self.words:
            self.system.says(word)
        self.words = []
        for person in self.people:
            if person.arrival == day > 0 or (
                person.kind == "whitewasher" and person.present(day) and not person.living(day) and self._invited()
            ):
                self._arrives(person, day)
            if person.leaves == day and person.kind not in PAYS_DEBTS:
                self._leave(person.members)
        for deal in self.due.pop(day, ()):
            self._end(deal, day)
        for deal in self.repairs.pop(day, ()):
            deal.seller.owner.income -= deal.price * COST / 2 / 100
            deal.buyer.owner.income += deal.price * (WORTH - SPOILT) / 100
            self._say(deal.buyer, deal.seller, deal, day, 1)
        if day % 30 == 0:
            self._flatter(day)
        self.system.dawns(day, self.members)

    def _arrives(self, person: Person, day: int) -> None:
        member = self._identity(person, day)
        if self.free:
            member.limit = FREE
        else:
            honest = [p.members[0] for p in self.people if p.honest and p.present(day) and p.members]
            near = [m for m in honest if m.owner.street == person.street and m is not member]
            able = [m for m in near or honest if m.spendable >= VOUCH and m is not member]
            if able:
                self._vouch(self.rng.choice(able), member, VOUCH)
        if person.kind == "sybil ring":
            for _ in range(CREWS):
                self._crew(person, day)

    def _found_out(self, person: Person, day: int) -> bool:
        return person.present(day) and not person.living(day)

    def _invited(self) -> bool:
        """Whether one who was found out gets in again under another name today."""
        return self.free or self.rng.random() < 1 / 30

    def _crew(self, person: Person, day: int) -> None:
        member = self._identity(person, day)
        member.limit = FREE if self.free else 0
        self._praise(member, person.members, day)

    def _flatter(self, day: int) -> None:
        colluders = [m for p in self.people if p.kind == "colluder" and p.present(day) for m in p.members]
        for member in colluders:
            self._praise(member, colluders, day)
        for person in self.people:
            if person.kind == "sybil ring" and person.present(day):
                for member in person.members:
                    if not member.burnt:
                        self._praise(member, person.members, day)

    def _praise(self, member: Member, ring: list[Member], day: int) -> None:
        others = [m for m in ring if m is not member]
        for other in self.rng.sample(others, min(3, len(others))):
            self.deals += 1
            deal = Deal(self.deals, member, other, FAKE, 0, 1)
            self._say(member, other, deal, day, 2)
            self._say(other, member, deal, day, 2)

    def _census(self, day: int) -> None:
        honest = [p for p in self.people if p.honest and p.present(day)]
        sample = [p.members[0] for p in self.rng.sample(honest, min(20, len(honest)))]
        for person in honest:
            person.frozen = person.frozen or self.system.refused(person.members[0], sample)

    # Trade

    def _wants(self, person: Person, day: int) -> None:
        plunders = person.plunders(day)
        for _ in range(3 if plunders else self.rng.random() < 1 / 6):
            price = max(self.rng.choice(PRICES) for _ in range(3 if plunders else 1))
            living = person.living(day)
            if not living:
                return
            buyer = self.rng.choice(living)
            person.wants += 1
            person.met += self._trade(buyer, price, day)

    def _trade(self, buyer: Member, price: int, day: int) -> bool:
        """Whether somebody was found who would."""
        if buyer.spendable < price and not (buyer.owner.plunders(day)):
            return False
        system, plunders = self.system, buyer.owner.plunders(day)
        sellers = [s for s in self._offered(buyer, day) if plunders or system.accepts(buyer, s)]
        if self.rng.random() < 0.7:
            sellers.sort(key=lambda s: -system.score(buyer, s))
        for seller in sellers:
            if not seller.owner.plunders(day) and not system.accepts(seller, buyer):
                continue
            *orders, parts = system.orders(buyer, seller, price)
            orders = [first for first in orders if self._willing(buyer, seller, price, first, day)]
            if orders:
                self._open(Deal(self._number(), buyer, seller, price, self._first(buyer, seller, orders), parts), day)
                return True
        return False

    def _offered(self, buyer: Member, day: int) -> list[Member]:
        found: list[Member] = []
        for _ in range(4):
            near = self.rng.random() < 0.6
            pool = self._pool(day, buyer.owner.street if near else None)
            if pool:
                person = self.rng.choice(pool)
                living = person.living(day)
                if living and person is not buyer.owner:
                    seller = self.rng.choice(living)
                    if seller not in found:
                        found.append(seller)
        return found

    def _pool(self, day: int, street: int | None) -> list[Person]:
        if (day, street) not in self._pools:
            self._pools[day, street] = [
                p
                for p in self.people
                if p.kind != "free-rider" and p.present(day) and street in (None, p.street)
                for _ in range(3 if p.plunders(day) else 1)
            ]
        return self._pools[day, street]

    def _willing(self, buyer: Member, seller: Member, price: int, first: int, day: int) -> bool:
        """A buyer must be able to show that he can pay. Who plunders does not work first."""
        return buyer.spendable >= price and not (first == 1 and seller.owner.plunders(day))

    def _first(self, buyer: Member, seller: Member, orders: list[int]) -> int:
        """The less trusted goes first."""
        if len(orders) == 1:
            return orders[0]
        of_buyer, of_seller = self.system.score(seller, buyer), self.system.score(buyer, seller)
        return self.rng.randrange(2) if of_buyer == of_seller else int(of_seller < of_buyer)

    def _open(self, deal: Deal, day: int) -> None:
        first, second = (deal.buyer, deal.seller) if deal.first == 0 else (deal.seller, deal.buyer)
        deal.buyer.held += deal.price
        self.system.opened(first, second, -(-deal.price // deal.parts), deal.number, day)
        self.due.setdefault(day + LASTS, []).append(deal)

    def _end(self, deal: Deal, day: int) -> None:
        buyer, seller, price = deal.buyer, deal.seller, deal.price
        first, second = (buyer, seller) if deal.first == 0 else (seller, buyer)
        self.system.ended(first, deal.number)
        buyer.held -= price
        if self._cheats(second, day):
            return self._cheated(deal, first, second, day)
        spoilt = self.rng.random() < 0.02
        buyer.balance -= price
        seller.balance += price
        seller.owner.income -= price * COST / 100
        buyer.owner.income += price * (SPOILT if spoilt else WORTH) / 100
        self._say(buyer, seller, deal, day, -1 if spoilt else 2)
        self._say(seller, buyer, deal, day, 2)
        if spoilt and self.rng.random() < 0.8:
            self.repairs.setdefault(day + MADE_GOOD, []).append(deal)
        for member in (buyer, seller):
            member.good += 1
            member.owner.deals.append(day)

    def _cheats(self, second: Member, day: int) -> bool:
        colludes = second.owner.kind == "colluder" and self.rng.random() < 0.25
        return colludes or second.owner.plunders(day)

    def _cheated(self, deal: Deal, first: Member, second: Member, day: int) -> None:
        """A part, or all of it, is lost. What was paid stays paid; what was worked stays worked."""
        lost = -(-deal.price // deal.parts)
        if first is deal.buyer:
            first.balance -= lost
            second.balance += lost
            taken = lost / 100
        else:
            first.owner.income -= lost * COST / 100
            second.owner.income += lost * WORTH / 100
            taken = lost * COST / 100
        second.owner.taken += taken
        self.thefts.append((first, second, taken))
        small = deal._replace(price=lost)
        self._say(first, second, small, day, -2)
        self._say(second, first, small, day, -2)
        if second.owner.kind in ("whitewasher", "sybil ring") and not second.burnt:
            second.burnt = True
            if second.owner.kind == "sybil ring":
                self._crew(second.owner, day)
            elif not self.free:
                self._leave([second])

    # Parts

    def _say(self, rater: Member, ratee: Member, deal: Deal, day: int, outcome: int) -> None:
        if rater.owner.kind == "bad-mouther":
            outcome = -2
        self.words.append(Word(rater, ratee, deal.number, day, outcome, deal.price))

    def _leave(self, members: list[Member]) -> None:
        """What they owe falls to who vouched for them."""
        for member in members:
            owed = -member.balance
            for voucher, amount in member.vouchers.items():
                borne = max(0, min(owed, amount))
                owed -= borne
                if voucher.owner is not member.owner:
                    voucher.owner.income -= borne / 100
                    member.owner.taken += borne / 100
            member.vouchers = {}

    def _identity(self, person: Person, day: int) -> Member:
        member = Member(len(self.members) + 1, person, day)
        self.members.append(member)
        person.members.append(member)
        return member

    def _vouch(self, voucher: Member, subject: Member, amount: int) -> None:
        voucher.limit -= amount
        subject.limit += amount
        subject.vouchers[voucher] = subject.vouchers.get(voucher, 0) + amount
        self.system.vouched(voucher, subject, amount)

    def _number(self) -> int:
        self.deals += 1
        return self.deals
