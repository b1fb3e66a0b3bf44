"""One HTML file from a template, scripts and styles, held to a strict Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

_IMPORT = re.compile(r"^import\s+\{[^}]*\}\s+from\s+\"\./[\w-]+\.js\";\n", re.M)
_EXPORT = re.compile(r"^export (?=(?:async function|function|const|class) (\w+))", re.M)


class Asset(NamedTuple):
    """A file of package data."""

    package: str
    name: str

    def text(self) -> str:
        """Its content."""
        return files(self.package).joinpath(*self.name.split("/")).read_text(encoding="utf-8")


def render_page(
    template: Asset,
    values: Mapping[str, Any],
    *,
    styles: Iterable[Asset] = (),
    scripts: Iterable[Asset] = (),
    filters: Mapping[str, Any] | None = None,
) -> str:
    """The page as HTML. Everything in ``values`` is escaped, unless it is ``Markup``.

    The template gets ``policy``, ``style`` and ``script`` besides: the policy allows the style and the script
    by their hashes, and nothing else: no network, no inline handler, no other script.

    Args:
        scripts: ES modules, each after those that it imports from. They become one module script.
    """
    style = "".join(asset.text() for asset in styles)
    script = "".join(_joined(asset.text()) for asset in scripts)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= filters or {}
    return environment.from_string(template.text()).render(
        {**values, "policy": _policy(style, script), "style": _raw(style), "script": _raw(script)}
    )


def data_block(name: str, value: Any) -> Markup:
    """A JSON value for the page's script to read; no text in it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return Markup('<script type="application/json" id="{}">').format(name) + Markup(text + "</script>")


def _joined(module: str) -> str:
    """A module as a part of the page's one script: only what it exports is a name of the script.

    What it imports is there already: the modules before it export it.
    """
    body = _EXPORT.sub("", _IMPORT.sub("", module))
    names = ", ".join(match[1] for match in _EXPORT.finditer(module))
    return f"const {{ {names} }} = (() => {{\n{body}return {{ {names} }};\n}})();\n"


def _policy(style: str, script: str) -> str:
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_source(style)}",
            f"script-src {_source(script)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _source(text: str) -> str:
    if not text:
        return "'none'"
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _raw(text: str) -> Markup:
    """Our own style or script, as it is: it must not end its element."""
    if re.search(r"</(?:style|script)|<!--", text, re.I):
        raise ValueError("a script or a style would end its own element")
    return Markup(text)
