"""Boxes in every picture: from Pascal VOC's files to a pack, and answers in pixels of what was sent."""

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
name: spots
data: data
given: {photo: image}
predict: {spots: boxes}
train: {network: detector, width: 8, epochs: 12}
evaluate: {gates: {beats baseline: false}}
"""
OBJECT = "<object><name>{}</name><bndbox>{}</bndbox></object>"


def drawn(folder: Path, rows: int = 90, height: int = 64, width: int = 96) -> None:
    random = np.random.default_rng(0)
    for name in ("JPEGImages", "Annotations"):
        (folder / name).mkdir(parents=True)
    for row in range(rows):
        photo, told = random.integers(0, 60, (height, width, 3), np.uint8), ""
        for half in range(row % 3):  # two pictures of three have a spot or two
            kind = int(random.integers(0, 2))
            left, top = 48 * half + int(random.integers(2, 20)), int(random.integers(2, 36))
            photo[top : top + 24, left : left + 24, kind] += 180
            ends = {"xmin": left, "ymin": top, "xmax": left + 24, "ymax": top + 24}
            told += OBJECT.format(("red", "green")[kind], "".join(f"<{key}>{at}</{key}>" for key, at in ends.items()))
        Image.fromarray(photo).save(folder / "JPEGImages" / f"{row}.png")
        size = f"<size><width>{width}</width><height>{height}</height></size>"
        (folder / "Annotations" / f"{row}.xml").write_text(f"<annotation>{size}{told}</annotation>", "utf-8")


def test_pictures_and_boxes_become_a_delivered_product(
    home: Home, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drawn(tmp_path / "data")
    (tmp_path / "product.yaml").write_text(PRODUCT, "utf-8")
    assert main(["run", "--json"]) == 0
    try:
        run = sixfold.Sixfold().last("spots")
        assert run is not None
        assert run.figures["average_precision_50"]["value"] > 0.3
        sample = run.bundle.sample
        assert same_answer(run.predict(sample["row"])[0], sample["answer"])

        stream = io.BytesIO()
        Image.open(io.BytesIO(base64.b64decode(sample["row"]["photo"]))).resize((192, 128)).save(stream, "PNG")
        answer = run.predict([{"photo": stream.getvalue()}])[0]
        assert answer["picture"] == {"width": 192, "height": 128}
        assert set(answer["counts"]) == {"red", "green"}
        for box in answer["spots"]:
            assert 0 <= box["x"] < box["x"] + box["width"] <= 192.01
            assert 0 <= box["y"] < box["y"] + box["height"] <= 128.01

        assert run.pack is not None
        opened = open_pack(run.pack, keyring.public_signing_pem())
        assert same_answer(Engine(opened.bundle(keyring.identity)).answers([sample["row"]])[0], sample["answer"])
    finally:
        main(["stop", "spots"])
