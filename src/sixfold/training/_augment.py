"""Random changes of training rows, drawn anew for every row and step; a target that lies upon a picture goes along."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sixfold.fields import Form, FormName
from sixfold.networks import Recipe

__all__ = ["HIDEABLE", "Lying", "augmentation", "changes_of"]

_HALF_TURN = 3.141592653589793

HIDEABLE = ("grid", "tokens", "steps")

_LEAST_LEFT = 0.3
"""Of a box, the share that must still be in the picture for it to count."""

Augment = Callable[[dict[str, Any], Any], tuple[dict[str, Any], Any]]


@dataclass(frozen=True, slots=True)
class Lying:
    """A target whose values lie upon a given picture, and so move with it.

    Args:
        on: The picture's input.
        form: ``grid``: whole numbers (batch, height, width), moved by the nearest pixel; ``points``: boxes (batch,
            most, 5) of class (0 for the padding), left, top, width and height as shares of the picture.
        nothing: Of a grid, what stands where the picture moved away; 0 where it is ``None``.
    """

    on: str
    form: FormName
    nothing: int | None = None


def augmentation(recipe: Recipe, given: Mapping[str, Form], seed: Any, lying: Lying | None = None) -> Augment | None:
    """What the recipe's ``augment`` and ``modality_dropout`` ask for; ``None`` where they ask nothing of these columns.

    Of pictures, uint8 (batch, height, width, channels): ``shift`` (share of the side), ``zoom`` (share), ``turn``
    (degrees), ``mirror`` (chance of left for right), ``upend`` (chance of up for down), ``brightness`` and ``contrast``
    (share), ``tint`` (share, of each colour on its own), ``erase`` (the side of a square that is blotted out, as a
    share; DeVries & Taylor 2017). Of texts, int32 (batch, length): ``drop`` (the chance of each token to be left out).
    Of series, float32 (batch, length, channels): ``noise`` (standard deviations) and ``scale`` (share). Each is the
    largest change; every row draws its own, evenly.

    With ``modality_dropout``, each picture, text and series of a row is hidden with that chance, as if it were missing;
    only where there are several columns.

    Args:
        recipe: How to train.
        given: The forms of the given columns, by input name.
        seed: A :class:`keras.random.SeedGenerator`, whose state a checkpoint holds.
        lying: Of a target that lies upon one of the pictures, which one and how.

    Returns:
        A function of (inputs, targets) of a batch to both, changed.
    """
    strength = recipe.augment
    changes: dict[str, Callable[[Any], Any]] = {}
    pictures = []
    for name, form in given.items():
        if form.name == "grid" and form.dtype == "uint8" and _asked(strength, _OF_PICTURES):
            pictures.append(name)
        elif form.name == "tokens" and _asked(strength, _OF_TEXTS):
            changes[name] = lambda x: _dropped(x, strength["drop"], seed)
        elif form.name == "steps" and _asked(strength, _OF_SERIES):
            changes[name] = lambda x: _shaken(x, strength, seed)
    hidden = [name for name, form in given.items() if form.name in HIDEABLE]
    if recipe.modality_dropout == 0 or len(given) == 1:
        hidden = []
    if not changes and not hidden and not pictures:
        return None

    def augment(inputs: dict[str, Any], targets: Any) -> tuple[dict[str, Any], Any]:
        changed = {name: changes[name](x) if name in changes else x for name, x in inputs.items()}
        for name in pictures:
            move = _drawn(inputs[name], strength, seed)
            changed[name] = _recoloured(_moved(inputs[name], move), strength, seed)
            if lying is not None and lying.on == name:
                is_grid = lying.form == "grid"
                targets = _moved_places(targets, move, lying.nothing or 0) if is_grid else _moved_boxes(targets, move)
        if "target" in changed:  # a model that is told it while learning
            changed["target"] = targets
        return changed | _hidden({name: changed[name] for name in hidden}, recipe.modality_dropout, seed), targets

    return augment


_OF_PLACES = ("shift", "zoom", "turn", "mirror", "upend")
_OF_PICTURES = (*_OF_PLACES, "brightness", "contrast", "tint", "erase")
_OF_TEXTS, _OF_SERIES = ("drop",), ("noise", "scale")


def changes_of(given: Mapping[str, Form]) -> tuple[str, ...]:
    """The names of all changes that columns of these forms can have."""
    names: dict[str, None] = {}
    for form in given.values():
        if form.name == "grid" and form.dtype == "uint8":
            names |= dict.fromkeys(_OF_PICTURES)
        elif form.name in ("tokens", "steps"):
            names |= dict.fromkeys(_OF_TEXTS if form.name == "tokens" else _OF_SERIES)
    return tuple(names)


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


@dataclass(frozen=True, slots=True)
class _Move:
    """How each picture of a batch is moved.

    Args:
        transforms: (batch, 8): for a pixel of the new picture, which one of the old it is (in pixels, their middles at
            whole numbers); ``None``: the same.
        is_mirrored: Left for right afterwards (batch,); ``None``: none is.
        is_upended: Up for down (batch,); ``None``: none is.
        size: (height, width) in pixels.
    """

    transforms: Any | None
    is_mirrored: Any | None
    is_upended: Any | None
    size: tuple[int, int]


def _drawn(pictures: Any, strength: Mapping[str, float], seed: Any) -> _Move:
    from keras import ops, random

    count = ops.shape(pictures)[0]
    height, width = pictures.shape[1:3]

    def drawn(name: str) -> Any:
        return random.uniform((count,), -strength.get(name, 0.0), strength.get(name, 0.0), seed=seed)  # (batch,)

    def chosen(name: str) -> Any | None:
        return random.uniform((count,), seed=seed) < strength[name] if strength.get(name) else None

    transforms = None
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
    return _Move(transforms, chosen("mirror"), chosen("upend"), (height, width))


def _moved(pictures: Any, move: _Move) -> Any:
    """Pictures (batch, height, width, channels) as float32, moved; what comes in at the sides is like the edge."""
    from keras import ops

    x = ops.cast(pictures, "float32")
    if move.transforms is not None:
        x = ops.image.affine_transform(x, move.transforms, interpolation="bilinear", fill_mode="nearest")
    return _turned_over(x, move)


def _moved_places(places: Any, move: _Move, nothing: int) -> Any:
    """Whole numbers (batch, height, width) moved by the nearest pixel; ``nothing`` comes in at the sides."""
    from keras import ops

    x = ops.cast(places, "float32")[..., None]
    if move.transforms is not None:
        x = ops.image.affine_transform(
            x, move.transforms, interpolation="nearest", fill_mode="constant", fill_value=nothing
        )
    return ops.cast(_turned_over(x, move)[..., 0], places.dtype)


def _turned_over(x: Any, move: _Move) -> Any:
    from keras import ops

    for chosen, axis in ((move.is_mirrored, 2), (move.is_upended, 1)):
        if chosen is not None:
            x = ops.where(ops.reshape(chosen, (-1, 1, 1, 1)), ops.flip(x, axis=axis), x)
    return x


def _moved_boxes(boxes: Any, move: _Move) -> Any:
    """Boxes (batch, most, 5) moved: each is the upright box around its moved corners, cut where the picture ends.

    One of which too little is left is none any more.
    """
    from keras import ops

    height, width = move.size
    kind, left, top, wide, high = (boxes[..., index] for index in range(5))  # (batch, most) each
    x = ops.stack([left, left + wide, left + wide, left], axis=-1) * width - 0.5  # (batch, most, 4)
    y = ops.stack([top, top, top + high, top + high], axis=-1) * height - 0.5
    if move.transforms is not None:
        # Each (batch, 1, 1): the transform goes from the new picture to the old one, so corners go through its inverse.
        right_x, right_y, from_x, down_x, down_y, from_y, *_ = ops.unstack(move.transforms[..., None, None], axis=1)
        across, down, whole = x - from_x, y - from_y, right_x * down_y - right_y * down_x
        x, y = (down_y * across - right_y * down) / whole, (right_x * down - down_x * across) / whole
    x, y = (x + 0.5) / width, (y + 0.5) / height
    if move.is_mirrored is not None:
        x = ops.where(move.is_mirrored[:, None, None], 1 - x, x)
    if move.is_upended is not None:
        y = ops.where(move.is_upended[:, None, None], 1 - y, y)
    ends = [ops.min(x, axis=-1), ops.min(y, axis=-1), ops.max(x, axis=-1), ops.max(y, axis=-1)]
    near_x, near_y, far_x, far_y = (ops.clip(end, 0.0, 1.0) for end in ends)
    whole = (ends[2] - ends[0]) * (ends[3] - ends[1])
    left_over = (far_x - near_x) * (far_y - near_y)
    is_there = ops.cast((kind > 0) & (left_over > _LEAST_LEFT * whole), "float32")
    found = ops.stack([kind, near_x, near_y, far_x - near_x, far_y - near_y], axis=-1)
    return found * is_there[..., None]


def _recoloured(x: Any, strength: Mapping[str, float], seed: Any) -> Any:
    """Moved pictures, float32, in other colours and with a part blotted out: uint8."""
    from keras import ops, random

    count = ops.shape(x)[0]
    height, width, channels = x.shape[1:]

    def drawn(name: str, *more: int) -> Any:
        return random.uniform((count, *more), -strength[name], strength[name], seed=seed)

    if "contrast" in strength:
        mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
        x = mean + (x - mean) * (1 + drawn("contrast", 1, 1, 1))
    if "brightness" in strength:
        x = x + 255 * drawn("brightness", 1, 1, 1)
    if strength.get("tint"):
        x = x * (1 + drawn("tint", 1, 1, channels))
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
