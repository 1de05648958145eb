"""Search over 100,000 listings: how long questions take, what the index costs in memory, how fast it is filled.

The listings are made here, from words of four languages with the frequencies of ordinary speech, in the cells of a
town and of the country around it. Beside ours stands, in the same run and over the same listings, what FTS5 does by
itself: one table, `ORDER BY rank`. Questions come in turns, so that what else the machine does slows all of them.
Memory is that of a process of its own that opens the index and asks every question, against itself before that.
"""

import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, product
from pathlib import Path
from typing import Final, NamedTuple

from bench.report import Figure, arguments, show
from p2pnode.search.index import Index, ListingRow, Query
from p2pnode.search.places import centre
from p2pnode.search.words import tokens
from protocols.limits import DAY

NOW: Final = 1_800_000_000_000
NETWORK: Final = b"n" * 16
HERE: Final = "u33dc"
LANGUAGES: Final = ("en", "de", "fr", "es")
PAGE: Final = 50  # hits asked for, as by `search`
LETTERS: Final = "0123456789bcdefghjkmnpqrstuvwxyz"
KINDS: Final = ("sell", "rent", "lend", "give", "food", "service", "help", "deliver", "design", "pledge")
_WORDS: Final = """
    snowblower ladder drill bicycle apples potatoes bread honey garden lawn mower trailer piano lessons repair wood
    stove tent kayak child seat table chair lamp books winter tyres firewood eggs cheese jam ride moving van sewing
    machine guitar help walking dog cat sitting window cleaning paint brush hammer saw concrete mixer tools party
    Schneefräse Leiter Bohrmaschine Fahrrad Äpfel Kartoffeln Brot Honig Garten Rasenmäher Anhänger Klavier Unterricht
    Reparatur Ofen Zelt Kindersitz Tisch Stuhl Lampe Bücher Winterreifen Brennholz Eier Käse Marmelade Mitfahrt Umzug
    Nähmaschine Gitarre Hilfe Hund Katze Fenster putzen Farbe Pinsel Säge Betonmischer Werkzeug Feier Lastenrad
    échelle perceuse vélo pommes pain miel jardin tondeuse remorque leçons réparation bois poêle tente siège enfant
    livres hiver pneus œufs fromage confiture trajet déménagement couture guitare aide chien chat fenêtre peinture
    escalera taladro bicicleta manzanas patatas pan miel jardín cortacésped remolque clases reparación leña tienda
    silla mesa lámpara libros invierno neumáticos huevos queso mermelada viaje mudanza costura guitarra ayuda perro
    """
_COMMON: Final = """
    for the weekend and with bring it back clean in good order please call us strong new old small large
    zu verleihen gut erhalten bitte melden für das Wochenende mit und sehr groß klein
    bon état pour le week-end avec et très grand petit bien para el fin de semana con y muy grande pequeño
    """
WORDS: Final = _WORDS.split()
COMMON: Final = _COMMON.split()
PARTS: Final = ("ba", "ko", "li", "mer", "sta", "ro", "ven", "tu", "schi", "ler", "don", "gra", "pe", "nau", "hol")


class Question(NamedTuple):
    """name: of the figure; asked: what is looked for; plain: the FTS5 expression of the same words."""

    name: str
    asked: dict[str, object]
    plain: str


HOME = centre(HERE)
QUESTIONS: Final = (
    Question("one_word", {"text": "garden"}, '"garden"'),
    Question("commonest", {"text": "weekend"}, '"weekend"'),
    Question("two_words", {"text": "garden weekend"}, '"garden" "weekend"'),
    Question("two_common", {"text": "large weekend"}, '"large" "weekend"'),
    Question("box_kind", {"text": "ladder", "kind": "rent", "centre": HOME, "within_km": 10.0}, '"ladder"'),
    Question("box_kind_common", {"text": "weekend", "kind": "rent", "centre": HOME, "within_km": 10.0}, '"weekend"'),
    Question("box_only", {"kind": "rent", "centre": HOME, "within_km": 10.0}, ""),
    Question("rare_kind_far", {"text": "weekend", "kind": "barter", "centre": HOME, "within_km": 10.0}, ""),
    Question("nearest", {"text": "garden", "centre": HOME, "sort": "near"}, ""),
    Question("prefix", {"text": "gard"}, '"gard"*'),
    Question("one_letter", {"text": "g"}, '"g"*'),
    Question("typo", {"text": "snowblwoer"}, ""),
    Question("accent", {"text": "Schneefrase weekend"}, '"schneefrase" "weekend"'),
    Question("nothing", {"text": "qqqqq"}, '"qqqqq"'),
    Question("newest", {}, ""),
)


