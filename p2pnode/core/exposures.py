"""How much our user may have at risk with whom: `ledger.exposure`, fed with what this node holds."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Self

import msgspec

from ledger.exposure import GAIN, Exposure, Link, Path, Settled, Use, Web, links_of
from ledger.opinions import Attestation as Rated
from protocols.duties import OVER, DutyState
from protocols.envelope import Record
from protocols.exchange import NEGOTIATING, Exchange, Status
from protocols.limits import DAY, HOUR, MAX_INT
from protocols.payments import DEPOSIT, REFUND
from protocols.terms import Duty, Terms
from protocols.vouch import parse_vouch

from .exchanges import Exchanges
from .held import Held
from .listings import Listings
from .paying import paid_so_far
from .rated import Ratings
from .state import Network, State

HALF_LIFE = 180  # days
_NOTHING_AT_RISK = frozenset({Status.SETTLED, Status.CLOSED, Status.LAPSED})
_SHOWN = 8  # paths


class Exposures:
    """read: what is held of a network that people have said of each other."""

    def __init__(
        self, state: State, exchanges: Exchanges, listings: Listings, read: Callable[[Network], Ratings]
    ) -> None:
        self._state = state
        self._exchanges = exchanges
        self._listings = listings
        self._read = read
        self._webs: dict[bytes, _Made] = {}
        self._own: dict[bytes, int] = {}  # what was settled in exchanges of ours that show it to nobody else
        self._over: dict[bytes, int] = {}  # exchanges where nothing is at risk any more, and their facts by then
        self._amounts: dict[bytes, tuple[Exchange, int]] = {}  # what is at risk in each, by the view that says so

    def to(self, network: Network, subject: bytes, now: int) -> Exposure:
        """What our user may risk with a peer, in the network's unit."""
        return self._web(network, now).exposure(self._state.me, subject, self._open(network, now))

    def all_of(self, network: Network, now: int) -> tuple[Web, list[Use]]:
        """The web, and what is open of our user's, with anybody."""
        return self._web(network, now), self._open(network, now)

    def json(self, network: Network, subject: bytes, now: int) -> dict[str, Any]:
        """For `reputation`. Of our user himself: what others have reason to risk, at most."""
        unit = network.genesis.unit
        if subject == self._state.me:
            frozen = self._state.convictions.frozen(network.id, subject)
            links = () if frozen else self._web(network, now).into(subject)
            paths = [Path((link.a, subject), link.amount, not link.both) for link in links]
            found = Exposure(sum(link.amount for link in links), 0, 0, tuple(paths))
        else:
            found = self.to(network, subject, now)
        return {
            "most": {"amount": found.most, "unit": unit},
            "open": {"amount": found.open, "unit": unit},
            "paths": [self._path(p, unit, False) for p in _joined(found.paths)[:_SHOWN]]
            + [self._path(p, unit, True) for p in _joined(found.taken)[:_SHOWN]],
            "helps": self._helps(network) if subject == self._state.me else [],
        }

    def of_exchange(self, held: Held, now: int) -> dict[str, Any] | None:
        """For one exchange: what our user puts at risk by it, and how much more than that, or less, the links to the
        other side carry. `small`: whether that, and what is open with the same one beyond those links, is no more than
        a newcomer is lent. None where there is nothing at risk."""
        network = self._state.networks[held.network]
        view, me, unit = self._exchanges.view(held, now), self._state.me, network.genesis.unit
        amount = at_risk(view, me, unit, planned=view.status in NEGOTIATING) if me in view.terms.parties else 0
        if not amount:
            return None
        others = [use for use in self._open(network, now) if use.deal != held.id]
        return self._beside(network, view.counterparty(me), amount, others, now)

    def of_terms(self, network: Network, terms: Terms, now: int, deal: bytes = b"") -> dict[str, Any] | None:
        """The same of terms that nobody has said yet. deal: the exchange that they would change."""
        me, unit = self._state.me, network.genesis.unit
        amount = _worst(terms, me, unit, (), [d for d in terms.duties if not d.on]) if me in terms.parties else 0
        if not amount:
            return None
        (other,) = {*terms.parties} - {me}
        others = [use for use in self._open(network, now) if use.deal != deal]
        return self._beside(network, other, amount, others, now)

    def _beside(self, network: Network, other: bytes, amount: int, others: Sequence[Use], now: int) -> dict[str, Any]:
        """An amount at risk, beside what the links carry with those uses of them."""
        unit = network.genesis.unit
        found = self._web(network, now).exposure(self._state.me, other, others)
        most, uncovered = found.free, found.open - found.covered
        return {
            "at_risk": {"amount": amount, "unit": unit},
            "most": {"amount": most, "unit": unit},
            "beyond": amount > most,
            "small": amount + uncovered <= lent(network),
        }

    def _helps(self, network: Network) -> list[str]:
        """What gives others reason to risk more with our user."""
        one = 10**network.genesis.decimals
        deal, gain = network.money(GAIN * one), network.money(one)
        return [
            f"earn first: who has dealt with you for {deal}, and both of you said that it went well, may risk {gain} "
            "with you from then on, and those who rely on him share as much once more",
            "take small steps: of a price in 4 instalments a quarter is at risk at a time "
            "(p2pnode exchange propose --instalments 4), and of a small deal little",
            f"a vouch: who vouches for you with {network.money(lent(network))} may risk as much with you "
            "(p2pnode vouch)",
        ]

    def _path(self, path: Path, unit: str, taken: bool) -> dict[str, Any]:
        names = ["you" if a == self._state.me else self._state.directory.name(a) for a in path.authors]
        return {
            "amount": {"amount": path.amount, "unit": unit},
            "open": taken,
            "vouched": path.vouched,
            "path": [self._state.directory.peer_id(a) for a in path.authors],
            "path_names": names,
        }

    def _open(self, network: Network, now: int) -> list[Use]:
        """What our user has at risk, or has bound himself to risk."""
        found = []
        if len(self._over) > len(self._exchanges.held):
            self._over.clear()  # many have been put away
        if len(self._amounts) > 2 * len(self._exchanges.held):
            self._amounts.clear()
        for held in self._exchanges.held.values():
            if held.agreed_seq < 0 or held.network != network.id:
                continue
            if self._over.get(held.id) == held.came:
                continue
            view = self._exchanges.view(held, now)
            amount = self._at_risk(held.id, view, network.genesis.unit)
            if view.status in _NOTHING_AT_RISK and view.changes_at is None:
                self._over[held.id] = held.came
            if amount and self._state.me in view.terms.parties:
                found.append(Use(held.began_at, held.id, self._state.me, view.counterparty(self._state.me), amount))
        return found

    def _at_risk(self, id_: bytes, view: Exchange, unit: str) -> int:
        """Kept as long as the view is: among a thousand that are open, one moves at a time."""
        known = self._amounts.get(id_)
        if known is None or known[0] is not view:
            known = self._amounts[id_] = view, at_risk(view, self._state.me, unit)
        return known[1]

    def _web(self, network: Network, now: int) -> Web:
        """Made anew when something that it rests on has changed. A word of one side alone changes nothing, and a new
        loss only takes up what is left."""
        read, hour = self._read(network), now // HOUR * HOUR
        accused = self._state.convictions.accused(network.id)
        version = (hour, read.changes, network.catalog.changes("vouch"), accused)
        cached = self._webs.get(network.id)
        if cached is None or cached.version != version:
            said = list(read.as_said())
            links = links_of(
                _settled(said, read.moved, partial(self._paid, network, now)),
                _most(network),
                lambda at: _fade(at, hour),
            )
            links += [
                Link(record.author, vouch.subject, vouch.amount, both=False)
                for record in self._records(network, "vouch")
                for vouch in (parse_vouch(record),)
            ]
            losses = sorted(_losses(said, read.moved, hour))
            # Our own misconduct does not blind us; what others would risk with us is another question.
            self._webs[network.id] = cached = _Made.after(cached, version, links, losses, accused - {self._state.me})
        return cached.web

    def _paid(self, network: Network, now: int, rater: bytes, ratee: bytes, deal: bytes) -> int:
        """What our user settled in an exchange of his own, whose ratings show none of it: in instalments each part is a
        deal by itself. Others cannot know it."""
        if self._state.me not in (rater, ratee):
            return 0
        if deal not in self._own:
            held = self._exchanges.get(deal)
            if held is None or held.network != network.id:
                return 0
            view = self._exchanges.view(held, now)
            paid = paid_so_far(view) if view.terms.unit == network.genesis.unit else 0
            if view.status not in _NOTHING_AT_RISK:
                return paid
            self._own[deal] = paid
        return self._own[deal]

    def _records(self, network: Network, kind: str) -> Iterable[Record]:
        for row in network.catalog.rows(kind=kind):
            record = self._listings.record_of(network, row.id)
            if record is not None and not record.withdrawn:
                yield record


