"""How this very model works, for a reader who wants to learn: its blocks, its formulas, and how it was trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from sixfold.evaluation._appraisal import Report, described
from sixfold.evaluation._chapter import Chapter, Finished
from sixfold.evaluation._html import facts, number, say, short
from sixfold.evaluation._pictures import Block, blocks
from sixfold.evaluation._words import count
from sixfold.families import find
from sixfold.fields import input_names
from sixfold.language import Text
from sixfold.networks import Fitted, Network

__all__ = ["Anatomy"]

_MOST_BLOCKS = 18
_LEARNS = ("Conv", "Dense", "LSTM", "GRU", "Embedding", "Attention", "Bidirectional", "Decoder", "Block", "Backbone")
"""What begins a block: layers that learn most. What follows (normalisation, activation, pooling) belongs to them."""

_QUIET = (
    "InputLayer",
    "Rescaling",
    "Activation",
    "ReLU",
    "LeakyReLU",
    "Dropout",
    "Identity",
    "Add",
    "Flatten",
    "Reshape",
)


class Anatomy(Chapter):
    """The layers, the head, the loss and the learning rule, in plain words."""

    title: ClassVar[Text] = Text("How this model works", "这个模型是怎样工作的")
    label: ClassVar[Text] = Text("Anatomy", "剖析")
    order: ClassVar[int] = 80

    @classmethod
    def suits(cls, model: Finished) -> bool:
        return "network.json" in model.inputs["train"].members

    def measure(self, model: Finished) -> dict[str, Any] | None:
        trained = model.inputs["train"]
        told = model.work.read_json(trained, "network.json")
        several = sorted(told.get("members") or [], key=lambda one: -float(one["weight"]))
        one = several[0] if several else told
        names = {name: column for column, name in input_names(model.prepared.given).items()}
        family: type[Network] = Network  # type: ignore[type-abstract]  # a family is looked up, never built
        kind = find(family, str(one["kind"]))
        layers = [
            {
                "name": names.get(layer["name"], layer["name"]),
                "kind": layer["kind"],
                "parameters": int(layer["parameters"]),
                "shape": layer.get("shape"),
            }
            for layer in one.get("layers") or []
        ]
        output = model.task.output
        return {
            "network": kind.kind(),
            "title": {"en": kind.title.en, "zh": kind.title.zh},
            "is_fitted": issubclass(kind, Fitted),
            "others": [str(other["kind"]) for other in several[1:]],
            "inputs": [
                {"column": name, "form": field.form.name, "shape": list(field.form.shape)}
                for name, field in model.prepared.given.items()
            ],
            "layers": layers,
            "parameters": trained.about.get("parameters"),
            "output": {
                "units": output.units,
                "activation": output.activation,
                "places": list(output.places),
                "form": output.form,
            },
            "loss": model.task.loss,
            "recipe": {name: value for name, value in (one.get("recipe") or {}).items() if _is_plain(value)},
        }

    @classmethod
    def schema(cls) -> dict[str, Any]:
        text, whole = {"type": "string"}, {"type": "integer", "minimum": 0}
        sides = {"type": "array", "items": {"type": ["integer", "null"]}}
        shape = {"anyOf": [{"type": "null"}, sides]}
        return described(
            network=text,
            title=described(en=text, zh=text),
            is_fitted={"type": "boolean"},
            others={"type": "array", "items": text},
            inputs={"type": "array", "items": described(column=text, form=text, shape=sides)},
            layers={"type": "array", "items": described(name=text, kind=text, parameters=whole, shape=shape)},
            parameters={"type": ["integer", "null"]},
            output=described(units=whole, activation=text, places=sides, form=text),
            loss=text,
            recipe={"type": "object"},
        )

    @classmethod
    def body(cls, found: Mapping[str, Any], report: Report) -> str:
        drawn = blocks("anatomy", _boxes(found, report), Text("The blocks of the model", "模型的各个部分"))
        caption = Text(
            "From what is given to the answer. On the right: the shape of what a block gives for one row, and how many "
            "numbers (weights) it learned; the bar is its share of all of them.",
            "从已知列到答案。右侧是该部分对一行给出的数组的形状，以及学到的数字（权重）的个数；横条是它占全部的比例。",
        )
        parts = [f"<p>{say(_opening(found))}</p>"]
        parts.append(f"<figure>{drawn}<figcaption>{say(caption)}</figcaption></figure>")
        lessons = [(say(name), say(meaning)) for name, meaning in _lessons(found)]
        if lessons:
            parts.append(f"<h3>{say(Text('What the blocks do', '各部分在做什么'))}</h3>{facts(lessons)}")
        parts.append(f"<h3>{say(Text('The answer, and what learning makes smaller', '答案，以及学习要减小什么'))}</h3>")
        parts += [_formula(said, formula) for said, formula in _formulas(found, report)]
        if not found["is_fitted"]:
            parts.append(f"<h3>{say(Text('How it learned', '它是怎样学习的'))}</h3>")
            parts += [_formula(said, formula) for said, formula in _learning(found)]
        return "".join(parts)


def _opening(found: Mapping[str, Any]) -> Text:
    learned = number(found["parameters"])
    said = Text(
        f"The network: {found['title']['en']} ({found['network']}), with {learned} numbers that were learned.",
        f"网络：{found['title']['zh']}（{found['network']}），学到了 {learned} 个数字。",
    )
    if found["others"]:
        names = ", ".join(found["others"])
        said = Text(
            f"{said.en} It answers together with others ({names}): their answers are averaged by weight. "
            "The one with the largest weight is shown.",
            f"{said.zh}它与其他模型（{names}）一起作答，按权重取平均。这里画的是权重最大的一个。",
        )
    return said


def _boxes(found: Mapping[str, Any], report: Report) -> list[Block]:
    total = max(1, sum(layer["parameters"] for layer in found["layers"]) or int(found["parameters"] or 0))
    inputs = found["inputs"]
    if len(inputs) == 1:
        rows = [Block(_same(short(inputs[0]["column"], 30)), _same(_form(inputs[0])), 0.0)]
    elif inputs:
        names = short(", ".join(one["column"] for one in inputs), 44)
        rows = [Block(_same(names), Text(f"{len(inputs)} columns", f"{len(inputs)} 列"), 0.0)]
    else:
        rows = [Block(Text("noise, or a beginning", "噪声或开头"), Text("", ""), 0.0)]
    groups = _grouped(found["layers"])
    if groups:
        shown = groups if len(groups) <= _MOST_BLOCKS else [*groups[: _MOST_BLOCKS // 2], *groups[-_MOST_BLOCKS // 2 :]]
        for place, group in enumerate(shown):
            if place == _MOST_BLOCKS // 2 and len(shown) < len(groups):
                hidden = groups[_MOST_BLOCKS // 2 : -_MOST_BLOCKS // 2]
                weights = sum(layer["parameters"] for one in hidden for layer in one)
                rows.append(
                    Block(
                        Text(f"… {len(hidden)} more blocks", f"… 另外 {len(hidden)} 个部分"),
                        _same(count(weights)),
                        weights / total,
                    )
                )
            rows.append(_box(group, total))
    else:
        weights = int(found["parameters"] or 0)
        title = Text(found["title"]["en"], found["title"]["zh"])
        rows.append(Block(title, _same(count(weights)), 1.0 if weights else 0.0))
    output = found["output"]
    sides = "×".join(map(str, [*output["places"], output["units"]]))
    rows.append(Block(_same(short(report["product"]["target"], 30)), _same(sides), 0.0))
    return rows


def _grouped(layers: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Layers in blocks: one that learns, and what follows it up to the next such one."""
    groups: list[list[Mapping[str, Any]]] = []
    for layer in layers:
        if layer["kind"] == "InputLayer":
            continue
        begins = layer["parameters"] > 0 and any(word in layer["kind"] for word in _LEARNS)
        if begins or not groups:
            groups.append([])
        groups[-1].append(layer)
    return groups


