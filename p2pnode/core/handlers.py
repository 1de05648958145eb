"""Which part of the core answers which command of the table in `p2pnode/commands.py`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .accounts import Accounts
from .agreements import Agreements
from .amending import Amending
from .blocklist_commands import BlocklistCommands
from .calendar import Calendar
from .claimed import Claimed
from .evidence import Evidence
from .exchange_commands import ExchangeCommands
from .health import Health
from .invites import Invites
from .kinds import Kinds
from .ledger_commands import LedgerCommands
from .offered import Answers
from .parcel_commands import ParcelCommands
from .put_away import PutAway

if TYPE_CHECKING:
    from .core import Core

Handler = Callable[[Any, int], Any]


def handlers(core: "Core") -> dict[str, Handler]:
    """What answers each command at once."""
    exchange = ExchangeCommands(core.state, core.exchanges, core.listings, core.settlements)
    core.listings.left = exchange.bookings.left
    amending = Amending(core.state, core.exchanges, core.listings, core.settlements, exchange.bookings)
    exchange.in_parts = amending.in_parts
    agreements = Agreements(core.state, core.exchanges)
    exchange.contacts, exchange.ruled = core.standing.contacts.shown, core.standing.rules.shown
    exchange.would_expose = core.reputations.exposures.of_terms
    exchange.exposed = core.standing.rules.exposed = core.reputations.exposures.of_exchange
    core.standing.rules.accept, core.standing.orders.propose = exchange.accept, exchange.propose
    core.exchanges.away = PutAway(
        core.state, core.exchanges, core.outbox, core.listings, core.settlements, core.parcels
    )
    core.exchanges.claimed = Claimed(core.state, core.exchanges, core.claims)
    core.claims.taking, core.claims.duty_of = core.exchanges.claimed.taking, core.exchanges.claimed.duty_of
    projects, claiming, tasks = core.standing.projects, core.standing.claiming, core.standing.task_steps
    tasks.default, tasks.cancel, claiming.propose = amending.default, exchange.cancel, exchange.propose
    tasks.confirm_one, tasks.pay_one = exchange.confirm, exchange.pay
    accounts = Accounts(core.state, core.settlements, core.vouches, core.exchanges, core.claims)
    ledger = LedgerCommands(core.state, core.exchanges, accounts)
    answers = Answers(core.state, core.vouches)
    parcels = ParcelCommands(core.state, core.parcels, core.exchanges, core.outbox)
    evidence = Evidence(core.state, core.exchanges, core.settlements, core.parcels)
    kinds, invites = Kinds(core.state), Invites(core.state)
    core.leaving.listings, core.leaving.exchanges = core.listings, core.exchanges
    core.status.unread = core.standing.messages.unread
    core.status.hiding = core.blocklists.hiding
    lists = BlocklistCommands(core.state, core.listings, core.blocklists)
    return {
        "status": core.status.status,
        "health": Health(core).health,
        "clock": core.status.clock,
        "whoami": lambda a, now: core.status.whoami(a),
        "leave": core.leaving.leave,
        "leave.foresee": core.leaving.foresee,
        "invite": core.membership.invite,
        "invite.list": invites.listed,
        "invite.revoke": invites.revoke,
        "peers.list": lambda a, now: [core.bans.told(row) for row in core.peers.list(now)],
        "peers.show": lambda a, now: core.bans.told(core.peers.show(a.peer, now)),
        "peers.banned": lambda a, now: core.bans.listed(now),
        "peers.block": core.bans.block,
        "peers.unblock": core.bans.unblock,
        "peers.name": lambda a, now: core.peers.name(a.peer, a.name, now),
        "listing.publish": core.listings.publish,
        "listing.list": core.listings.listed,
        "listing.show": core.listings.show,
        "listing.edit": core.listings.edit,
        "listing.pause": core.tending.pause,
        "listing.resume": core.tending.resume,
        "listing.renew": core.tending.renew,
        "listing.withdraw": core.listings.withdraw,
        "search.save": core.notices.save,
        "search.saved": core.notices.saved,
        "search.forget": core.notices.forget,
        "notices.list": core.notices.listed,
        "search.pause": core.notices.pause,
        "search.resume": core.notices.resume,
        "notices.seen": core.notices.mark_seen,
        "notices.dismiss": core.notices.dismiss,
        "blocklist.list": lists.listed,
        "blocklist.show": lists.show,
        "blocklist.create": lists.create,
        "blocklist.add": lists.add,
        "blocklist.remove": lists.remove,
        "blocklist.publish": lists.publish,
        "blocklist.withdraw": lists.withdraw,
        "blocklist.subscribe": lists.subscribe,
        "blocklist.unsubscribe": lists.unsubscribe,
        "blocklist.allow": lists.allow,
        "blocklist.hidden": lists.all_hidden,
        "blocklist.naming": lists.naming,
        "kinds.list": kinds.list,
        "kinds.show": kinds.show,
        "exchange.propose": exchange.propose,
        "exchange.foresee": exchange.foresee,
        "exchange.foresee_counter": exchange.foresee_counter,
        "exchange.counter": exchange.counter,
        "exchange.accept": exchange.accept,
        "exchange.decline": exchange.decline,
        "exchange.cancel": exchange.cancel,
        "exchange.handover": exchange.handover,
        "exchange.return": exchange.give_back,
        "exchange.done": exchange.done,
        "exchange.confirm": exchange.confirm,
        "exchange.pay": exchange.pay,
        "exchange.amend": amending.amend,
        "exchange.dispute": amending.dispute,
        "exchange.rule": amending.rule,
        "exchange.default": amending.default,
        "exchange.waive": amending.waive,
        "exchange.go": amending.go,
        "exchange.agreement": agreements.agreement,
        "exchange.rebut": agreements.rebut,
        "exchange.history": evidence.history,
        "calendar": Calendar(core.state, core.exchanges, core.listings, exchange.bookings).calendar,
        "exchange.list": exchange.list,
        "exchange.show": exchange.show,
        "exchange.contact": core.standing.contacts.send,
        "exchange.erase": core.standing.contacts.erase,
        "message.send": core.standing.messages.send,
        "message.list": core.standing.messages.listed,
        "message.threads": core.standing.messages.threads,
        "message.show": core.standing.messages.show,
        "message.seen": core.standing.messages.seen,
        "message.erase": core.standing.messages.erase,
        "rule.add": core.standing.rules.add,
        "rule.list": core.standing.rules.list,
        "rule.remove": core.standing.rules.remove,
        "order.add": core.standing.orders.add,
        "order.list": core.standing.orders.list,
        "order.pause": core.standing.orders.pause,
        "order.resume": core.standing.orders.resume,
        "order.skip": core.standing.orders.skip,
        "order.remove": core.standing.orders.remove,
        "project.foresee": projects.foresee,
        "project.split": projects.split,
        "project.show": projects.show,
        "project.ready": tasks.ready,
        "project.confirm": tasks.confirm,
        "project.pay": tasks.pay,
        "project.free": tasks.free,
        "project.results": projects.results,
        "project.claim": claiming.claim,
        "project.claimed": claiming.claimed,
        "project.stop": claiming.stop,
        "contact.set": core.standing.contacts.set,
        "contact.show": core.standing.contacts.show,
        "contact.clear": core.standing.contacts.clear,
        "ledger.log": ledger.log,
        "ledger.balance": ledger.balance,
        "ledger.statement": accounts.statement,
        "ledger.export": accounts.export,
        "ledger.erase": evidence.erase,
        "ledger.prove": evidence.prove,
        "vouch": core.vouches.vouch,
        "unvouch": core.vouches.unvouch,
        "vouch.takeover": core.vouches.take_over,
        "vouch.take": answers.take,
        "vouch.decline": answers.decline,
        "vouch.return": answers.give_back,
        "vouch.list": core.vouches.listed,
        "claim.propose": core.claims.propose,
        "claim.accept": core.claims.accept,
        "claim.decline": core.claims.decline,
        "claim.settle": core.claims.settle,
        "claim.list": core.claims.listed,
        "claim.show": core.claims.show,
        "parcel.list": parcels.list,
        "parcel.show": parcels.show,
        "parcel.give": parcels.give,
        "parcel.take": parcels.take,
        "parcel.decline": parcels.decline,
        "parcel.add": parcels.add,
        "parcel.code": parcels.code,
        "attest": core.ratings.attest,
        "reputation": core.reputations.reputation,
        "reputation.graph": core.reputations.graph.show,
        "reputation.forgive": core.convictions.forgive,
        "misconduct.publish": core.convictions.accuse,
    }


def answered_later(core: "Core") -> dict[str, Callable[[Any, int, int], None]]:
    """What takes a ticket, and answers when it is done."""
    return {
        "join": core.membership.join,
        "ledger.audit": core.audits.begin,
        "ledger.verify": core.verification.begin,
    }
