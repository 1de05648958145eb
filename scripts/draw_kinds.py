"""Draws each kind of exchange from its template: `python -m scripts.draw_kinds` writes docs/exchanges.md with pictures.

Always the same bytes; `tests/test_exchanges_page.py` holds the files against this.
"""

from pathlib import Path
from xml.sax.saxutils import escape

from p2pnode.core.next_steps import word_of
from protocols.spans import format_span
from protocols.templates import DutyTemplate, Moment, Template, Way, templates

HERE = Path(__file__).resolve().parent
DOCS = HERE.parent / "docs"
PAGE = DOCS / "exchanges.md"
PICTURES = DOCS / "exchanges"

WIDTH, LEFT, RIGHT = 760, 130, 630
HEAD, STEP = 84, 62
_HALO = 'paint-order="stroke" stroke="#fff" stroke-width="5"'  # where a long line crosses the dashes of a column
_BLUE, _GREEN, _GREY = "#5b7fa6", "#3f7f4a", "#555"

# Readable from top to bottom: what is bought and lent first, what several carry together last.
ORDER = (
    "sell", "rent", "lend", "give", "food", "service", "help", "deliver", "barter", "want", "design", "pledge", "task",
    "project", "barn", "fund",
)  # fmt: skip


def pages() -> dict[Path, str]:
    """Every file that is made, and what stands in it."""
    kinds = [templates()[kind] for kind in ORDER]
    return {PAGE: _page(kinds), **{PICTURES / f"{of.kind}.svg": picture(of) for of in kinds}}


def rows_of(of: Template) -> list[DutyTemplate]:
    """The duties of the full form; of barter, one leg each way."""
    if not of.legs:
        return list(of.full)
    (leg,) = of.full
    there, back = leg._replace(by="giver", id="leg-1"), leg._replace(by="taker", id="leg-2")
    return [there._replace(what="what the one gives"), back._replace(what="what the other gives")]