def _box(group: Sequence[Mapping[str, Any]], total: int) -> Block:
    kinds = list(dict.fromkeys(layer["kind"] for layer in group))
    loud = [kind for kind in kinds if kind not in _QUIET] or kinds
    title = short(" · ".join(loud), 44)
    weights = sum(layer["parameters"] for layer in group)
    shape = next((layer["shape"] for layer in reversed(group) if layer["shape"]), None)
    sides = None if shape is None else "×".join("n" if side is None else str(side) for side in shape)
    learned = count(weights) if weights else None
    return Block(_same(title), _same(" · ".join(filter(None, [sides, learned]))), weights / total)


def _same(text: str) -> Text:
    return Text(text, text)


def _form(one: Mapping[str, Any]) -> str:
    return f"{'×'.join(map(str, one['shape'])) or '1'} {one['form']}"


def _lessons(found: Mapping[str, Any]) -> list[tuple[Text, Text]]:
    """What each sort of layer does, of those that this model has."""
    kinds = " ".join(layer["kind"] for layer in found["layers"])
    return [
        (name, meaning) for words, name, meaning in _OF_LAYERS if any(word in kinds for word in words)
    ] or _OF_NETWORKS.get(found["network"], [])


def _formulas(found: Mapping[str, Any], report: Report) -> list[tuple[Text, str]]:
    """The head and the loss of the task: in words, and as a formula."""
    units = found["output"]["units"]
    target = short(report["product"]["target"], 30)
    form = found["output"]["form"]
    if form in _OF_FORMS:
        return [_OF_FORMS[form]]
    head = {
        "softmax": (
            Text(
                f"The last block gives {units} numbers z, one for each answer; they become chances that sum to 1: the "
                "largest z gets most.",
                f"最后一部分给出 {units} 个数 z，每种答案一个；再化为总和为 1 的可能性：z 最大的得到最多。",
            ),
            "p(k) = exp(z(k)) / Σ exp(z(j))",
        ),
        "sigmoid": (
            Text(
                f"The last block gives one number z; it becomes the chance of yes for {target}: far below 0 nearly "
                "never, far above it nearly always.",
                f"最后一部分给出一个数 z，再化为 {target} 为“是”的可能性：远小于 0 几乎从不，远大于 0 几乎总是。",
            ),
            "p = 1 / (1 + exp(−z))",
        ),
        "linear": (
            Text(
                f"The last block gives {target} itself, on the scale that it was learned on.",
                f"最后一部分直接给出 {target}，用的是学习时的尺度。",
            ),
            "ŷ = W·h + b",
        ),
    }.get(found["output"]["activation"] if form == "vector" else "–")
    loss = _LOSSES.get(found["loss"])
    return [one for one in (head, loss) if one is not None]


