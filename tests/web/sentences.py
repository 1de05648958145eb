"""Every sentence of the node that a page can show, as it stands in the source: what a `Refusal` says, what `doctor`
finds, what a part of the core leaves to its user. What is filled in is a hole, `{}`. To see what a language lacks, as
a fragment to fill in: `python -m tests.web.sentences de`.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import p2pnode
from p2pnode.web.languages import LANGUAGES
from p2pnode.web.sentences import load_sentences, shape_of

ROOT = Path(p2pnode.__file__).parents[1]
HOLE = "{}"
RAISED = {"Refusal": (1, 2), "Malformed": (0, 2)}  # which arguments are sentences
# What speaks before there is a node, to programs, or to the command line alone; and what is raised only to be caught.
NEVER_SHOWN = (
    "p2pnode/api.py", "p2pnode/client.py", "p2pnode/control.py", "p2pnode/serving.py", "p2pnode/walls.py",
    "p2pnode/starter.py", "p2pnode/store.py", "p2pnode/net/", "p2pnode/wholeness.py", "p2pnode/tasks.py",
    "p2pnode/home/backup.py", "p2pnode/home/config.py", "p2pnode/home/files.py", "p2pnode/home/folder.py",
    "p2pnode/home/key", "p2pnode/home/log", "p2pnode/home/pending.py", "p2pnode/home/sealed.py", "p2pnode/web/",
    "p2pnode/core/rotations.py", "p2pnode/backing_up.py", "p2pnode/core/key_files.py", "protocols/templates.py",
    "p2pnode/verifying.py", "p2pnode/exporting.py", "p2pnode/daemon.py", "dht/", "protocols/invite.py",
    "p2pnode/marker.py", "p2pnode/lean.py",
)  # fmt: skip
# Parts of sentences that are put together; the whole is there, too, where it can be said.
FRAGMENTS = frozenset({"{} for {}", "no more: {} {}", "regulars", "members", " and ", "have", "has", "{} {} not said"})
# Functions whose texts are all for the user: warnings of the status, findings, what helps.
TOLD = {
    "p2pnode/core/status.py": ("_late", "_problems"),
    "p2pnode/core/narrowing.py": ("warnings",),
    "p2pnode/core/drafts.py": ("warnings",),
    "p2pnode/core/defaults.py": ("warnings",),
    "p2pnode/core/misconduct.py": ("warnings",),
    "p2pnode/core/announcing.py": ("warnings",),
    "p2pnode/core/timekeeping.py": ("warnings",),
    "p2pnode/core/recovery.py": ("warnings",),
    "p2pnode/core/drafting.py": ("_unknown", "_unpayable"),
    "p2pnode/core/exchange_json.py": ("_undeliverable",),
    "p2pnode/core/exposures.py": ("_helps",),
    "p2pnode/core/paying.py": ("wording", "why_not_cancelled", "_why_not"),
    "p2pnode/core/parcels.py": ("why_not",),
    "p2pnode/core/unsure.py": ("why_not",),
    "p2pnode/core/changes.py": ("changes", "_of_duty", "time_in_words"),
    "p2pnode/core/rules.py": ("why_never", "_why_not", "_too_much", "_who"),
}


def sentences() -> dict[str, str]:
    """Shape → where it was met first."""
    found: dict[str, str] = {}
    for path in sorted(p for top in ("ledger", "p2pnode", "protocols") for p in (ROOT / top).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        tree = _tree(path)
        for shape in (*_raised(tree, name), *_told(tree, name), *_judged(tree, name)):
            shape = re.sub(r"(\{\}){2,}", HOLE, shape)  # nobody sees where one ends and the next begins
            if re.search(r"[A-Za-z]{3}", shape.replace(HOLE, "")):
                found.setdefault(shape, name)
    return found


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _raised(tree: ast.Module, name: str) -> Iterator[str]:
    if name.startswith(NEVER_SHOWN):
        return
    for function, node in _within(tree):
        called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Call) and called in RAISED:
            for place in RAISED[called]:
                if place < len(node.args):
                    yield from _shapes(node.args[place], tree, function)


def _told(tree: ast.Module, name: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in TOLD.get(name, ()):
            told = [one for one in node.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
            for one in told:
                yield from _texts(one)


def _judged(tree: ast.Module, name: str) -> Iterator[str]:
    """The texts of the checks of `doctor`: state, found, fix."""
    if name != "p2pnode/doctor/checks.py":
        return
    for function, node in _within(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_ok", "_skipped"):
            for given in node.args:
                yield from _shapes(given, tree, function)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
            yield from _shapes(node.value.elts[1], tree, function)


def _within(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each node with the innermost function that it stands in."""

    def walk(node: ast.AST, function: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            yield function, child
            inner = child if isinstance(child, ast.FunctionDef) else function
            yield from walk(child, inner)

    yield from walk(tree, tree)


def _texts(node: ast.AST) -> Iterator[str]:
    """Every text below a node, f-strings as a whole."""
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        yield from _shapes(node, ast.Module([], []), node)
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _shapes(node: ast.AST, tree: ast.Module, function: ast.AST, depth: int = 0) -> list[str]:
    """What an expression may be, as far as its source says; nothing for what comes from elsewhere."""
    if depth > 4:
        return []

    def of(inner: ast.AST) -> list[str]:
        return _shapes(inner, tree, function, depth + 1)

    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.JoinedStr(values=parts):
            return ["".join(p.value if isinstance(p, ast.Constant) else HOLE for p in parts)]  # type: ignore[misc]
        case ast.IfExp(body=body, orelse=other):
            return [*of(body), *of(other)]
        case ast.BoolOp(values=values):
            return [shape for value in values for shape in of(value)]
        case ast.Call(func=ast.Name(id="N_" | "_sentence"), args=[inner, *_]):
            return of(inner)
        case ast.Call(func=ast.Name(id=name)):
            return [shape for made in _returned(name, tree) for shape in _shapes(made, tree, tree, depth + 1)]
        case ast.Call(func=ast.Attribute(value=inner, attr="replace")):
            return of(inner)
        case ast.Subscript(value=ast.Name(id=name)):
            return [shape for value in _assigned(name, tree, function) for shape in _of_dict(value, tree)]
        case ast.Name(id=name):
            return [shape for value in _assigned(name, tree, function) for shape in of(value)]
    return []


def _of_dict(value: ast.AST, tree: ast.Module) -> list[str]:
    return [s for v in value.values for s in _shapes(v, tree, tree)] if isinstance(value, ast.Dict) else []


def _returned(name: str, tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield from (one.value for one in ast.walk(node) if isinstance(one, ast.Return) and one.value)


def _assigned(name: str, tree: ast.Module, function: ast.AST) -> Iterator[ast.AST]:
    for scope in (function, tree):
        found = False
        for node in ast.walk(scope) if scope is function else tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                    found = True
                    yield value
                case ast.AnnAssign(target=ast.Name(id=target), value=ast.AST() as value) if target == name:
                    found = True
                    yield value
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                    for one, value in zip(names, values, strict=False):
                        if isinstance(one, ast.Name) and one.id == name:
                            found = True
                            yield value
        if found:
            return


def lacking(language: str) -> dict[str, str]:
    """Shapes without a translation, and where they stand."""
    known = {shape_of(text) for text in load_sentences(language).rows}
    return {shape: where for shape, where in sentences().items() if shape not in known | FRAGMENTS}


def main(language: str) -> None:
    for shape, where in lacking(language).items():
        first, *rest = shape.replace("%", "%%").split(HOLE)
        text = first + "".join(f"%(a{n})s{part}" for n, part in enumerate(rest, 1))
        print(f'#: {where}\nmsgid {json.dumps(text, ensure_ascii=False)}\nmsgstr ""\n')


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else next(code for code in LANGUAGES if code != "en"))
