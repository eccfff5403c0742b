"""What the loss wants of a target, and back."""

from __future__ import annotations

import numpy as np
import pytest

from sixfold.product import Product
from sixfold.tasks import task_of


@pytest.mark.parametrize(
    ("kind", "values"),
    [("category", ["a", "b", "c", "b"]), ("yes_no", ["no", "yes", "yes"]), ("number", [1.5, -2.0, 40.0])],
)
def test_targets_come_back_to_what_the_field_encoded(kind: str, values: list[object]) -> None:
    product = Product(name="back", data="-", given={"x": "number"}, predict={"y": kind})
    field = product.target.field("y").fit(values)
    task = task_of(product)(product, field)
    encoded = field.encode(values)
    np.testing.assert_array_equal(task.encoded(task.targets(encoded)), encoded)
