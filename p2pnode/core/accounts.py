"""Our own ledger as accounts: what stands between us and each counterparty, and everything page by page."""

from typing import Any

import msgspec

from ledger.balance import RULES
from ledger.claims import ClaimState
from ledger.entry import Entry, parse_entry, settlement_of
from ledger.payloads import SALT_BYTES
from ledger.settlement import State as DealState
from p2pnode import commands
from protocols.decimals import OTHER_DECIMALS
from protocols.duties import DutyState
from protocols.errors import Reject
from protocols.payments import DEPOSIT, REFUND
from protocols.terms import parse_terms

from .claims import Claims
from .exchanges import Exchanges
from .settlements import Settlements
from .state import Network, State
from .vouches import Vouches

Owing = dict[str, dict[str, int]]
_OWED = ("owed_to_me", "owed_by_me", "pending_owed_to_me", "pending_owed_by_me")
_SUMMED = ("given", "received", "deposit_with_them", "deposit_with_us", "taken_over_from_them", "taken_over_from_us")
_MOVED = (DealState.COMPLETED, DealState.SETTLED)  # balances, that is; witnesses may have settled it before
_PENDING = (DealState.PROPOSED, DealState.REQUESTED, DealState.ACCEPTED)


class Account(msgspec.Struct):
    """With one counterparty, minor units. given: what we gave and were paid for; received: what we paid for; pending:
    promised, and not settled yet; deposit: paid, and to be paid back: part of neither given nor received, unlike one
    that stays; vouched, lent: parts of limits that stand; taken over: debt of one that the other bears."""

    given: int = 0
    received: int = 0
    pending_given: int = 0
    pending_received: int = 0
    deposit_with_them: int = 0
    deposit_with_us: int = 0
    vouched_for_them: int = 0
    vouched_for_us: int = 0
    taken_over_from_them: int = 0
    taken_over_from_us: int = 0
    payments: int = 0
    newest_at: int = 0


def entry_json(entry: Entry, unit: str) -> dict[str, Any]:
    """What the header of an entry says, in a network of this unit."""
    return {
        "seq": entry.seq,
        "id": entry.id.hex(),
        "kind": entry.kind,
        "at": entry.at,
        "balance": {"amount": entry.balance, "unit": unit},
        "hold": {"amount": entry.hold, "unit": unit},
        "limit": {"amount": entry.limit, "unit": unit},
    }


