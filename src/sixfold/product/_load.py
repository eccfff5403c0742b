"""Reading product.yaml: a small YAML 1.2 (only true and false are booleans), with the line of every key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from sixfold.errors import Place, ProductError
from sixfold.product._product import Product

__all__ = ["load", "parse", "read_mapping"]

_MOST_BYTES = 1 << 20
_DEEPEST = 20


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without YAML 1.1's yes/no/on/off booleans: `yes:` must stay a word here."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def load(path: str | Path) -> Product:
    """The product that a file declares; a folder stands for the product.yaml in it.

    Raises:
        ProductError: The file cannot be read, is not YAML, or declares no valid product.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "product.yaml"
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ProductError("too_large", place=Place(file=str(file)), limit="1 MiB")
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProductError("no_file", path=file) from None
    except UnicodeDecodeError:
        raise ProductError("not_utf8", place=Place(file=str(file))) from None
    except OSError as error:
        raise ProductError("unreadable", path=file, reason=error.strerror or error) from error
    return parse(text, file)


def parse(text: str, file: Path | None = None) -> Product:
    """The product that a YAML text declares.

    Raises:
        ProductError: The text is not YAML, or declares no valid product.
    """
    values, lines = read_mapping(text, file)
    return Product.declared(values, file, lines)


def read_mapping(text: str, file: Path | None = None) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    """The values of a YAML text that is a mapping, and the line of every key by its path.

    Raises:
        ProductError: It is not YAML, not a mapping, names a key twice, or uses anchors, aliases or tags.
    """
    name = None if file is None else str(file)
    try:
        for token in yaml.scan(text, Loader=_Loader):
            if isinstance(token, (yaml.AnchorToken, yaml.AliasToken, yaml.TagToken)):
                raise ProductError("no_anchors", place=Place(file=name, line=token.start_mark.line + 1))
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        raise ProductError("not_yaml", place=Place(file=name, line=line), reason=error.problem) from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ProductError("not_yaml", place=Place(file=name), reason=error) from error
    if not isinstance(node, yaml.MappingNode):
        raise ProductError("not_a_mapping", place=Place(file=name, line=1))
    lines: dict[tuple[str, ...], int] = {}
    return _value(node, (), lines, name), lines


def _value(node: yaml.Node, path: tuple[str, ...], lines: dict[tuple[str, ...], int], file: str | None) -> Any:
    if len(path) > _DEEPEST:
        raise ProductError("too_deep", place=Place(file=file, line=node.start_mark.line + 1))
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ProductError("not_a_word", place=Place(file=file, line=line))
            key = str(key_node.value)
            if key in mapping:
                raise ProductError("twice", place=Place(file=file, line=line, key=".".join((*path, key))), key=key)
            lines[(*path, key)] = line
            mapping[key] = _value(value_node, (*path, key), lines, file)
        return mapping
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, str(index)), lines, file) for index, item in enumerate(node.value)]
    loader = _Loader("")
    try:
        return loader.construct_object(node)
    except (ValueError, yaml.YAMLError) as error:
        place = Place(file=file, line=node.start_mark.line + 1, key=".".join(path))
        raise ProductError("bad_value", place=place, key=".".join(path), reason=error) from error
    finally:
        loader.dispose()
