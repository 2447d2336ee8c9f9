"""Finding everything in images, as SAM's ``SamAutomaticMaskGenerator`` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from maskwright import _jobs, _maskwright, mask
from maskwright._errors import SettingError, refuse
from maskwright._predictor import Predictor
from maskwright._training import PathLike, as_json


class MaskGenerator:
    """Finds the masks of everything in images.

    Settings, defaults and results are those of SAM's ``SamAutomaticMaskGenerator``.
    """

    def __init__(
        self,
        model: Predictor | PathLike,
        *,
        points_per_side: int = 32,
        points_per_batch: int = 64,
        pred_iou_thresh: float = 0.88,
        stability_score_thresh: float = 0.95,
        stability_score_offset: float = 1.0,
        box_nms_thresh: float = 0.7,
        crop_n_layers: int = 0,
        crop_nms_thresh: float = 0.7,
        crop_overlap_ratio: float = 512 / 1500,
        crop_n_points_downscale_factor: int = 1,
        point_grids: Sequence[npt.ArrayLike] | None = None,
        min_mask_region_area: int = 0,
        output_mode: Literal["binary_mask", "uncompressed_rle", "coco_rle"] = "binary_mask",
        multimask_output: bool = True,
        progress: bool | None = None,
        **predictor: Any,
    ) -> None:
        """Choose a model and how it is asked.

        :param model: a predictor, or a checkpoint; further settings are the :class:`Predictor`'s.
        :param points_per_side: points along each side of the image; the grid has their square.
        :param points_per_batch: points that are decoded together.
        :param pred_iou_thresh: the predicted IoU that a mask must exceed; below 0 all are kept.
        :param stability_score_thresh: the stability score that a mask must reach, 0 to 1.
        :param stability_score_offset: distance of the two thresholds of that score from 0, in
            logits.
        :param box_nms_thresh: IoU of two boxes above which one of the masks is dropped.
        :param crop_n_layers: layers of crops besides the whole image.
        :param crop_nms_thresh: the same for masks of different crops.
        :param crop_overlap_ratio: how much crops overlap, as a share of the image's shorter side.
        :param crop_n_points_downscale_factor: by what the points per side are divided from layer to
            layer.
        :param point_grids: points ``[n, 2]`` in 0 to 1, one array for the whole image and one for
            each layer, in place of the grid.
        :param min_mask_region_area: holes and islands with fewer pixels are removed.
        :param output_mode: ``segmentation`` as bool ``[height, width]``, or run lengths, compressed
            (``bytes``) or as a list.
        :param multimask_output: ask as for an ambiguous prompt.
        :param progress: show progress bars with tqdm; in notebooks if nothing is said.
        """
        if output_mode not in ("binary_mask", "uncompressed_rle", "coco_rle"):
            expected = "binary_mask, uncompressed_rle or coco_rle"
            raise refuse("output_mode", expected, repr(output_mode))
        grids = None
        if point_grids is not None:
            grids = [
                np.asarray(grid, dtype=np.float64).reshape(-1, 2).tolist() for grid in point_grids
            ]
        settings = {
            "points_per_side": points_per_side,
            "points_per_batch": points_per_batch,
            "pred_iou_thresh": pred_iou_thresh,
            "stability_score_thresh": stability_score_thresh,
            "stability_score_offset": stability_score_offset,
            "box_nms_thresh": box_nms_thresh,
            "crop_n_layers": crop_n_layers,
            "crop_nms_thresh": crop_nms_thresh,
            "crop_overlap_ratio": crop_overlap_ratio,
            "crop_n_points_downscale_factor": crop_n_points_downscale_factor,
            "point_grids": grids,
            "min_mask_region_area": min_mask_region_area,
            "multimask_output": multimask_output,
        }
        self._settings = as_json("MaskGenerator", settings)
        _maskwright.check_generator_settings(self._settings)
        self._output_mode, self._progress = output_mode, progress
        if isinstance(model, Predictor):
            if predictor:
                found = ", ".join(sorted(predictor))
                raise SettingError(
                    f"MaskGenerator: expected no settings of a predictor beside one, found {found}"
                )
            self.predictor = model
        else:
            self.predictor = Predictor(model, **predictor)

    def generate(self, image: npt.ArrayLike) -> list[dict[str, Any]]:
        """Find the masks of an image.

        :param image: uint8 ``[height, width, 3]`` in RGB.
        :returns: for each mask a dict: ``segmentation``; ``area`` in pixels; ``bbox`` ``[x, y,
            width, height]``; ``predicted_iou``; ``point_coords`` ``[[x, y]]``, the point that found
            it; ``stability_score``; ``crop_box`` ``[x, y, width, height]``, the part of the image
            in which it was found.
        """
        job = self.predictor.start_generation(image, self._settings)
        found: list[dict[str, Any]] = _jobs.run(job, progress=self._progress)
        for one in found:
            one.pop("id")
            one["segmentation"] = self._segmentation(one["segmentation"])
        return found

    def _segmentation(self, rle: dict[str, Any]) -> Any:
        if self._output_mode == "coco_rle":
            return {**rle, "counts": rle["counts"].encode()}
        if self._output_mode == "binary_mask":
            return mask.to_binary([rle])[0]
        return {**rle, "counts": _maskwright.rle_counts(rle)}
