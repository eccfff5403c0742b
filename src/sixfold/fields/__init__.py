"""The kinds of column, one file each; and the forms that their arrays have."""

from sixfold.fields._field import Array, Field, Values, Widget, is_missing, restored
from sixfold.fields._form import Form, FormName, input_names, without_padding

__all__ = [
    "Array",
    "Field",
    "Form",
    "FormName",
    "Values",
    "Widget",
    "input_names",
    "is_missing",
    "restored",
    "without_padding",
]
