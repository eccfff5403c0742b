"""Papers of questions: what is known of each, and what a person must fill in; as Markdown and as a page, bilingual."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sixfold.evaluation._document import document
from sixfold.evaluation._html import say
from sixfold.evaluation._words import both
from sixfold.language import Text

__all__ = ["Answer", "Paper", "Part", "as_markdown", "as_page"]

_FILL = Text("To fill in", "待填写")
_LANGUAGES = ("en", "zh")
_STYLE = """
.fill { border-left: 3px solid var(--warn); padding: .1rem 0 .1rem 1rem; color: var(--warn); }
.answers h3 { margin-top: 1.5rem; } .answers p { margin: .3rem 0; }
.answers p:has(> b:only-child) { margin-top: 1.1rem; }
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of a paper.

    Args:
        to: The question, in a few words.
        known: What is known, sentence by sentence.
        fill: What a person must fill in; ``None`` where all is known.
    """

    to: Text
    known: Sequence[Text] = ()
    fill: Text | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a paper: its title, and its questions."""

    title: Text
    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper: its title, what it is, and its parts."""

    title: Text
    about: Text
    parts: Sequence[Part]

    @property
    def left(self) -> int:
        """How many questions a person must still answer."""
        return sum(answer.fill is not None for part in self.parts for answer in part.answers)

    @property
    def stands(self) -> Text:
        """How far it is."""
        every = sum(len(part.answers) for part in self.parts)
        return Text(
            f"Of {every} points, {every - self.left} are answered from what was measured; {self.left} have something "
            "that a person must fill in, marked so.",
            f"共 {every} 项，其中 {every - self.left} 项已由测得的内容回答；"
            f"{self.left} 项有需要人填写的部分，均已标出。",
        )


def as_markdown(papers: Sequence[Paper], head: Mapping[str, Any] | None = None) -> str:
    """Papers in English, then in Chinese.

    Args:
        papers: One after the other.
        head: Front matter, if any.
    """
    import yaml

    lines = [] if head is None else [f"---\n{yaml.safe_dump(dict(head), sort_keys=False, allow_unicode=True)}---\n"]
    for code in _LANGUAGES:
        for paper in papers:
            lines += [f"# {_line(paper.title(code))}\n", f"{_line(paper.about(code))}\n", f"{paper.stands(code)}\n"]
            for part in paper.parts:
                lines.append(f"## {_line(part.title(code))}\n")
                for answer in part.answers:
                    lines.append(f"### {_line(answer.to(code))}\n")
                    lines += [f"{_line(known(code))}\n" for known in answer.known]
                    if answer.fill is not None:
                        lines.append(f"- [ ] **{_FILL(code)}:** {_line(answer.fill(code))}\n")
        lines.append("---\n")
    return "\n".join(lines[:-1])


def as_page(name: str, papers: Sequence[Paper], version: str) -> bytes:
    """Papers as one self-contained HTML file.

    Args:
        name: Of the product.
        papers: One after the other.
        version: Of Sixfold.
    """
    body = [f"<h1>{say(name)}</h1>"]
    contents = []
    for number, paper in enumerate(papers):
        contents.append(f'<a href="#paper-{number}">{say(paper.title)}</a>')
        body.append(f'<section id="paper-{number}" class="answers"><h2>{say(paper.title)}</h2>')
        body.append(f'<p>{say(paper.about)}</p><p class="quiet">{say(paper.stands)}</p>')
        for part in paper.parts:
            body.append(f"<h3>{say(part.title)}</h3>")
            for answer in part.answers:
                body.append(f"<p><b>{say(answer.to)}</b></p>")
                body += [f"<p>{say(known)}</p>" for known in answer.known]
                if answer.fill is not None:
                    body.append(f'<p class="fill"><strong>{say(_FILL)}</strong> · {say(answer.fill)}</p>')
        body.append("</section>")
    footer = say(both("report.footer", version=version))
    return document(f"{name} · Sixfold", "\n".join(body), contents="".join(contents), footer=footer, style=_STYLE)


def _line(text: str) -> str:
    """Words on one line, without marks that would begin a heading, a list or a tag of their own."""
    return html.escape(" ".join(text.split()), quote=False).lstrip("#>-*+ ")
