"""What a prompted model is asked, and how its answer is read."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sixfold.errors import InputError
from sixfold.fields import Field
from sixfold.personal import is_redacted_column, redacted
from sixfold.product import Product

__all__ = ["Question"]

_LONGEST_TEXT = 8000
"""Characters of one text: longer ones are cut, as the report says."""

_STARTS = {b"\x89PNG": "png", b"\xff\xd8": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}
_OBJECT = re.compile(r"\{[^{}]*\}")
_NUMBER = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


class Question:
    """How rows of a product are asked about.

    Args:
        product: The declaration; its goal is told.
        given: The fitted fields of the given columns.
        classes: What can be answered; empty of numbers.
        examples: Rows as JSON values with what is right for each, shown before the question.
    """

    def __init__(
        self,
        product: Product,
        given: Mapping[str, Field],
        classes: Sequence[str],
        examples: Sequence[tuple[Mapping[str, Any], Any]],
    ) -> None:
        self._given, self._classes, self._target = given, list(classes), product.target_name
        wanted = f"one of {json.dumps(self._classes, ensure_ascii=False)}" if classes else "a number"
        goal = f"{product.goal.strip()}\n" if product.goal.strip() else ""
        system = (
            f"{goal}From the columns of a row, tell its {self._target!r}. "
            f'Answer with JSON alone: {{"answer": …}}, where the answer is {wanted}.'
        )
        self._before: list[dict[str, Any]] = [{"role": "system", "content": system}]
        for row, right in examples:
            self._before.append({"role": "user", "content": self._content(row)})
            self._before.append({"role": "assistant", "content": json.dumps({"answer": right}, ensure_ascii=False)})

    def messages(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The conversation that asks about a row of JSON values, without personal data in its texts."""
        return [*self._before, {"role": "user", "content": self._content(row)}]

    def class_of(self, text: str) -> int | None:
        """Which class an answer means; ``None`` where it means none, or several."""
        said = _answer(text)
        plain = {_folded(name): place for place, name in enumerate(self._classes)}
        if said is not None:
            said = str(said).lower() if isinstance(said, bool) else str(said)
            return plain.get(_folded(said))
        if (whole := plain.get(_folded(text))) is not None:
            return whole
        found = {place for name, place in plain.items() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", _folded(text))}
        return found.pop() if len(found) == 1 else None

    @staticmethod
    def number_of(text: str) -> float | None:
        """Which number an answer means; ``None`` where it means none, or several."""
        said = _answer(text)
        found = _NUMBER.findall(text if said is None else str(said))
        if len(found) != 1:
            return None
        return float(found[0].replace(",", "").replace("−", "-"))

    def _content(self, row: Mapping[str, Any]) -> Any:
        plain: dict[str, Any] = {}
        pictures = []
        for name, field in self._given.items():
            value = row.get(name)
            if field.widget == "image" and isinstance(value, str):
                pictures.append({"type": "image_url", "image_url": {"url": _data_url(value, name)}})
            elif isinstance(value, str):
                text = value[:_LONGEST_TEXT]
                plain[name] = redacted(text, name) if is_redacted_column(field.kind()) else text
            else:
                plain[name] = value
        said = json.dumps(plain, ensure_ascii=False)
        return said if not pictures else [*([{"type": "text", "text": said}] if plain else []), *pictures]


def _answer(text: str) -> Any:
    """What stands under ``answer`` in the JSON object of a text; ``None`` without one."""
    for part in (text.strip(), *_OBJECT.findall(text)):
        try:
            record = json.loads(part)
        except ValueError:
            continue
        if isinstance(record, dict) and "answer" in record:
            return record["answer"]
    return None


def _folded(name: str) -> str:
    return " ".join(name.casefold().split()).strip(" .。\"'`")


def _data_url(value: str, column: str) -> str:
    start = base64.b64decode(value[:16] + "=" * (-len(value[:16]) % 4))
    kind = next((kind for begins, kind in _STARTS.items() if start.startswith(begins)), None)
    if kind is None:
        raise InputError("rent_picture", column=column)
    return f"data:image/{kind};base64,{value}"
