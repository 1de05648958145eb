"""The vectors of messages: who opens which box, what is in it, and the frames around it."""

from typing import Any

from protocols.codec import encode, plain
from protocols.identity import Signer, derive_seed, digest, incept, seal_to
from protocols.message import Body, seal_message
from protocols.message_messages import Ack, Later, Message, Refuse, Sealed, encode_message
from protocols.padding import pad
from tests.strategies import NOW, network

SECRET = bytes(range(32))
_ANN, _BOB, _EVE = (name.ljust(32) for name in (b"ann", b"bob", b"eve"))
(ANN, INCEPTION), (BOB, _), (EVE, _) = (incept(entropy) for entropy in (_ANN, _BOB, _EVE))
LATER = Signer(derive_seed(_ANN, 1), INCEPTION, 1)
BETWEEN = {"network": network(), "author": ANN.author, "to": BOB.author, "at": NOW}
SAID = Body(**BETWEEN, text="I am ten minutes late.\nStart without me.")
CASES = {
    "about nothing in particular": SAID,
    "about an exchange": Body(**BETWEEN, text="It is by the door.", exchange=b"\x11" * 32),
    "not in Latin letters": Body(**BETWEEN, text="十分遅れます 🚲"),
    "as long as may be": Body(**BETWEEN, text="😀" * 1_000),
}


def message_vectors() -> dict[str, Any]:
    """seed: Ed25519, of the reader; secret: of the box that this program makes of the plaintext. Whoever reads needs
    neither the author's key nor the secret."""
    valid = [_case(name, body, ANN) for name, body in CASES.items()]
    valid.append({**_case("signed with a later key: the same message", SAID, LATER), "key": LATER.public_key.hex()})
    said = plain(SAID)
    invalid = [
        _bad("no padding", _inside(said).rstrip(b"\0"), "field"),
        _bad("a step of padding too much", _inside(said) + bytes(256), "field"),
        _bad("says nothing", _inside({**said, "text": " \n"}), "field"),
        _bad("a text of 1001 letters", _inside({**said, "text": "a" * 1_001}), "field"),
        _bad("a text that moves the cursor", _inside({**said, "text": "\x1b[2J"}), "field"),
        _bad("a text that turns round", _inside({**said, "text": "a\u202eb"}), "field"),
        _bad("a default written out", _inside({**said, "exchange": b""}), "field"),
        _bad("an exchange of 31 bytes", _inside({**said, "exchange": bytes(31)}), "field"),
        _bad("a key that is not known", _inside({**said, "mood": "good"}), "field"),
        _bad("to oneself", _inside({**said, "author": BOB.author}), "field"),
        _bad("to somebody else", _inside({**said, "to": EVE.author}), "context"),
        _bad("in the name of somebody else", _inside({**said, "author": EVE.author}), "signature"),
        _bad("signed by somebody else", _inside(said, EVE), "signature"),
        _bad("of a later key that is not known", _inside(said, LATER), "context"),
        _bad(
            "an array of three", pad(encode([encode(said), ANN.sign("message", encode(said)), ANN.inception])), "field"
        ),
        {**_bad("sealed to another key", b"", "signature"), "sealed": _sealed(_inside(said), EVE).hex()},
        {**_bad("cut", b"", "signature"), "sealed": _sealed(_inside(said))[:-1].hex()},
    ]
    box = seal_message(ANN, SAID, key=BOB.public_key, secret=SECRET)
    frames: dict[str, Message] = {
        "a message": Sealed(box),
        "it is on disk": Ack(digest(box)),
        "there is no room for it yet": Later(digest(box), "too many messages in one minute"),
        "it will not be taken": Refuse(digest(box), "refused", "no messages are taken"),
        "it is for a key that was replaced": Refuse(digest(box), "key", "an old key"),
    }
    return {
        "what": "messages sealed to a neighbour; every case is opened by the reader with this seed",
        "author": ANN.author.hex(),
        "to": BOB.author.hex(),
        "seed": derive_seed(_BOB, 0).hex(),
        "public_key": BOB.public_key.hex(),
        "secret": SECRET.hex(),
        "valid": valid,
        "invalid": invalid,
        "messages": [{"name": name, "frame": encode_message(said).hex()} for name, said in frames.items()],
    }


def _case(name: str, body: Body, signer: Signer) -> dict[str, Any]:
    sealed = seal_message(signer, body, key=BOB.public_key, secret=SECRET)
    said = {"network": body.network.hex(), "at": body.at, "exchange": body.exchange.hex(), "text": body.text}
    more = {"id": digest(body.encode()).hex(), "epoch": signer.epoch, "plaintext": BOB.unseal(sealed).hex()}
    return {"name": name, **said, **more, "sealed": sealed.hex()}


def _bad(name: str, plaintext: bytes, code: str) -> dict[str, Any]:
    return {"name": name, "sealed": _sealed(plaintext).hex(), "code": code}


def _sealed(plaintext: bytes, reader: Signer = BOB) -> bytes:
    return seal_to(reader.public_key, plaintext, SECRET)


def _inside(said: dict[str, Any], signer: Signer = ANN) -> bytes:
    body = encode(said)
    return pad(encode([body, signer.epoch, signer.sign("message", body), signer.inception]))
