"""One self-contained HTML page in the look of the report: both languages, no network, printable."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib import resources
from string import Template

__all__ = ["document"]


def document(
    title: str, body: str, *, contents: str = "", footer: str = "", script: str = "", style: str = ""
) -> bytes:
    """A page as UTF-8.

    Its policy (CSP) lets no other script run than its own, by digest, so that a name from the data can do nothing even
    if escaping it were forgotten.

    Args:
        title: Of the window; not yet escaped.
        body: What stands in it (HTML).
        contents: The links of the bar (HTML).
        footer: What stands below (HTML).
        script: JavaScript after that of every page.
        style: CSS after that of every page.
    """
    folder = resources.files("sixfold.evaluation") / "report"
    template, sheet, own = (
        (folder / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    own += script
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    return (
        Template(template)
        .substitute(
            title=html.escape(title),
            style=sheet + style,
            script=own,
            script_digest=f"sha256-{digest}",
            contents=contents,
            body=body,
            footer=footer,
        )
        .encode()
    )
