"""A causal language model, from scratch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName
from sixfold.language import Text
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.networks._writing import next_token, writing_step
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Gpt"]

_WINDOWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 60_000, 2, 40
_FEW_WINDOWS = 20_000
_RATE, _MOST_RATE = 0.4, 3e-3
"""The peak of the learning rate falls with the width (Yang et al. 2021): 5e-4 at GPT-2's 768. On Shakespeare's plays at
width 128, 3e-3 reached a loss of 1.79 in 2,000 steps, 1e-3 one of 1.89."""


class Gpt(Layered):
    """A transformer that says how a text goes on (Radford et al. 2019), with a vocabulary of the same rows.

    It sees ``context`` tokens at once; longer texts are learned in pieces that each begin where the one before ended.
    The vectors of tokens are those that the output is compared with (Press & Wolf 2017).
    """

    title: ClassVar[Text] = Text("language model", "语言模型")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("tokens",)
    is_taught: ClassVar[bool] = True

    class Options(KindOptions):
        """``layers``: of attention. ``width``: of each token's vector. ``heads``: of attention, sharing the width.

        ``context``: tokens that it sees at once; ``dropout``: the share of what is dropped while training; left out,
        more of it for fewer tokens.
        """

        layers: int = Setting(default=4, ge=1, le=96)
        width: int = Setting(default=256, ge=8, le=8192)
        heads: int = Setting(default=4, ge=1, le=128)
        context: int = Setting(default=128, ge=8, le=8192)
        dropout: float | None = Setting(default=None, ge=0, lt=1)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 0 if given else 30

    @property
    def at_once(self) -> int:
        return self._said.context

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal:
        plain = self.recipe(given, output, facts)
        return Proposal(
            options={"dropout": draw.suggest_float("dropout", 0.0, 0.4), "width": 64 * draw.suggest_int("width", 2, 6)},
            recipe={"learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.5, 2.0, log=True)},
        )

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        from sixfold.networks.layers import Decoder

        said = self._said
        if given:
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="gpt", expected="–", received=kinds)
        if said.width % said.heads:
            raise TrainingError("uneven_heads", width=said.width, heads=said.heads)
        dropout = said.dropout if said.dropout is not None else 0.2 if facts.rows < _FEW_WINDOWS else 0.1
        target = keras.Input((None,), dtype="int32", name="target")
        decoder = Decoder(
            output.units, said.width, said.layers, said.heads, said.context, dropout=dropout, name="decoder"
        )
        logits, _ = decoder(target[:, :-1])
        return keras.Model({"target": target}, logits)

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        return Recipe(
            optimizer="adamw",
            learning_rate=min(_MOST_RATE, _RATE / self._said.width),
            schedule="one_cycle",
            weight_decay=0.1,
            batch=32,
            epochs=max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_WINDOWS_SEEN / max(1, facts.rows)))),
            patience=4,
            precision="auto",
        )

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        return next_token("accuracy", recipe, begun=1)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """One graph, that goes on where it stopped."""
        return {"graph": writing_step(model.get_layer("decoder"), crosses=False)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Gpt.Options)
        return self.options