def _learning(found: Mapping[str, Any]) -> list[tuple[Text, str]]:
    recipe = found["recipe"]
    if not recipe:
        return []
    rate, batch, epochs = recipe.get("learning_rate", 0), recipe.get("batch", 0), recipe.get("epochs", 0)
    one_cycle = recipe.get("schedule") == "one_cycle"
    way = Text(
        f"At each step it looks at {batch} rows, asks of every weight which way the loss falls (its gradient g), and "
        "moves it a little that way; at most "
        f"{epochs} times over all rows. "
        + (
            f"The step grows to {rate:g} and then shrinks to almost nothing." if one_cycle else f"The step is {rate:g}."
        ),
        f"每一步看 {batch} 行，问每个权重往哪边动损失会下降（梯度 g），就往那边挪一点；全部的行最多看 {epochs} 遍。"
        + (f"步长先升到 {rate:g}，再降到几乎为零。" if one_cycle else f"步长是 {rate:g}。"),
    )
    steps = [(way, "w ← w − η · m / (√v + ε),   m = mean of g,   v = mean of g²")]
    if recipe.get("optimizer") == "adamw" and recipe.get("weight_decay"):
        decay = Text(
            "Besides, every weight shrinks a little at each step, so that only what is needed grows large (AdamW).",
            "此外，每个权重每一步都缩小一点，只有用得着的才会变大（AdamW）。",
        )
        steps.append((decay, f"w ← w · (1 − η · {recipe['weight_decay']:g})"))
    if recipe.get("label_smoothing"):
        smooth = Text(
            f"The truth was told as {1 - recipe['label_smoothing']:g}, not as 1, so that it does not grow too sure.",
            f"告诉它的真值是 {1 - recipe['label_smoothing']:g} 而不是 1，以免过于自信。",
        )
        steps.append((smooth, ""))
    return steps


