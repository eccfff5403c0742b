"""A Keras model of the user's own."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field as Setting

from sixfold.errors import ProductError, TrainingError
from sixfold.families import Options as KindOptions
from sixfold.fields import Form
from sixfold.hashing import digest_of_file
from sixfold.language import Text
from sixfold.networks._inputs import inputs_of, scaled
from sixfold.networks._network import Facts, Layered, Recipe
from sixfold.tasks import Output

if TYPE_CHECKING:
    import keras

__all__ = ["Keras"]


class Keras(Layered):
    """``keras: module:function``: the function, in a Python file beside product.yaml, returns a Keras model.

    The function takes nothing, or any of ``input_shape`` (of the one given column), ``classes`` (units of the output)
    and ``inputs`` ({column: shape}) by name. Pictures reach the model as float32 in 0–1, unless its input is uint8. If
    the model was compiled, its optimizer is used; the loss follows from the task. This is code that the user chose to
    run: the digest of its file is recorded with the model.
    """

    title: ClassVar[Text] = Text("a Keras model of your own", "你自己的 Keras 模型")

    class Options(KindOptions):
        """``function``: ``module:function``. ``folder``: where the module's file is."""

        function: str = Setting(pattern=r"^[\w.]+:[\w.]+$")
        folder: str = "."

    @classmethod
    def suits(cls, given: Mapping[str, Form]) -> int:  # noqa: ARG003 — never chosen unasked
        return 0

    @property
    def file(self) -> Path:
        """The Python file that holds the function.

        Raises:
            ProductError: There is none.
        """
        module = self._said.function.partition(":")[0]
        path = Path(self._said.folder, *module.split(".")).with_suffix(".py")
        if not path.is_file():
            raise ProductError("no_code", file=path, function=self._said.function)
        return path

    @property
    def digest(self) -> str:
        """SHA-256 of the file that holds the function."""
        return digest_of_file(self.file)

    def build(self, given: Mapping[str, Form], output: Output, facts: Facts) -> keras.Model:  # noqa: ARG002
        import keras

        own = self._call(given, output)
        if not isinstance(own, keras.Model):
            raise TrainingError("not_a_model", function=self._said.function, received=type(own).__name__)
        inputs = inputs_of(given)
        wanted = own.inputs if own.built and getattr(own, "inputs", None) else [None] * len(given)
        if len(wanted) != len(given):
            raise TrainingError("wrong_inputs", function=self._said.function, expected=len(given), received=len(wanted))
        fed = [
            x if tensor is not None and tensor.dtype == form.dtype else _as_float(x, form)
            for (x, form), tensor in zip(((inputs[name], form) for name, form in given.items()), wanted, strict=True)
        ]
        answer = own(fed[0] if len(fed) == 1 else fed)
        if tuple(answer.shape) != (None, output.units):
            raise TrainingError(
                "wrong_output",
                function=self._said.function,
                expected=f"(batch, {output.units})",
                received=tuple(answer.shape),
            )
        model = keras.Model(inputs, answer, name="own")
        if getattr(own, "optimizer", None) is not None:
            model.own_optimizer = keras.optimizers.serialize(own.optimizer)
        return model

    def recipe(self, given: Mapping[str, Form], output: Output, facts: Facts) -> Recipe:  # noqa: ARG002 — the plain one
        return Recipe(keep_best=False)

    @property
    def _said(self) -> Options:
        assert isinstance(self.options, Keras.Options)
        return self.options

    def _call(self, given: Mapping[str, Form], output: Output) -> Any:
        module_name, _, function_name = self._said.function.partition(":")
        shapes = {name: form.shape for name, form in given.items()}
        offered = {"input_shape": next(iter(shapes.values())), "classes": output.units, "inputs": shapes}
        sys.path.insert(0, str(Path(self._said.folder).absolute()))
        try:
            spec = importlib.util.spec_from_file_location(module_name, self.file)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
            function = getattr(module, function_name)
            wanted = inspect.signature(function).parameters
            return function(**{name: value for name, value in offered.items() if name in wanted})
        except Exception as error:
            raise TrainingError(
                "own_code_failed", function=self._said.function, reason=f"{type(error).__name__}: {error}"
            ) from error
        finally:
            sys.path.pop(0)


def _as_float(x: Any, form: Form) -> Any:
    import keras

    if form.dtype == "uint8":
        return scaled(x)
    return x if form.dtype == "float32" else keras.ops.cast(x, "float32")
