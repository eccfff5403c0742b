"""A new kind of column and a new network are one file each: everything else finds them unasked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras")

ROOT = Path(__file__).parents[2]

ANGLE = '''
"""Angles."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Array, Field, Values, Widget, is_missing
from sixfold.fields._form import Form
from sixfold.language import Text

__all__ = ["Angle"]


class Angle(Field):
    """An angle: encoded as a point on the circle."""

    title: ClassVar[Text] = Text("an angle", "角度")
    widget: ClassVar[Widget] = "number"
    examples: ClassVar[tuple[Any, ...]] = (0.0, 90.0, 359.5)

    class Options(KindOptions):
        """``turn``: what a whole turn is in the column's unit."""

        turn: float = 360.0

    def parse(self, value: Any) -> float | None:
        try:
            return None if is_missing(value) else float(value)
        except (TypeError, ValueError):
            raise ValueError(Text("not an angle", "不是角度")) from None

    def learn(self, values: Values) -> dict[str, Any]:
        return {}

    @property
    def form(self) -> Form:
        return Form(name="vector", shape=(2,), dtype="float32")

    def encode(self, values: Values) -> Array:
        known = [(0.0, 0.0) if angle is None else self._point(angle) for angle in self.parsed(values)]
        return np.array(known, np.float32).reshape(-1, 2)

    def decode(self, array: Array) -> list[float | None]:
        turns = np.arctan2(array[:, 1], array[:, 0]) / (2 * np.pi) % 1
        return [float(turn) * self.options.turn if row.any() else None for turn, row in zip(turns, array, strict=True)]

    def schema(self) -> dict[str, Any]:
        return {"type": ["number", "null"]}

    def _point(self, angle: float) -> tuple[float, float]:
        turn = 2 * np.pi * angle / self.options.turn
        return float(np.cos(turn)), float(np.sin(turn))
'''

NARROW = '''
"""A narrow network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.language import Text
from sixfold.networks._composed import Composed
from sixfold.networks._network import Facts, Recipe
from sixfold.tasks import Output

__all__ = ["Narrow"]


class Narrow(Composed):
    """One narrow layer."""

    title: ClassVar[Text] = Text("narrow network", "窄网络")

    class Options(KindOptions):
        """``narrowness``: units of the layer."""

        narrowness: int = 4

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 1

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:
        import keras

        return keras.layers.Dense(self.options.narrowness, "relu")(x) if form.name == "vector" else None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:
        return Recipe(learning_rate=0.02, epochs=8)
'''

PRODUCT = """
name: compass
data: rows.csv
given: {wind: {kind: angle, turn: 400}}
predict: {side: category}
train: {network: narrow, narrowness: 8}
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, with two more files."""
    folder = tmp_path_factory.mktemp("house")
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (folder / "src/sixfold/fields/angle.py").write_text(ANGLE.lstrip(), encoding="utf-8")
    (folder / "src/sixfold/networks/narrow.py").write_text(NARROW.lstrip(), encoding="utf-8")
    return folder


def told(house: Path, *command: str, folder: Path = ROOT) -> str:
    environment = {
        **os.environ,
        "PYTHONPATH": str(house / "src"),
        "SIXFOLD_HOME": str(house / "home"),
        "SIXFOLD_LANG": "en",
    }
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_they_stand_in_the_schema_with_their_options(house: Path) -> None:
    schema = json.loads(told(house, "sixfold", "show", "--schema"))
    column = schema["$defs"]["ColumnSpec"]["anyOf"]
    assert "angle" in column[0]["enum"]
    (angle,) = [one for one in column[1:] if one["properties"]["kind"] == {"const": "angle"}]
    assert "turn" in angle["properties"]
    train = schema["$defs"]["Train"]["properties"]
    assert "narrow" in train["network"]["enum"]
    assert train["narrowness"]["type"] == "integer"


def test_they_stand_in_the_reference(house: Path, tmp_path: Path) -> None:
    told(house, "sixfold.reference", str(tmp_path))
    english = (tmp_path / "reference.md").read_text(encoding="utf-8")
    chinese = (tmp_path / "reference.zh-CN.md").read_text(encoding="utf-8")
    assert "### angle: an angle" in english
    assert "narrowness" in english
    assert "### angle: 角度" in chinese


def test_the_contract_tests_of_their_families_take_them_in(house: Path) -> None:
    theirs = "(every_kind and angle) or (every_network and narrow)"
    files = ("tests/fields/test_fields.py", "tests/training/test_networks.py")
    assert "2 passed" in told(house, "pytest", "-q", "-p", "no:cacheprovider", *files, "-k", theirs)


def test_the_command_line_takes_them_through_a_whole_run(house: Path, tmp_path: Path) -> None:
    rows = "".join(f"{angle},{'east' if angle < 200 else 'west'}\n" for angle in range(0, 400, 2))
    (tmp_path / "rows.csv").write_text("wind,side\n" + rows, encoding="utf-8")
    (tmp_path / "product.yaml").write_text(PRODUCT, encoding="utf-8")
    lines = told(house, "sixfold", "run", "product.yaml", "--until", "evaluate", "--json", folder=tmp_path)
    last = json.loads(lines.strip().splitlines()[-1])
    assert last["figures"]["accuracy"]["value"] > 0.9
    told(house, "sixfold", "new", "rows.csv", "-o", "other.yaml", "--yes", folder=tmp_path)
    assert "narrow" in (tmp_path / "other.yaml").read_text(encoding="utf-8")
