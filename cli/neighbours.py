"""`join invite peers`: networks and the people in them."""

from typing import Any

import click
from click.core import ParameterSource

from protocols.errors import Refusal

from .command import Command, Group, with_session
from .output import facts, say, short, table
from .session import Session
from .times import clock_time, format_time, now_ms, parse_span, parse_time


@click.command(cls=Command, example="p2pnode join /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…\np2pnode join p2pnode://join/…")
@click.argument("target")
@with_session
def join(session: Session, target: str) -> None:
    """Join a network by a peer's address (a multiaddr with /p2p/) or an invite link.

    Without a running node the target is noted, and joined at the next start. A network that you have left takes you
    back by its name.
    """
    from p2pnode.home.founding import check_target

    target = target.strip()
    if not _has_left(session, target):
        check_target(target)
    try:
        data = session.write("join", target=target)
    except Refusal as e:
        home = session.folder()
        if e.code != "no_daemon" or not home.initialised or home.in_use():
            raise
        data = _note(session, target)
    else:
        waits = data.get("state") != "joined"
        seen = waits and session.until(lambda d: _over(d, target), "joined", data, "status", why=_why)
        if seen:
            data = {**data, "state": "joined", "network": seen.get("network"), "peers": seen.get("peers")}
    session.emit(data, lambda: _print_join(data))


def _over(status: dict[str, Any], target: str) -> bool:
    """Whether this join has come to its end; `Refusal` if it came to nothing."""
    refused = [w for w in status.get("warnings") or () if str(w).startswith(f"could not join {target[:60]}")]
    if refused:
        raise Refusal("refused", str(refused[-1]), "Ask for an invite, or a newer one.")
    under_way = [j.get("target") for j in status.get("joining") or ()]
    return status.get("state") == "joined" and target not in under_way


