"""A mask for every picture: from a folder of pictures and masks to a pack, and answers that lie upon what was sent."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras")

from PIL import Image

import sixfold
from sixfold.cli import main
from sixfold.pack import open_pack
from sixfold.security import Home, Keyring
from sixfold.serving import Engine, same_answer

pytestmark = pytest.mark.slow

PRODUCT = """
name: shapes
data: data
given: {photo: image}
predict: {scene: {kind: mask, classes: [ground, box], ignored: 9}}
train: {network: unet, width: 8, epochs: 6}
evaluate: {gates: {beats baseline: false}}
"""


def drawn(folder: Path, rows: int = 60, height: int = 40, width: int = 56) -> None:
    random = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for row in range(rows):
        photo = random.integers(0, 90, (height, width, 3), np.uint8)
        mask = np.zeros((height, width), np.uint8)
        top, left = random.integers(2, 20), random.integers(2, 30)
        photo[top : top + 14, left : left + 18] += 140
        mask[top : top + 14, left : left + 18] = 1
        mask[0] = 9
        Image.fromarray(photo).save(folder / "images" / f"{row}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{row}.png")


def test_pictures_and_masks_become_a_delivered_product(
    home: Home, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn(tmp_path / "data")
    (tmp_path / "product.yaml").write_text(PRODUCT, "utf-8")
    assert main(["run", "--json"]) == 0
    try:
        run = sixfold.Sixfold().last("shapes")
        assert run is not None
        assert run.figures["mean_iou"]["value"] > 0.6
        sample = run.bundle.sample
        assert same_answer(run.predict(sample["row"])[0], sample["answer"])

        stream = io.BytesIO()
        Image.open(io.BytesIO(base64.b64decode(sample["row"]["photo"]))).resize((112, 80)).save(stream, "PNG")
        answer = run.predict([{"photo": stream.getvalue()}])[0]
        mask = Image.open(io.BytesIO(base64.b64decode(answer["scene"])))
        assert mask.size == (112, 80)
        assert set(np.unique(np.asarray(mask)).tolist()) <= {0, 1}
        assert sum(answer["shares"].values()) == pytest.approx(1)

        assert run.pack is not None
        opened = open_pack(run.pack, keyring.public_signing_pem())
        assert same_answer(Engine(opened.bundle(keyring.identity)).answers([sample["row"]])[0], sample["answer"])
    finally:
        main(["stop", "shapes"])
