"""What stands for all exchanges of our user, together: the contact, messages, rules, orders, projects and claims."""

from .claiming import Claiming
from .contacts import Contacts
from .exchanges import Exchanges
from .held import Held
from .listings import Listings
from .messages import Messages
from .outbox import Outbox
from .projects import Projects
from .standing_orders import StandingOrders
from .standing_rules import StandingRules
from .state import State
from .task_steps import TaskSteps


class Standing:
    def __init__(self, state: State, exchanges: Exchanges, listings: Listings, outbox: Outbox) -> None:
        self.contacts = Contacts(state, exchanges, outbox)
        self.rules = StandingRules(state, exchanges, listings)
        self.orders = StandingOrders(state, exchanges, listings)
        self.projects = Projects(state, exchanges, listings, self.rules)
        self.task_steps = TaskSteps(state, exchanges, self.projects)
        self.claiming = Claiming(state, exchanges, listings)
        self.messages = Messages(state, exchanges, outbox)
        self._state, self._exchanges, self._listings = state, exchanges, listings
        exchanges.changed = self.changed

    def changed(self, held: Held, now: int) -> None:
        self.projects.changed(held, now)
        self.claiming.changed(held, now)
        self._count(held, now)

    def _count(self, held: Held, now: int) -> None:
        """What was agreed, or came to nothing, of something of ours. A task is the project's to pause."""
        network, name = self._state.networks[held.network], held.first.name
        if held.first.responder != self._state.me or network.left or self.projects.has(network, name):
            return
        if self._exchanges.view(held, now).agreed:
            self._listings.tending.agreed(network, name, now)

    def forget(self, now: int) -> None:
        self.contacts.forget(now)
        self.messages.forget(now)
        self.orders.woke(now)
        self.task_steps.woke(now)
        self.claiming.woke(now)
