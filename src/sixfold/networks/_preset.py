"""What networks that begin from a preset share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sixfold.errors import TrainingError
from sixfold.fields import Form, is_on_hub, preset_folder
from sixfold.networks._inputs import inputs_of

if TYPE_CHECKING:
    import keras

__all__ = ["backbone_of", "causal_of", "files_of", "folder_of", "in_halves"]


def files_of(preset: str | None, beside: Path) -> Any:
    """Which files a preset in a folder has, with their sizes and times, as plain JSON; ``None`` of one on a hub."""
    if not preset or is_on_hub(preset):
        return None
    folder = beside / Path(preset).expanduser()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [[str(path.relative_to(folder)), path.stat().st_size, path.stat().st_mtime_ns] for path in files]


def folder_of(preset: str, beside: Path, *, with_weights: bool) -> Path:
    """The folder of a preset.

    Raises:
        TrainingError: It is not there, or its hub did not give it.
    """
    try:
        return preset_folder(preset, beside, with_weights=with_weights)
    except ValueError as error:
        raise TrainingError("no_preset", preset=preset, reason=error) from error


def backbone_of(preset: str, beside: Path) -> Any:
    """A KerasHub backbone with its weights.

    Raises:
        TrainingError: KerasHub is not installed, or it cannot read the preset.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise TrainingError("no_keras_hub", preset=preset) from error
    folder = folder_of(preset, beside, with_weights=True)
    try:
        return keras_hub.models.Backbone.from_preset(str(folder))
    except Exception as error:  # whatever is wrong with a stranger's files
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise TrainingError("no_preset", preset=preset, reason=reason) from error


def causal_of(preset: str, beside: Path) -> Any:
    """A KerasHub causal language model with its weights, without what prepares texts for it.

    Raises:
        TrainingError: KerasHub is not installed, or it cannot read the preset.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise TrainingError("no_keras_hub", preset=preset) from error
    folder = folder_of(preset, beside, with_weights=True)
    try:
        return keras_hub.models.CausalLM.from_preset(str(folder), preprocessor=None)
    except Exception as error:  # whatever is wrong with a stranger's files
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise TrainingError("no_preset", preset=preset, reason=reason) from error


def in_halves(
    given: Mapping[str, Form],
    vector_of: Callable[[Any, Form], Any | None],
    head_of: Callable[[Mapping[str, Form]], keras.Model],
) -> keras.Model:
    """A model as two: what never changes, from the given columns to vectors, and what learns, from there on.

    Args:
        given: The forms of the given columns, by input name.
        vector_of: A column's vector (batch, size) by the preset; ``None``: it goes on as it is.
        head_of: From what the columns are then to the output.
    """
    import keras

    inputs = inputs_of(given)
    features, forms = {}, {}
    for name, form in given.items():
        vector = vector_of(inputs[name], form)
        features[name] = inputs[name] if vector is None else vector
        forms[name] = form
        if vector is not None:
            forms[name] = Form(name="vector", shape=(int(vector.shape[-1]),), dtype="float32")
    fixed = keras.Model(inputs, features, name="features")
    fixed.trainable = False
    head = head_of(forms)
    model = keras.Model(inputs, head(fixed(inputs)))
    model.halves = (fixed, head)
    return model
