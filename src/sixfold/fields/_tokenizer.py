"""Tokenizers: trained here, or read from a folder; as plain JSON, so that whoever serves needs no folder."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.language import Text

__all__ = ["END", "loaded", "plain", "plain_lines", "read", "read_to_write", "trained", "trained_to_write", "unheard"]

_MOST_TOKENS = 16_000

_FEWEST_TOGETHER = 3
"""How often two parts must stand side by side to become one: what was seen less teaches a network nothing."""

_COVERAGE = 0.9995
"""Share of all characters that the alphabet covers (SentencePiece's for languages of many characters)."""

_LONGEST_MERGED = 24
_LARGEST_FILE = 64 << 20

_PAD, _UNKNOWN = "[PAD]", "[UNK]"
_END = "[END]"
_ENDS = ("<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|im_end|>")
_BEGINS = ("<|begin_of_text|>", "<s>", "<bos>")
"""What pretrained language models call the tokens that end and begin a text."""

END = 1
"""Of a vocabulary to write with: the id of the token where a text ends, and before which the next one begins."""

_ALPHABET_KEPT_WHOLE = 512
"""Different characters up to which every one of them gets a token, as of alphabets; of scripts with thousands, nearly
all of a text's do."""

_WORD_BEGINS = "▁"

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\x{30FC}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts that put no blanks between words: a run of them is one piece, and what is a word is left to the merges."""

_LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}]&&[^{_UNSPACED}]]"
_WORD_STARTS = rf"(?<!{_LETTER})(?<!{_LETTER}')(?<!\d[.,])(?={_LETTER})"
_PIECES = rf"{_WORD_BEGINS}{_LETTER}+(?:(?:'|(?<=\d)[.,](?=\d)){_LETTER}+)*|[{_UNSPACED}]+|([^\s{_WORD_BEGINS}])\1*"
"""Words with their apostrophes, numbers with their points, runs of unspaced scripts, signs (the same again and again
as one piece: "!!!")."""

_WORD = rf" ?[[\p{{L}}\p{{M}}]&&[^{_UNSPACED}]]+(?:'[\p{{L}}\p{{M}}]+)*"
_TO_WRITE = rf"{_WORD}|\p{{N}}|[{_UNSPACED}]| ?([^\s\p{{L}}\p{{M}}\p{{N}}])\1*|\s"
"""The same for texts that are written: nothing is lost, a blank belongs to the word behind it, and digits and the
characters of unspaced scripts stand alone, for each of these says something."""

_UNSEEN = {*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029}
_INVISIBLE = {0xAD, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF, 0xFFFD}
_INVISIBLE -= {0x200C, 0x200D}  # joiners: they carry meaning in Persian, Hindi and emoji
_CLEANED = {**dict.fromkeys(_UNSEEN, " "), **dict.fromkeys(_INVISIBLE, None)}


def plain(text: str) -> str:
    """A text on one line: control characters and half characters gone, blanks single."""
    if not text.isascii():
        # Half of a surrogate pair cannot be written in UTF-8, and so not be handed to Rust.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")
    if not text.isprintable():
        text = text.translate(_CLEANED)
    return " ".join(text.split())


def plain_lines(text: str) -> str:
    """A text of several lines, each as :func:`plain` makes it behind the blanks it begins with; without blank lines at
    its beginning and end, and with no more than one between."""
    lines = [_indent(line) + plain(line) if line.strip() else "" for line in text.splitlines()]
    kept = [line for number, line in enumerate(lines) if line or (number and lines[number - 1])]
    return "\n".join(kept).strip("\n")


def _indent(line: str) -> str:
    """Blanks at the beginning of a line, which say something in verse and in programs."""
    blanks = line[: len(line) - len(line.lstrip())].expandtabs(4)
    return " " * len(blanks)


def trained(texts: Sequence[str], most: int | None = None) -> dict[str, Any]:
    """A tokenizer whose vocabulary of at most ``most`` tokens (default: 16,000) suits these texts; always the same.

    Id 0 is padding, 1 what is unknown. Where English words begin is marked, so that "art" and the end of "smart" are
    two tokens, and a word is the same token at the beginning of a text and behind a bracket.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace("’", "'"),
            normalizers.Replace(_WORD_BEGINS, "_"),
            normalizers.Replace(Regex(_WORD_STARTS), _WORD_BEGINS),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), "removed", invert=True)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Fuse(), decoders.Replace(_WORD_BEGINS, " "), decoders.Strip(" ", 1, 0)]
    )
    alphabet = _alphabet([tokenizer.normalizer.normalize_str(text) for text in texts])
    trainer = trainers.BpeTrainer(
        vocab_size=most or _MOST_TOKENS,
        min_frequency=_FEWEST_TOGETHER,
        special_tokens=[_PAD, _UNKNOWN],
        # Said letter by letter: left to the trainer, chance decides between equally rare ones.
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        max_token_length=_LONGEST_MERGED,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return _record(tokenizer)


def trained_to_write(texts: Sequence[str], most: int | None = None, *, by_character: bool = False) -> dict[str, Any]:
    """A tokenizer for texts that are to be written, so that decoding gives back what was encoded; always the same.

    Id 0 is padding, 1 is where a text ends. What the alphabet lacks is told byte by byte in UTF-8 (as SentencePiece's
    byte fallback does: Kudo & Richardson 2018), with a token for each of the 256.

    Args:
        texts: Training texts.
        most: Most tokens beside the bytes (default: 16,000).
        by_character: Whether every character is a token of its own.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(_TO_WRITE), "isolated")
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    own = [_PAD, _END, *(f"<0x{byte:02X}>" for byte in range(256))]
    alphabet = _alphabet([tokenizer.normalizer.normalize_str(text) for text in texts], with_blanks=True)
    trainer = trainers.BpeTrainer(
        vocab_size=len(own) + (len(alphabet) if by_character else max(most or _MOST_TOKENS, len(alphabet))),
        min_frequency=_FEWEST_TOGETHER,
        special_tokens=own,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        max_token_length=_LONGEST_MERGED,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    record = _record(tokenizer)
    # Bytes are parts of the text, not signs beside it: decoding must not skip them.
    record["added_tokens"] = [token for token in record["added_tokens"] if token["content"] in (_PAD, _END)]
    return record


def read_to_write(folder: Path) -> tuple[dict[str, Any], int, int]:
    """The tokenizer of a pretrained language model in a folder, and the ids of the tokens that end and begin a text.

    Hugging Face's tokenizer.json, or a KerasHub preset's vocabulary.json and merges.txt (bytes in pairs, as GPT-2's,
    Llama 3's and Qwen's are: Radford et al. 2019).

    Raises:
        ValueError: There is none, it cannot be read, or no token of it ends a text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    if not folder.is_dir():
        raise ValueError(Text(f"there is no folder {folder}", f"没有文件夹 {folder}"))
    said, assets = _json(folder / "tokenizer.json"), folder / "assets" / "tokenizer"
    if said is not None and "model" in said:
        try:
            tokenizer = Tokenizer.from_str(json.dumps(said))
        except Exception as error:  # the library raises plain Exception
            raise _unreadable(folder / "tokenizer.json", error) from error
    else:
        vocabulary = _json(assets / "vocabulary.json")
        if vocabulary is None:
            raise _unreadable(assets, ValueError("vocabulary.json, merges.txt"))
        lines = _text(assets / "merges.txt").splitlines()
        pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
        try:
            tokenizer = Tokenizer(models.BPE(vocabulary, [(pair[0], pair[-1]) for pair in pairs]))
        except Exception as error:
            raise _unreadable(assets / "merges.txt", error) from error
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        tokenizer.add_special_tokens([word for word in (*_ENDS, *_BEGINS) if word in vocabulary])
    tokenizer.no_padding()
    tokenizer.no_truncation()
    record = {**_record(tokenizer), "post_processor": None}  # what stands around a text is said by whoever needs it
    ends = [tokenizer.token_to_id(word) for word in _ENDS]
    end = next((number for number in ends if number is not None), None)
    if end is None:
        raise _unreadable(folder, ValueError(", ".join(_ENDS)))
    begins = [tokenizer.token_to_id(word) for word in _BEGINS]
    return record, end, next((number for number in begins if number is not None), end)


def unheard(record: dict[str, Any], texts: Sequence[str]) -> list[int]:
    """The ids of the bytes that no training text is told by: a network never hears of them, and should never say them.

    Args:
        record: What :func:`trained_to_write` made.
        texts: The texts that it was trained on.
    """
    vocabulary = record["model"]["vocab"]
    letters = {letter for text in texts for letter in unicodedata.normalize("NFC", text)}
    heard = {byte for letter in letters if letter not in vocabulary for byte in letter.encode("utf-8")}
    return [vocabulary[f"<0x{byte:02X}>"] for byte in range(256) if byte not in heard]


def read(folder: Path) -> dict[str, Any]:
    """The tokenizer in a folder: Hugging Face's (tokenizer.json or vocab.txt), or a KerasHub preset's.

    Raises:
        ValueError: There is none, it cannot be read, or its id 0 is not padding.
    """
    from tokenizers import Tokenizer

    if not folder.is_dir():
        raise ValueError(Text(f"there is no folder {folder}", f"没有文件夹 {folder}"))
    said = _json(folder / "tokenizer.json")
    if said is not None and "model" in said:
        try:
            tokenizer = Tokenizer.from_str(json.dumps(said))
        except Exception as error:  # the library raises plain Exception
            raise _unreadable(folder / "tokenizer.json", error) from error
        padding = tokenizer.padding or {}
        pad = padding.get("pad_id", tokenizer.token_to_id(_PAD))
    elif said is not None or (folder / "assets" / "tokenizer").is_dir():
        settings = (said or {}).get("config", {})
        tokenizer = _word_pieces(
            folder / "assets" / "tokenizer" / "vocabulary.txt",
            lowercase=settings.get("lowercase"),
            strip_accents=settings.get("strip_accents"),
        )
        pad = tokenizer.token_to_id(_PAD)
    else:
        settings = _json(folder / "tokenizer_config.json") or {}
        tokenizer = _word_pieces(
            folder / "vocab.txt",
            lowercase=settings.get("do_lower_case"),
            strip_accents=settings.get("strip_accents"),
        )
        pad = tokenizer.token_to_id(_PAD)
    if pad != 0:
        raise ValueError(
            Text(
                f"the tokenizer in {folder} has id {pad} for padding; only those of BERT's kind, with 0, are read",
                f"{folder} 里的分词器用编号 {pad} 表示填充；目前只支持 BERT 一类（填充编号为 0）的分词器",
            )
        )
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return _record(tokenizer)


def loaded(record: dict[str, Any]) -> Any:
    """The ``tokenizers.Tokenizer`` of a record that :func:`trained` or :func:`read` made."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(json.dumps(record))
    # "[PAD]" in somebody's text is five characters, and no padding.
    tokenizer.encode_special_tokens = True
    return tokenizer


def _alphabet(texts: Sequence[str], *, with_blanks: bool = False) -> list[str]:
    """The commonest characters that cover nearly all of the texts, always the same ones."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32)
    letters, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    covered = np.cumsum(counts[order])
    many = int(np.searchsorted(covered, _COVERAGE * codes.size)) + 1 if codes.size else 0
    if with_blanks and len(letters) <= _ALPHABET_KEPT_WHOLE:
        many = len(letters)
    kept = (chr(code) for code in sorted(letters[order[:many]].tolist()))
    return [letter for letter in kept if with_blanks or not letter.isspace()]


def _word_pieces(path: Path, *, lowercase: bool | None, strip_accents: bool | None) -> Any:
    """BERT's tokenizer (Devlin et al. 2019) of a vocabulary with one token a line."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words = [word.rstrip("\r") for word in _text(path).rstrip("\n").split("\n")]
    ids = {word: number for number, word in enumerate(words)}
    lacking = [word for word in (_UNKNOWN, "[CLS]", "[SEP]") if word not in ids]
    if lacking:
        reason = f"{', '.join(lacking)} –"
        raise _unreadable(path, ValueError(reason))
    if lowercase is None:  # nothing says so, but a vocabulary without one capital letter does
        lowercase = not any(word != word.lower() for word in words if not word.startswith("["))
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=_UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=strip_accents)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])]
    )
    tokenizer.add_special_tokens([word for word in (_PAD, _UNKNOWN, "[CLS]", "[SEP]", "[MASK]") if word in ids])
    return tokenizer


def _record(tokenizer: Any) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(tokenizer.to_str())
    return record


def _json(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        said = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise _unreadable(path, error) from error
    if not isinstance(said, dict):
        raise _unreadable(path, ValueError("{…}"))
    return said


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise _unreadable(path, ValueError(f"> {_LARGEST_FILE >> 20} MB"))
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ValueError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ValueError(
        Text(
            f"no tokenizer can be read from {path} ({reason}); expected a folder with tokenizer.json, vocab.txt or a "
            "KerasHub preset of BERT's kind",
            f"无法从 {path} 读取分词器（{reason}）；应为含有 tokenizer.json、vocab.txt 的文件夹，"
            "或 BERT 一类的 KerasHub 预设",
        )
    )
