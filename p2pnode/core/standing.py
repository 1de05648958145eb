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
        exchanges.changed = self.changed

    def changed(self, held: Held, now: int) -> None:
        self.projects.changed(held, now)
        self.claiming.changed(held, now)

    def forget(self, now: int) -> None:
        self.contacts.forget(now)
        self.messages.forget(now)
        self.orders.woke(now)
        self.task_steps.woke(now)
        self.claiming.woke(now)
