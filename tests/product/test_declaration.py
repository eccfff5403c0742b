"""product.yaml: what it may say, and how it says no."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sixfold.errors import ProductError
from sixfold.pipeline import check, load
from sixfold.product import Product, parse

DIGITS = """\
name: digits
data: sklearn:digits
given: {scan: image}
predict: {digit: category}
"""


def test_five_lines_are_a_whole_product() -> None:
    product = parse(DIGITS)
    assert (product.verb, product.target_name, product.target.kind) == ("predict", "digit", "category")
    assert product.prepare.split.test == 0.2


def test_yes_and_no_stay_words_because_columns_are_called_so() -> None:
    product = parse(DIGITS.replace("digit: category", 'yes: {kind: yes_no, yes: "on"}'))
    assert product.target_name == "yes"
    assert product.target.options == {"yes": "on"}


def test_every_default_can_be_printed_and_read_back() -> None:
    full = parse(DIGITS).to_mapping(full=True)
    assert parse(yaml.safe_dump(full, sort_keys=False)).to_mapping(full=True) == full


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        (DIGITS + "prepair: {}\n", "product.unknown_key", 5),
        (DIGITS + "prepare:\n  split: {tset: 0.1}\n", "product.unknown_key", 6),
        (DIGITS + "prepare:\n  split: {test: 1.5}\n", "product.bad_value", 6),
        (DIGITS.replace("scan: image", "scan: imege"), "product.unknown_kind", 3),
        (DIGITS.replace("image", "{kind: image, sizee: 3}"), "product.unknown_key", 3),
        (DIGITS.replace("predict: {digit: category}\n", ""), "product.one_verb", None),
        (DIGITS + "generate: {digit: text}\n", "product.one_verb", None),
        (DIGITS.replace("digit: category", "digit: category, other: category"), "product.one_target", 4),
        (DIGITS.replace("digit: category", "scan: category"), "product.target_given", 3),
        (DIGITS.replace("data: sklearn:digits\n", ""), "product.missing_key", None),
        (DIGITS.replace("name: digits", "name: ../digits"), "product.bad_value", 1),
        (DIGITS + "name: again\n", "product.twice", 5),
        (DIGITS + "goal: &a x\n", "product.no_anchors", 5),
        (DIGITS + "goal: [\n", "product.not_yaml", 6),
        ("- a\n- b\n", "product.not_a_mapping", 1),
        ("", "product.not_a_mapping", 1),
        ("a: " * 40 + "b", "product.not_yaml", 1),
    ],
)
def test_a_wrong_file_names_code_and_line(text: str, code: str, line: int | None) -> None:
    with pytest.raises(ProductError) as caught:
        parse(text, Path("product.yaml"))
    assert caught.value.code == code
    assert caught.value.exit_code == 2
    assert caught.value.place is None or caught.value.place.line == line
    for language in ("en", "zh"):
        assert caught.value.says(language)
        assert caught.value.mend(language)


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("train: {network: cnm}", "product.unknown_kind"),
        ("train: {network: cnn, fliters: [3]}", "product.unknown_key"),
        ("train: {network: cnn, filters: three}", "product.bad_value"),
        ("train: {filters: [32]}", "product.option_of_auto"),
        ("train: {network: cnn, keras: 'a:b'}", "product.bad_value"),
        ("train: {network: trees, epochs: 3}", "product.setting_ignored"),
        ("train: {network: gan, accumulate: 2}", "product.setting_ignored"),
        ("train: {network: gan, optimizer: adamw}", "product.unknown_key"),
        ("train: {network: social, class_weights: balanced}", "product.setting_ignored"),
        ("train: {network: cnn, trials: 3}", "product.trials_of_one"),
        ("deploy: {target: moon}", "product.unknown_kind"),
        ("deploy: {port: 99999}", "product.bad_value"),
        ("predict: {digit: image}", "product.no_task"),
    ],
)
def test_what_upper_floors_know_is_checked_before_anything_runs(section: str, code: str, tmp_path: Path) -> None:
    file = tmp_path / "product.yaml"
    text = DIGITS if not section.startswith("predict") else DIGITS.replace("predict: {digit: category}\n", "")
    file.write_text(text + section + "\n", encoding="utf-8")
    with pytest.raises(ProductError) as caught:
        load(file)
    assert caught.value.code == code
    assert caught.value.place is not None
    assert caught.value.place.line is not None


def test_a_product_is_built_in_code_without_yaml() -> None:
    rows = [{"age": 30, "sick": "yes"}, {"age": 50, "sick": "no"}]
    product = Product(name="health", data=rows, given={"age": "number"}, predict={"sick": "yes_no"})
    check(product)
    assert product.in_memory


def test_a_wrong_product_in_code_gives_the_same_error() -> None:
    with pytest.raises(ProductError) as caught:
        Product(name="x", data="a.csv", given={"age": "numbre"}, predict={"sick": "yes_no"})
    assert caught.value.code == "product.unknown_kind"


@given(st.text(max_size=200))
def test_no_text_whatever_is_more_than_a_product_error(text: str) -> None:
    with contextlib.suppress(ProductError):
        parse(text)