def _formula(said: Text, formula: str) -> str:
    return f"<p>{say(said)}</p>" + (f"<pre>{say(formula)}</pre>" if formula else "")


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, bool)) or (isinstance(value, float) and math.isfinite(value))


_LOSSES: Mapping[str, tuple[Text, str]] = {
    "categorical_crossentropy": (
        Text(
            "Learning makes the surprise smaller: minus the logarithm of the chance given to what was right. A sure "
            "answer that is wrong costs much.",
            "学习要减小的是“意外”：给正确答案的可能性取对数再取负。很有把握却答错，代价很大。",
        ),
        "loss = −log p(right)",
    ),
    "binary_crossentropy": (
        Text(
            "Learning makes the surprise smaller: minus the logarithm of the chance given to what was right.",
            "学习要减小的是“意外”：给正确答案的可能性取对数再取负。",
        ),
        "loss = −y·log p − (1 − y)·log(1 − p)",
    ),
    "sparse_categorical_crossentropy": (
        Text(
            "Learning makes the surprise smaller, at every place (token, pixel) by itself, and takes the mean.",
            "学习要减小的是“意外”：在每个位置（词元、像素）上分别计算，再取平均。",
        ),
        "loss = mean of −log p(right)",
    ),
    "mean_squared_error": (
        Text(
            "Learning makes the square of the error smaller: twice as far off costs four times as much.",
            "学习要减小误差的平方：偏差大一倍，代价是四倍。",
        ),
        "loss = mean of (ŷ − y)²",
    ),
    "pinball": (
        Text(
            "Each of nine quantiles q is learned by itself: to be too low costs q, to be too high 1 − q, so each comes "
            "to lie above just its share of what happens.",
            "九个分位数 q 各自学习：偏低的代价是 q，偏高的是 1 − q，于是每个分位数恰好高于相应比例的结果。",
        ),
        "loss = max(q·(y − ŷ), (q − 1)·(y − ŷ))",
    ),
    "adversarial": (
        Text(
            "Two networks learn from each other: the critic c tells real pictures from painted ones, the painter G "
            "paints what the critic takes for real.",
            "两个网络互相学习：评论者 c 分辨真实图片与画出的图片，画者 G 画出让评论者当真的图片。",
        ),
        "critic: max(0, 1 − c(real)) + max(0, 1 + c(G(noise)))      painter: −c(G(noise))",
    ),
    "boxes": (
        Text(
            "Two things are learned at once: at which cell the middle of a box lies (focal loss, so that the many "
            "empty cells do not drown the few full ones), and how far its sides are (1 less the overlap of both "
            "boxes).",
            "同时学习两件事：框的中心落在哪个格子（焦点损失，使大量空格子不会淹没少数有框的），"
            "以及四边有多远（1 减去两个框的重叠程度）。",
        ),
        "loss = −(1 − p)²·log p(right) + (1 − overlap)",
    ),
    "best_of_many": (
        Text(
            "Of several futures only the one that came nearest learns from what happened, so that they stay different.",
            "在多个未来中，只有最接近实际的那一个从中学习，于是它们保持各不相同。",
        ),
        "loss = min over k of distance(path, future(k))",
    ),
}

_OF_FORMS: Mapping[str, tuple[Text, str]] = {
    "arms": (
        Text(
            "For each choice it tells the outcome that is to be expected, and how often rows like this one got it. The "
            "effect of a choice is the difference of two expected outcomes; no row shows both, so it is checked by "
            "scores that weigh what did happen by how likely it was.",
            "对每一种选择，它给出预计的结果，以及与之相似的行得到这种选择的可能性。选择的效应是两个预计结果之差；"
            "没有哪一行能同时看到两者，因此用按可能性加权的实际结果来核对。",
        ),
        "effect(a) = μ(a, x) − μ(first, x)      score(a) = μ(a, x) + [got a] · (y − μ(a, x)) / p(a | x)",
    ),
    "ways": (
        Text(
            "For each block of the map it tells what it costs to go on to each neighbour, so that the ways given as "
            "optimal come out cheapest; the way itself is found by search under these costs.",
            "对地图上的每一块，它给出走到各个相邻块的代价，使作为最优给出的路线恰好最省；路线本身由搜索按这些代价找出。",
        ),
        "V(s) = min over neighbours t of (cost(s → t) + V(t))",
    ),
}

