"""What stands for all exchanges of our user, put together: the contact, the rules and the orders."""

from .contacts import Contacts
from .exchanges import Exchanges
from .listings import Listings
from .outbox import Outbox
from .standing_orders import StandingOrders
from .standing_rules import StandingRules
from .state import State


class Standing:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, outbox: Outbox) -> None:
        self.contacts = Contacts(state, exchanges, outbox)
        self.rules = StandingRules(state, exchanges, listings)
        self.orders = StandingOrders(state, exchanges, listings)

    def forget(self, now: int) -> None:
        self.contacts.forget(now)
        self.rules.forget(now)
        self.orders.woke(now)
