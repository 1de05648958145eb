"""The same table at the port of the local network: without what is right for devices, with what only they can try."""

from tests.p2pnode.hostile_requests import BODY, COMMAND, GROUPS, Make, Request, target


def _pairing(method: str, rest: str, **fields: str | None) -> Make:
    """From a device that is not paired."""
    body = b"name=Mallory" if method == "POST" else b""
    return lambda ours: Request(ours, method, f"/pair/{rest}", body=body, fields={"Cookie": None, **fields}).bytes()


GUESS = "a" * 20
_OF_ITS_OWN: dict[str, dict[str, Make]] = {
    "known": {
        "a guess": _pairing("GET", GUESS),
        "a guess, sent at once": _pairing("POST", GUESS),
        "a guess at its looks": _pairing("GET", f"{GUESS}/page.css"),
        "no code": _pairing("GET", ""),
        "half a code": _pairing("GET", GUESS[:10]),
        "a code in upper case": _pairing("GET", GUESS.upper()),
        "a code and a query": _pairing("GET", f"{GUESS}?x=1"),
        "the secret of this machine's programs": lambda ours: Request(
            ours, fields={"Cookie": None, "Authorization": f"Bearer {ours.secret}"}
        ).bytes(),
    },
    "page_alone": {
        "a command": lambda ours: Request(
            ours, target=f"/v1/{COMMAND}", body=BODY, fields={"Content-Type": "application/json"}
        ).bytes(),
        "a link of this machine": lambda ours: Request(
            ours, target="/v1/web.login", body=b"{}", fields={"Content-Type": "application/json"}
        ).bytes(),
        "the table": target("GET", "/v1"),
        "the document": target("GET", "/v1/openapi.json"),
        "figures": target("GET", "/metrics"),
        "more than the events": target("GET", "/v1/events/"),
        "events by POST": lambda ours: Request(
            ours, target="/v1/events", body=b"{}", fields={"Content-Type": "application/json"}
        ).bytes(),
    },
}
_RIGHT_FOR_DEVICES = {  # a form is what they send, and a session what they have
    "form: application/x-www-form-urlencoded", "form: multipart/form-data; boundary=x", "the secret as a session",
}  # fmt: skip
LAN_GROUPS: dict[str, dict[str, Make]] = {
    group: {
        **{name: make for name, make in GROUPS.get(group, {}).items() if name not in _RIGHT_FOR_DEVICES},
        **_OF_ITS_OWN.get(group, {}),
    }
    for group in (*GROUPS, "page_alone")
}
LAN_HOSTILE = [(group, name, make) for group, rows in LAN_GROUPS.items() for name, make in rows.items()]
