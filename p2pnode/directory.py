"""Who is who: authors, the peers that speak for them, and the names people know them by."""

from collections.abc import Iterable

from protocols.errors import Refusal
from protocols.profile import Profile


class Directory:
    """Built from the profiles of all networks; nothing here is stored."""

    def __init__(self, me: bytes, my_peer: str) -> None:
        self._me = me
        self._profiles: dict[bytes, Profile] = {}
        self._authors: dict[str, bytes] = {}
        self.pet_names: dict[str, str] = {}  # peer id → name that our user gave
        self._my_peer = my_peer

    def learn(self, author: bytes, profile: Profile) -> None:
        """A newer profile of an author. A peer id that another author already lists stays with the first."""
        old = self._profiles.get(author)
        for peer in old.peers if old else ():
            if self._authors.get(peer.id) == author:
                del self._authors[peer.id]
        self._profiles[author] = profile
        for peer in profile.peers:
            self._authors.setdefault(peer.id, author)

    def profile(self, author: bytes) -> Profile | None:
        return self._profiles.get(author)

    def peers_of(self, author: bytes) -> list[str]:
        profile = self._profiles.get(author)
        return [p.id for p in profile.peers if p.id != self._my_peer] if profile else []

    def addresses_of(self, peer: str) -> tuple[str, ...]:
        author = self._authors.get(peer)
        profile = self._profiles.get(author) if author else None
        return next((p.addresses for p in profile.peers if p.id == peer), ()) if profile else ()

    def author_of(self, peer: str) -> bytes | None:
        return self._me if peer == self._my_peer else self._authors.get(peer)

    def speaks_for(self, peer: str, author: bytes) -> bool:
        return peer in self.peers_of(author)

    def name(self, author: bytes) -> str:
        """What our user calls this author: the given name, else the profile's, else the start of the id."""
        for peer in self.peers_of(author):
            if peer in self.pet_names:
                return self.pet_names[peer]
        profile = self._profiles.get(author)
        return profile.name if profile else author.hex()[:8]

    def authors(self) -> Iterable[bytes]:
        return self._profiles.keys()

    def peer_id(self, author: bytes) -> str:
        """The peer id shown for an author; its own id in hex where no profile is known."""
        if author == self._me:
            return self._my_peer
        peers = self.peers_of(author)
        return peers[0] if peers else author.hex()

    def resolve(self, text: str) -> bytes:
        """The one author that a name, a peer id, an author id or a unique prefix of these means, or `Refusal`."""
        exact = {a for a in self._profiles if self.name(a) == text or self._profiles[a].name == text}
        wanted = text.lower()
        found = exact or {
            author
            for author in self._profiles
            if (len(wanted) >= 4 and author.hex().startswith(wanted))
            or any(len(text) >= 6 and p.id.startswith(text) for p in self._profiles[author].peers)
            or self.name(author).lower() == wanted
        }
        if len(found) == 1:
            return found.pop()
        if not found:
            raise Refusal("not_found", f"no peer {text!r} is known", "`p2pnode peers` lists those known here.")
        ids = ", ".join(sorted(self.peer_id(a) for a in found))
        raise Refusal("conflict", f"{text!r} could be {ids}", "Give the peer id instead of the name.")
