from collections.abc import Callable
from os import PathLike
from typing import Any, SupportsIndex, TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = ["EvalLoader", "Loader", "Sets", "__version__", "command"]

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
