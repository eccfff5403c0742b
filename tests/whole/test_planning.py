"""Path planning, from maps to a pack: a legal way on a map never seen, an honest none, and clear errors."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

import sixfold
from sixfold.cli import main
from sixfold.pack import open_pack
from sixfold.security import Home, Keyring
from sixfold.serving import Engine, same_answer

pytestmark = pytest.mark.slow

TINY = Path(__file__).resolve().parents[2] / "examples" / "planning" / "tiny.py"
PRODUCT = """
name: ways
data: {data}
given: {{map: {{kind: image, size: 48}}, start: point, goal: point}}
predict: {{way: route}}
train: {{network: pathways, width: 8, depth: 1, reach: 12, epochs: 1}}
"""


def test_maps_become_a_delivered_product(
    home: Home, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    spec = importlib.util.spec_from_file_location("tiny_planning", TINY)
    assert spec is not None
    assert spec.loader is not None
    tiny = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    (tmp_path / "product.yaml").write_text(PRODUCT.format(data=tiny.make(tmp_path)), "utf-8")
    try:
        assert main(["run", "--json", "--override", "beats baseline", "--reason", "a test"]) == 0
        run = sixfold.Sixfold().last("ways")
        assert run is not None
        assert run.figures["success"]["value"] == 1
        assert run.figures["length_over_optimum"]["value"] < 1.05

        plan = np.full((20, 30), 255, np.uint8)
        plan[:, 15] = 0
        rows = [
            {"map": plan, "start": "2,3", "goal": [9, 3]},
            {"map": plan, "start": [2, 3], "goal": {"x": 20, "y": 3}},
        ]
        there, nowhere = run.predict(rows)
        assert there == {"way": [[2, 3], [9, 3]], "length": 7.0, "expanded": 8}
        assert nowhere["way"] is None
        assert nowhere["length"] is None

        for row, code in (
            ({**rows[0], "start": "15,3"}, "request.point_blocked"),
            ({**rows[0], "goal": "31,3"}, "request.point_blocked"),
            ({**rows[0], "goal": "9"}, "request.bad_value"),
            ({**rows[0], "goal": None}, "request.missing_column"),
            ({"start": "2,3", "goal": "9,3"}, "request.missing_column"),
            ({**rows[0], "map": np.zeros((200, 200), np.uint8)}, "request.bad_value"),
        ):
            with pytest.raises(sixfold.SixfoldError) as caught:
                run.predict([row])
            assert caught.value.code == code

        sample = run.bundle.sample
        assert same_answer(run.predict([sample["row"]])[0], sample["answer"])
        assert run.pack is not None
        opened = open_pack(run.pack, keyring.public_signing_pem())
        assert same_answer(Engine(opened.bundle(keyring.identity)).answers([sample["row"]])[0], sample["answer"])
    finally:
        main(["stop", "ways"])
