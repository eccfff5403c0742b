"""Yes or no."""

from __future__ import annotations

from typing import Any, ClassVar

from sixfold.families import Options as KindOptions
from sixfold.fields._field import Values
from sixfold.fields.category import Category, label
from sixfold.language import Text

__all__ = ["YesNo"]

_YES = {"yes", "y", "true", "t", "1", "是", "有", "阳性", "positive"}
_NO = {"no", "n", "false", "f", "0", "否", "无", "阴性", "negative"}
_SHOWN = 10


class YesNo(Category):
    """Two values, of which one is *yes*: named by ``yes``, else recognised (yes, true, 1, 是 …).

    As a target, no is class 0 and yes is class 1, so that the network's one output is the probability of yes.
    """

    title: ClassVar[Text] = Text("yes or no", "是或否")

    class Options(KindOptions):
        """``yes``: the value that means yes, e.g. ``">50K"``; every other value means no."""

        yes: str | int | bool | None = None

    def learn(self, values: Values) -> dict[str, Any]:
        seen: list[str] = super().learn_target(values)["classes"]
        assert isinstance(self.options, YesNo.Options)
        shown = ", ".join(seen[:_SHOWN]) + (" …" if len(seen) > _SHOWN else "")
        if self.options.yes is not None:
            wanted = label(self.options.yes)
            # `yes: true` is a boolean in YAML; the table may spell it True or TRUE.
            yes = wanted if wanted in seen else next((name for name in seen if name.lower() == wanted.lower()), None)
            if yes is None:
                raise ValueError(
                    Text(
                        f"no row has the value {wanted} that means yes; seen: {shown}",
                        f"没有一行的值是代表“是”的 {wanted}；出现过的值：{shown}",
                    )
                )
            others = [name for name in seen if name != yes]
            if len(others) > 1:
                raise ValueError(
                    Text(
                        f"more than one value beside {yes}, which means yes; seen: {shown}",
                        f"除代表“是”的 {yes} 外还有多个值；出现过的值：{shown}",
                    )
                )
        else:
            recognised = [name for name in seen if name.lower() in _YES]
            others = [name for name in seen if name.lower() in _NO]
            if len(recognised) > 1 or len(others) > 1 or len(recognised) + len(others) < len(seen):
                raise ValueError(
                    Text(
                        f"it is not clear which value means yes; say `yes:`; seen: {shown}",
                        f"看不出哪个值代表“是”，请用 `yes:` 说明；出现过的值：{shown}",
                    )
                )
            yes = recognised[0] if recognised else "yes"
        return {"classes": [*(others or ["no" if yes != "no" else "yes"]), yes]}

    def learn_target(self, values: Values) -> dict[str, Any]:
        return self.learn(values)
