"""Random changes of training rows, drawn anew for every row and step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sixfold.fields import Form
from sixfold.networks import Recipe

__all__ = ["augmentation"]

_HALF_TURN = 3.141592653589793


_HIDEABLE = ("grid", "tokens", "steps")


def augmentation(
    recipe: Recipe, given: Mapping[str, Form], seed: Any
) -> Callable[[dict[str, Any]], dict[str, Any]] | None:
    """What the recipe's ``augment`` and ``modality_dropout`` ask for; ``None`` where they ask nothing of these columns.

    Of pictures, uint8 (batch, height, width, channels): ``shift`` (share of the side), ``zoom`` (share), ``turn``
    (degrees), ``mirror`` (chance of left for right), ``brightness`` and ``contrast`` (share), ``erase`` (the side of a
    square that is blotted out, as a share; DeVries & Taylor 2017). Of texts, int32 (batch, length): ``drop`` (the
    chance of each token to be left out). Of series, float32 (batch, length, channels): ``noise`` (standard deviations)
    and ``scale`` (share). Each is the largest change; every row draws its own, evenly.

    With ``modality_dropout``, each picture, text and series of a row is hidden with that chance, as if it were missing;
    only where there are several columns.

    Args:
        recipe: How to train.
        given: The forms of the given columns, by input name.
        seed: A :class:`keras.random.SeedGenerator`, whose state a checkpoint holds.
    """
    strength = recipe.augment
    changes: dict[str, Callable[[Any], Any]] = {}
    for name, form in given.items():
        if form.name == "grid" and form.dtype == "uint8" and _asked(strength, _OF_PICTURES):
            changes[name] = lambda x: _changed(x, strength, seed)
        elif form.name == "tokens" and _asked(strength, ("drop",)):
            changes[name] = lambda x: _dropped(x, strength["drop"], seed)
        elif form.name == "steps" and _asked(strength, ("noise", "scale")):
            changes[name] = lambda x: _shaken(x, strength, seed)
    hidden = [name for name, form in given.items() if form.name in _HIDEABLE]
    if recipe.modality_dropout == 0 or len(given) == 1:
        hidden = []
    if not changes and not hidden:
        return None

    def augment(inputs: dict[str, Any]) -> dict[str, Any]:
        changed = {name: changes[name](x) if name in changes else x for name, x in inputs.items()}
        return changed | _hidden({name: changed[name] for name in hidden}, recipe.modality_dropout, seed)

    return augment


_OF_PICTURES = ("shift", "zoom", "turn", "mirror", "brightness", "contrast", "erase")


def _asked(strength: Mapping[str, float], names: tuple[str, ...]) -> bool:
    return any(strength.get(name, 0.0) > 0 for name in names)


def _hidden(inputs: dict[str, Any], chance: float, seed: Any) -> dict[str, Any]:
    """Whole columns of some rows set to nothing, as missing ones are."""
    from keras import ops, random

    found = {}
    for name, x in inputs.items():
        stays = random.uniform((ops.shape(x)[0],), seed=seed) >= chance  # (batch,)
        found[name] = x * ops.cast(ops.reshape(stays, (-1, *[1] * (len(x.shape) - 1))), x.dtype)
    return found


def _dropped(tokens: Any, chance: float, seed: Any) -> Any:
    """Tokens (batch, length) with some left out, those behind them moved up; the first one stays."""
    from keras import ops, random

    places = ops.arange(tokens.shape[1] or ops.shape(tokens)[1])
    stays = (random.uniform(ops.shape(tokens), seed=seed) >= chance) | (places == 0)[None, :]
    kept = tokens * ops.cast(stays, tokens.dtype)
    order = ops.argsort(ops.cast(kept == 0, "int32") * ops.shape(tokens)[1] + places[None, :], axis=1)
    return ops.take_along_axis(kept, order, axis=1)


def _shaken(steps: Any, strength: Mapping[str, float], seed: Any) -> Any:
    """Series (batch, length, channels) with noise on every value, and each row larger or smaller; presence is kept."""
    from keras import ops, random

    values, there = steps[..., :-1], steps[..., -1:]
    if strength.get("scale"):
        values = values * (1 + random.uniform((ops.shape(values)[0], 1, 1), -1, 1, seed=seed) * strength["scale"])
    if strength.get("noise"):
        values = values + random.normal(ops.shape(values), seed=seed) * strength["noise"]
    return ops.concatenate([values * there, there], axis=-1)


def _changed(pictures: Any, strength: Mapping[str, float], seed: Any) -> Any:
    from keras import ops, random

    count = ops.shape(pictures)[0]
    height, width = pictures.shape[1:3]

    def drawn(name: str) -> Any:
        return random.uniform((count,), -strength.get(name, 0.0), strength.get(name, 0.0), seed=seed)  # (batch,)

    x = ops.cast(pictures, "float32")
    if any(name in strength for name in ("shift", "zoom", "turn")):
        angle = drawn("turn") * (_HALF_TURN / 180)
        scale = 1 / (1 + drawn("zoom"))
        cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
        middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
        right, down = drawn("shift") * width, drawn("shift") * height
        zero = ops.zeros_like(angle)
        transforms = ops.stack(
            [
                cosine,
                -sine,
                middle_x - cosine * middle_x + sine * middle_y + right,
                sine,
                cosine,
                middle_y - sine * middle_x - cosine * middle_y + down,
                zero,
                zero,
            ],
            axis=1,
        )  # (batch, 8)
        x = ops.image.affine_transform(x, transforms, interpolation="bilinear", fill_mode="nearest")
    if strength.get("mirror"):
        turned = random.uniform((count, 1, 1, 1), seed=seed) < strength["mirror"]
        x = ops.where(turned, ops.flip(x, axis=2), x)
    if "contrast" in strength:
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (x - mean) * (1 + ops.reshape(drawn("contrast"), (-1, 1, 1, 1)))
    if "brightness" in strength:
        x = x + 255 * ops.reshape(drawn("brightness"), (-1, 1, 1, 1))
    if strength.get("erase"):
        middles = random.uniform((2, count, 1), seed=seed) * ops.reshape(
            ops.array([height, width], "float32"), (2, 1, 1)
        )
        halves = 0.5 * strength["erase"] * random.uniform((count, 1), seed=seed) * min(height, width)
        down = ops.abs(ops.arange(height, dtype="float32")[None] - middles[0]) < halves  # (batch, height)
        across = ops.abs(ops.arange(width, dtype="float32")[None] - middles[1]) < halves  # (batch, width)
        blot = (down[:, :, None] & across[:, None, :])[..., None]
        x = ops.where(blot, ops.mean(x, axis=(1, 2, 3), keepdims=True), x)
    return ops.cast(ops.clip(ops.round(x), 0, 255), "uint8")
