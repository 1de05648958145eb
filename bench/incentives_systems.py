"""Five ways of knowing whom to trust, for `bench.incentives`."""

import random
from typing import Final

import msgspec

from ledger.exposure import Link, Settled, Use, Web, links_of
from ledger.reputation import Attestation, Book, Settings, Standpoint, View
from protocols.limits import DAY

from .incentives_people import ENDOWMENT, Member

OPINIONS: Final = 2  # the newest of a pair that a score is made of: a pair has one voice
REFRESHED: Final = 14  # days
PARTS: Final = 4
OWN_RISK: Final = 100
FEW: Final = 3  # good deals


class Word(msgspec.Struct, frozen=True):
    """What one said of another after a deal; amount: that moved, or was lost."""

    rater: Member
    ratee: Member
    deal: int
    day: int
    outcome: int
    amount: int


class Blind:
    """No reputation; and what the others have in common."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.rated: set[Member] = set()

    def vouched(self, voucher: Member, subject: Member, amount: int) -> None:
        """A vouch stands."""

    def says(self, word: Word) -> None:
        """Known to all from now on; it replaces what the same one said of the same deal."""
        self.rated.add(word.ratee)

    def dawns(self, day: int, members: list[Member]) -> None:
        """A day begins."""

    def score(self, viewer: Member, subject: Member) -> float:
        return 0.0

    def accepts(self, viewer: Member, subject: Member) -> bool:
        return True

    def orders(self, buyer: Member, seller: Member, price: int) -> tuple[int, ...]:
        """Which may go first, 0 for the buyer and 1 for the seller; and in how many parts, last."""
        return 0, 1, 1

    def opened(self, first: Member, second: Member, amount: int, deal: int, day: int) -> None:
        """From now on `first` has that at risk."""

    def ended(self, first: Member, deal: int) -> None:
        """No longer."""

    def refused(self, subject: Member, sample: list[Member]) -> bool:
        """Whether the system has turned against somebody."""
        return subject in self.rated and not self.accepts(sample[0], subject)


class Counted(Blind):
    """Keeps the sum of the outcomes, and how many were good and bad."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.words: dict[tuple[Member, int], Word] = {}
        self.sums: dict[Member, list[int]] = {}

    def says(self, word: Word) -> None:
        super().says(word)
        before = self.words.get((word.rater, word.deal))
        self.words[word.rater, word.deal] = word
        counts = self.sums.setdefault(word.ratee, [0, 0, 0])
        for each, sign in ((before, -1), (word, 1)):
            if each is not None:
                counts[0] += sign * each.outcome
                counts[1] += sign * (each.outcome > 0)
                counts[2] += sign


class Stars(Counted):
    def score(self, viewer: Member, subject: Member) -> float:
        total, _, count = self.sums.get(subject, (0, 0, 0))
        return total / count if count else 0.0

    def accepts(self, viewer: Member, subject: Member) -> bool:
        return self.score(viewer, subject) >= 0


class Beta(Counted):
    def score(self, viewer: Member, subject: Member) -> float:
        _, good, count = self.sums.get(subject, (0, 0, 0))
        return (good + 1) / (count + 2)

    def accepts(self, viewer: Member, subject: Member) -> bool:
        return self.score(viewer, subject) >= 0.45


class EigenTrust(Counted):
    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.trust: dict[Member, float] = {}
        self.mean = 0.0

    def dawns(self, day: int, members: list[Member]) -> None:
        if day % 7:
            return
        sums: dict[Member, dict[Member, int]] = {}
        for word in self.words.values():
            row = sums.setdefault(word.rater, {})
            row[word.ratee] = row.get(word.ratee, 0) + (1 if word.outcome > 0 else -1)
        rows = {rater: {m: float(n) for m, n in row.items() if n > 0} for rater, row in sums.items()}
        founders = members[:10]
        start = {m: 1 / len(founders) for m in founders}
        trust = start
        for _ in range(15):
            after = {m: 0.15 * share for m, share in start.items()}
            for rater, share in trust.items():
                trusted = rows.get(rater) or start
                total = sum(trusted.values())
                for ratee, number in trusted.items():
                    after[ratee] = after.get(ratee, 0.0) + 0.85 * share * number / total
            trust = after
        self.trust, self.mean = trust, 1 / len(members)

    def score(self, viewer: Member, subject: Member) -> float:
        return self.trust.get(subject, 0.0)

    def accepts(self, viewer: Member, subject: Member) -> bool:
        if subject not in self.rated:
            return self.rng.random() < 0.1
        return self.score(viewer, subject) >= self.mean / 10


