"""What is good at tables: AUROC on official test rows of five LightGBM seeds, our networks, and two of them together.

Each of our models is one trial, as the search begins with it: `trees` in five folds, `mlp` on the training rows; the
last column is the plain mean of both. LightGBM is as in ``quality.py``: its defaults, stopped early, five seeds, each
with a split of its own. Seconds are those of the whole trial, the start of its process included. Prints a table; writes
nothing.

    python benchmarks/tables.py ../shared/data
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quality import _five_trees, _table  # it lies beside this file

if TYPE_CHECKING:
    from sixfold import Product, Sixfold

TABLES = (
    ("adult", "income", ">50K"),
    ("bank_full", "y", "yes"),
    ("telco_churn", "Churn", "Yes"),
    ("online_shoppers_intention", "Revenue", "True"),
)
FOLDS = {"trees": 5, "mlp": 1}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("data", type=Path)
    arguments.add_argument("--only", nargs="*", default=[name for name, _, _ in TABLES])
    said = arguments.parse_args()
    print("| table | five LightGBM | trees | mlp | trees + mlp | over LightGBM | paired 95 % |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIXFOLD_HOME"] = folder
        for name, target, yes in TABLES:
            if name in said.only:
                files = {split: str((said.data / f"{name}_{split}.csv").resolve()) for split in ("train", "test")}
                print(_row(name, files, target, yes), flush=True)


def _row(name: str, files: dict[str, str], target: str, yes: str) -> str:
    from sklearn.metrics import roc_auc_score

    from sixfold import Product, Sixfold
    from sixfold.fields import input_names
    from sixfold.store import ROW, Prepared, Workspace
    from sixfold.tasks import task_of

    begun = time.monotonic()
    theirs, truth = _five_trees(files, target, yes)
    seconds = time.monotonic() - begun
    house = Sixfold()
    product = Product(name=name.replace("_", "-"), **_table(files["train"], files, target, yes))
    artefact = house.run(product, until="prepare", write_report=False).artefacts["prepare"]
    work = Workspace(house.store, "benchmark", "")
    prepared = Prepared.open(artefact, work)
    test = prepared.whole("test", work)
    inputs = {name: test[column] for column, name in input_names(prepared.given).items()}
    assert (task_of(product)(product, prepared.target).targets(test[target])[:, 0] == truth[_places(test[ROW])]).all()
    truth, theirs = truth[_places(test[ROW])], theirs[_places(test[ROW])]
    chances, cells = [], [f"{roc_auc_score(truth, theirs):.4f} ({seconds:.0f} s)"]
    for network in FOLDS:
        begun = time.monotonic()
        chances.append(_chances(house, product, artefact.key, network, inputs))
        cells.append(f"{roc_auc_score(truth, chances[-1]):.4f} ({time.monotonic() - begun:.0f} s)")
    both = np.mean(chances, axis=0)
    draw = np.random.default_rng(0)
    gaps = []
    for _ in range(1000):
        rows = draw.integers(0, len(truth), len(truth))
        gaps.append(roc_auc_score(truth[rows], both[rows]) - roc_auc_score(truth[rows], theirs[rows]))
    low, high = np.quantile(gaps, (0.025, 0.975))
    ours = roc_auc_score(truth, both)
    gap = ours - roc_auc_score(truth, theirs)
    return f"| {name} | {' | '.join(cells)} | {ours:.4f} | {gap:+.4f} | {low:+.4f} – {high:+.4f} |"


def _places(rows: np.ndarray) -> np.ndarray:
    """Where test rows stand in their own file: they are numbered after the training rows."""
    return np.asarray(rows - rows.min())


def _chances(
    house: Sixfold, product: Product, prepared: str, network: str, inputs: dict[str, np.ndarray]
) -> np.ndarray:
    import onnxruntime

    from sixfold.training import Trial, run_trial

    trial = Trial(
        home=str(house.home.path),
        key=f"{product.name}-{network}",
        prepared=prepared,
        product={**product.to_mapping(), "data": "–"},
        folder=".",
        network=network,
        options={},
        said={},
        minutes=None,
        seed=0,
        folds=FOLDS[network],
    )
    result = run_trial(trial, lambda event: None)
    graph = house.store.get(result.stored()["graph.onnx"])
    session = onnxruntime.InferenceSession(graph)
    wanted = {entry.name for entry in session.get_inputs()}
    return np.asarray(session.run(None, {name: x for name, x in inputs.items() if name in wanted})[0][:, 0])


if __name__ == "__main__":
    main()