def _why(status: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Why the join takes so long, as far as the node knows."""
    tries = [str(w) for w in status.get("warnings") or () if str(w).startswith("still trying to join")]
    problem = data.get("problem") or (tries[0].partition(": ")[2] if tries else "")
    return {**data, "problem": problem} if problem else data


def _note(session: Session, target: str) -> dict[str, Any]:
    from p2pnode.home.founding import network_of_link
    from p2pnode.home.pending import note_join

    note_join(session.folder(), target)
    return {"network": network_of_link(target), "state": "trying", "peers": 0, "noted": True}


def _print_join(data: dict[str, Any]) -> None:
    name = (data.get("network") or {}).get("name")
    if data.get("noted"):
        say("Noted. The node is not running; it joins when it starts: p2pnode run")
    elif data.get("state") == "joined":
        say(f"Joined {name or 'the network'}. Next: p2pnode search")
    else:
        if data.get("problem"):
            say(f"Not joined yet: {data['problem']}")
        say("Trying; the node goes on until somebody answers. See p2pnode status")


def _has_left(session: Session, target: str) -> bool:
    """Whether this is the name, or the id, of a network that our user has left."""
    if "/" in target or ":" in target:
        return False
    try:
        left = session.call("status").get("left") or ()
    except Refusal:
        return False
    return any(target.casefold() in (n["name"].casefold(), n["id"]) for n in left)


@click.group(
    cls=Group,
    alone=True,
    example='p2pnode invite --uses 3 --expires 7d --note "Elm Street, no. 4 to 8" --vouch 5\np2pnode invite list\n'
    "p2pnode invite revoke 3f9a",
)
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True, help="How many may join with it.")
@click.option("--expires", metavar="TIME", help="Until when; a date or a span such as 7d.")
@click.option("--note", default="", help="A line for those who are invited.")
@click.option("--vouch", metavar="AMOUNT", help="Credit each newcomer gets of yours.  [the network's newcomer limit]")
@click.option("--qr", is_flag=True, help="Show it as a QR code, too.")
@with_session
@click.pass_context
def invite(
    ctx: click.Context,
    session: Session,
    uses: int,
    expires: str | None,
    note: str,
    vouch: str | None,
    qr: bool,
) -> None:
    """Make an invite link. Who has the link can join: send it to nobody else.

    `invite list` shows those of yours that are still good, and who came by them; `invite revoke` takes one back. Else
    each ends by itself, when its time is over or all its uses are taken.
    """
    if ctx.invoked_subcommand:
        return _check_makes_none(ctx)
    until = None if expires is None else parse_time(expires, now_ms(), end=True)
    data = session.write("invite", uses=uses, expires=until, note=note, vouch=vouch)

    def human() -> None:
        say(data["link"])
        if qr:
            from p2pnode.qr import lines

            for line in lines(data["link"]):
                say(line)
        say()
        count = data.get("uses", uses)
        people = "one newcomer" if count == 1 else f"{count} newcomers"
        end = format_time(data.get("expires_at"), now_ms())
        end = f"; it ends {end}" if end.startswith("in ") else f", until {end}"
        say(f"For {people}{end}. They paste it into their page, or type: p2pnode join LINK")
        credit = data.get("vouch")
        if credit and credit.get("amount"):
            each = "It carries" if count == 1 else "Each newcomer gets"
            say(f"{each} {session.money(credit, network=data.get('network'))} of your credit.")
        elif credit:
            say("It carries no credit: you have none to spare, or said --vouch 0. Newcomers earn first.")
            say("What you have: p2pnode ledger balance")

    session.emit(data, human)


def _check_makes_none(ctx: click.Context) -> None:
    for param in ctx.command.params:
        if param.name in ("uses", "expires", "note", "vouch", "qr") and _typed(ctx, param):
            made = f"none is made by `invite {ctx.invoked_subcommand}`"
            raise click.UsageError(f"'{param.opts[0]}' is for making a link, and {made}.", ctx)


@invite.command("list", example="p2pnode invite list")
@with_session
def invite_list(session: Session) -> None:
    """Your invites that are still good, and who came by each."""
    rows = session.call("invite.list")
    session.emit(rows, lambda: _print_invites(session, rows))


@invite.command("revoke", example="p2pnode invite revoke 3f9a\np2pnode invite revoke p2pnode://join/…")
@click.argument("id_", metavar="ID-OR-LINK")
@with_session
def invite_revoke(session: Session, id_: str) -> None:
    """Take an invite back: nobody new gets in by it. Who came by it stays in, with the credit it gave."""
    data = session.write("invite.revoke", id=id_)
    came = ", ".join(str(one["name"]) for one in data.get("used_by") or ())
    stays = f" Who came by it stays in: {came}." if came else ""
    session.emit(data, lambda: say(f"{short(data.get('invite_id'))}  Taken back: nobody new gets in by it.{stays}"))


def _typed(ctx: click.Context, param: click.Parameter) -> bool:
    return bool(param.name) and ctx.get_parameter_source(str(param.name)) is not ParameterSource.DEFAULT


def _print_invites(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("None is good any more. Make one: p2pnode invite")
        return
    now = now_ms()
    table(
        ["INVITE", "GOOD UNTIL", "USED", "CREDIT EACH", "CAME BY IT", "NOTE"],
        [
            (
                row["invite_id"] if session.plain else short(row["invite_id"]),
                row["expires_at"] if session.plain else clock_time(row["expires_at"], now) or "for ever",
                f"{row['uses'] - row['left']} of {row['uses']}",
                session.money(row["vouch"], network=row["network"]),
                ", ".join(str(one["name"]) for one in row["used_by"]) or "-",
                row["note"] or "-",
            )
            for row in rows
        ],
        session.plain,
    )
    if not session.plain:
        without = [
            str(one["name"]) for row in rows if row["vouch"]["amount"] for one in row["used_by"] if not one["vouched"]
        ]
        if without:
            say(f"You had no credit left for {', '.join(without)}, who came in without: p2pnode vouch NAME AMOUNT")
        say("A link is shown once, when it is made. To take one back: p2pnode invite revoke INVITE")


@click.group(
    cls=Group, bare="list", example="p2pnode peers\np2pnode peers name 12D3KooW… Ann\np2pnode peers block 12D3KooW…"
)
def peers() -> None:
    """The peers this node knows. PEER is a peer id, the beginning of one, or a name."""


@peers.command("list", example="p2pnode peers list --json\np2pnode peers list --banned")
@click.option("--banned", is_flag=True, help="Those that are shut out, and why, instead.")
@with_session
def peers_list(session: Session, banned: bool) -> None:
    """All peers, those connected first."""
    if banned:
        shut_out = session.call("peers.banned")
        session.emit(shut_out, lambda: _print_banned(session, shut_out))
        return
    rows = session.call("peers.list")

    def human() -> None:
        if not rows:
            say("Nobody yet. Join with p2pnode join ADDRESS-OR-LINK, or invite somebody with p2pnode invite")
        near = any(row.get("lan") for row in rows)
        table(
            ["NAME", "PEER", "CONNECTED", *(["LOCAL"] if near else []), "LAST SEEN"],
            [
                (
                    row.get("name") or "-",
                    row["peer_id"] if session.plain else short(row["peer_id"]),
                    "yes" if row.get("connected") else "no",
                    *(["yes" if row.get("lan") else "no"] if near else []),
                    row.get("last_seen") if session.plain else format_time(row.get("last_seen"), now_ms()),
                )
                for row in sorted(rows, key=lambda r: not r.get("connected"))
            ],
            session.plain,
        )

    session.emit(rows, human)


@peers.command("show", example="p2pnode peers show Ann")
@click.argument("peer")
@with_session
def peers_show(session: Session, peer: str) -> None:
    """What is known of one peer."""
    data = session.call("peers.show", peer=peer)
    session.emit(data, lambda: _print_peer(session, data))


@peers.command("name", example="p2pnode peers name 12D3KooW… Ann")
@click.argument("peer")
@click.argument("name")
@with_session
def peers_name(session: Session, peer: str, name: str) -> None:
    """Give a peer a name of your own; it is seen here only."""
    data = session.write("peers.name", peer=peer, name=name)
    session.emit(data, lambda: say(f"You call {short((data or {}).get('peer_id') or peer)} {name} now."))


@peers.command("block", example='p2pnode peers block 12D3KooW… --for 7d --reason "sends nonsense"')
@click.argument("peer")
@click.option("--for", "span", metavar="SPAN", default="ever", show_default=True, help="How long, such as 2h or 7d.")
@click.option("--reason", default="", help="A line for yourself; it is seen here only.")
@with_session
def peers_block(session: Session, peer: str, span: str, reason: str) -> None:
    """Shut a peer out: it is cut off, let in no more, and not dialled. By a name: all peers of that neighbour.

    What it has published is kept, found and passed on all the same, since others may want it. To hide it from
    yourself: p2pnode blocklist add
    """
    until = None if span == "ever" else now_ms() + parse_span(span)
    rows = session.write("peers.block", peer=peer, until=until, reason=reason)
    session.emit(rows, lambda: _print_banned(session, rows))


@peers.command("unblock", example="p2pnode peers unblock 12D3KooW…")
@click.argument("peer")
@with_session
def peers_unblock(session: Session, peer: str) -> None:
    """Let a peer in again, whoever shut it out."""
    rows = session.write("peers.unblock", peer=peer)
    session.emit(rows, lambda: say(f"{', '.join(_who(row) for row in rows)}: let in again."))


def _who(row: dict[str, Any]) -> str:
    return str(row.get("name") or short(row["peer_id"]))


def _print_banned(session: Session, rows: list[dict[str, Any]]) -> None:
    if not rows:
        say("Nobody is shut out.")
        return
    table(
        ["NAME", "PEER", "BY", "SINCE", "UNTIL", "REASON"],
        [
            (
                row.get("name") or "-",
                row["peer_id"] if session.plain else short(row["peer_id"]),
                row["by"],
                row["since"] if session.plain else format_time(row["since"], now_ms()),
                (row["until"] or "-") if session.plain else _until(row),
                row["reason"] or "-",
            )
            for row in rows
        ],
        session.plain,
    )


def _until(ban: dict[str, Any]) -> str:
    return format_time(ban["until"], now_ms()) if ban["until"] else "for ever"


def _why_banned(ban: dict[str, Any] | None) -> str | None:
    if ban is None:
        return None
    said = "blocked by you" if ban["by"] == "you" else "by the node"
    return f"{said}, until {_until(ban)}" + (f": {ban['reason']}" if ban["reason"] else "")


def _print_peer(session: Session, data: dict[str, Any]) -> None:
    facts(
        [
            ("name", data.get("name")),
            ("peer id", data.get("peer_id")),
            ("connected", "yes" if data.get("connected") else "no"),
            ("shut out", _why_banned(data.get("banned"))),
            ("on the local network", "yes" if data.get("lan") else None),
            ("reachable", "not tried" if data.get("reachable") is None else "yes" if data["reachable"] else "no"),
            ("problem", data.get("problem")),
            ("next try", format_time(data.get("next_try"), now_ms()) if data.get("next_try") else None),
            ("via", _via(data)),
            ("known since", format_time(data.get("known_since"), now_ms())),
            ("last seen", format_time(data.get("last_seen"), now_ms())),
            *(("address", address) for address in data.get("addresses") or ()),
        ],
        session.plain,
    )


def _via(data: dict[str, Any]) -> str | None:
    """How this node came to know of the peer, and through whom."""
    told_by = data.get("told_by")
    return f"{data.get('via')}, through {short(told_by)}" if told_by else data.get("via")