class Accounts:
    def __init__(
        self, state: State, settlements: Settlements, vouches: Vouches, exchanges: Exchanges, claims: Claims
    ) -> None:
        self._state = state
        self._exchanges = exchanges
        self._settlements = settlements
        self._vouches = vouches
        self._claims = claims

    def statement(self, args: commands.Statement, now: int) -> dict[str, Any]:
        """Per counterparty: given and received apart, settled and pending apart, private claims apart by unit."""
        network = self._state.network(args.network, reading=True)
        directory = self._state.directory
        accounts = self._accounts(network, now)
        claims = self._claims_of(network)
        for author in claims:
            accounts.setdefault(author, Account())
        if args.peer is not None:
            who = directory.resolve(args.peer)
            accounts = {who: accounts.get(who, Account())}
        unit = network.genesis.unit
        sums = Account()
        rows: list[dict[str, Any]] = []
        for author, account in sorted(accounts.items(), key=lambda pair: (-pair[1].newest_at, pair[0])):
            figures = msgspec.structs.asdict(account)
            for name, value in figures.items():
                setattr(sums, name, max(value, sums.newest_at) if name == "newest_at" else getattr(sums, name) + value)
            whose = {"peer_id": directory.peer_id(author), "author": author.hex(), "name": directory.name(author)}
            rows.append({**whose, **_money(account, unit), "claims": _claims(claims.get(author, {}))})
        return {
            "unit": unit,
            "decimals": network.genesis.decimals,
            "accounts": rows,
            "total": {**_money(sums, unit), "claims": _claims(_together(claims, accounts))},
        }

    def export(self, args: commands.Export, now: int) -> dict[str, Any]:
        """Entries from `first` on, with all that is stored of them; `next`: where the next page begins, or None."""
        network = self._state.network(args.network, reading=True)
        rows: list[dict[str, Any]] = []
        following = None
        for seq, full in network.chain.entries(args.first):
            if len(rows) == args.limit:
                following = seq
                break
            rows.append(self._row(network, parse_entry(full)))
        return {
            "network": network.json,
            "author": self._state.me.hex(),
            "name": self._state.settings.name,
            "entries": rows,
            "next": following,
        }

    def summed(self, network: Network, now: int) -> dict[str, int]:
        """What moved our balance, over all counterparties, minor units, by the names of the statement."""
        accounts = self._accounts(network, now).values()
        return {name: sum(getattr(account, name) for account in accounts) for name in _SUMMED}

    def _accounts(self, network: Network, now: int) -> dict[bytes, Account]:
        accounts: dict[bytes, Account] = {}
        for deal in self._settlements.deals.all():
            moved = deal.state in _MOVED
            if deal.network != network.id or not (moved or deal.state in _PENDING):
                continue
            account = accounts.setdefault(deal.counterparty, Account())
            duty = self._exchanges.of_deal(deal.id)[1]
            if moved and duty == DEPOSIT and not self._stays(deal.id, now):
                name, amount = "deposit_with_them" if deal.payer else "deposit_with_us", deal.amount
            elif moved and duty == REFUND:
                name, amount = "deposit_with_us" if deal.payer else "deposit_with_them", -deal.amount
            else:
                direction = "received" if deal.payer else "given"
                name, amount = direction if moved else f"pending_{direction}", deal.amount
            setattr(account, name, getattr(account, name) + amount)
            account.payments += moved
            account.newest_at = max(account.newest_at, parse_entry(deal.mine or deal.theirs).at)
        for vouch in self._vouches.all.values():
            if vouch.network != network.id or not (vouch.left or vouch.consumed):
                continue
            account = accounts.setdefault(vouch.counterparty, Account())
            if vouch.voucher:
                account.vouched_for_them += vouch.left
                account.taken_over_from_them += vouch.consumed
            else:
                account.vouched_for_us += vouch.left
                account.taken_over_from_us += vouch.consumed
        return accounts

    def _stays(self, deposit: bytes, now: int) -> bool:
        """Whether a deposit that was paid need not come back: who paid it does without that, or a mediator said so."""
        held = self._exchanges.get(self._exchanges.of_deal(deposit)[0])
        if held is None:
            return False
        return self._exchanges.view(held, now).duties.get(REFUND, DutyState.WAIVED) is DutyState.WAIVED

    def _claims_of(self, network: Network) -> dict[bytes, Owing]:
        """author → unit → what is left of claims, in hundredths, by the names of the statement."""
        found: dict[bytes, Owing] = {}
        for claim in self._claims.all.values():
            if claim.network != network.id or claim.state in (ClaimState.CLOSED, ClaimState.DECLINED):
                continue
            sums = found.setdefault(claim.counterparty, {}).setdefault(claim.unit, dict.fromkeys(_OWED, 0))
            pending = "" if claim.state is ClaimState.OPEN else "pending_"
            sums[pending + ("owed_by_me" if claim.debtor else "owed_to_me")] += claim.left
        return found

    def _row(self, network: Network, entry: Entry) -> dict[str, Any]:
        said = settlement_of(entry) if entry.kind in RULES else None
        unit = network.genesis.unit
        row: dict[str, Any] = {
            **entry_json(entry, unit),
            "amount": {"amount": said.amount, "unit": unit} if said and not said.unit else None,
            "counterparty": said.counterparty.hex() if said else None,
            "counterparty_name": self._state.directory.name(said.counterparty) if said else None,
            **self._exchanges.whose(entry.kind, said),
            "claim": self._claims.exported(network.id, entry.kind, said) if said and said.unit else None,
            "prev": entry.prev.hex(),
            "root": entry.root.hex(),
            "header": entry.header.hex(),
            "signature": entry.signature.hex(),
            "settlement": entry.settlement.hex() if entry.settlement is not None else None,
            "private": entry.private.hex() if entry.private is not None else None,
            "terms": None,
        }
        if entry.kind == "AGREE" and entry.private is not None:
            row["terms"] = self._terms(entry.private[SALT_BYTES:])
        return row

    def _terms(self, payload: bytes) -> dict[str, Any] | None:
        try:
            terms = parse_terms(payload)
        except Reject:
            return None
        return {
            "kind": terms.kind,
            "title": terms.title,
            "duties": [
                {
                    "id": d.id,
                    "action": d.action,
                    "what": d.what,
                    "provider": d.provider.hex(),
                    "receiver": d.receiver.hex(),
                    "amount": d.amount,
                    "unit": d.unit,
                    "until": d.until or None,
                    "pays": d in terms.payments,
                }
                for d in terms.duties
            ],
        }


def _money(account: Account, unit: str) -> dict[str, Any]:
    figures = msgspec.structs.asdict(account)
    plain = {"payments": figures.pop("payments"), "newest_at": figures.pop("newest_at") or None}
    return {**{name: {"amount": value, "unit": unit} for name, value in figures.items()}, **plain}


def _claims(owing: Owing) -> list[dict[str, Any]]:
    """For each unit: what is owed either way, and what one side has not agreed to yet."""
    return [
        {"unit": unit, **{name: {"amount": sums[name], "unit": unit, "decimals": OTHER_DECIMALS} for name in _OWED}}
        for unit, sums in sorted(owing.items())
    ]


def _together(claims: dict[bytes, Owing], accounts: dict[bytes, Account]) -> Owing:
    total: Owing = {}
    for author in accounts:
        for unit, sums in claims.get(author, {}).items():
            into = total.setdefault(unit, dict.fromkeys(_OWED, 0))
            for name in _OWED:
                into[name] += sums[name]
    return total
