"""What a node does not import at its start, and that it is there when it is wanted."""

import subprocess
import sys

import snowballstemmer

from p2pnode.search.words import LANGUAGES, stemmer, tokens

HEAVY = ("PIL", "rich", "cffi", "pycparser", "anycorn.run", "snowballstemmer.english_stemmer")
PROBE = "import {before}p2pnode.daemon, sys; print(*(name for name in {heavy} if name in sys.modules))"


def imported(before: str) -> list[str]:
    probe = PROBE.format(before=before, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def test_a_node_imports_nothing_that_it_does_not_use() -> None:
    assert imported("p2pnode.lean, ") == []
    assert imported("") != [], "control: without it they are imported"


def test_each_language_has_the_stemmer_that_snowball_would_give() -> None:
    for name in snowballstemmer.algorithms():
        expected = snowballstemmer.stemmer(name)
        for word in ("houses", "hauses", "maisons", "casas", "дома", "running"):
            assert stemmer([name])(word) == frozenset(tokens(expected.stemWord(word))), (name, word)


def test_each_code_of_a_language_names_a_stemmer() -> None:
    assert set(LANGUAGES.values()) <= set(snowballstemmer.algorithms())


def test_a_language_that_names_another_module_is_none() -> None:
    english = stemmer(["english"])
    for name in ("among", "base", "basestemmer", "../os", "os", "english_stemmer", ""):
        assert stemmer([name])("houses") == english("houses")