_OF_LAYERS: tuple[tuple[tuple[str, ...], Text, Text], ...] = (
    (
        ("Conv",),
        Text("Convolution", "卷积"),
        Text(
            "The same small window slides over the whole picture or series and answers wherever its pattern is: an "
            "edge, a curve, later a whole part. It needs few weights, for it need not learn each place anew.",
            "同一个小窗口滑过整张图片或整条序列，在出现其模式之处作出响应：先是边缘、曲线，后面是整个部件。"
            "它不必对每个位置重新学习，因此权重很少。",
        ),
    ),
    (
        ("Pooling",),
        Text("Pooling", "池化"),
        Text(
            "Keeps of neighbouring values the largest or their mean: what was found counts, less where exactly.",
            "相邻的值只保留最大的或平均的：重要的是找到了什么，而不是精确的位置。",
        ),
    ),
    (
        ("Normalization",),
        Text("Normalisation", "归一化"),
        Text(
            "Brings the numbers between two blocks to one scale, so that learning neither explodes nor stalls.",
            "把两个部分之间的数调到同一尺度，使学习既不发散也不停滞。",
        ),
    ),
    (
        ("Dense",),
        Text("Dense layer", "全连接层"),
        Text(
            "Each of its numbers is a weighted sum of all that come in: a = W·x + b.",
            "它给出的每个数都是全部输入的加权和：a = W·x + b。",
        ),
    ),
    (
        ("Attention", "Block", "Decoder"),
        Text("Attention", "注意力"),
        Text(
            "Every place asks all others what they know, and takes most from those whose key fits its question: "
            "softmax(Q·Kᵀ/√d)·V.",
            "每个位置向其他所有位置询问，键与问题越相配，就从那里取得越多：softmax(Q·Kᵀ/√d)·V。",
        ),
    ),
    (
        ("LSTM", "GRU"),
        Text("Recurrent layer", "循环层"),
        Text(
            "Reads step by step and carries a memory along; gates decide what is kept and what is forgotten.",
            "逐步读入，并带着一份记忆；由门决定记住什么、忘掉什么。",
        ),
    ),
    (
        ("Embedding",),
        Text("Embedding", "嵌入"),
        Text(
            "A place in space for every word or category; those used alike come to lie near each other.",
            "每个词或类别在空间中有一个位置；用法相近的会彼此靠近。",
        ),
    ),
    (
        ("Dropout",),
        Text("Dropout", "随机失活"),
        Text(
            "While learning, some numbers are hidden at random, so that no block relies on a single one.",
            "学习时随机隐去一些数，使任何部分都不依赖单独一个数。",
        ),
    ),
)

_OF_NETWORKS: Mapping[str, list[tuple[Text, Text]]] = {
    "trees": [
        (
            Text("Boosted trees", "提升树"),
            Text(
                "A tree asks a few questions of a row (is the age over 41?) and ends in a number. Each further tree "
                "learns what those before it left wrong; the answer is the sum of all.",
                "一棵树对一行问几个问题（年龄超过 41 吗？），最后得到一个数。后面的每棵树学习前面留下的误差；"
                "答案是全部的和。",
            ),
        )
    ],
    "ngrams": [
        (
            Text("Words that vote", "词语投票"),
            Text(
                "Every word and pair of words has a weight for each answer, rare ones a larger one; the weights of "
                "those in a text are added up.",
                "每个词和词对对每种答案都有一个权重，少见的更大；把一段文本中出现的权重加起来。",
            ),
        )
    ],
    "rocket": [
        (
            Text("Fixed patterns", "固定的模式"),
            Text(
                "Thousands of patterns that are never learned are held against the series; only how often each fits is "
                "learned from, by a ridge regression.",
                "用上万个不经学习的模式去比对序列；只从每个模式相符的频率中学习（岭回归）。",
            ),
        )
    ],
}
