"""NVIDIA DALI with its CPU operators, in batches of eight, one thread.

The view is one resize of a region of interest (mirrored where its ends are swapped), so nothing
that is cropped away is computed; padding and the change to planes are one operator too. Prompts
are NumPy's, from DALI's output.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from PIL import Image

import prompts
from draws import Draw, View
from opponent import PAD, U8, NotAvailableError, Pair, Sample

BATCH = 8


class Dali:
    """A pipeline that is fed the encoded files and the regions."""

    name: ClassVar[str] = "dali"
    about: ClassVar[str] = "DALI, CPU operators"

    def __init__(self, pairs: Sequence[Pair], draws: Sequence[Draw], size: int) -> None:
        try:
            self.pipeline = build(size)
        except ImportError as error:
            raise NotAvailableError(f"nvidia-dali is not installed ({error})") from error
        self.pairs, self.draws, self.size = pairs, draws, size
        self.start = -BATCH
        self.images: Any = None
        self.labels: Any = None

    def sample(self, index: int) -> Sample:
        """Make the sample of one draw, with a batch of the draws that follow it.

        The arrays are DALI's own and valid until the next batch.
        """
        # The first of a batch makes it anew: a second pass over the draws must not be free.
        if not self.start < index < self.start + BATCH:
            self.run(index)
        at = index - self.start
        label = self.labels.at(at)[:, :, 0]
        return Sample(
            image=self.images.at(at),
            label=label,
            prompts=prompts.make(label, self.draws[index]),
        )

    def run(self, start: int) -> None:
        """Make the batch of the draws from ``start`` on; the last one may be short."""
        draws = self.draws[start : start + BATCH]
        pairs = [self.pairs[draw.record] for draw in draws]
        views = [
            draw.view(*size_of(pair), self.size) for draw, pair in zip(draws, pairs, strict=True)
        ]
        corners = [region(view) for view in views]
        feed = self.pipeline.feed_input
        feed("images", [file_bytes(pair.image) for pair in pairs])
        feed("masks", [file_bytes(pair.mask) for pair in pairs])
        feed("start", [corner[0] for corner in corners])
        feed("end", [corner[1] for corner in corners])
        feed("visible", [np.array(view.visible, np.float32) for view in views])
        self.images, self.labels = self.pipeline.run()
        self.start = start


def build(size: int) -> Any:  # noqa: ANN401  (DALI has no usable stubs)
    """Build the pipeline; ImportError where DALI is missing."""
    from nvidia.dali import Pipeline, fn, types

    pipeline = Pipeline(
        batch_size=BATCH, num_threads=1, device_id=None, exec_async=False, exec_pipelined=False
    )
    with pipeline:
        roi: dict[str, Any] = {
            "size": fn.external_source(name="visible"),
            "roi_start": fn.external_source(name="start"),
            "roi_end": fn.external_source(name="end"),
            "interp_type": types.INTERP_LINEAR,
            "antialias": False,
        }
        place: dict[str, Any] = {
            "crop": (size, size),
            "crop_pos_x": 0.0,
            "crop_pos_y": 0.0,
            "out_of_bounds_policy": "pad",
        }
        images = fn.decoders.image(fn.external_source(name="images"), output_type=types.RGB)
        masks = fn.decoders.image(fn.external_source(name="masks"), output_type=types.GRAY)
        images = fn.crop_mirror_normalize(
            fn.resize(images, **roi),
            **place,
            dtype=types.UINT8,
            output_layout="CHW",
            fill_values=[float(PAD)] * 3,
        )
        masks = fn.crop(fn.resize(masks, **roi), **place, dtype=types.FLOAT, fill_values=[0.0])
        pipeline.set_outputs(images, masks)
    pipeline.build()
    return pipeline


def region(view: View) -> tuple[Any, Any]:
    """The source region that is visible, as (y, x) from the top-left corner of the image.

    Where the view mirrors, x runs backwards, which DALI takes as such.
    """
    height, width = view.source
    sy, sx = height / view.scaled[0], width / view.scaled[1]
    y0, y1 = view.crop[0] * sy, (view.crop[0] + view.visible[0]) * sy
    x0, x1 = view.crop[1] * sx, (view.crop[1] + view.visible[1]) * sx
    if view.flip:
        x0, x1 = width - x0, width - x1
    return np.array([y0, x0], np.float32), np.array([y1, x1], np.float32)


def size_of(pair: Pair) -> tuple[int, int]:
    """Height and width from the header."""
    with Image.open(pair.image) as file:
        return file.height, file.width


def file_bytes(path: Any) -> U8:  # noqa: ANN401
    """Read a file as the array that DALI is fed."""
    return np.fromfile(path, np.uint8)
