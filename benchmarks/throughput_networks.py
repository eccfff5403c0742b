"""Training throughput of each network: ours, the same Keras model under bare ``fit``, and the same layers in PyTorch.

Random rows in memory, Adam, the network's own batch, no augmentation; each run in a process of its own, A B C A B C. A
figure is rows per second over the epochs after the first, which compiles. Ours counts validation, checkpoints and the
clock in; theirs is nothing but steps. ``precision: auto`` may choose bfloat16 for ours; the others compute as they do
unasked. Prints a table; writes nothing. Needs PyTorch, which Sixfold does not.

    python benchmarks/throughput_networks.py --only cnn rnn --alternations 3
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sixfold.tasks import Output

CLASSES = 10
OUTPUT = Output(CLASSES, "softmax")
VALIDATION = 64


@dataclass(frozen=True)
class Case:
    """What is timed.

    Args:
        name: Of the row of the table.
        network: The kind of network.
        column: The given column: ``image``, ``series`` or ``text``.
        shape: Of one row's array; of a series without the channel that says where steps are. Texts have a quarter of
            that length and more, evenly, and are padded.
        rows: How many.
        epochs: How many, the first left out.
        options: Of the network.
    """

    name: str
    network: str
    column: str
    shape: tuple[int, ...]
    rows: int
    epochs: int = 4
    options: dict[str, Any] = field(default_factory=dict)


CASES = (
    Case("cnn, 28×28", "cnn", "image", (28, 28, 1), 4096),
    Case("cnn [32] [128], 64×64", "cnn", "image", (64, 64, 3), 1024, options={"filters": [32], "dense": [128]}),
    Case("resnet, 32×32", "resnet", "image", (32, 32, 3), 1024),
    Case("cnn, series of 150", "cnn", "series", (150, 1), 512),
    Case("resnet, series of 150", "resnet", "series", (150, 1), 512),
    Case("rnn, LSTM, series of 50", "rnn", "series", (50, 6), 2048),
    Case("rnn, GRU, series of 50", "rnn", "series", (50, 6), 2048, options={"cell": "gru"}),
    Case("transformer, text of 64", "transformer", "text", (64,), 2048),
    Case("transformer, layers 0, text of 64", "transformer", "text", (64,), 2048, options={"layers": 0}),
    Case("bert, text of 64", "bert", "text", (64,), 512, epochs=3),
)
WORDS = 8000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--alternations", type=int, default=3)
    arguments.add_argument("--only", nargs="*", default=[""], help="cases whose names begin so")
    arguments.add_argument("--preset", default="", help="a folder in Hugging Face's layout, for bert")
    arguments.add_argument("--side", help=argparse.SUPPRESS)
    arguments.add_argument("--case", help=argparse.SUPPRESS)
    said = arguments.parse_args()
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"})
    if said.side:
        case = next(one for one in CASES if one.name == said.case)
        if case.network == "bert":
            case = replace(case, options={"preset": said.preset})
        seconds, note = {"sixfold": _ours, "keras": _keras, "torch": _torch}[said.side](case)
        print(json.dumps({"rate": case.rows / statistics.median(seconds[1:]), "note": note}))
        return
    print("| network | Keras fit rows/s | PyTorch rows/s | sixfold rows/s | against the faster |")
    print("|---|---|---|---|---|")
    for case in CASES:
        if any(case.name.startswith(start) for start in said.only) and (said.preset or case.network != "bert"):
            print(_line(case, said.alternations, said.preset), flush=True)


def _line(case: Case, alternations: int, preset: str) -> str:
    rates: dict[str, list[float]] = {"keras": [], "torch": [], "sixfold": []}
    notes = ""
    for _ in range(alternations):
        for side, found in rates.items():
            command = [sys.executable, __file__, "--side", side, "--case", case.name, "--preset", preset]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            told = json.loads(done.stdout.splitlines()[-1])
            found.append(told["rate"])
            notes = told["note"] or notes
    faster = [max(pair) for pair in zip(rates["keras"], rates["torch"], strict=True)]
    ratio = statistics.median(ours / theirs for ours, theirs in zip(rates["sixfold"], faster, strict=True))
    medians = {side: f"{statistics.median(found):.0f}" for side, found in rates.items()}
    return f"| {case.name} | {medians['keras']} | {medians['torch']} | {medians['sixfold']} {notes} | {ratio:.2f} |"


def _rows(case: Case, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, CLASSES, count)
    if case.column == "image":
        return draw.integers(0, 256, (count, *case.shape)).astype(np.uint8), labels
    if case.column == "text":
        (longest,) = case.shape
        lengths = draw.integers(longest // 4, longest + 1, count)
        tokens = draw.integers(2, WORDS, (count, longest))
        return np.where(np.arange(longest)[None] < lengths[:, None], tokens, 0).astype(np.int32), labels
    steps = draw.normal(size=(count, *case.shape)).astype(np.float32)
    return np.concatenate([steps, np.ones((*steps.shape[:2], 1), np.float32)], axis=2), labels


def _ours(case: Case) -> tuple[list[float], str]:
    from safetensors.numpy import save

    from sixfold.fields import tokenizer_of
    from sixfold.fields.category import Category
    from sixfold.fields.image import Image
    from sixfold.fields.series import Series
    from sixfold.fields.text import Text
    from sixfold.product import Product
    from sixfold.security import Home, Keyring
    from sixfold.store import Store, Workspace
    from sixfold.training import Trial, run_trial

    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        store = Store(home, Keyring(home))
        work = Workspace(store, "prepare", "rows")
        if case.column == "image":
            height, width, channels = case.shape
            given: Any = Image("x", None, {"height": height, "width": width, "channels": channels})
        elif case.column == "text":
            tokenizer = {} if case.network != "bert" else {"tokenizer": tokenizer_of(Path(case.options["preset"]))}
            given = Text("x", None, {"length": case.shape[0], "vocabulary": WORDS, **tokenizer})
        else:
            length, channels = case.shape
            state = {"length": length, "channels": channels, "names": []}
            given = Series("x", None, {**state, "means": [0.0] * channels, "spreads": [1.0] * channels})
        target = Category("y", None, {"classes": [str(number) for number in range(CLASSES)]})
        work.write_json("fields.json", {"given": [given.to_json()], "target": target.to_json()})
        shards = []
        for seed, (split, count) in enumerate({"train": case.rows, "validation": VALIDATION}.items()):
            x, y = _rows(case, count, seed)
            work.write(split, save({"x": x, "y": (y + 1).astype(np.int32), "__row__": np.arange(count)}))
            shards.append({"name": split, "split": split, "rows": count, "bytes": x.nbytes})
        work.write_json("shards.json", shards)
        store.keep("prepare", "rows", {}, work.members)
        product = Product(name="speed", data="-", given={"x": case.column}, predict={"y": "category"})
        trial = Trial(
            home=str(home.path),
            key="speed",
            prepared="rows",
            product={**product.to_mapping(), "data": "–"},
            folder=".",
            network=case.network,
            options=case.options,
            said={"epochs": case.epochs, "augment": {}, "precision": "auto", "optimizer": "adam"},
            minutes=None,
            seed=0,
        )
        result = run_trial(trial, lambda event: None)
        stored = result.stored()
        history = json.loads(store.get(stored["history.json"]))
        precision = json.loads(store.get(stored["network.json"]))["recipe"]["precision"]
        return [epoch["seconds"] for epoch in history], f"({precision})"


def _network(case: Case, x: np.ndarray) -> tuple[Any, int, dict[str, Any]]:
    """The network, its batch, and what it is given: imports no Keras, which does not go with PyTorch in one process."""
    from sixfold.families import find
    from sixfold.fields import Form
    from sixfold.networks import Facts, Layered, Network

    name = {"image": "grid", "series": "steps", "text": "tokens"}[case.column]
    vocabulary = WORDS if case.column == "text" else 0
    form = Form(name=name, shape=x.shape[1:], dtype=str(x.dtype), vocabulary=vocabulary)
    kind = find(Network, case.network)
    network = kind(kind.Options(**case.options))
    assert isinstance(network, Layered)
    return network, network.recipe({"given_0": form}, OUTPUT, Facts(case.rows)).batch, {"given_0": form}


def _keras(case: Case) -> tuple[list[float], str]:
    import keras

    from sixfold.networks import Facts

    x, y = _rows(case, case.rows, 0)
    network, batch, given = _network(case, x)
    model = network.build(given, OUTPUT, Facts(case.rows))
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    seconds: list[float] = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.begun = time.monotonic()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seconds.append(time.monotonic() - self.begun)

    hot = np.eye(CLASSES, dtype=np.float32)[y]
    model.fit({"given_0": x}, hot, batch_size=batch, epochs=case.epochs, verbose=0, callbacks=[Watch()])
    return seconds, ""


def _torch(case: Case) -> tuple[list[float], str]:
    import torch

    x, y = _rows(case, case.rows, 0)
    _, batch, _ = _network(case, x)
    torch.manual_seed(0)
    if case.column == "image":
        inputs = (torch.tensor(x).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
    else:
        inputs = torch.tensor(x).long() if case.column == "text" else torch.tensor(x)
    labels = torch.tensor(y)
    model = _twin(case)
    if case.column == "image":
        model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    loss = torch.nn.CrossEntropyLoss()
    seconds = []
    model.train()
    for _ in range(case.epochs):
        begun = time.monotonic()
        order = torch.randperm(len(labels))
        for start in range(0, len(labels), batch):
            rows = order[start : start + batch]
            optimizer.zero_grad(set_to_none=True)
            loss(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
        seconds.append(time.monotonic() - begun)
    return seconds, ""


def _twin(case: Case) -> Any:
    """The same layers in PyTorch, written as its users write them."""
    import torch
    from torch import nn

    def over(before: int, after: int, *, halves: bool = False, is_active: bool = True) -> nn.Sequential:
        layers: list[nn.Module] = [nn.Conv2d(before, after, 3, padding=1, bias=False)]
        layers += [nn.MaxPool2d(2)] if halves else []
        layers += [nn.BatchNorm2d(after)] + ([nn.ReLU()] if is_active else [])
        return nn.Sequential(*layers)

    def along(before: int, after: int, size: int, *, is_active: bool = True) -> nn.Sequential:
        layers: list[nn.Module] = [nn.Conv1d(before, after, size, padding="same", bias=False), nn.BatchNorm1d(after)]
        return nn.Sequential(*layers, *([nn.ReLU()] if is_active else []))

    class Shortcut(nn.Module):
        def __init__(self, body: nn.Module, past: nn.Module) -> None:
            super().__init__()
            self.body, self.past = body, past

        def forward(self, x: Any) -> Any:
            return torch.relu(self.body(x) + self.past(x))

    class Highest(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.amax(dim=(2, 3))

    class Both(nn.Module):
        def forward(self, x: Any) -> Any:  # (batch, channels, length)
            return torch.cat([x.mean(dim=2), x.amax(dim=2)], dim=1)

    class Turned(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.transpose(1, 2)

    if case.column == "text":
        return _text_twin(case)
    channels = case.shape[-1]
    if case.network == "cnn" and case.options:
        side, filters, dense = case.shape[0], case.options["filters"][0], case.options["dense"][0]
        return nn.Sequential(
            nn.Conv2d(channels, filters, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(filters * ((side - 2) // 2) ** 2, dense),
            nn.ReLU(),
            nn.Linear(dense, CLASSES),
        )
    if case.network == "cnn" and case.column == "image":
        widths = (16, 32, 96, 96)
        levels = [
            layer
            for before, after in itertools.pairwise(widths)
            for layer in (over(before, after, halves=True), over(after, after))
        ]
        return nn.Sequential(over(channels, 16), *levels, Highest(), nn.Linear(96, CLASSES))
    if case.network == "resnet" and case.column == "image":

        def block(width: int) -> Shortcut:
            return Shortcut(nn.Sequential(over(width, width), over(width, width, is_active=False)), nn.Identity())

        def halved(before: int, after: int) -> nn.Sequential:
            return nn.Sequential(over(before, after), nn.MaxPool2d(2))

        return nn.Sequential(
            over(channels, 32),
            halved(32, 64),
            block(64),
            halved(64, 128),
            halved(128, 256),
            block(256),
            Highest(),
            nn.Linear(256, CLASSES),
        )
    if case.network == "resnet":
        blocks: list[nn.Module] = []
        before = channels + 1
        for after in (64, 128, 128):
            body = nn.Sequential(
                along(before, after, 8), along(after, after, 5), along(after, after, 3, is_active=False)
            )
            past = along(before, after, 1, is_active=False) if before != after else nn.Identity()
            blocks.append(Shortcut(body, past))
            before = after
        return nn.Sequential(Turned(), *blocks, Both(), nn.Linear(256, CLASSES))
    if case.network == "cnn":

        class Module(nn.Module):
            def __init__(self, before: int) -> None:
                super().__init__()
                longest = max(3, min(40, case.shape[0] // 2))
                sizes = (longest, max(3, longest // 2), max(3, longest // 4))
                self.narrow = nn.Conv1d(before, 32, 1, bias=False)
                self.beside = nn.ModuleList(nn.Conv1d(32, 32, size, padding="same", bias=False) for size in sizes)
                self.highest = nn.MaxPool1d(3, stride=1, padding=1)
                self.of_highest = nn.Conv1d(before, 32, 1, bias=False)
                self.normal = nn.BatchNorm1d(128)

            def forward(self, x: Any) -> Any:
                narrow = self.narrow(x)
                parts = [one(narrow) for one in self.beside] + [self.of_highest(self.highest(x))]
                return torch.relu(self.normal(torch.cat(parts, dim=1)))

        first = nn.Sequential(Module(channels + 1), Module(128), Module(128))
        second = nn.Sequential(Module(128), Module(128), Module(128))
        return nn.Sequential(
            Turned(),
            Shortcut(first, along(channels + 1, 128, 1, is_active=False)),
            Shortcut(second, along(128, 128, 1, is_active=False)),
            Both(),
            nn.Linear(256, CLASSES),
        )

    class Carried(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            kind = nn.GRU if case.options.get("cell") == "gru" else nn.LSTM
            self.states = kind(channels + 1, 64, batch_first=True, bidirectional=True)

        def forward(self, x: Any) -> Any:
            return self.states(x)[0].transpose(1, 2)

    return nn.Sequential(Carried(), Both(), nn.Dropout(0.3), nn.Linear(256, CLASSES))


def _text_twin(case: Case) -> Any:
    import torch
    from torch import nn

    def pooled(x: Any, is_there: Any, *, highest: bool) -> Any:
        kept = is_there[..., None].float()
        mean = (x * kept).sum(dim=1) / kept.sum(dim=1).clamp(min=1)
        return torch.cat([mean, (x + (kept - 1) * 1e4).amax(dim=1) if highest else x[:, 0]], dim=1)

    class Pretrained(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            from transformers import AutoModel

            self.body = AutoModel.from_pretrained(case.options["preset"], add_pooling_layer=False)
            self.head = nn.Linear(2 * self.body.config.hidden_size, CLASSES)

        def forward(self, tokens: Any) -> Any:
            is_there = tokens != 0
            x = self.body(input_ids=tokens, attention_mask=is_there.long()).last_hidden_state
            return self.head(nn.functional.dropout(pooled(x, is_there, highest=False), 0.1, self.training))

    class Layer(nn.Module):
        def __init__(self, width: int, heads: int) -> None:
            super().__init__()
            self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
            self.attention = nn.MultiheadAttention(width, heads, dropout=0.2, batch_first=True)
            gelu = nn.GELU(approximate="tanh")
            self.wide = nn.Sequential(nn.Linear(width, 2 * width), gelu, nn.Linear(2 * width, width), nn.Dropout(0.2))

        def forward(self, x: Any, is_there: Any) -> Any:
            normal = self.before(x)
            x = x + self.attention(normal, normal, normal, key_padding_mask=~is_there, need_weights=False)[0]
            return x + self.wide(self.between(x))

    class Scratch(nn.Module):
        def __init__(self, layers: int, width: int = 128, heads: int = 4) -> None:
            super().__init__()
            self.words = nn.Embedding(WORDS, width)
            self.near = nn.Conv1d(width, width, 3, padding="same")
            self.places = nn.Parameter(torch.randn(case.shape[0], width) * 0.02)
            self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
            self.normal, self.head = nn.LayerNorm(width), nn.Linear(2 * width, CLASSES)

        def forward(self, tokens: Any) -> Any:
            is_there = tokens != 0
            x = nn.functional.dropout(self.words(tokens) * is_there[..., None].float(), 0.2, self.training)
            x = x + torch.relu(self.near(x.transpose(1, 2))).transpose(1, 2) + self.places
            for layer in self.layers:
                x = layer(x, is_there)
            x = pooled(self.normal(x), is_there, highest=True)
            return self.head(nn.functional.dropout(x, 0.2, self.training))

    return Pretrained() if case.network == "bert" else Scratch(case.options.get("layers", 2))


if __name__ == "__main__":
    main()