class _Made(msgspec.Struct):
    """A web, and what it was made of. losses: ascending."""

    version: object
    web: Web
    links: list[Link]
    losses: list[Use]
    excluded: frozenset[bytes]

    @classmethod
    def after(
        cls, last: Self | None, version: object, links: list[Link], losses: list[Use], excluded: frozenset[bytes]
    ) -> Self:
        """The same web where only later losses came since."""
        if last is not None and (links, losses[: len(last.losses)], excluded) == (
            last.links,
            last.losses,
            last.excluded,
        ):
            web, fresh = last.web, losses[len(last.losses) :]
            for loss in fresh:
                web.take(loss)
        else:
            web = Web(links, losses, excluded=excluded)
        return cls(version, web, links, losses, excluded)


def _joined(paths: Sequence[Path]) -> list[Path]:
    """One for all that come by the same people: two may have dealt, and one vouch for the other, too."""
    amounts: dict[tuple[tuple[bytes, ...], bool], int] = {}
    for path in paths:
        way = path.authors, path.vouched
        amounts[way] = amounts.get(way, 0) + path.amount
    return [Path(authors, amount, vouched) for (authors, vouched), amount in amounts.items()]


def lent(network: Network) -> int:
    """What an inviter lends a newcomer, and so a scale for small deals; where it is nothing, three units of credit."""
    return network.genesis.newcomer_limit or 3 * 10**network.genesis.decimals


