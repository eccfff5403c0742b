"""Texts, English and Chinese alike."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field as Setting
from pydantic import model_validator

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.fields._preset import preset_folder
from sixfold.fields._tokenizer import (
    END,
    loaded,
    plain,
    plain_lines,
    read,
    read_to_write,
    trained,
    trained_to_write,
    unheard,
)
from sixfold.fields.category import label
from sixfold.hashing import digest_of_value
from sixfold.language import Text as Sentence

__all__ = ["Text"]

_OWN, _CHARACTERS = "own", "characters"

_LONGEST_DEFAULT = 256
_KEPT_WHOLE = 64
"""Tokens up to which no training text is cut: padding them costs little."""

_CUT_AT = 0.95
"""Of training texts beyond that, so many are kept whole; the longest few would make every row as long as they are."""

_LONGEST_WRITTEN, _WRITTEN_WHOLE = 4096, 0.999
"""The same of texts to write, of which next to none may lose its end."""

_ROUNDED_TO = 8

_LONGEST_TOKEN = 64
"""Characters of a text that are looked at, for each of its tokens: what lies beyond would be cut off anyway."""

_LOOKED_AT = 40_000_000
"""Characters that are held to learn from: more of them would change the last tokens of a vocabulary only."""

_MEASURED = 20_000
"""Texts, evenly from all, whose tokens are counted to see how long texts are."""

_TWO_VOCABULARIES = Sentence(
    "a tokenizer that is read brings its own vocabulary: leave one of the two out",
    "读取的分词器自带词表：两者只能写一个",
)
_SHIFT = 2
"""Ids of a pretrained vocabulary stand so many higher here, where 0 is padding and 1 the end of a text."""

_NOT_A_TEXT = Sentence("not a text: expected a string", "不是文本：应为字符串")


class Text(Field):
    """A text in any language; numbers are read as they are written, control characters are passed over.

    Encoded as int32 ids of tokens (length,), the rest 0. The own vocabulary is learned from the training rows by byte
    pair encoding (Sennrich et al. 2016) over the text in lower case and Unicode's NFKC: frequent English words and
    frequent Chinese words become one token each, rare ones are put together from parts, and the rarest characters
    (0.05 % of a text, Kudo & Richardson 2018) count as unknown.

    A text that is to be written (generated) keeps its case and its lines, so that decoding gives back what was encoded:
    its vocabulary tells rare characters byte by byte, characters of scripts without blanks (Chinese) are tokens of
    their own, and each text ends in a token that says so.
    """

    title: ClassVar[Sentence] = Sentence("a text", "文本")
    widget: ClassVar[Widget] = "text"
    is_heavy: ClassVar[bool] = True

    class Options(KindOptions):
        """``length``: tokens kept of each text; left out, as many as 95 % of the training texts have, 64 to 256; of
        texts to write, as many as 99.9 % have, up to 4,096.

        ``tokenizer``: own; characters: own, with a token for each character; or that of a pretrained network: a folder
        with Hugging Face's (tokenizer.json or vocab.txt) or a KerasHub preset's, or its name on a hub (hf://…,
        kaggle://…, modelscope://…).

        ``vocabulary``: most tokens of the own vocabulary; left out, as many as the texts give, up to 16,000.
        """

        length: int | None = Setting(None, ge=4, le=8192)
        tokenizer: str = _OWN
        vocabulary: int | None = Setting(None, ge=100, le=200_000)

        @model_validator(mode="after")
        def _is_one_vocabulary(self) -> Text.Options:
            if self.tokenizer != _OWN and self.vocabulary is not None:
                raise ValueError(_TWO_VOCABULARIES)
            return self

    def parse(self, value: Any) -> str | None:
        """The text on one line without control characters; ``None`` where nothing is left."""
        if is_missing(value):
            return None
        if isinstance(value, (list, tuple, set, dict, np.ndarray)):
            raise ValueError(_NOT_A_TEXT)
        text = value if isinstance(value, str) else label(value)
        return (plain_lines(text) if self.is_written else plain(text)) or None

    def likeness(self, value: Any) -> bytes | None:
        """The text without what copying changes: case, blanks, full and half width (Unicode's NFKC)."""
        text = self.parse(value)
        if text is None:
            return None
        if text.isascii():  # on one line with single blanks already
            return text.lower().encode()
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).encode("utf-8", "surrogatepass")

    def depends_on(self) -> Any:
        if self._folder is None:
            return None
        record = _json_record(self._folder)
        return digest_of_value(record)

    def learn(self, values: Values) -> dict[str, Any]:
        """Looks at 40 million characters at most, of texts evenly from all.

        What cannot be read is passed over: whoever encodes it is told.
        """
        assert isinstance(self.options, Text.Options)
        texts = self._some(values)
        if self._folder is not None:
            record = read(self._folder)
        elif self.options.tokenizer == _CHARACTERS:
            record = trained_to_write([plain(text) for text in texts], by_character=True)
        else:
            record = trained(texts, self.options.vocabulary)
        tokenizer = loaded(record)
        return {
            "length": self.options.length or _usual_length(tokenizer, texts),
            "vocabulary": tokenizer.get_vocab_size(),
            "tokenizer": record,
        }

    def learn_target(self, values: Values) -> dict[str, Any]:
        """As :meth:`learn`, with a vocabulary to write with."""
        assert isinstance(self.options, Text.Options)
        if self._folder is not None:
            return self._pretrained(values, self._folder)
        writing = type(self)(self.name, self.options, {"end": END}, beside=self.beside)
        texts = writing._some(values)
        by_character = self.options.tokenizer == _CHARACTERS
        record = trained_to_write(texts, self.options.vocabulary, by_character=by_character)
        tokenizer = loaded(record)
        length = self.options.length or _usual_length(tokenizer, texts, _WRITTEN_WHOLE, _LONGEST_WRITTEN, ends=True)
        return {
            "length": length,
            "vocabulary": tokenizer.get_vocab_size(),
            "tokenizer": record,
            "end": END,
            "silent": unheard(record, texts),
        }

    def _pretrained(self, values: Values, folder: Path) -> dict[str, Any]:
        """What there is to know of a text that a pretrained language model is to write."""
        assert isinstance(self.options, Text.Options)
        record, end, begin = read_to_write(folder)
        tokenizer = loaded(record)
        texts = type(self)(self.name, self.options, {"end": END}, beside=self.beside)._some(values)
        length = self.options.length or _usual_length(tokenizer, texts, _WRITTEN_WHOLE, _LONGEST_WRITTEN, ends=True)
        return {
            "length": length,
            "vocabulary": tokenizer.get_vocab_size() + _SHIFT,
            "tokenizer": record,
            "end": END,
            "shift": _SHIFT,
            "preset": {"end": end, "begin": begin},
            # Signs beside the text, of which the end has a place of its own.
            "silent": sorted({end + _SHIFT, *(token["id"] + _SHIFT for token in record["added_tokens"])}),
        }

    @property
    def _shift(self) -> int:
        return int(self.state.get("shift", 0))

    @property
    def is_written(self) -> bool:
        """Whether it was fitted as what is to be generated."""
        return "end" in self.state

    @property
    def form(self) -> Form:
        shape = (self.state["length"],)
        return Form(name="tokens", shape=shape, dtype="int32", vocabulary=self.state["vocabulary"])

    def encode(self, values: Values) -> Array:
        length = self.state["length"]
        array = np.zeros((len(values), length), np.int32)
        known = [(row, text[: length * _LONGEST_TOKEN]) for row, text in enumerate(self.parsed(values)) if text]
        encoded = self._tokenizer.encode_batch_fast([text for _, text in known])
        for (row, _), tokens in zip(known, encoded, strict=True):
            ids = tokens.ids
            array[row, : len(ids)] = ids
            array[row, : len(ids)] += self._shift
            if self.is_written and len(ids) < length:
                array[row, len(ids)] = END
        return array

    def overlong(self, value: Any) -> Sentence | None:
        text = self.parse(value)
        length = self.state["length"]
        if text is None:
            return None
        if len(text) <= length * _LONGEST_TOKEN:
            count = len(self._whole.encode(text).ids)
            if count <= length:
                return None
            said = f"{count:,}"
        else:
            said = f"{len(self._whole.encode(text[: length * _LONGEST_TOKEN]).ids):,}+"
        return Sentence(
            f"the text has {said} tokens, and at most {length:,} are read: shorten it, or train with a longer `length`",
            f"文本有 {said} 个词元，而最多读取 {length:,} 个：请缩短文本，或在训练时把 `length` 设得更大",
        )

    def beginning(self, text: str) -> list[int]:
        """The tokens of the beginning of a text to be written, as it stands: blanks and lines at its end are kept."""
        known = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
        return [token + self._shift for token in self._whole.encode(known).ids]

    def decode(self, array: Array) -> list[str | None]:
        """Texts as their tokens tell them: in the vocabulary's spelling, without what was cut off or is unknown; one to
        be written is as it was, up to its end."""
        ids: list[list[int]] = [[token for token in row if token] for row in array.tolist()]
        if self.is_written:
            ids = [row[: row.index(END)] if END in row else row for row in ids]
            ids = [[token - self._shift for token in row] for row in ids]
        texts: list[str] = self._tokenizer.decode_batch(ids, skip_special_tokens=True)
        return [text if row else None for row, text in zip(ids, texts, strict=True)]

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "null"]}

    def _some(self, values: Values) -> list[str]:
        """Texts evenly from all, read in one go; of more than can be looked at, every second, every fourth …"""
        texts: list[str] = []
        held, stride = 0, 1
        for row, value in enumerate(values):
            if row % stride:
                continue
            try:
                text = self.parse(value)
            except ValueError:
                continue
            texts.append(text or "")
            held += len(texts[-1])
            if held > _LOOKED_AT:
                texts, stride = texts[::2], stride * 2
                held = sum(map(len, texts))
        return [text for text in texts if text]

    @property
    def _folder(self) -> Path | None:
        assert isinstance(self.options, Text.Options)
        own = self.options.tokenizer in (_OWN, _CHARACTERS)
        return None if own else preset_folder(self.options.tokenizer, self.beside)

    @cached_property
    def _whole(self) -> Any:
        return loaded(self.state["tokenizer"])

    @cached_property
    def _tokenizer(self) -> Any:
        tokenizer = loaded(self.state["tokenizer"])
        tokenizer.enable_truncation(self.state["length"])
        return tokenizer


def _json_record(folder: Path) -> dict[str, Any]:
    """The tokenizer in a folder, whichever of both it is for: reading texts, or writing them."""
    try:
        return read(folder)
    except ValueError as error:
        try:
            return read_to_write(folder)[0]
        except ValueError:
            raise error from None  # what was wrong with it as one for reading is what most want to know


def _usual_length(
    tokenizer: Any, texts: list[str], whole: float = _CUT_AT, most: int = _LONGEST_DEFAULT, *, ends: bool = False
) -> int:
    """Tokens that a share ``whole`` of the texts fit into, and a token for their end where they have one."""
    some = texts[:: -(-len(texts) // _MEASURED) or 1]
    shown = [text[: most * _LONGEST_TOKEN] for text in some]
    lengths = [len(tokens.ids) + ends for tokens in tokenizer.encode_batch_fast(shown)] or [1]
    usual = max(float(np.quantile(lengths, whole)), min(max(lengths), _KEPT_WHOLE))
    return min(most, -(-int(np.ceil(usual)) // _ROUNDED_TO) * _ROUNDED_TO)
