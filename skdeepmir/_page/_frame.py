"""The frame of a page: head, policy, style and script around what is told."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from string import Template

OWN = "skdeepmir._page"
# What script and style may do besides: show pictures and play sound of the page.
POLICY = (
    "default-src 'none'; img-src data:; media-src blob:; style-src 'sha256-$style'; "
    "script-src 'sha256-$script'; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class Page:
    """A page that loads nothing, with a style and a script of its own.

    Parameters
    ----------
    package : str
        Where ``name.css`` and ``name.js`` are, which follow those that all pages share.
    name : str
        Their name.
    title : str
        The title, as text.
    subtitle : str
        What stands below it, as text.
    """

    package: str
    name: str
    title: str
    subtitle: str

    def render(
        self, main: str, footer: str = "", facts: Iterable[tuple[str, str]] = ()
    ) -> bytes:
        """Return the page.

        Parameters
        ----------
        main : str
            HTML of its body.
        footer : str, default=""
            HTML of its last lines.
        facts : iterable of (str, str), default=()
            What the script reads: the id of an element, and JSON from ``as_json``.

        Returns
        -------
        page : bytes
            HTML in UTF-8.
        """
        script, style = (
            "\n".join(
                (files(package) / f"{name}.{kind}").read_text(encoding="utf-8")
                for package, name in [(OWN, "page"), (self.package, self.name)]
            )
            for kind in ("js", "css")
        )
        template = (files(OWN) / "page.html").read_text(encoding="utf-8")
        blocks = [
            f'<script type="application/json" id="{name}">{text}</script>\n'
            for name, text in facts
        ]
        return (
            Template(template)
            .substitute(
                policy=Template(POLICY).substitute(
                    style=_digest(style), script=_digest(script)
                ),
                title=html.escape(self.title),
                subtitle=html.escape(self.subtitle),
                style=style,
                script=script,
                main=main,
                footer=footer,
                facts="".join(blocks),
            )
            .encode()
        )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
