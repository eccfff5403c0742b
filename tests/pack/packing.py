"""A small real bundle, and what every refusal must say."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

from sixfold.errors import PackError
from sixfold.fields import input_names
from sixfold.product import Product
from sixfold.serving import Bundle, Engine
from sixfold.tasks import Decision

COLUMNS = ["mean radius", "mean texture", "worst concavity"]


def linear_bundle(regularisation: float = 1.0) -> Bundle:
    """A logistic regression as an ONNX graph over fitted fields, with a sample row and the answer it really gives."""
    data = load_breast_cancer(as_frame=True).frame[[*COLUMNS, "target"]]
    labels = ["malignant" if value == 0 else "benign" for value in data["target"]]
    product = Product(
        name="tumours",
        goal="Tell a malignant tumour from a benign one.",
        data="sklearn:breast_cancer",
        given=dict.fromkeys(COLUMNS, "number"),
        predict={"diagnosis": "category"},
    )
    given = {name: product.given[name].field(name).fit(data[name].to_numpy()) for name in COLUMNS}
    target = product.target.field("diagnosis").fit(labels)
    arrays = {name: given[name].encode(data[name].to_numpy()) for name in COLUMNS}
    fitted = LogisticRegression(C=regularisation).fit(np.concatenate(list(arrays.values()), axis=1), labels)
    weights = np.stack([-fitted.coef_[0], fitted.coef_[0]], axis=1) / 2
    bias = np.array([-fitted.intercept_[0], fitted.intercept_[0]]) / 2
    inputs = list(input_names(COLUMNS).values())
    graph = helper.make_graph(
        [
            helper.make_node("Concat", inputs, ["row"], axis=1),
            helper.make_node("Gemm", ["row", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["output"]),
        ],
        "linear",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 1]) for name in inputs],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(weights.astype(np.float32), "weights"),
            numpy_helper.from_array(bias.astype(np.float32), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    row = {name: float(data[name][0]) for name in COLUMNS}
    bare = Bundle(product, given, target, Decision(), {"graph": model.SerializeToString()}, {})
    sample = {"row": row, "answer": Engine(bare).answers([row])[0]}
    return Bundle(product, given, target, Decision(), bare.graphs, sample, b"<!doctype html><p>569 rows", {})


def refused(action: object, *args: object) -> PackError:
    """The error with which opening was refused; it always names the file."""
    assert callable(action)
    with pytest.raises(PackError) as caught:
        action(*args)
    assert str(args[0]) in caught.value.says("en")
    assert caught.value.mend("zh")
    return caught.value
