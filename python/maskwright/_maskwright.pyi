from collections.abc import Callable
from os import PathLike
from typing import Any, SupportsIndex, TypeAlias, final

import numpy as np
import numpy.typing as npt

from maskwright.mask import RLE

__all__ = [
    "Encoded",
    "EvalLoader",
    "Job",
    "Loader",
    "Model",
    "Preparer",
    "Sets",
    "__version__",
    "agreements",
    "box_ious",
    "check_generator_settings",
    "click",
    "clicks_failed",
    "clicks_needed",
    "command",
    "draw_preview",
    "mask_average_precision",
    "png",
    "read_data",
    "read_run",
    "rle_area",
    "rle_boxes",
    "rle_compress",
    "rle_counts",
    "rle_decode",
    "rle_encode",
    "rle_from_boxes",
    "rle_from_instances",
    "rle_from_polygons",
    "rle_ious",
    "rle_merge",
    "rle_to_instances",
    "rle_to_polygons",
    "start_conversion",
    "start_evaluation",
    "start_examination",
    "start_training",
]

__version__: str

_Path: TypeAlias = str | PathLike[str]
_Prompt: TypeAlias = tuple[
    str,
    npt.NDArray[np.float32] | None,
    npt.NDArray[np.float32] | None,
    npt.NDArray[np.int64] | None,
    npt.NDArray[np.float32] | None,
]
_Batch: TypeAlias = tuple[
    npt.NDArray[np.uint8],
    npt.NDArray[np.float32],
    npt.NDArray[np.int64],
    list[_Prompt],
    list[str],
    list[str],
    npt.NDArray[np.int64],
    npt.NDArray[np.bool_] | None,
    int,
    int,
]
_Sample: TypeAlias = tuple[
    npt.NDArray[np.uint8], npt.NDArray[np.float32], npt.NDArray[np.bool_], str, str, int
]

def command(args: list[str]) -> int: ...

@final
class Sets:
    @staticmethod
    def at(path: _Path, part: str) -> Sets: ...
    @staticmethod
    def folders(folders: list[tuple[str, _Path, _Path]]) -> Sets: ...
    @staticmethod
    def files(sets: list[tuple[str, list[str], list[str]]], turn: bool) -> Sets: ...
    @staticmethod
    def sequence(
        name: str, items: Any, read: Callable[[object, str], tuple[object, object]]
    ) -> Sets: ...
    def lengths(self) -> list[tuple[str, int]]: ...
    def __len__(self) -> int: ...

@final
class Loader:
    def __new__(cls, sets: Sets, settings: dict[str, object]) -> Loader: ...
    def batches(self) -> int: ...
    def next(self) -> _Batch | None: ...
    def start_epoch(self, epoch: SupportsIndex) -> None: ...
    def state(self) -> tuple[int, int, int, int]: ...
    def restore(
        self,
        epoch: SupportsIndex,
        position: SupportsIndex,
        seed: SupportsIndex,
        records: SupportsIndex,
    ) -> None: ...
    def stats(self) -> dict[str, Any]: ...
    def ledger(self) -> str: ...
    def close(self) -> None: ...

@final
class EvalLoader:
    def __new__(
        cls,
        sets: Sets,
        number: SupportsIndex,
        input_size: SupportsIndex,
        rank: SupportsIndex,
        world_size: SupportsIndex,
        threads: SupportsIndex | None,
    ) -> EvalLoader: ...
    def next(self) -> _Sample | None: ...
    def close(self) -> None: ...

_Rle: TypeAlias = RLE
_Masks: TypeAlias = list[Any]

