"""Pictures out of noise: from scans to a pack, of a class that is asked for, and of none."""

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
from sixfold.errors import RequestError
from sixfold.pack import open_pack
from sixfold.security import Home, Keyring
from sixfold.serving import Engine, same_answer

pytestmark = pytest.mark.slow

PRODUCT = """
name: painted
data: sklearn:digits
{given}
generate: {{picture: image}}
train: {{network: gan, width: 8, latent: 16, epochs: 2}}
evaluate: {{gates: {{beats baseline: false}}}}
"""


@pytest.mark.parametrize("given", ["given: {label: category}", ""])
def test_noise_becomes_a_delivered_product(
    given: str, home: Home, keyring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "product.yaml").write_text(PRODUCT.format(given=given), "utf-8")
    assert main(["run", "--json"]) == 0
    try:
        run = sixfold.Sixfold().last("painted")
        assert run is not None
        assert ("usefulness" in run.figures) == bool(given)
        sample = run.bundle.sample
        engine = Engine(run.bundle)
        row = sample["row"]
        assert same_answer(engine.answers([row])[0], sample["answer"])

        one, two = engine.answers([row, row])
        assert one != two  # each row has noise of its own
        assert engine.answers([row, row])[1] == two
        assert engine.answers([row], {"seed": 7})[0] != one
        picture = Image.open(io.BytesIO(base64.b64decode(one["picture"])))
        assert np.asarray(picture).shape == (8, 8)
        with pytest.raises(RequestError, match="variety"):
            engine.answers([row], {"variety": -1})

        assert run.pack is not None
        opened = open_pack(run.pack, keyring.public_signing_pem())
        assert same_answer(Engine(opened.bundle(keyring.identity)).answers([row])[0], sample["answer"])
    finally:
        main(["stop", "painted"])