def at_risk(view: Exchange, me: bytes, credit: str, planned: bool = False) -> int:
    """The most that `me` will have given beyond what it got, from here to the end, if the other side stops at the worst
    moment. Minor units of `credit`. The price is divided evenly among what it is paid for; a thing that is to come back
    counts with its price, since nobody knows what it is worth. planned: also of what is not agreed yet."""
    if not (view.agreed or planned) or view.status in _NOTHING_AT_RISK:
        return 0
    come = [d for d in view.terms.duties if _has_come(view, d)]
    left = [d for d in view.terms.duties if d not in come and not d.on and view.duties[d.id] is not DutyState.WAIVED]
    return _worst(view.terms, me, credit, come, () if view.status is Status.CANCELLED else left)


def _worst(terms: Terms, me: bytes, credit: str, come: Sequence[Duty], left: Sequence[Duty]) -> int:
    """come: the duties that were done; left: those that may be."""
    paid = {d.id for d in terms.payments}
    price = sum(d.amount for d in terms.payments if d.unit == credit and d.id not in (DEPOSIT, REFUND) and not d.on)
    payees = {d.receiver for d in terms.payments if d.id not in (DEPOSIT, REFUND)}
    matter = [d for d in terms.duties if _is_matter(d, paid) and d.provider in payees]

    def worth(duty: Duty) -> int:
        if duty.id in paid:
            return duty.amount if duty.unit == credit else 0
        return price // len(matter) if duty in matter else 0

    def given(duty: Duty) -> int:
        return worth(duty) if duty.provider == me else -worth(duty) if duty.receiver == me else 0

    balance = sum(given(d) for d in come)
    most = balance
    for duty in left:
        balance += given(duty)
        most = max(most, balance)
    return max(0, most)


def _is_matter(duty: Duty, paid: set[str]) -> bool:
    return not (duty.id in paid or duty.along or duty.on or duty.action == "return")


def _has_come(view: Exchange, duty: Duty) -> bool:
    return view.duties[duty.id] in {*OVER, DutyState.DONE} - {DutyState.WAIVED, DutyState.DEFAULTED}


def _settled(
    said: list[tuple[bytes, Rated]], moved: Callable[[bytes], int], own: Callable[[bytes, bytes, bytes], int]
) -> list[Settled]:
    """The deals of which both sides spoke well. moved: what was paid, by the id of a record; own: by rater, ratee and
    deal, where no record shows it."""
    well = {(r.rater, r.ratee, r.deal): (id_, r.at) for id_, r in said if r.outcome > 0}
    found = []
    for (rater, ratee, deal), (id_, at) in well.items():
        other = well.get((ratee, rater, deal)) if rater < ratee else None
        if other is not None:
            paid = max(moved(id_), moved(other[0])) or own(rater, ratee, deal)
            found.append(Settled(rater, ratee, deal, max(at, other[1]), paid))
    return found


def _losses(said: list[tuple[bytes, Rated]], moved: Callable[[bytes], int], now: int) -> list[Use]:
    found = []
    for id_, r in said:
        if r.outcome < 0:
            lost = moved(id_) if r.outcome == -2 else moved(id_) // 2
            found.append(Use(r.at, r.deal, r.rater, r.ratee, int(lost * _fade(r.at, now))))
    return found


def _fade(at: int, now: int) -> float:
    """By whole days, and rounded: the same on every machine."""
    return round(float(0.5 ** (max(0, now - at) // DAY / HALF_LIFE)), 9)


def _most(network: Network) -> int:
    """What one link carries: no more than the network entrusted to one of its founders."""
    return max((limit for _, limit in network.genesis.endowments), default=0) or MAX_INT
