"""What the parts of the core share. Each part owns its own state; this holds what all of them look at."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from dht.catalog import Catalog
from dht.gossip import Gossip
from ledger.entry import Entry, parse_entry
from ledger.halves import first_key
from ledger.tokens import Token
from p2pnode.bounds import MAX_INVITE_CHAIN
from protocols.decimals import in_words
from protocols.envelope import Record, parse_record
from protocols.errors import Ignore, Refusal
from protocols.faults import RESERVED
from protocols.genesis import Genesis
from protocols.identity import KeyState, Signer, Turn
from protocols.templates import Template, template, templates

from .directory import Directory
from .journal import Journal
from .keys import KEPT, RECORD
from .own_chain import OwnChain
from .timekeeping import Timekeeping

if TYPE_CHECKING:
    from .misconduct import Convictions


class Rng(Protocol):
    """Chance as an argument: `secrets` in a node, seeded in a simulation."""

    def randbytes(self, n: int, /) -> bytes: ...
    def random(self) -> float: ...
    def randrange(self, start: int, stop: int | None = None, step: int = 1, /) -> int: ...


class Timed(Protocol):
    """A part of the core that has something to do by itself, and says when."""

    def woke(self, now: int) -> None: ...
    def next_wake(self) -> int | None: ...


class Settings(msgspec.Struct, frozen=True):
    """name: the household's; area: geohash or empty; peer_id: of our host; box: X25519 public key, 32 bytes; witness:
    whether this node decides for others whose terms name it; everywhere: whether it listens on all addresses of the
    machine, and not on some that its user has named; kinds: those of the user, by name; turns: the replacements of its
    key, in order.
    """

    name: str
    area: str
    peer_id: str
    box: bytes
    default_network: str = ""
    witness: bool = True
    everywhere: bool = False
    kinds: Mapping[str, Template] = {}
    turns: tuple[Turn, ...] = ()


class Network(msgspec.Struct):
    """One neighbourhood that this node is in, or has left. id: 16 bytes. inviter: author who let us in, or empty.
    inviter_of: who let in the author of the redemption with this id; empty where that is not known.
    """

    id: bytes
    genesis: Genesis
    record: Record
    catalog: Catalog
    chain: OwnChain
    joined_at: int
    scopes: tuple[str, ...] = ("",)  # prefixes of the cells whose records are kept
    inviter: bytes = b""
    redemption: bytes = b""
    inviter_of: Callable[[bytes], bytes] = lambda record: b""

    def member(self, author: bytes) -> bool:
        """Whether this author founded, or was invited by a member, as far as is known here.

        What is joined by invite only keeps no other redemptions. In an open network anybody lets anybody in, so the
        chain is followed to its beginning.
        """
        for _ in range(MAX_INVITE_CHAIN):
            if author in self.genesis.stewards or any(author == founder for founder, _ in self.genesis.endowments):
                return True
            row = self.catalog.get((author, "redemption", b""))
            if row is None or not self.genesis.open:
                return row is not None
            author = self.inviter_of(row.id)
        return False

    def home(self, area: str) -> str:
        """The cell of a node that says it is there, as far as it does."""
        return (area or self.genesis.area)[: self.genesis.cell_precision]

    def has(self, author: bytes) -> bool:
        """Whether this author is in this network, as far as is known here: a member, or with a profile in it."""
        return self.member(author) or self.catalog.get((author, "profile", b"")) is not None

    def credible(self, entry: Entry, amount: int) -> bool:
        """Whether the network can hold as much credit as an entry says its author has, with the amount it promises.

        Credit comes from the endowments alone and is only handed on, so what one account can spend is never more than
        all of them together. It does not show that the chain before the entry is sound: that takes an audit.
        """
        endowed = sum(limit for _, limit in self.genesis.endowments)
        return 0 < amount <= entry.balance - entry.hold + entry.limit + amount <= endowed

    def bears(self, amount: int) -> bool:
        """Whether our own entries would still be credible with so much more limit, minor units."""
        return self.chain.state.figures.spendable + amount <= sum(limit for _, limit in self.genesis.endowments)

    def money(self, amount: int) -> str:
        """An amount of this network's credit, minor units, as people write it: `2.5 hours`."""
        return in_words(amount, self.genesis.decimals, self.genesis.unit)

    @property
    def left(self) -> int:
        """When our user left it, ms; 0 while this node takes part. What it left behind here can be read."""
        return self.chain.left

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What people may say of a deal besides its outcome; what is reserved is none, whatever the genesis says."""
        return tuple(name for name in self.genesis.dimensions if name not in RESERVED)

    @property
    def json(self) -> dict[str, Any]:
        genesis = self.genesis
        return {"id": self.id.hex(), "name": genesis.name, "unit": genesis.unit, "decimals": genesis.decimals}


class Connection(msgspec.Struct):
    """outbound: we dialled it; chosen: by our own choice, as against where the DHT led us."""

    address: str
    outbound: bool
    since: int
    chosen: bool


class BanRow(NamedTuple):
    """A peer that is shut out. since, until: ms; FOREVER for no end. by_user: else for strikes."""

    since: int
    until: int
    reason: str
    by_user: bool


class State:
    def __init__(
        self, signer: Signer, settings: Settings, rng: Rng, journal: Journal, gossip: Gossip, wall: int
    ) -> None:
        self.signer = signer
        self.settings = settings
        self.rng = rng
        self.journal = journal
        self.gossip = gossip
        self.networks: dict[bytes, Network] = {}
        self.directory = Directory(signer.author, settings.peer_id, settings.name)
        self.connected: dict[str, Connection] = {}
        self.wall = wall  # what the machine's clock says at this step, ms; the time to go by is `time.now(wall)`
        self.time = Timekeeping(journal, wall, self._has_a_say)
        self.parted: dict[str, int] = {}  # peers that were connected before, and until when
        self.wanted: set[str] = set()  # peers that something waits for
        self.banned: dict[str, BanRow] = {}
        self.addresses: tuple[str, ...] = ()  # where we listen
        self.outside: tuple[str, ...] = ()  # where others have reached us, beyond what we know of ourselves
        self.key_states: dict[bytes, KeyState] = {}
        self.rotated_at: dict[bytes, int] = {}  # author → last seq of its chain that the key before may have signed
        self.convictions: Convictions  # who is proven to have broken a rule; set by it, when networks are loaded
        self.partners: Callable[[], set[bytes]] = set  # authors with whom we have an exchange, a payment or a vouch
        self.rated: Callable[[Network, Record], None] = lambda network, record: None  # set by what keeps seals
        self.publish: Callable[[Network, Record, int], None] = _not_ready
        self.hidden: Callable[[Network, bytes, bytes, int], list[dict[str, Any]]] = _nothing  # see `blocklists`
        self.named: dict[
            str, Callable[[bytes, bytes], bool]
        ] = {}  # what a deal id can name → whether (network, id) does

    def knows(self, kind: str) -> bool:
        """Whether a kind comes with this version, or is one of our user's."""
        return kind in templates() or kind in self.settings.kinds

    def template(self, kind: str) -> Template:
        return template(kind, self.settings.kinds)

    def _has_a_say(self, peer: str) -> bool:
        """Whether a connected peer is asked the time: one that we chose, or that speaks for a member. Anybody can be an
        author in an open network, and a crowd of authors must not keep us from signing."""
        connection = self.connected.get(peer)
        if connection is None or connection.chosen:
            return connection is not None
        author = self.directory.author_of(peer)
        return author is not None and any(n.member(author) for n in self.joined)

    @property
    def me(self) -> bytes:
        return self.signer.author

    @property
    def joined(self) -> list[Network]:
        """The networks that this node takes part in. `networks` has those besides that its user has left."""
        return [n for n in self.networks.values() if not n.left]

    def network(self, name: str | None, reading: bool = False) -> Network:
        """The network that a command means, or `Refusal`. reading: one that our user has left will do, if it is named
        or the only one."""
        among = self.joined or (list(self.networks.values()) if reading else [])
        if not among:
            raise self._nowhere()
        name = name or self.settings.default_network
        if not name:
            if len(among) == 1:
                return among[0]
            raise Refusal("usage", "this node is in several networks", f"Say which by --network: {self._names()}.")
        found = self.named_so(name)
        if len(found) == 1:
            self.check_here(None if reading else found[0].id)
            return found[0]
        raise Refusal("not_found", f"no network {name!r} here", f"This node is in: {self._names()}.")

    def check_here(self, network: bytes | None) -> None:
        """`Refusal` if our user has left this network, and so nothing is said in it."""
        known = None if network is None else self.networks.get(network)
        if known is not None and known.left:
            name = known.genesis.name
            raise Refusal("refused", f"you have left {name}", f"`p2pnode join {name!r}` takes you back.")

    def named_so(self, name: str) -> list[Network]:
        """The networks that a name, or the beginning of an id, can mean."""
        wanted, known = name.casefold(), self.networks.values()
        return [n for n in known if n.genesis.name == name] or [
            n for n in known if n.genesis.name.casefold() == wanted or n.id.hex().startswith(wanted)
        ]

    def _nowhere(self) -> Refusal:
        left = [n.genesis.name for n in self.networks.values()]
        if left:
            return Refusal(
                "refused",
                f"this node is in no network: you have left {left[0]}",
                f"`p2pnode join {left[0]!r}` takes you back.",
            )
        return Refusal(
            "refused",
            "this node is in no network yet",
            "`p2pnode join ADDRESS-OR-LINK`; what `p2pnode init` founded is there after the node's next start.",
        )

    def shared(self, name: str | None, author: bytes) -> Network:
        """The network that a command about this author means: where none is named, one that he is in, too."""
        found = [n for n in self.joined if n.has(author)]
        network = found[0] if name is None and found else self.network(name)
        if found and not network.has(author):
            who, hint = self.directory.name(author), f"You share: {', '.join(n.genesis.name for n in found)}."
            raise Refusal("refused", f"{who} is not in {network.genesis.name}, as far as is known here", hint)
        return network

    def _names(self) -> str:
        return ", ".join(n.genesis.name for n in self.joined) or "none"

    def record_of(self, network: Network, record_id: bytes) -> Record | None:
        """What is stored of a record that the catalog has."""
        wire = self.journal.get(RECORD + network.id + record_id)
        return parse_record(wire) if wire is not None else None

    def seen(self, author: bytes, now: int) -> int:
        """When a peer of this author was last connected to us, ms; 0 for never since this node started."""
        peers = self.directory.peers_of(author)
        return (
            now if any(p in self.connected for p in peers) else max((self.parted.get(p, 0) for p in peers), default=0)
        )

    def newest_of(self, network: Network, author: bytes) -> Entry | None:
        """The newest entry of somebody else's chain that is kept here."""
        kept = self.journal.scan(KEPT + network.id + author)
        return parse_entry(kept[-1][1]) if kept else None

    def owed(self, network: Network, author: bytes) -> int:
        """How far below zero somebody's balance is, by the newest entry that is kept here, minor units."""
        newest = self.newest_of(network, author)
        return max(0, -newest.balance) if newest is not None else 0

    def key_of(self, author: bytes, epoch: int) -> bytes | None:
        """The key to verify with: None where the inception that travels along decides (epoch 0)."""
        known = self.key_states.get(author)
        return known.key if known is not None and known.epoch == epoch else None

    def entry_key(self, signed: Entry | Token) -> bytes | None:
        """The key that may have signed this entry or token: of an entry, an older one only up to the seq that the
        rotation names."""
        known = self.key_states.get(signed.author)
        if known is None or (signed.epoch < known.epoch and self._before_rotation(signed)):
            return first_key(signed)
        return known.key if known.epoch == signed.epoch else None

    def sent_key(self, signed: Entry | Token) -> bytes | None:
        """`entry_key` for what a peer has sent. `Ignore` where the rotation to this key has not arrived here yet: who
        sends it on knows more than we do, and has done nothing wrong."""
        known = self.key_states.get(signed.author)
        if signed.epoch > (0 if known is None else known.epoch):
            raise Ignore("epoch", "the rotation to this key has not arrived yet")
        return self.entry_key(signed)

    def _before_rotation(self, signed: Entry | Token) -> bool:
        return isinstance(signed, Token) or signed.seq <= self.rotated_at.get(signed.author, -1)

    def taken(self, network: bytes, deal: bytes, by: str) -> bool:
        """Whether this deal id names something else here than a payment, vouch or claim (`by`). In one chain it may
        name one thing only, and the other side chooses the ids of what it gives.
        """
        return any(names(network, deal) for other, names in self.named.items() if other != by)

    def is_current(self, token: Token) -> bool:
        """Whether a token bears its witness's newest epoch that is known here. Whoever stole a key that was replaced
        can sign tokens with it; an honest witness that is asked again signs with its newest one."""
        known = self.key_states.get(token.witness)
        return token.epoch == (0 if known is None else known.epoch)


def _not_ready(network: Network, record: Record, now: int) -> None:
    raise AssertionError("publish is set by the core")


def _nothing(network: Network, author: bytes, listing: bytes, now: int) -> list[dict[str, Any]]:
    return []
