"""Who lives in the neighbourhood of `bench.incentives`, and what each is like."""

import random
from dataclasses import dataclass, field
from typing import Final

HONEST: Final = "honest"
DISHONEST: Final = ("whitewasher", "sybil ring", "exit scammer", "bad-mouther", "colluder", "free-rider")
PAYS_DEBTS: Final = frozenset({HONEST, "bad-mouther"})
YEAR: Final = 365
ENDOWMENT, VOUCH, FOUNDERS_VOUCH, FREE = 2000, 300, 200, 300  # minor units
STREET: Final = 20
CREWS: Final = 20  # further identities of a sybil ring
GOOD_DAYS: Final = 90  # of a ring's first identity
FAKE: Final = 800
PLUNDER: Final = 14  # days of an exit scammer


@dataclass(eq=False)
class Member:
    """One identity. Amounts in minor units. vouchers: who vouched for it, with how much."""

    number: int
    owner: "Person"
    joined: int
    limit: int = 0
    balance: int = 0
    held: int = 0
    good: int = 0
    burnt: bool = False
    vouchers: dict["Member", int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.id = self.number.to_bytes(32, "big")

    @property
    def spendable(self) -> int:
        return self.balance - self.held + self.limit


@dataclass(eq=False)
class Person:
    """One human. income: hours, without balances; taken: what others lost by him; deals: on which days."""

    kind: str
    arrival: int
    street: int
    leaves: int = YEAR
    members: list[Member] = field(default_factory=list)
    income: float = 0.0
    taken: float = 0.0
    deals: list[int] = field(default_factory=list)
    wants: int = 0
    met: int = 0
    frozen: bool = False

    @property
    def honest(self) -> bool:
        return self.kind == HONEST

    @property
    def founder(self) -> bool:
        return self.arrival == 0

    def present(self, day: int) -> bool:
        return self.arrival <= day < self.leaves

    def plunders(self, day: int) -> bool:
        if self.kind == "sybil ring":
            return day >= self.arrival + GOOD_DAYS
        return self.kind == "whitewasher" or (self.kind == "exit scammer" and day >= self.leaves - PLUNDER)

    def living(self, day: int) -> list[Member]:
        """Under which identities he may deal today."""
        unburnt = [m for m in self.members if not m.burnt]
        return self.members[:1] if self.kind == "sybil ring" and not self.plunders(day) else unburnt

    @property
    def total(self) -> float:
        """Hours, with what the year left."""
        kept = (m.balance if self.kind in PAYS_DEBTS else max(0, m.balance) for m in self.members)
        return self.income + sum(kept) / 100

    @property
    def a_year(self) -> float:
        return self.total / (YEAR - self.arrival) * YEAR

    @property
    def while_present(self) -> float:
        return self.total / (min(self.leaves, YEAR) - self.arrival) * YEAR


def people(count: int, rng: random.Random) -> list[Person]:
    """Founders first."""
    founders, newcomers = count * 6 // 10, count * 2 // 10
    found = [Person(HONEST, 0, i % max(1, count // STREET)) for i in range(founders)]
    for i in range(count - founders):
        kind = HONEST if i < newcomers else DISHONEST[i % len(DISHONEST)]
        person = Person(kind, rng.randint(1, 120), rng.randrange(max(1, count // STREET)))
        if kind == "exit scammer":
            person.leaves = rng.randint(200, 340) + PLUNDER
        found.append(person)
    return found
