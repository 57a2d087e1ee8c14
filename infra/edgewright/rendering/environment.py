"""The Jinja environment: undefined names are errors, and one filter writes JavaScript literals."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from edgewright.errors import RenderError

# JSON is JavaScript but for these two line ends, and `<` could open a tag where a module is shown in a page.
_ESCAPES = {"<": "\\u003c", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def js(value: Any, indent: int | None = None) -> str:
    """``value`` as a JavaScript literal, keys sorted, so that equal values give equal bytes.

    Raises:
        RenderError: the value is no JSON (a NaN, a secret, an object).
    """
    try:
        text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)
        text.encode()  # a lone surrogate is JSON but no module
    except (TypeError, ValueError) as error:
        raise RenderError(f"a template value cannot be written as JavaScript: {error}") from None
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text


@cache
def environment(folder: Path) -> jinja2.Environment:
    """The environment over the templates in ``folder``."""
    # Autoescaping is for HTML; `js` is the only way a value reaches a module.
    loaded = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    loaded.filters["js"] = js
    return loaded


def render_template(folder: Path, name: str, values: dict[str, Any]) -> str:
    """Render one template.

    Raises:
        RenderError: the template is missing, malformed, or uses a name that is not in ``values``.
    """
    try:
        return environment(folder).get_template(name).render(values)
    except jinja2.UndefinedError as error:
        raise RenderError(f"{name}: {error.message}", fix="templates/README.md lists what it receives") from None
    except jinja2.TemplateNotFound:
        raise RenderError(f"there is no template {name} in {folder}") from None
    except jinja2.TemplateSyntaxError as error:
        raise RenderError(f"{name}, line {error.lineno}: {error.message}") from None