def make_rows(count: int, rng: random.Random) -> list[ListingRow]:
    """Listings of ordinary length: a title of three words, a text of twenty; a third of the words are frequent ones."""
    rare = ["".join(parts) for parts in product(PARTS, repeat=3)]
    rng.shuffle(rare)
    words = WORDS + rare
    weights = list(accumulate(1 / (place + 3) for place in range(len(words))))
    cells = [f"u33{a}{b}" for a in "bcdef89" for b in LETTERS]
    near = list(accumulate(8 if cell.startswith("u33d") else 1 for cell in cells))
    authors = [rng.randbytes(32) for _ in range(max(1, count // 50))]
    rows = []
    for number in range(count):
        text = [
            rng.choice(COMMON) if rng.random() < 0.35 else word
            for word in rng.choices(words, cum_weights=weights, k=20)
        ]
        rows.append(
            ListingRow(
                network=NETWORK,
                slot=rng.choice(authors) + number.to_bytes(16),
                record=rng.randbytes(32),
                revision=1,
                direction="offer" if rng.random() < 0.7 else "request",
                kind=rng.choice(KINDS),
                title=" ".join(rng.choices(words, cum_weights=weights, k=3)),
                text=" ".join(text),
                tags=(rng.choice(words[:80]),),
                area=rng.choices(cells, cum_weights=near)[0],
                price_amount=rng.randrange(10_000) if rng.random() < 0.8 else None,
                price_unit="hour",
                price_per="day",
                until=NOW + rng.randrange(1, 30) * DAY,
                created=NOW - rng.randrange(30 * DAY),
            )
        )
    return rows


def timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Milliseconds."""
    began = clock()
    work()
    return (clock() - began) * 1e3


def query(question: Question) -> Query:
    return Query(network=NETWORK, now=NOW, limit=PAGE, **question.asked)  # type: ignore[arg-type]


def plain_index(path: Path, rows: Sequence[ListingRow]) -> sqlite3.Connection:
    """What FTS5 offers by itself, over the same words."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (title, tags, body, tokenize = 'ascii')")
    db.execute("BEGIN")
    for number, row in enumerate(rows):
        columns = (tokens(row.title), [t for tag in row.tags for t in tokens(tag)], tokens(row.text))
        db.execute("INSERT INTO words (rowid, title, tags, body) VALUES (?,?,?,?)", (number, *map(" ".join, columns)))
    db.execute("COMMIT")
    return db


def fetch(plain: sqlite3.Connection, match: str) -> object:
    ranked = f"SELECT rowid FROM words WHERE words MATCH ? ORDER BY rank LIMIT {PAGE}"
    return plain.execute(ranked, (match,)).fetchall()


def measure(folder: Path, count: int, rounds: int, batch: int, clock: Callable[[], float]) -> list[Figure]:
    rows = make_rows(count, random.Random(1))  # the same listings in every run
    index = Index(folder / "index.sqlite", LANGUAGES)
    began = clock()
    for start in range(0, count, batch):
        index.update(rows[start : start + batch])
    filled = clock() - began
    plain = plain_index(folder / "plain.sqlite", rows)
    ours: dict[str, list[float]] = {question.name: [] for question in QUESTIONS}
    theirs: dict[str, list[float]] = {question.name: [] for question in QUESTIONS if question.plain}
    for number in range(rounds):
        for question in QUESTIONS:
            asked = query(question)
            ours[question.name].append(timed(partial(index.search, asked), clock))
            if question.plain and number % 4 == 0:
                theirs[question.name].append(timed(partial(fetch, plain, question.plain), clock))
    hits = {question.name: len(index.search(query(question))) for question in QUESTIONS}
    index.close()
    plain.close()
    figures = [Figure("search_indexed_per_second", count / filled, "1/s", "listings", at_least=10_000)]
    for name, times in ours.items():
        told = f"{hits[name]} hits"
        if name in theirs:
            told += f"; plain FTS5 p50 {statistics.median(theirs[name]):.1f} ms"
        figures.append(Figure(f"search_{name}_p50_ms", statistics.median(times), "ms", told))
        figures.append(Figure(f"search_{name}_p99_ms", p99(times), "ms", "", at_most=20))
    megabytes = float(
        subprocess.run(
            [sys.executable, "-m", "bench.search", "--memory", str(folder / "index.sqlite")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    figures.append(Figure("search_memory_mb", megabytes, "MB", "more than the same process without it", at_most=40))
    size = (folder / "index.sqlite").stat().st_size
    figures.append(Figure("search_bytes_per_listing", size / count, "B", "of the file"))
    return figures


def p99(times: Sequence[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


def memory(path: Path) -> float:
    """MB that opening the index and asking every question costs a process that has loaded the same modules."""
    empty = Index(":memory:", LANGUAGES)
    empty.search(query(QUESTIONS[0]))
    before = resident()
    index = Index(path, LANGUAGES)
    for _ in range(3):
        for question in QUESTIONS:
            index.search(query(question))
    index.update(make_rows(2_000, random.Random(2)))
    return resident() - before


def resident() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--listings", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=200, help="of all questions (default 200)")
    parser.add_argument("--batch", type=int, default=1_000, help="listings to a transaction (default 1,000)")
    parser.add_argument(
        "--processor", action="store_true", help="count processor time: on a machine that has other work"
    )
    parser.add_argument("--memory", type=Path, help="only say what this index costs in memory, in MB")
    options = parser.parse_args()
    if options.memory:
        print(memory(options.memory))
        return 0
    clock = time.process_time if options.processor else time.perf_counter
    with tempfile.TemporaryDirectory(prefix="p2pnode-search-") as name:
        figures = measure(Path(name), options.listings, options.rounds, options.batch, clock)
    return show(f"Search over {options.listings:,} listings, {PAGE} hits a question", figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