class Ours(Blind):
    """The rules of the program, from where each stands."""

    settings = Settings()

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.day = 0
        self.vouches: list[tuple[Member, Member, int]] = []
        self.words: dict[tuple[Member, Member], dict[int, Word]] = {}
        self.book: Book | None = None  # of today
        self.views: dict[Member, tuple[int, View, dict[Member, float]]] = {}  # when made; what it was asked for
        self.slighted: set[Member] = set()  # of whom anything bad was ever said: only they can be refused for a score
        self.web = Web(())
        self.open: dict[Member, dict[int, Use]] = {}

    def vouched(self, voucher: Member, subject: Member, amount: int) -> None:
        self.vouches.append((voucher, subject, amount))

    def says(self, word: Word) -> None:
        super().says(word)
        said = self.words.setdefault((word.rater, word.ratee), {})
        said.pop(word.deal, None)  # what is said anew becomes the newest
        said[word.deal] = word
        if word.outcome < 0:
            self.slighted.add(word.ratee)
            self.web.take(self._loss(word))

    def dawns(self, day: int, members: list[Member]) -> None:
        self.day = day
        self.book = None
        self.views = {viewer: seen for viewer, seen in self.views.items() if day < seen[0] + REFRESHED}
        if day % 3 == 1:
            self.web = self._web()

    def score(self, viewer: Member, subject: Member) -> float:
        if viewer not in self.views:
            self.views[viewer] = (self.day, self._view(viewer), {})
        _, view, known = self.views[viewer]
        if subject not in known:
            known[subject] = view.score(subject.id).score
        return known[subject]

    def accepts(self, viewer: Member, subject: Member) -> bool:
        own = self.words.get((viewer, subject))
        if own and min(word.outcome for word in own.values()) == -2:
            return False  # known at once, without a new view
        return subject not in self.slighted or self.score(viewer, subject) >= 0.5

    def orders(self, buyer: Member, seller: Member, price: int) -> tuple[int, ...]:
        room = [self._room(buyer, seller, price), self._room(seller, buyer, price)]
        for parts in (1, PARTS):
            able = [i for i in (0, 1) if room[i] * parts >= price]
            if able:
                return (*able, parts)
        return (PARTS,)

    def _room(self, first: Member, second: Member, price: int) -> int:
        """What `first` may risk with `second`, as far as it matters here."""
        if first.owner.plunders(self.day):
            return price  # he does not care; he goes first only to spend credit that he will not pay back
        uses = self.open.get(first, {}).values()
        free = self.web.exposure(first.id, second.id, uses, price).free
        if first.good < FEW:
            free = max(free, OWN_RISK - sum(use.amount for use in uses))
        return free

    def opened(self, first: Member, second: Member, amount: int, deal: int, day: int) -> None:
        use = Use(day * DAY, deal.to_bytes(32, "big"), first.id, second.id, amount)
        self.open.setdefault(first, {})[deal] = use

    def ended(self, first: Member, deal: int) -> None:
        self.open.get(first, {}).pop(deal, None)

    def refused(self, subject: Member, sample: list[Member]) -> bool:
        if subject not in self.slighted:
            return False
        low = [not self.accepts(viewer, subject) for viewer in sample if viewer is not subject]
        return 2 * sum(low) >= len(low)

    # Made of the words

    def _view(self, viewer: Member) -> View:
        """As of this morning."""
        if self.book is None:
            edges = [(voucher.id, subject.id) for voucher, subject, _ in self.vouches]
            self.book = Book(edges, self._heard(), (), self.day * DAY, self.settings.half_life)
        return View.of(self.book, Standpoint(self.book.graph, viewer.id, self.settings.restart), self.settings)

    def _heard(self) -> list[Attestation]:
        return [
            Attestation(rater.id, ratee.id, word.deal.to_bytes(32, "big"), word.day * DAY, word.outcome)
            for (rater, ratee), words in self.words.items()
            for word in list(words.values())[-OPINIONS:]
        ]

    def _web(self) -> Web:
        settled, losses = [], []
        for (rater, ratee), words in self.words.items():
            back = self.words.get((ratee, rater), {})
            for word in words.values():
                if word.outcome < 0:
                    losses.append(self._loss(word))
                elif rater.number < ratee.number and word.deal in back and back[word.deal].outcome > 0:
                    deal = word.deal.to_bytes(32, "big")
                    settled.append(Settled(rater.id, ratee.id, deal, word.day * DAY, word.amount))
        links = links_of(settled, ENDOWMENT, lambda at: self._fade(at // DAY))
        links += [Link(voucher.id, subject.id, amount, both=False) for voucher, subject, amount in self.vouches]
        return Web(links, losses)

    def _loss(self, word: Word) -> Use:
        lost = int(word.amount * (1.0 if word.outcome == -2 else 0.5) * self._fade(word.day))
        return Use(word.day * DAY, word.deal.to_bytes(32, "big"), word.rater.id, word.ratee.id, lost)

    def _fade(self, day: int) -> float:
        return float(2.0 ** ((day - self.day) / 180))


SYSTEMS: Final[dict[str, type[Blind]]] = {
    "none": Blind,
    "star": Stars,
    "beta": Beta,
    "eigentrust": EigenTrust,
    "p2pnode": Ours,
}
