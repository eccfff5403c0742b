"""Pretrained networks: where their files are on this machine.

A preset is a folder, or a name on a hub (``hf://organisation/model``, ``kaggle://organisation/model/keras/variant``,
``modelscope://organisation/model``) that the hub's own library downloads and keeps; then it is a folder too. Of hubs,
nothing is asked for that could hold code: configurations, vocabularies, and weights as safetensors or KerasHub's own.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from sixfold.language import Text

__all__ = ["is_on_hub", "preset_folder"]

_TOKENIZER_FILES = ("*.json", "vocab.txt", "assets/tokenizer/*")
_WEIGHT_FILES = ("model*.safetensors", "model.weights.h5", "model_*.weights.h5")
_HUBS = {"hf": "huggingface_hub", "kaggle": "kagglehub", "modelscope": "modelscope"}


def is_on_hub(preset: str) -> bool:
    """Whether a preset is named by its address on a hub, and not by a folder."""
    return "://" in preset


def preset_folder(preset: str, beside: Path = Path(), *, with_weights: bool = False) -> Path:
    """The folder of a preset; what a hub holds of it is downloaded first, and from then on taken from this machine.

    Args:
        preset: A folder, or a name on a hub.
        beside: Where a relative folder begins.
        with_weights: Whether the weights are wanted too, and not the tokenizer alone.

    Raises:
        ValueError: There is no such folder or hub, or the hub did not give it; its argument is a
            :class:`~sixfold.language.Text`.
    """
    hub, _, name = preset.rpartition("://")
    if not hub:
        folder = beside / Path(preset).expanduser()
        if not folder.is_dir():
            raise ValueError(Text(f"there is no folder {folder}", f"没有文件夹 {folder}"))
        return folder
    if hub not in _HUBS:
        raise ValueError(
            Text(
                f"{preset} is on no hub that is known: a preset is a folder, hf://…, kaggle://… or modelscope://…",
                f"{preset} 不在已知的模型库中：预设应为文件夹、hf://…、kaggle://… 或 modelscope://…",
            )
        )
    try:
        library = importlib.import_module(_HUBS[hub])
    except ImportError as error:
        raise ValueError(
            Text(
                f"reading {hub}:// needs the package {_HUBS[hub]}: pip install {_HUBS[hub]}",
                f"读取 {hub}:// 需要 {_HUBS[hub]} 包：pip install {_HUBS[hub]}",
            )
        ) from error
    try:
        return Path(_downloaded(hub, library, name, with_weights=with_weights))
    except Exception as error:  # each library has a tree of errors of its own
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise ValueError(
            Text(
                f"{preset} could not be fetched ({reason}); name a mirror (HF_ENDPOINT for hf://), or download the "
                "folder by other means and name the folder",
                f"无法获取 {preset}（{reason}）；请设置镜像（hf:// 用 HF_ENDPOINT），或用其他方式下载后填写文件夹路径",
            )
        ) from error


def _downloaded(hub: str, library: Any, name: str, *, with_weights: bool) -> str:
    patterns = [*_TOKENIZER_FILES, *(_WEIGHT_FILES if with_weights else ())]
    if hub == "hf":
        return str(library.snapshot_download(name, allow_patterns=patterns))
    if hub == "modelscope":
        return str(library.snapshot_download(name, allow_patterns=patterns))
    return str(library.model_download(name))
