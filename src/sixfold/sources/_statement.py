"""Whether an SQL statement only reads: one ``select``, held by a look at its words, not by trust in the database alone.

The look errs on the side of refusing: a comment or a quote that databases understand differently is no reason to guess.
"""

from __future__ import annotations

import re

from sixfold.errors import SourceError

__all__ = ["reading_statement"]

_QUOTED = re.compile(
    r"""
      '(?:[^']|'')*'
    | "(?:[^"]|"")*"
    | `(?:[^`]|``)*`
    | \[[^\]]*\]
    | (\$\w*\$).*?\1
    | --[^\n]*
    | /\*.*?\*/
    """,
    re.VERBOSE | re.DOTALL,
)
_BEGINNINGS = ("select", "with", "values")
_WRITING = (
    *("insert", "update", "delete", "merge", "replace into", "upsert", "truncate", "into", "copy", "load"),
    *("create", "alter", "drop", "rename", "comment on", "grant", "revoke", "vacuum", "reindex", "attach", "detach"),
    *("call", "exec", "execute", "do", "lock", "pragma", "commit", "rollback", "begin", "declare", "prepare"),
)
_WORDS = re.compile(r"\b(" + "|".join(word.replace(" ", r"\s+") for word in _WRITING) + r")\b", re.IGNORECASE)


def reading_statement(query: str) -> str:
    """The statement, without a semicolon at its end.

    Raises:
        SourceError: It is not one statement that only reads.
    """
    statement = query.strip().rstrip(";").rstrip()
    # MySQL ends a quote at \' where others go on, and runs what stands in a comment of this form.
    for trick in ("\\'", '\\"', "/*!"):
        if trick in statement:
            raise SourceError("not_reading", word=trick)
    bare = _QUOTED.sub(lambda found: ";" if ";" in found.group() and found.group()[0] in "-/" else " ", statement)
    first = re.match(r"[\s(]*(\w*)", bare)
    word = first.group(1).lower() if first else ""
    if word not in _BEGINNINGS:
        raise SourceError("not_reading", word=word or statement[:20])
    if ";" in bare:
        raise SourceError("not_reading", word=";")
    if found := _WORDS.search(bare):
        raise SourceError("not_reading", word=found.group())
    return statement
