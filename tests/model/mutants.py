"""A machine with one rule taken away: the source of a module with a passage replaced."""

import importlib.util
import sys
from types import ModuleType


def mutant(module: ModuleType, *changes: tuple[str, str]) -> ModuleType:
    """Load the module anew with each passage, which must stand in it exactly once, replaced."""
    assert module.__file__ is not None
    with open(module.__file__, encoding="utf-8") as file:
        source = file.read()
    for old, new in changes:
        assert source.count(old) == 1, f"{old!r} stands {source.count(old)} times in {module.__name__}"
        source = source.replace(old, new)
    name = f"{module.__name__}_mutant"
    spec = importlib.util.spec_from_loader(name, loader=None)
    assert spec is not None
    made = importlib.util.module_from_spec(spec)
    made.__package__ = module.__package__
    sys.modules[name] = made
    try:
        exec(compile(source, name, "exec"), made.__dict__)
    finally:
        del sys.modules[name]
    return made