def rle_encode(masks: npt.NDArray[np.uint8], axis: SupportsIndex) -> list[_Rle]: ...
def rle_decode(masks: _Masks, rows: bool) -> npt.NDArray[np.uint8]: ...
def rle_area(masks: _Masks) -> npt.NDArray[np.uint32]: ...
def rle_boxes(masks: _Masks) -> npt.NDArray[np.float64]: ...
def rle_merge(masks: _Masks, intersect: bool) -> _Rle: ...
def rle_ious(
    masks: _Masks, others: _Masks | None, crowds: list[bool]
) -> npt.NDArray[np.float64]: ...
def box_ious(
    boxes: list[list[float]], others: list[list[float]], crowds: list[bool]
) -> npt.NDArray[np.float64]: ...
def rle_from_boxes(
    boxes: list[list[float]], height: SupportsIndex, width: SupportsIndex
) -> list[_Rle]: ...
def rle_from_polygons(
    objects: list[list[list[float]]], height: SupportsIndex, width: SupportsIndex
) -> list[_Rle]: ...
def rle_to_polygons(masks: _Masks) -> list[list[list[float]]]: ...
def rle_compress(masks: _Masks) -> list[_Rle]: ...
def rle_counts(mask: Any) -> list[int]: ...
def rle_from_instances(
    picture: npt.NDArray[np.uint32],
) -> tuple[npt.NDArray[np.uint32], list[_Rle]]: ...
def rle_to_instances(masks: _Masks, numbers: list[int]) -> npt.NDArray[np.uint32]: ...
def agreements(
    predictions: _Masks, truths: _Masks, ignored: _Masks, boundary_ratio: float | None
) -> npt.NDArray[np.float64]: ...
def clicks_needed(
    ious: list[list[float]], threshold: float, most: SupportsIndex
) -> npt.NDArray[np.int64]: ...
def clicks_failed(
    ious: list[list[float]], threshold: float, most: SupportsIndex
) -> npt.NDArray[np.bool_]: ...
def click(
    prediction: Any, truth: Any, ignored: Any, clicked: list[tuple[int, int, bool]]
) -> tuple[int, int, bool] | None: ...
def mask_average_precision(
    truths: list[tuple[int, int, Any, float, bool]],
    found: list[tuple[int, int, Any, float]],
    boundary_ratio: float | None,
) -> Any: ...

@final
class Job:
    def wait(self, milliseconds: SupportsIndex) -> tuple[str, str, bool] | None: ...
    def answer(self, go_on: bool) -> None: ...
    def stop(self) -> None: ...
    def may_end(self) -> bool: ...
    def is_over(self) -> bool: ...
    def result(self) -> str: ...

@final
class Encoded:
    @property
    def size(self) -> tuple[int, int]: ...

@final
class Model:
    def __new__(
        cls,
        checkpoint: _Path,
        restore_model: _Path | None,
        input_size: SupportsIndex | None,
        device: str,
        precision: str | None,
        allow_tf32: bool,
        geometry: str | None,
    ) -> Model: ...
    def notes(self) -> list[str]: ...
    def geometry(self) -> str: ...
    def input_size(self) -> int: ...
    def mask_size(self) -> int: ...
    def best_kind(self) -> str: ...
    def encode(self, image: npt.NDArray[np.uint8]) -> Encoded: ...
    def write_encoded(self, image: Encoded, path: _Path) -> None: ...
    def read_encoded(self, path: _Path) -> Encoded: ...
    def predict(
        self, image: Encoded, prompts: list[Any], kind: str, multimask: bool, logits: bool
    ) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32], npt.NDArray[np.float32], list[str]]: ...
    def start_generation(self, image: npt.NDArray[np.uint8], kind: str, settings: str) -> Job: ...

@final
class Preparer:
    def __new__(
        cls,
        json: str,
        images: _Path | None,
        output: _Path,
        shards: SupportsIndex | None,
        per_shard: SupportsIndex | None,
        config: str,
        model: tuple[Model, _Path, _Path | None, str] | None,
        workers: SupportsIndex,
        decode_memory: SupportsIndex | None,
    ) -> Preparer: ...
    def shards(self) -> int: ...
    def records(self) -> int: ...
    def start(self, shard: SupportsIndex) -> Job: ...

def check_generator_settings(settings: str) -> None: ...
def start_training(
    file: _Path | None, folder: _Path | None, json: str | None, start: str, report: bool
) -> Job: ...
def read_data(path: _Path) -> dict[str, Any]: ...
def start_evaluation(json: str) -> Job: ...
def start_conversion(
    source: _Path,
    target: _Path,
    to: str | None,
    dtype: str | None,
    merge: _Path | None,
    model_type: str | None,
    force: bool,
    input_size: SupportsIndex | None,
    kind: str | None,
    multimask: bool,
) -> Job: ...
def start_examination(
    path: _Path | None,
    json: str | None,
    workers: SupportsIndex,
    listed: SupportsIndex,
    decode_memory: SupportsIndex | None,
    input_size: SupportsIndex,
) -> Job: ...
def draw_preview(
    json: str,
    seed: SupportsIndex,
    epoch: SupportsIndex,
    records: tuple[int, int] | None,
    count: SupportsIndex,
    input_size: SupportsIndex,
    tile: SupportsIndex,
    columns: SupportsIndex,
) -> tuple[list[dict[str, Any]], npt.NDArray[np.uint8]]: ...
def png(image: npt.NDArray[np.uint8]) -> bytes: ...
def read_run(folder: _Path) -> dict[str, Any]: ...
