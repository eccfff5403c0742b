"""A pretrained causal language model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, FormName, writing_tokenizer_of
from sixfold.language import Text
from sixfold.networks._network import Draw, Facts, Layered, Objective, Part, Proposal, Recipe
from sixfold.networks._preset import causal_of, files_of, folder_of
from sixfold.networks._writing import next_token
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["CausalPreset"]

_WINDOWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 20_000, 1, 4
_SHIFT = 2
_SAMPLE = 4
"""Rows, tokens, and tokens before them: as many of each, so that every array can be taken row by row."""


class CausalPreset(Layered):
    """A pretrained causal language model of KerasHub's that goes on learning here (GPT-2, Llama, Gemma, Qwen …).

    ``preset`` names it, in KerasHub's or Hugging Face's layout; texts are split by its own tokenizer, of those that
    join bytes in pairs. It sees ``context`` tokens at once; longer texts are learned in pieces.
    """

    title: ClassVar[Text] = Text("pretrained language model", "预训练语言模型")
    obeys: ClassVar[frozenset[str]] = Layered.obeys - {"class_weights"}
    makes: ClassVar[tuple[FormName, ...]] = ("tokens",)
    is_taught: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("preset",)

    class Options(KindOptions):
        """``preset``: a folder, or a name on a hub: hf://…, kaggle://… or modelscope://….

        ``tuning``: whole: every weight learns. lora: the preset's weights stay, and a small addition of rank ``rank``
        to the queries and values of each attention learns (Hu et al. 2022).

        ``rank``: of lora's additions. ``context``: tokens that it sees at once.
        """

        preset: str | None = Setting(default=None, min_length=1)
        tuning: Literal["whole", "lora"] = "whole"
        rank: int = Setting(default=8, ge=1, le=512)
        context: int = Setting(default=128, ge=8, le=8192)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 0 if given else 40

    @classmethod
    def asks_of_target(cls, kind: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"tokenizer": options["preset"]} if kind == "text" and options.get("preset") else {}

    @classmethod
    def depends_on(cls, options: Mapping[str, Any], beside: Path) -> Any:
        return files_of(options.get("preset"), beside)

    @property
    def at_once(self) -> int:
        return self._said.context

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        plain = self.recipe(given, output, facts)
        return Proposal(recipe={"learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.5, 2.0, log=True)})

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        import keras

        from sixfold.networks.layers import PresetStep

        said, preset = self._said, self._said.preset
        if given:
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="causal_preset", expected="–", received=kinds)
        if preset is None:
            raise TrainingError("no_preset_named")
        whole = causal_of(preset, self.beside)
        if not _goes_on_from_texts(whole):
            raise TrainingError("preset_takes_no_texts", preset=preset, received=type(whole).__name__)
        most = getattr(whole.backbone, "max_sequence_length", None)
        if most is not None and said.context > most:
            raise TrainingError("longer_than_preset", length=said.context, most=most)
        told = facts.columns.get("target", {})
        own, end, begin = writing_tokenizer_of(folder_of(preset, self.beside, with_weights=False))
        tokens = output.units - _SHIFT
        if told.get("tokenizer") != own or tokens > whole.backbone.vocabulary_size:
            raise TrainingError("other_tokenizer", preset=preset)
        if said.tuning == "lora":
            whole.backbone.enable_lora(said.rank)
        step = PresetStep(whole, tokens, end, begin, name="preset")
        target = keras.Input((None,), dtype="int32", name="target")
        return keras.Model({"target": target}, step(target[:, :-1]))

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_WINDOWS_SEEN / max(1, facts.rows))))
        return Recipe(
            optimizer="adamw",
            learning_rate=5e-5 if self._said.tuning == "whole" else 5e-4,
            schedule="one_cycle",
            weight_decay=1e-2,
            batch=8,
            epochs=epochs,
        )

    def objective(self, output: Output, recipe: Recipe) -> Objective:  # noqa: ARG002
        return next_token("accuracy", recipe, begun=1)

    def parts(self, model: keras.Model, given: Mapping[str, Form], output: Output) -> Mapping[str, Part]:  # noqa: ARG002
        """One graph, that goes on where it stopped."""
        import keras

        from sixfold.networks.layers import PresetStep, RoomLeft

        learned = model.get_layer("preset")
        # A layer of its own over the same model: one layer cannot be called for other outputs than at first.
        step = PresetStep(learned.model, learned.tokens, learned.end, learned.begin)
        inputs = {
            "tokens": keras.Input((None,), dtype="int32", name="tokens"),
            "past": keras.Input(batch_shape=(None, None, *step.entries), name="past"),
        }
        logits, new = step(inputs["tokens"], inputs["past"])
        left = RoomLeft(self._said.context)(inputs["tokens"], inputs["past"])
        draw = np.random.default_rng(0)
        sample = {
            "tokens": draw.integers(_SHIFT, output.units, (_SAMPLE, _SAMPLE)).astype(np.int32),
            "past": draw.normal(size=(_SAMPLE, _SAMPLE, *step.entries)).astype(np.float32),
        }
        return {"graph": Part(keras.Model(inputs, {"left": left, "logits": logits, "new": new}, name="step"), sample)}

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, CausalPreset.Options)
        return self.options


def _goes_on_from_texts(model: Any) -> bool:
    """Whether a KerasHub task takes tokens alone, and remembers them (one of pictures too takes more)."""
    remembers = getattr(model, "_build_cache", None)
    takes = model.input if isinstance(model.input, dict) else {}
    return (
        remembers is not None
        and set(takes) == {"token_ids", "padding_mask"}
        and len(inspect.signature(remembers).parameters) == 1
    )
