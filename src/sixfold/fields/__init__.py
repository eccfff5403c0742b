"""The kinds of column, one file each; and the forms that their arrays have."""

from sixfold.fields._field import Array, Field, Values, Widget, base_of, is_missing, restored
from sixfold.fields._form import (
    TABLE_FORMS,
    Form,
    FormName,
    graph_feed,
    input_names,
    rows_at_once,
    without_padding,
)
from sixfold.fields._preset import is_on_hub, preset_folder
from sixfold.fields._tokenizer import read as tokenizer_of
from sixfold.fields._tokenizer import read_to_write as writing_tokenizer_of

__all__ = [
    "TABLE_FORMS",
    "Array",
    "Field",
    "Form",
    "FormName",
    "Values",
    "Widget",
    "base_of",
    "graph_feed",
    "input_names",
    "is_missing",
    "is_on_hub",
    "preset_folder",
    "restored",
    "rows_at_once",
    "tokenizer_of",
    "without_padding",
    "writing_tokenizer_of",
]
