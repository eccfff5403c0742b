"""Pictures out of nothing, or out of what is given."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from sixfold.families import Options as KindOptions
from sixfold.fields import Array
from sixfold.language import Text
from sixfold.product import Product
from sixfold.store import ROW
from sixfold.tasks._decision import Decision
from sixfold.tasks._graphs import GRAPH, Graphs
from sixfold.tasks._task import Figure, Output, Task, setting

__all__ = ["NOISE", "Imaging"]

NOISE = "noise"
"""The graph's own input: standard normal numbers, each row its own."""

_LIGHT = ("number", "category", "yes_no", "date")


class Imaging(Task):
    """Generate an ``image``: from noise alone, or of the class or the numbers that are given.

    The same request with the same ``seed`` gives the same pictures.
    """

    title: ClassVar[Text] = Text("image generation", "图像生成")
    pattern: ClassVar[str] = "pictures"
    hub_task: ClassVar[str] = "unconditional-image-generation"
    own_inputs: ClassVar[tuple[str, ...]] = (NOISE,)
    figures: ClassVar[tuple[Figure, ...]] = (
        Figure("fidelity_and_variety"),
        Figure("precision"),
        Figure("recall"),
        Figure("usefulness"),
    )

    class Settings(KindOptions):
        """``seed``: of the noise. ``variety``: how far from the usual picture (Brock et al. 2019 call less than 1
        truncation)."""

        seed: int = setting(
            0,
            Text("Seed", "种子"),
            Text("The same seed gives the same pictures, another one others.", "种子相同，图片相同；换一个则不同。"),
            ge=0,
            lt=2**31,
        )
        variety: float = setting(
            1.0,
            Text("Variety", "多样性"),
            Text("1 as in training; less gives fewer surprises.", "1 与训练时相同；小于 1 则更中规中矩。"),
            gt=0,
            le=2,
        )

    @classmethod
    def matches(cls, product: Product) -> bool:
        return (
            product.verb == "generate"
            and product.target.kind == "image"
            and all(spec.kind in _LIGHT for spec in product.given.values())
        )

    @property
    def judged_by(self) -> tuple[Figure, ...]:
        """All figures where one category is given; else there are no classes that a classifier could learn."""
        kinds = [spec.kind for spec in self.product.given.values()]
        has_classes = len(kinds) == 1 and kinds[0] in ("category", "yes_no")
        return tuple(figure for figure in self.figures if has_classes or figure.name != "usefulness")

    @property
    def output(self) -> Output:
        height, width, channels = self.target.form.shape
        return Output(channels, "linear", (height, width), "grid")

    @property
    def loss(self) -> str:
        return "adversarial"

    @property
    def metrics(self) -> tuple[str, ...]:
        return ("distance",)

    def targets(self, encoded: Array) -> Array:
        """The pictures as they are encoded: uint8 (n, height, width, channels)."""
        return encoded

    def encoded(self, targets: Array) -> Array:
        return targets

    def respond(self, graphs: Graphs, arrays: Mapping[str, Array], settings: KindOptions) -> Array:
        """Pictures as uint8 (n, height, width, channels)."""
        assert isinstance(settings, Imaging.Settings)
        size = tuple(int(side) for side in graphs.inputs(GRAPH)[NOISE][1:])
        # Each row draws for itself, so that its picture does not hang on which others were asked for beside it.
        drawn = [np.random.default_rng([settings.seed, row]).standard_normal(size) for row in arrays[ROW].tolist()]
        noise = np.asarray(drawn, np.float32) * np.float32(settings.variety)
        feed = {**graphs.feed(GRAPH, arrays), NOISE: noise}
        painted = graphs.run(GRAPH, feed)[0]
        return np.asarray(np.clip(np.rint((painted + 1) * 127.5), 0, 255), np.uint8)

    def answers(self, outputs: Array, decision: Decision) -> list[dict[str, Any]]:  # noqa: ARG002
        files = self.target.decode(outputs)
        return [{self.target.name: base64.b64encode(file).decode()} for file in files]

    def answer_schema(self) -> Mapping[str, Any]:
        picture = {"type": "string", "contentEncoding": "base64", "contentMediaType": "image/png"}
        return {"type": "object", "properties": {self.target.name: picture}, "required": [self.target.name]}
