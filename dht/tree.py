"""Which links carry new records themselves, and which only their ids: a tree for each network. Pure.

Plumtree (J. Leitão, J. Pereira, L. Rodrigues, Epidemic Broadcast Trees, SRDS 2007): a record that was sent in vain
prunes the link that it came by; one that was announced, did not come by itself and had to be fetched grafts the link of
whoever gave it. Both ends of a link then think the same of it, so one tree serves every author. Nodes keep different
scopes, so the tree may leave out somebody who would have had to pass a record on: then the link is grafted for that
scope alone.

A bare tree sends each record once, by ways up to three times as long as the shortest, and breaks with each neighbour
that goes. So a node prunes only a link by which yet another than three copies came: then it is sent each record
about twice at first and less later, nearly by the shortest ways.

Nothing rests on the tree but speed. A neighbour that prunes everything gets ids, one that grafts everything gets each
record once, as if it had asked; neither is answered. One that is the first to send now and withholds then costs its
neighbours a moment (`KEPT`) seldom: a link that had to be grafted is kept for a while, each time longer, although
records come by it twice. Any number may dial us, be first with everything until all others are pruned, and then
withhold: so a link that we chose carries, whatever others send.
"""

from typing import Final

from protocols.limits import SECOND

COPIES: Final = 3  # of a record, that a node is content to be sent: one makes the tree bare, and its ways long
ENOUGH: Final = 6  # links that carry everything; a new link carries when there are fewer
OWN: Final = 1  # of those, at least, to whom we have connected by our own choice: sybils dial us, as many as they like
AGAIN: Final = 10 * SECOND  # before the same is said again of one link
KEPT: Final = 2 * SECOND  # for which a grafted link is not pruned; twice as long each time
DOUBLINGS: Final = 8
MAX_SCOPES: Final = 64  # branches of their own on one link
NEWS_AFTER: Final = 5 * SECOND  # what comes on a newer connection was missed without one, and is no fault of the tree


class Branch:
    """One link. Times in ms.

    known: whether the neighbour speaks of trees; versions before did not. carries_all: records of scopes that have no
    branch of their own. scopes: those that have one here.
    """

    def __init__(self, now: int) -> None:
        self.known = False
        self.carries_all = False
        self.scopes: dict[str, None] = {}
        self._since = now
        self._said_at = now - AGAIN
        self._kept_until = now
        self._grafts = 0

    def carries(self, scope: str) -> bool:
        return self.carries_all or scope in self.scopes

    def begun(self, enough: bool) -> bool:
        """We greet: whether to say GRAFT (else PRUNE). enough: other links carry everything."""
        self.carries_all = not enough
        return self.carries_all

    def pruned(self, scope: str) -> None:
        """The neighbour has sent PRUNE. The first is a greeting: what we need of this link then stays."""
        if not self.known:
            self.known = True
        else:
            self._shed(scope)

    def grafted(self, scope: str, now: int) -> None:
        """The neighbour has sent GRAFT."""
        greeting, self.known = not self.known, True
        if not self.carries(scope):
            self._bear(scope)
            if not greeting:
                self._keep(now)

    def in_vain(self, scope: str, now: int) -> bool:
        """The neighbour sent a record that was here already: whether to say PRUNE."""
        if not self.known or now < self._kept_until <= now + (KEPT << DOUBLINGS):
            return False
        if self.carries(scope):
            self._shed(scope)
        elif self._said_lately(now):
            return False
        self._said_at = now
        return True

    def missed(self, scope: str, now: int) -> bool:
        """A record had to be asked for and this neighbour gave it: whether to say GRAFT."""
        if not self.known or 0 <= now - self._since < NEWS_AFTER:
            return False
        if not self.carries(scope):
            self._bear(scope)
            self._keep(now)
        elif self._said_lately(now):  # else the neighbour may think otherwise of this link
            return False
        self._said_at = now
        return True

    def bridged(self, now: int) -> bool:
        """Too few others carry everything: whether to say GRAFT."""
        if not self.known or self.carries_all or self._said_lately(now):
            return False
        self.carries_all = True
        self._said_at = now
        return True

    def _said_lately(self, now: int) -> bool:
        return 0 <= now - self._said_at < AGAIN

    def _keep(self, now: int) -> None:
        self._kept_until = now + (KEPT << min(self._grafts, DOUBLINGS))
        self._grafts += 1

    def _bear(self, scope: str) -> None:
        if scope == "":
            self.carries_all = True
        else:
            self.scopes[scope] = None
            if len(self.scopes) > MAX_SCOPES:
                del self.scopes[next(iter(self.scopes))]

    def _shed(self, scope: str) -> None:
        if scope in self.scopes:
            del self.scopes[scope]
        else:
            self.carries_all = False
