"""Makes what the node imports lighter; the command line imports it before the rest. Without it all works the same.

* structlog imports rich, if it is there, for coloured tracebacks that are never shown here;
* the package anycorn imports its own server with its workers and signals; only its protocol is used here;
* snowballstemmer imports the stemmers of 35 languages, of which a network speaks one or two;
* pycryptodome, which libp2p wants for RSA keys, calls its library by cffi if that is there, else by ctypes; cffi is
  there, and imports a parser of C.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _LazyPackage(ModuleType):
    """A package whose `__init__` runs when one of its names is first wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self.__spec__ is None or self.__spec__.loader is None:
            raise AttributeError(name)
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def enter_lazily(names: Iterable[str]) -> None:
    """Enter packages into `sys.modules` without running their `__init__`. ImportError if one is not there."""
    for name in names:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            raise ImportError(f"there is no package {name}")
        package = _LazyPackage(name)
        package.__dict__.update(
            __spec__=spec,
            __path__=spec.submodule_search_locations,
            __file__=spec.origin,
            __package__=name,
            __loader__=spec.loader,
        )
        sys.modules[name] = package
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, package)


@contextmanager
def standing_in(name: str, module: ModuleType | None) -> Iterator[None]:
    """Within, `import name` finds this module (None: nothing at all); afterwards the real one. No effect if the real
    one is there already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with standing_in("rich", None):
    importlib.import_module("structlog")
with standing_in("cffi", None):
    importlib.import_module("Crypto.Util._raw_api")
enter_lazily(("anycorn", "snowballstemmer"))