def picture(of: Template) -> str:
    """Two columns, an arrow for each duty in its order, what is said of its time below it, cancelling at the foot."""
    rows = rows_of(of)
    plain = {row.id for row in of.plain}
    top = HEAD + (STEP if of.goal else 0)
    foot = top + STEP * len(rows) + 8
    ending = cancelling(of)
    height = foot + 34 + 19 * len(ending)
    said = f"{of.title}: what the {of.giver} and the {of.taker} owe each other, in order"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="14" role="img" aria-label="{_text(said)}">',
        f'  <rect width="{WIDTH}" height="{height}" rx="8" fill="#fff" stroke="#bbb"/>',
        "  <defs>",
        *(
            f'    <marker id="{name}" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
            f'<path d="M0,0 L9,4 L0,8 z" fill="{colour}"/></marker>'
            for name, colour in (("act", _BLUE), ("pay", _GREEN))
        ),
        "  </defs>",
    ]
    for x, role, name in ((LEFT, "giver", of.giver), (RIGHT, "taker", of.taker)):
        lines += [
            f'  <rect x="{x - 110}" y="16" width="220" height="44" rx="6" fill="#e8f1fb" stroke="{_BLUE}"/>',
            f'  <text x="{x}" y="36" text-anchor="middle" font-weight="bold" fill="#222">{_text(name)}</text>',
            f'  <text x="{x}" y="53" text-anchor="middle" font-size="12" fill="{_GREY}">{role}</text>',
            f'  <path d="M{x},60 V{foot}" stroke="#999" stroke-dasharray="3 4"/>',
        ]
    if of.goal:
        enough = "people have agreed" if of.goal == "pledges" else "has been promised"
        lines += [
            f'  <rect x="{LEFT}" y="{HEAD - 8}" width="{RIGHT - LEFT}" height="40" rx="6" fill="#fff6dd" '
            'stroke="#b58a1f"/>',
            f'  <text x="{WIDTH // 2}" y="{HEAD + 17}" text-anchor="middle" fill="#222">'
            f"when enough {enough}: the organiser says go, in time, or it lapses</text>",
        ]
    for k, row in enumerate(rows):
        lines += _arrow(row, top + STEP * k, row.id in plain or of.legs)
    lines.append(f'  <path d="M20,{foot + 8} H{WIDTH - 20}" stroke="#bbb"/>')
    for k, line in enumerate(ending):
        lines.append(f'  <text x="24" y="{foot + 30 + 19 * k}" font-size="13" fill="#222">{_text(line)}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def _arrow(row: DutyTemplate, y: int, plain: bool) -> list[str]:
    name, colour = ("pay", _GREEN) if row.price else ("act", _BLUE)
    start, end = (LEFT + 4, RIGHT - 4) if row.by == "giver" else (RIGHT - 4, LEFT + 4)
    dashes = "" if plain else ' stroke-dasharray="7 4"'
    middle = WIDTH // 2
    label = f"{row.id}: {_what(row)}"
    return [
        f'  <text x="{middle}" y="{y + 12}" text-anchor="middle" fill="#222" {_HALO}>{_text(label)}</text>',
        f'  <path d="M{start},{y + 20} H{end}" stroke="{colour}" stroke-width="2"{dashes} marker-end="url(#{name})"/>',
        f'  <text x="{middle}" y="{y + 36}" text-anchor="middle" font-size="12" fill="{_GREY}" {_HALO}>'
        f"{_text(when(row))}</text>",
    ]


def _what(row: DutyTemplate) -> str:
    return row.what.format(title="it", price="the price", leg="")


def when(row: DutyTemplate) -> str:
    """What the full form says of the time of a duty."""
    parts = [
        f"after {row.after}" if row.after else "",
        f"along with {row.along}" if row.along else "",
        f"not before the {_moment(row.begins)}" if row.begins else "",
        f"until {_moment(row.until)}" if row.until else "",
        (f"else within {format_span(row.within)}" if row.until else f"within {format_span(row.within)}")
        if row.within
        else "",
        f"confirmed by itself after {format_span(row.confirm)}" if row.confirm else "",
    ]
    return ", ".join(part for part in parts if part)


def _moment(moment: Moment | None) -> str:
    if moment is None:
        return ""
    sign = "+" if moment.offset > 0 else "-"
    return f"{moment.of} {sign} {format_span(abs(moment.offset))}" if moment.offset else moment.of


def cancelling(of: Template) -> list[str]:
    """What cancelling does at each stage, a sentence a line."""
    lines = ["Until it is agreed: who proposed takes it back, the other declines; nothing is owed."]
    if of.goal:
        lines.append("Until the goal is reached nothing is owed; if it is not in time, all of it lapses.")
    for rule in of.cancelling:
        who = of.giver if rule.by == "giver" else of.taker
        until = f"{format_span(rule.before)} before the start" if rule.before else "the start, or the first deadline"
        fee = f", for {rule.fee} of the price" if rule.fee else ""
        lines.append(f"Full form, nothing begun: the {who} may cancel alone until {until}{fee}.")
    lines.append("Agreed: both together, as long as no price has been paid.")
    if of.deposit:
        lines.append("A deposit that was paid goes back; what was handed over is returned first.")
    lines.append("Full form: whoever waits for what is overdue may say so, and end it alone.")
    return lines


def _text(text: str) -> str:
    return escape(text, {'"': "&quot;"})


def _page(kinds: list[Template]) -> str:
    """What stands in exchanges-head.md, the kinds, and what stands in exchanges-foot.md."""
    toc = ", ".join(f"[{of.kind}](#{of.kind})" for of in kinds)
    head, foot = ((HERE / f"exchanges-{end}.md").read_text() for end in ("head", "foot"))
    return "\n".join([head.replace("KINDS", toc), *(_section(of) for of in kinds), foot])


def _section(of: Template) -> str:
    full = {"asked": "`--form full`", "booked": "`--from` and `--until` (a booking), or `--form full`"}
    needs = [
        "a start and an end" if of.time else "",
        "a price" if of.price else "",
        {"pledges": "a goal in people", "amount": "a goal in an amount"}.get(of.goal, ""),
    ]
    lines = [
        f"## {of.kind}",
        "",
        f"**{of.title}.** {of.about}",
        "",
        f"![{of.title}](exchanges/{of.kind}.svg)",
        "",
        "| duty | who | what | in ValueFlows | its time in the full form | command |",
        "|---|---|---|---|---|---|",
        *(
            f"| `{row.id}` | {_who(of, row)} | {row.what.format(title='*title*', price='*price*', leg='')} "
            f"| {row.action} | {when(row)} | {_typed(row)} |"
            for row in rows_of(of)
        ),
        "",
    ]
    only = [f"`{row.id}`" for row in of.full if row.id not in {r.id for r in of.plain}]
    facts = [
        f"In the full form: {full.get(of.full_when, 'always')}." + (f" Only there: {', '.join(only)}." if only else ""),
        f"Needs {', '.join(need for need in needs if need)}." if any(needs) else "",
        "In the full form it books the time: no more at once than the listing has." if of.slot else "",
        "The listing is taken from start to end: no more at once than it has." if of.busy else "",
        "A deposit is usual: `--deposit`." if of.deposit else "",
        "It can be said which way it goes, `--bring` or `--fetch`; then it reads: " + _ways(of) if of.goes else "",
        "A duty to pay is left out where there is no price."
        if any(row.price for row in of.full) and not of.price
        else "",
    ]
    lines += [" ".join(fact for fact in facts if fact), "", "Cancelling:", ""]
    return "\n".join([*lines, *(f"* {line}" for line in cancelling(of)), ""])


def _ways(of: Template) -> str:
    """What is owed where the thing is brought, and where it is fetched."""
    ways: tuple[Way, ...] = ("bring", "fetch")
    said = [[f"*{row.words(way).format(title='it')}*" for row in of.full if row.words(way) != row.what] for way in ways]
    return " or ".join(", ".join(words) for words in said) + "."


def _who(of: Template, row: DutyTemplate) -> str:
    return f"{of.giver} → {of.taker}" if row.by == "giver" else f"{of.taker} → {of.giver}"


def _typed(row: DutyTemplate) -> str:
    if row.along:
        return f"none: done with {row.along}"
    return f"`exchange {'pay' if row.price else word_of(row.id)}`"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    made = pages()
    for path in PICTURES.glob("*.svg"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
