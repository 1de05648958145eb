"""Who is who: authors, the peers that speak for them, and the names people know them by."""

from collections.abc import Iterable
from unicodedata import category, normalize

from protocols.errors import Refusal
from protocols.profile import Profile

MAX_CLAIMS = 4  # profiles asked for the addresses of one peer
_NAMED = 3  # who may be meant, in a refusal
RESERVED = ("you", "me")  # what faces call our own user


class Directory:
    """Built from the profiles of all networks; nothing here is stored.

    Nobody vouches for what a profile says: two authors may bear one name, or list one peer id. What both claim is then
    neither's, whoever came first, so that nobody is taken for somebody else.
    """

    def __init__(self, me: bytes, my_peer: str, my_name: str = "") -> None:
        self._me = me
        self._profiles: dict[bytes, Profile] = {}
        self._records: dict[bytes, bytes] = {}  # author → id of the record that the profile is from
        self._claims: dict[str, set[bytes]] = {}  # peer id → authors who list it
        self._names: dict[str, set[bytes]] = {}  # name, as far as people tell names apart → authors
        self.pet_names: dict[str, str] = {}  # peer id → name that our user gave
        self._my_peer = my_peer
        for name in (*RESERVED, my_name):
            self._names.setdefault(alike(name), set()).add(me)

    def learn(self, author: bytes, profile: Profile, record: bytes = b"") -> None:
        """A newer profile of an author, from the record with this id."""
        self._forget(author)
        self._profiles[author], self._records[author] = profile, record
        self._names.setdefault(alike(profile.name), set()).add(author)
        for peer in profile.peers:
            self._claims.setdefault(peer.id, set()).add(author)

    def forget(self, author: bytes, record: bytes) -> None:
        """The record of a profile is gone."""
        if self._records.get(author) == record:
            self._forget(author)

    def _forget(self, author: bytes) -> None:
        old = self._profiles.pop(author, None)
        if old is None:
            return
        del self._records[author]
        _discard(self._names, alike(old.name), author)
        for peer in old.peers:
            _discard(self._claims, peer.id, author)

    def profile(self, author: bytes) -> Profile | None:
        return self._profiles.get(author)

    def peers_of(self, author: bytes) -> list[str]:
        profile = self._profiles.get(author)
        return [p.id for p in profile.peers if p.id != self._my_peer] if profile else []

    def addresses_of(self, peer: str) -> tuple[str, ...]:
        """Multiaddrs that profiles give for a peer. To lie here is no use: the connection shows who answers."""
        claimed = [self._profiles[author].peers for author in sorted(self._claims.get(peer, ()))[:MAX_CLAIMS]]
        return tuple(dict.fromkeys(a for peers in claimed for p in peers if p.id == peer for a in p.addresses))

    def author_of(self, peer: str) -> bytes | None:
        """Who says that this is its node, if just one does."""
        claims = self._claims.get(peer, ())
        return self._me if peer == self._my_peer else next(iter(claims)) if len(claims) == 1 else None

    def speaks_for(self, peer: str, author: bytes) -> bool:
        return peer in self.peers_of(author)

    def name(self, author: bytes) -> str:
        """What our user calls this author: the given name, else the profile's, else the start of the id.

        A name that looks like another's, or like ours, is shown with the start of the id.
        """
        given = self._pet_name(author)
        if given:
            return given
        profile = self._profiles.get(author)
        if profile is None:
            return author.hex()[:8]
        single = len(self._names[alike(profile.name)]) == 1 and not self._named_by_us(profile.name)
        return profile.name if single else f"{profile.name} ({author.hex()[:8]})"

    def _pet_name(self, author: bytes) -> str:
        mine = (p for p in self.peers_of(author) if self.author_of(p) == author)
        return next((self.pet_names[p] for p in mine if self.pet_names.get(p)), "")

    def _named_by_us(self, name: str) -> bool:
        return any(alike(given) == alike(name) for given in self.pet_names.values())

    def authors(self) -> Iterable[bytes]:
        return self._profiles.keys()

    def peer_id(self, author: bytes) -> str:
        """The peer id shown for an author; its own id in hex where no profile is known, or others claim the peer id."""
        if author == self._me:
            return self._my_peer
        peers = [p for p in self.peers_of(author) if self.author_of(p) == author]
        return peers[0] if peers else author.hex()

    def resolve(self, text: str) -> bytes:
        """The one author that a name, a peer id, an author id or a unique prefix of these means, or `Refusal`."""
        if not alike(text):
            raise Refusal("usage", "this names nobody", "Give a name or a peer id: `p2pnode peers`.")
        named = {a for a in self._profiles if self._pet_name(a) == text}
        exact = named or {a for a in self._profiles if text in (self.name(a), self._profiles[a].name)}
        wanted = text.lower()
        found = exact or {
            author
            for author in self._profiles
            if (len(wanted) >= 4 and author.hex().startswith(wanted))
            or any(len(text) >= 6 and p.id.startswith(text) for p in self._profiles[author].peers)
            or alike(self.name(author)) == alike(text)
        }
        if len(found) == 1:
            return found.pop()
        if not found:
            near = ", ".join(repr(name) for name in self._near(text))
            hint = f"Did you mean {near}?" if near else "`p2pnode peers` lists those known here."
            raise Refusal("not_found", f"no peer {text!r} is known", hint)
        ids = ", ".join(sorted(self.peer_id(a) for a in found))
        raise Refusal("conflict", f"{text!r} could be {ids}", "Give the peer id instead of the name.")

    def _near(self, text: str) -> list[str]:
        """Names of which this may be a part, such as the first name. Our user says who is meant."""
        wanted = alike(text)
        names = sorted({self.name(author) for author in self._profiles})
        return [n for n in names if any(alike(part).startswith(wanted) for part in (n, *n.split()))][:_NAMED]


def alike(name: str) -> str:
    """What is left of a name without case, spaces, marks that cannot be seen, and ways of writing a letter."""
    plain = normalize("NFKC", name).casefold()
    return "".join(c for c in plain if category(c)[0] not in "ZC")


def _discard(sets: dict[str, set[bytes]], key: str, author: bytes) -> None:
    sets[key].discard(author)
    if not sets[key]:
        del sets[key]
