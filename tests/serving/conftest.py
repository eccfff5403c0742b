"""Two small real models, without a training framework: linear ones, fitted by scikit-learn, as ONNX graphs."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Pillow
from served import running
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import OneHotEncoder

from sixfold.fields import Field, input_names
from sixfold.product import Product
from sixfold.serving import Bundle, Engine
from sixfold.tasks import Decision, Sets

TYPES = {"float32": TensorProto.FLOAT, "int32": TensorProto.INT32, "uint8": TensorProto.UINT8}
COLUMNS = ["mean radius", "mean texture", "worst concavity"]


def linear_graph(given: dict[str, Field], weights: np.ndarray, bias: np.ndarray, activation: str) -> bytes:
    """The graph of activation(x·weights + bias) over the columns' arrays laid side by side; ids become one-hot."""
    nodes, parts, constants = [], [], []
    inputs = []
    for name, entry in input_names(given).items():
        form = given[name].form
        inputs.append(helper.make_tensor_value_info(entry, TYPES[form.dtype], ["n", *form.shape]))
        if form.name == "ids":
            constants.append(numpy_helper.from_array(np.array(form.vocabulary, np.int64), f"{entry}_depth"))
            constants.append(numpy_helper.from_array(np.array([0, 1], np.float32), f"{entry}_values"))
            nodes.append(helper.make_node("Cast", [entry], [f"{entry}_ids"], to=TensorProto.INT64))
            nodes.append(
                helper.make_node("OneHot", [f"{entry}_ids", f"{entry}_depth", f"{entry}_values"], [f"{entry}_flat"])
            )
        else:
            nodes.append(helper.make_node("Cast", [entry], [f"{entry}_float"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Flatten", [f"{entry}_float"], [f"{entry}_flat"]))
        parts.append(f"{entry}_flat")
    constants += [
        numpy_helper.from_array(weights.astype(np.float32), "weights"),
        numpy_helper.from_array(bias.astype(np.float32), "bias"),
    ]
    nodes += [
        helper.make_node("Concat", parts, ["row"], axis=1),
        helper.make_node("Gemm", ["row", "weights", "bias"], ["logits"]),
        helper.make_node(activation, ["logits"], ["output"]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", weights.shape[1]])
    graph = helper.make_graph(nodes, "linear", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def with_sample(bundle: Bundle, row: dict[str, Any]) -> Bundle:
    """The bundle whose sample is ``row``, as JSON values, and the answer that it really gives."""
    answer = Engine(bundle).answers([row])[0]
    plain = {name: bundle.given[name].json_value(value) for name, value in row.items()}
    return dataclasses.replace(bundle, sample={"row": plain, "answer": answer})


def as_png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def digit_pictures() -> tuple[list[bytes], list[str]]:
    """scikit-learn's handwritten digits as PNG files, and what they show."""
    digits = load_digits()
    return [as_png((image * 15).astype(np.uint8)) for image in digits.images], [str(n) for n in digits.target]


@pytest.fixture(scope="session")
def digits_bundle(digit_pictures: tuple[list[bytes], list[str]]) -> Bundle:
    """Which digit a picture shows."""
    pictures, labels = digit_pictures
    product = Product(
        name="digits",
        goal="Read a handwritten digit from a small picture.",
        data="sklearn:digits",
        given={"photo": "image"},
        predict={"digit": "category"},
    )
    photo = product.given["photo"].field("photo").fit(pictures)
    digit = product.target.field("digit").fit(labels)
    pixels = photo.encode(pictures).reshape(len(pictures), -1).astype(np.float64)
    model = LogisticRegression(max_iter=2000).fit(pixels[:1400] / 255, labels[:1400])
    graph = linear_graph({"photo": photo}, model.coef_.T / 255, model.intercept_, "Softmax")
    bundle = Bundle(
        product=product,
        given={"photo": photo},
        target=digit,
        decision=Decision(),
        graphs={"graph": graph},
        sample={},
        report="<!doctype html><title>报告</title><p>Report".encode(),
        figures={"accuracy": {"value": 0.91, "low": 0.88, "high": 0.93, "rows": 397}},
    )
    return with_sample(bundle, {"photo": pictures[0]})


@pytest.fixture(scope="session")
def table_rows() -> tuple[list[dict[str, Any]], list[str]]:
    """Tumours: three measures, one of them missing at times, and a size class; and whether they are malignant."""
    data = load_breast_cancer(as_frame=True)
    rows = []
    for index, values in enumerate(data.data[COLUMNS].to_dict(orient="records")):
        row: dict[str, Any] = {name: float(value) for name, value in values.items()}
        row["大小"] = "大" if row["mean radius"] > 15 else "小"
        if index % 7 == 0:
            row["worst concavity"] = None
        rows.append(row)
    return rows, ["no" if benign else "yes" for benign in data.target]


@pytest.fixture(scope="session")
def table_bundle(table_rows: tuple[list[dict[str, Any]], list[str]]) -> Bundle:
    """Whether a tumour is malignant, from a table."""
    rows, labels = table_rows
    product = Product(
        name="tumour",
        goal="Say whether a tumour is malignant.",
        data="sklearn:breast_cancer",
        given={**dict.fromkeys(COLUMNS, "number"), "大小": "category"},
        predict={"malignant": "yes_no"},
    )
    given = {name: spec.field(name).fit([row[name] for row in rows]) for name, spec in product.given.items()}
    target = product.target.field("malignant").fit(labels)
    numbers = np.concatenate([given[name].encode([row[name] for row in rows]) for name in COLUMNS], axis=1)
    sizes = OneHotEncoder(categories=[[0, 1, 2]], sparse_output=False).fit_transform(
        given["大小"].encode([row["大小"] for row in rows])[:, None]
    )
    model = LogisticRegression(max_iter=2000).fit(np.concatenate([numbers, sizes], axis=1), labels)
    graph = linear_graph(given, model.coef_.T, model.intercept_, "Sigmoid")
    bundle = Bundle(
        product,
        given,
        target,
        Decision(threshold=0.4, sets=Sets(way="smallest", limit=0.9)),
        {"graph": graph},
        sample={},
    )
    return with_sample(bundle, rows[1])


@pytest.fixture(scope="session")
def mixed_rows(digit_pictures: tuple[list[bytes], list[str]]) -> list[dict[str, Any]]:
    """Houses: two photos, a number, a date and a series of two channels; some of each missing."""
    random, pictures = np.random.default_rng(4), digit_pictures[0]
    return [
        {
            "kitchen": None if index % 5 == 1 else pictures[index],
            "garden": pictures[index + 60],
            "area": None if index % 7 == 2 else round(float(random.uniform(30, 200)), 1),
            "built": f"19{index + 30:02}-03-0{index % 9 + 1}",
            "heating": None if index % 9 == 3 else random.normal(20, 4, (12 + index % 3, 2)).round(1).tolist(),
            "price": round(float(np.exp(random.normal(12.5, 0.4)))),
        }
        for index in range(60)
    ]


@pytest.fixture(scope="session")
def mixed_bundle(mixed_rows: list[dict[str, Any]]) -> Bundle:
    """What a house costs, from photos and what is known of it."""
    product = Product(
        name="houses",
        goal="Say what a house will sell for.",
        data="houses.zip",
        given={"kitchen": "image", "garden": "image", "area": "number", "built": "date", "heating": "series"},
        predict={"price": "number"},
    )
    given = {name: spec.field(name).fit([row[name] for row in mixed_rows]) for name, spec in product.given.items()}
    target = product.target.field("price").fit([row["price"] for row in mixed_rows])
    arrays = [field.encode([row[name] for row in mixed_rows]) for name, field in given.items()]
    inputs = np.concatenate([array.reshape(60, -1).astype(np.float64) for array in arrays], axis=1)
    model = Ridge(alpha=1e4).fit(inputs, target.encode([row["price"] for row in mixed_rows])[:, 0])
    graph = linear_graph(given, model.coef_[:, None], np.array([model.intercept_]), "Identity")
    figures = {
        "mean_absolute_error": {
            "value": 41_730.0,
            "low": 36_020.0,
            "high": 47_910.0,
            "rows": 120,
            "title": {"en": "Mean absolute error", "zh": "平均绝对误差"},
            "style": "amount",
        }
    }
    bundle = Bundle(product, given, target, Decision(margin=0.8), {"graph": graph}, sample={}, figures=figures)
    return with_sample(bundle, {name: mixed_rows[0][name] for name in given})


TOPICS = {
    "sport": ["the team won the match", "a goal in the last minute", "球队赢了比赛", "the player runs fast"],
    "money": ["the bank raised its rates", "shares fell on monday", "银行提高了利率", "the price of gold rose"],
}


@pytest.fixture(scope="session")
def text_bundle() -> Bundle:
    """What a sentence is about, from how often each token stands in it; the graph takes any number of tokens."""
    product = Product(
        name="topics",
        goal="Say what a message is about.",
        data="messages.csv",
        given={"message": {"kind": "text", "length": 64}},
        predict={"topic": "category"},
    )
    texts = [text for many in TOPICS.values() for text in many]
    labels = [topic for topic, many in TOPICS.items() for _ in many]
    field = product.given["message"].field("message").fit(texts)
    target = product.target.field("topic").fit(labels)
    tokens, size = field.encode(texts), field.form.vocabulary
    counts = np.stack([np.bincount(row[row > 0], minlength=size) for row in tokens])
    model = LogisticRegression(C=10, max_iter=1000).fit(counts, labels)
    weights = np.zeros((size, 2), np.float32)
    weights[:, 1] = model.coef_[0]
    weights[0] = 0  # padding
    nodes = [
        helper.make_node("Gather", ["weights", "given_0"], ["found"]),
        helper.make_node("ReduceSum", ["found", "axis"], ["summed"], keepdims=0),
        helper.make_node("Softmax", ["summed"], ["output"]),
    ]
    constants = [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array([1]), "axis")]
    inputs = [helper.make_tensor_value_info("given_0", TensorProto.INT32, ["n", "length"])]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 2])
    graph = helper.make_graph(nodes, "counted", inputs, [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    bundle = Bundle(product, {"message": field}, target, Decision(), {"graph": model.SerializeToString()}, sample={})
    return with_sample(bundle, {"message": texts[0]})


class Browser:
    """A tab of a real Chromium without a window, spoken to over its DevTools pipe."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, from_here = os.pipe()
        to_here, from_browser = os.pipe()

        def as_three_and_four() -> None:
            kept = os.dup(from_browser)
            os.dup2(to_browser, 3)
            os.dup2(kept, 4)

        options = (
            "headless no-sandbox disable-gpu hide-scrollbars no-first-run disable-background-networking "
            "disable-component-update disable-sync disable-dev-shm-usage remote-debugging-pipe"
        )
        self._process = subprocess.Popen(
            [program, *(f"--{option}" for option in options.split()), f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=as_three_and_four,  # noqa: PLW1509 — the pipe has to be 3 and 4
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._out, self._in = os.fdopen(from_here, "wb"), os.fdopen(to_here, "rb")
        self._rest, self._count, self._session = b"", 0, None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.send("Page.enable")
        self.complaints: list[str] = []
        self.send("Log.enable")
        self.send("Runtime.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            said = self._next()
            if said.get("id") == self._count:
                assert "error" not in said, said
                return said["result"]
            if said.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                self.complaints.append(json.dumps(said["params"]))

    def open(self, url: str, *, width: int = 1280, height: int = 900, language: str = "en", dark: bool = False) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Emulation.setTouchEmulationEnabled", enabled=width < 600)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.send("Emulation.setEmulatedMedia", features=[scheme, still])
        self.send("Emulation.setUserAgentOverride", userAgent="Chromium", acceptLanguage=language)
        self.send("Page.navigate", url=url)
        self.until("document.body && document.body.dataset.ready === ''")

    def value(self, expression: str) -> Any:
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def until(self, expression: str, seconds: float = 20) -> None:
        ends = time.monotonic() + seconds
        while not self.value(f"Boolean({expression})"):
            assert time.monotonic() < ends, f"never true: {expression}; {self.complaints}"
            time.sleep(0.05)

    def picture(self) -> bytes:
        return base64.b64decode(self.send("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._out.close()
        self._process.kill()
        self._process.wait()
        self._in.close()

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._in.fileno(), 1 << 20)
            assert part, "the browser ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A real browser; tests that need it are skipped where none is installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed: the demo page is not tried in a real browser")
    browser = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def digits_url(digits_bundle: Bundle) -> Iterator[str]:
    with running(digits_bundle) as url:
        yield url


@pytest.fixture(scope="session")
def table_url(table_bundle: Bundle) -> Iterator[str]:
    with running(table_bundle) as url:
        yield url


@pytest.fixture(scope="session")
def mixed_url(mixed_bundle: Bundle) -> Iterator[str]:
    with running(mixed_bundle) as url:
        yield url


@pytest.fixture(scope="session")
def text_url(text_bundle: Bundle) -> Iterator[str]:
    with running(text_bundle) as url:
        yield url
