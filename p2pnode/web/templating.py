"""Templates: Jinja, sandboxed, everything escaped, nothing undefined taken for nothing; one environment a language."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from functools import cache
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from . import words
from .languages import LANGUAGES, Catalog, load_catalog
from .reading import Reader, clean
from .sentences import Sentences, load_sentences
from .static import FOLDER


def _shown(value: Any) -> Any:
    """What stands in `{{ }}`, before it is escaped."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _filled(text: Any, variables: Mapping[str, Any]) -> Markup:
    """A translation with what stands in it, all of it escaped. Jinja's own would take the text for markup, and what it
    stands for would pass `_shown` unseen; and a text that is none of ours may hold any `%`."""

    def part(match: re.Match[str]) -> str:
        name = match[1]
        return "%" if name is None else str(escape(_shown(variables[name]))) if name in variables else match[0]

    return Markup(re.sub(r"%\((\w+)\)s|%%", part, escape(_shown(text))))


@cache
def catalog(language: str) -> Catalog:
    return load_catalog(language)


@cache
def environment(language: str) -> ImmutableSandboxedEnvironment:
    """The environment of a language, its templates compiled when they are first used."""
    made = ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    texts = catalog(language)
    install: Any = getattr(made, "install_gettext_callables")  # noqa: B009  # the extension adds it
    install(texts.gettext, texts.ngettext, newstyle=True)
    made.globals.update(
        gettext=lambda text, /, **of: _filled(texts.gettext(text), of),
        ngettext=lambda one, many, n, /, **of: _filled(texts.ngettext(one, many, n), {"num": n, **of}),
        language=language,
        languages=LANGUAGES,
        STATUS=words.STATUS,
        DIRECTION=words.DIRECTION,
        KIND=words.KIND,
        NO_PRICE=words.NO_PRICE,
        STEP=words.STEP,
        NEXT=words.NEXT,
        OUTCOME=words.OUTCOME,
        DIMENSION=words.DIMENSION,
        TONE=words.TONE,
        tone=words.tone,
    )
    made.filters["node"] = lambda text: say(language, text)
    return made


def say(language: str, text: Any) -> str:
    """A sentence of the page or of the node in the reader's language, as text: it is escaped where it is shown."""
    ours = catalog(language).gettext(str(text))
    return ours if ours != text else sentences(language).say(str(text))


@cache
def sentences(language: str) -> Sentences:
    return load_sentences(language)


def reader(language: str, now: int, zone: tzinfo | None, networks: Any) -> Reader:
    return Reader(language, catalog(language), now, zone, networks)


def render(template: str, language: str, context: dict[str, Any]) -> str:
    return environment(language).get_template(template).render(context)
