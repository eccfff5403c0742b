"""Take the examples through all six stages: on real data, or each on a handful of made-up rows to see that it runs.

    python examples/run.py --data FOLDER            # the files that the examples name lie in FOLDER
    python examples/run.py --tiny                   # made-up rows, a few epochs: some seconds each
    python examples/run.py --tiny digits churn      # these alone

Prints a line for each: what was learned by what, the headline figure, and how long it took. Ends with an error if one
did not come to a delivered pack.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sixfold
from sixfold.errors import SixfoldError
from sixfold.families import find
from sixfold.networks import Network
from sixfold.security import Home
from sixfold.targets.local import Local

EXAMPLES = Path(__file__).parent


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="*", help="examples; left out, all")
    arguments.add_argument("--data", type=Path, help="the folder with the files that the examples name")
    arguments.add_argument("--tiny", action="store_true", help="made-up rows and a few epochs")
    said = arguments.parse_args()
    if said.tiny == (said.data is not None):
        arguments.error("say either --data FOLDER or --tiny")
    known = sorted(file.parent.name for file in EXAMPLES.glob("*/product.yaml"))
    if unknown := sorted(set(said.names) - set(known)):
        arguments.error(f"no example is called {', '.join(unknown)}; there are {', '.join(known)}")
    failed = [name for name in said.names or known if not taken(name, said.data)]
    if failed:
        sys.exit(f"not delivered: {', '.join(failed)}")


def taken(name: str, data: Path | None) -> bool:
    """Take one example to a delivered pack; whether that went well."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        product = sixfold.load(EXAMPLES / name / "product.yaml")
        try:
            product = tiny(name, product, Path(folder)) if data is None else real(product, data.resolve())
            run = sixfold.Sixfold(home).run(product, overrides={"beats baseline": "an example"}, write_report=False)
        except SixfoldError as error:
            print(f"{name:<14} {error}", flush=True)
            return False
        finally:
            Local(home, Local.Options()).stop(product.name)
        headline, figure = next(iter(run.figures.items()))
        network = run.artefacts["train"].about["network"]
        seconds = time.monotonic() - begun
        print(f"{name:<14} {network:<28} {headline} {figure['value']:.3f}   {seconds:.0f} s", flush=True)
        return run.pack is not None


def real(product: sixfold.Product, folder: Path) -> sixfold.Product:
    """The product on files of ``folder``; what no file is (``sklearn:digits``) stays."""

    def found(place: str) -> str:
        before, mark, file = place.rpartition(":")
        return f"{before}{mark}{folder / file}" if (folder / file.partition("#")[0]).exists() else place

    data = product.data
    return product.with_data({k: found(v) for k, v in data.items()} if isinstance(data, dict) else found(str(data)))


def tiny(name: str, product: sixfold.Product, folder: Path) -> sixfold.Product:
    """The product on rows that its ``tiny.py`` makes, trained for a moment."""
    maker = EXAMPLES / name / "tiny.py"
    if maker.exists():
        spec = importlib.util.spec_from_file_location(f"tiny_{name}", maker)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        product = product.with_data(module.make(folder))
    train: dict[str, Any] = product.train.model_dump(exclude_unset=True)
    train = {key: value for key, value in train.items() if key != "minutes"}
    if train.get("network", "auto") == "auto":
        return product.changed(train={**train, "trials": 1, "minutes": 0.3})
    kind = find(Network, train["network"])  # type: ignore[type-abstract]  # a family is looked up, never built
    moment = {"epochs": 2} if "epochs" in kind.obeys else {"minutes": 0.3}
    return product.changed(train={**train, **moment})


if __name__ == "__main__":
    main()
