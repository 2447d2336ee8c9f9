"""Training, evaluation and conversion of models."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from maskwright import _jobs, _maskwright
from maskwright._errors import refuse

PathLike = str | os.PathLike[str]
Callback = Callable[[dict[str, Any]], Any]
"""Takes the metrics of a step, an epoch or a validation; returning False stops the run."""


def as_json(what: str, value: Any) -> str:
    """Write settings as JSON; paths become text, and NumPy's numbers numbers."""

    def plain(value: Any) -> Any:
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if hasattr(value, "tolist"):
            return value.tolist()
        raise refuse(what, "texts, numbers, lists and dicts", type(value).__name__)

    return json.dumps(value, default=plain)


def data_of(data: Any) -> Any:
    """Read the sets at a path; a dict with the keys of a data file is taken as it is."""
    if isinstance(data, (str, os.PathLike)):
        return _maskwright.read_data(os.fspath(data))
    if not isinstance(data, Mapping):
        raise refuse("data", "a path, or a dict as a data file is one", type(data).__name__)
    return dict(data)


def _settings(config: Mapping[str, Any]) -> str:
    settings = dict(config)
    if "data" in settings:
        settings["data"] = data_of(settings["data"])
    return as_json("config", settings)


def train(
    config: PathLike | Mapping[str, Any] | None = None,
    callback: Callback | None = None,
    *,
    output: PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    report: bool = True,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Train a model; everything is written into the run's folder.

    :param config: the path of a ``config.toml``, or a dict with its keys: ``output`` (the folder),
        ``model`` (``checkpoint``, ``input_size``, ...), ``train`` (``batch_size``, ``epochs``,
        ``learns``, ...), ``optimizer``, ``schedule``, ``checkpoints``, ``validation``, ``compute``,
        ``cache`` and ``data``. ``data`` is a dict with the keys of a data file (``train``,
        ``valid``, ``plan``, ``prompts``), the path of a data file, or a folder whose layout tells
        what it is. What is not given is HQ-SAM's.
    :param callback: called on this thread with a dict after the validation of the model as it came
        (``kind`` is "before"), for each line of the log ("step"), at the end of each epoch
        ("epoch") and after each validation ("validation"); the run waits for it. Where it returns
        False, or raises, the run saves its state and stops; what it raises comes out.
    :param output: the run's folder, in place of ``config``'s; alone with ``resume``, the run to go
        on with.
    :param resume: go on with the run in the folder, exactly where it stopped.
    :param overwrite: replace the run in the folder.
    :param report: write ``report.html`` into the folder when the run is over.
    :param progress: show progress bars with tqdm; in notebooks if nothing is said.
    :returns: ``checkpoint`` (the path of the whole model), ``average`` (of its averaged weights,
        where there are such), ``verdict`` (``best_epoch``, ``best``, ``before``, ``last``,
        ``better``, ``best_file``: how the validations compare; None without any), ``last`` (the
        metrics of the last epoch of this call), ``stopped``.
        ``train(output=..., resume=True)`` goes on with a run that was stopped.
    :raises maskwright.Error: settings, data or checkpoints that cannot be used; says what was
        expected and found.
    :raises KeyboardInterrupt: at Ctrl-C, at once; the run's thread finishes its step and saves its
        state.
    """
    if resume and overwrite:
        raise refuse("overwrite", "False where a run is resumed", "True")
    file: str | None = None
    folder: str | None = None
    text: str | None = None
    if config is None:
        if not (resume and output is not None):
            raise refuse("config", "a path or a dict; none with output and resume=True", "None")
        folder = os.fspath(output)
    elif isinstance(config, (str, os.PathLike)):
        file = os.fspath(config)
        if output is not None:
            raise refuse("output", "none beside the path of a config.toml", os.fspath(output))
    elif isinstance(config, Mapping):
        text = _settings(config if output is None else {**config, "output": os.fspath(output)})
    else:
        raise refuse("config", "a path or a dict", type(config).__name__)
    start = "resume" if resume else "overwrite" if overwrite else "fresh"
    _jobs.wait_for_earlier()
    job = _maskwright.start_training(file, folder, text, start, report)

    def on_event(kind: str, content: Any) -> Any:
        if callback is not None and kind in ("before", "step", "epoch", "validation"):
            return callback(content)
        return True

    outcome: dict[str, Any] = _jobs.run(job, progress=progress, on_event=on_event, saves=True)
    return {"average": None, **outcome}


def evaluate(
    checkpoint: PathLike,
    data: PathLike | Mapping[str, Any],
    *,
    restore_model: PathLike | None = None,
    prompts: Iterable[str] = ("box",),
    clicks: bool | Mapping[str, Any] = False,
    geometry: str | None = None,
    input_size: int | None = None,
    boundary_ratio: float = 0.02,
    limit: int = 0,
    seed: int = 0,
    device: str = "cpu",
    precision: str | None = None,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Evaluate a checkpoint at the images' own resolution.

    IoU and boundary IoU of SAM's own mask, the HQ mask and their sum are computed side by side.

    :param data: the path of a data file, whose ``[[valid]]`` and ``[[other]]`` sets are evaluated;
        a dict with its keys; or a folder whose layout tells what it is. Where nothing validates,
        the training sets are evaluated.
    :param restore_model: tuned tensors (``epoch_N``) to put over the checkpoint.
    :param prompts: the kinds of prompts: "box", "points", "noise_mask".
    :param clicks: also click into the middle of the largest error again and again, and count the
        clicks; a dict has ``most``, ``thresholds``, ``first``, ``jitter``, ``masks``.
    :param geometry: how an image is fitted into the input, "longest_side" or "squash"; if not
        given, as the checkpoint was validated, and "squash" for one from elsewhere.
    :param input_size: side of the model's square input in pixels; the checkpoint's own if not
        given.
    :param boundary_ratio: width of the boundary as a share of the image's diagonal.
    :param limit: at most so many records of each set; 0 for all.
    :param seed: of prompts that are drawn; the default is that of a training's validation.
    :param device: "cpu", "cuda" or "cuda:N".
    :param precision: of a frozen encoder's products: "f32", or "bf16" on a GPU and on processors
        that have it.
    :param progress: show progress bars with tqdm; in notebooks if nothing is said.
    :returns: ``sets`` (means per set and prompt), ``images`` (per record), ``statistics`` (95%
        intervals and more), ``clicks``, ``geometry``, ``times`` (seconds), ``warnings``: the
        document of ``maskwright eval --json``.
    """
    sets = data_of(data)
    if not sets.get("valid") and not sets.get("other"):
        sets = {**sets, "valid": sets.get("train", []), "train": []}
    evaluation: dict[str, Any] = {
        "prompts": [prompts] if isinstance(prompts, str) else list(prompts),
        "boundary_ratio": boundary_ratio,
        "limit": limit,
        "seed": seed,
    }
    if clicks is not False:
        evaluation["clicks"] = {} if clicks is True else dict(clicks)
    asked = {
        "model": {
            "checkpoint": checkpoint,
            "restore_model": restore_model,
            "input_size": input_size,
        },
        "compute": {"device": device, "precision": precision},
        "data": sets,
        "geometry": geometry,
        "evaluation": evaluation,
    }
    _jobs.wait_for_earlier()
    job = _maskwright.start_evaluation(as_json("evaluate", asked))
    found: dict[str, Any] = _jobs.run(job, progress=progress)
    return found


def convert(
    source: PathLike,
    target: PathLike,
    *,
    to: str | None = None,
    dtype: str | None = None,
    merge: PathLike | None = None,
    model_type: str | None = None,
    force: bool = False,
    input_size: int | None = None,
    kind: str | None = None,
    multimask: bool = False,
    progress: bool | None = None,
) -> dict[str, Any]:
    """Convert a checkpoint: PyTorch's ``.pth``, safetensors, a Hugging Face folder, an HQ decoder alone, ONNX.

    :param source: the checkpoint, of any kind; its bytes tell which.
    :param target: ``NAME.pth``, ``NAME.safetensors``, ``NAME.onnx`` (which becomes two graphs), or
        a folder.
    :param to: "pth", "safetensors", "hf", "hq-decoder" or "onnx", where the ending does not say it.
    :param dtype: "f32", "f16" or "bf16"; values are copied bit for bit if not given.
    :param merge: a tuned decoder, tuned tensors or a low-rank adapter to put over the model.
    :param model_type: "vit_b", "vit_l", "vit_h" or "vit_tiny": what the checkpoint must be.
    :param force: replace the target if it is there.
    :param input_size: for ONNX, side of the input in pixels.
    :param kind: for ONNX, the masks that the decoder gives: "sam", "hq" or "sam_hq".
    :param multimask: for ONNX, masks for ambiguous prompts.
    :returns: what was read and written: ``files``, ``input_layout``, ``output_layout``, ``model``,
        ``tensors``, ``bytes``, ...
    :raises maskwright.Error: a checkpoint that lacks tensors, each by name; a target that exists.
        Nothing is written then.
    """
    job = _maskwright.start_conversion(
        os.fspath(source),
        os.fspath(target),
        to,
        dtype,
        None if merge is None else os.fspath(merge),
        model_type,
        force,
        input_size,
        kind,
        multimask,
    )
    done: dict[str, Any] = _jobs.run(job, progress=progress)
    return done
