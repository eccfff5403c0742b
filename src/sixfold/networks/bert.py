"""A pretrained encoder of texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field as Setting

from sixfold.errors import TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form, tokenizer_of
from sixfold.language import Text
from sixfold.networks._composed import Composed, mean_there, there
from sixfold.networks._network import Draw, Facts, Proposal, Recipe
from sixfold.networks._preset import backbone_of, files_of, folder_of, in_halves
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Bert"]

_DROPOUT = 0.1

_ROWS_SEEN, _FEWEST_EPOCHS, _MOST_EPOCHS = 40_000, 2, 8
"""Passes over the rows: as many as make 40,000 rows seen, within these."""

_FEATURE_ROWS_SEEN, _FEATURE_EPOCHS = 400_000, (10, 100)
"""The same for a head on frozen features, whose steps cost next to nothing."""

_UNDERSTOOD = {"token_ids", "segment_ids", "padding_mask"}


class Bert(Composed):
    """A pretrained encoder (Devlin et al. 2019) that goes on learning here.

    ``preset`` names a network of KerasHub's that takes tokens: BERT, DistilBERT, ALBERT and what is built like them
    (MiniLM, MacBERT, RoBERTa-wwm), in Hugging Face's or KerasHub's layout. Texts are split by its own tokenizer. A text
    is the mean of its tokens' vectors beside the first one's.
    """

    title: ClassVar[Text] = Text("pretrained encoder", "预训练编码器")
    needs: ClassVar[tuple[str, ...]] = ("preset",)
    head_initializer: ClassVar[Any] = {
        "class_name": "TruncatedNormal",
        "config": {"stddev": 0.02},
    }  # Devlin et al.'s: a head that begins without an opinion pulls the preset's weights nowhere

    class Options(KindOptions):
        """``preset``: a folder, or a name on a hub: hf://…, kaggle://… or modelscope://….

        ``tuning``: whole: every weight learns. lora: the preset's weights stay, and a small addition of rank ``rank``
        to the queries and values of each attention learns (Hu et al. 2022). frozen: the preset's weights stay; every
        text goes through it once, and only what follows learns.

        ``rank``: of lora's additions.
        """

        preset: str | None = Setting(default=None, min_length=1)
        tuning: Literal["whole", "lora", "frozen"] = "whole"
        rank: int = Setting(default=8, ge=1, le=512)

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:
        return 40 if any(form.name == "tokens" for form in given.values()) else 0

    @classmethod
    def asks(cls, kind: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"tokenizer": options["preset"]} if kind == "text" and options.get("preset") else {}

    @classmethod
    def depends_on(cls, options: Mapping[str, Any], beside: Path) -> Any:
        return files_of(options.get("preset"), beside)

    def varied(self, draw: Draw, given: Mapping[str, Form], output: Output, facts: Facts) -> Proposal | None:
        plain = self.recipe(given, output, facts)
        return Proposal(recipe={"learning_rate": plain.learning_rate * draw.suggest_float("rate", 0.5, 2.0, log=True)})

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        if not self.suits(given):
            kinds = ", ".join(form.name for form in given.values())
            raise TrainingError("does_not_suit", network="bert", expected="a text", received=kinds)
        if self._said.preset is None:
            raise TrainingError("no_preset_named")
        import keras

        backbone = _encoder_of(self._said.preset, self.beside)
        self._hold_fitting(backbone, given, facts)
        if self._said.tuning == "lora":
            backbone.enable_lora(self._said.rank)
        whole = backbone.output
        # What stands behind the sequence (BERT's pooler) would be carried along unused.
        sequence = whole["sequence_output"] if isinstance(whole, dict) else whole
        self._preset = keras.Model(backbone.input, sequence, name="preset")
        try:
            if self._said.tuning == "frozen":
                return in_halves(given, self._feature, lambda forms: self._on_features(forms, output, facts))
            return super().build(given, output, facts)
        finally:
            del self._preset

    def encoder(self, x: Any, form: Form, facts: Facts) -> Any | None:  # noqa: ARG002
        import keras

        if form.name == "tokens":
            return keras.layers.Dropout(_DROPOUT)(self._vector(x))
        if self._said.tuning == "frozen" and form.shape == (self._size,):
            return keras.layers.Dropout(_DROPOUT)(keras.layers.LayerNormalization()(x))
        return None

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002
        if self._said.tuning == "frozen":
            fewest, most = _FEATURE_EPOCHS
            epochs = max(fewest, min(most, round(_FEATURE_ROWS_SEEN / max(1, facts.rows))))
            return Recipe(
                optimizer="adamw",
                learning_rate=3e-3,
                schedule="one_cycle",
                weight_decay=1e-2,
                batch=64,
                epochs=epochs,
                patience=20,
            )
        epochs = max(_FEWEST_EPOCHS, min(_MOST_EPOCHS, round(_ROWS_SEEN / max(1, facts.rows))))
        return Recipe(
            optimizer="adamw",
            learning_rate=1e-4 if self._said.tuning == "whole" else 1e-3,
            schedule="one_cycle",
            weight_decay=1e-2,
            epochs=epochs,
            modality_dropout=0.1,
            precision="auto",
        )

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Bert.Options)
        return self.options

    def _hold_fitting(self, backbone: Any, given: Mapping[str, Form], facts: Facts) -> None:
        """Hold that the texts were split by the preset's own tokenizer, and are no longer than it can read."""
        most = getattr(backbone, "max_sequence_length", None)
        own: Any = None
        for name, form in given.items():
            if form.name != "tokens":
                continue
            if most is not None and form.shape[0] > most:
                raise TrainingError("longer_than_preset", length=form.shape[0], most=most)
            told = facts.columns.get(name, {}).get("tokenizer")
            if told is not None and own is None:
                own = tokenizer_of(folder_of(str(self._said.preset), self.beside, with_weights=False))
            if form.vocabulary > backbone.vocabulary_size or (told is not None and told != own):
                raise TrainingError("other_tokenizer", preset=self._said.preset)

    def _vector(self, tokens: Any) -> Any:
        """Texts (batch, length) as vectors (batch, 2·width)."""
        from keras import ops

        exists = there(tokens)
        fed = {
            "token_ids": tokens,
            "segment_ids": ops.zeros_like(tokens),
            "padding_mask": ops.cast(exists, "int32"),
        }
        x = self._preset({name: fed[name] for name in self._preset.input})  # (batch, length, width)
        return ops.concatenate([mean_there(x, exists), x[:, 0]], axis=-1)

    def _feature(self, x: Any, form: Form) -> Any | None:
        if form.name != "tokens":
            return None
        vector = self._vector(x)
        self._size = int(vector.shape[-1])
        return vector

    def _on_features(self, forms: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:
        return super().build(forms, output, facts)


def _encoder_of(preset: str, beside: Path) -> Any:
    """The preset's network, if it is one of texts."""
    whole = backbone_of(preset, beside)
    takes = whole.input if isinstance(whole.input, dict) else {}
    if not {"token_ids", "padding_mask"} <= set(takes) <= _UNDERSTOOD or not hasattr(whole, "vocabulary_size"):
        raise TrainingError("preset_takes_no_texts", preset=preset, received=type(whole).__name__)
    return whole
