"""Text into HTML. Everything a model, a task file or a user wrote passes through `safe`, and nothing else may."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from assay.core.records import dumps
from assay.core.types import Json


def safe(text: object) -> str:
    """Escaped for element content and quoted attributes, with what cannot be seen made visible: control, bidi and
    zero-width characters and lone surrogates stand there as their code points, so that no text can reorder the page."""
    return escape(
        "".join(each if each.isprintable() or each in "\n\t" else f"\\u{{{ord(each):x}}}" for each in str(text))
    )


def embed(value: Json) -> str:
    """JSON that is safe inside <script type="application/json">: ASCII, and without the characters that end it."""
    return dumps(value).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def number(value: float | None, form: str = ".3f") -> str:
    """A typographic number: a real minus sign, an en dash for nothing."""
    return "–" if value is None else format(value, form).replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def short(value: Json) -> str:
    """A setting's number as people write it: 1e-5, 0.02, 14."""
    return (
        re.sub(r"e([+-])0*", r"e\1", f"{value:g}").replace("e+", "e") if isinstance(value, (int, float)) else str(value)
    )


def compact(value: Json) -> str:
    """A configuration value on one line."""
    return value if isinstance(value, str) else dumps(value)


def join(parts: Iterable[str]) -> str:
    return "".join(parts)
