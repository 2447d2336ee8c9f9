"""The next click of interactive segmentation, by RITM's rule with OpenCV's exact distances."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch

from cases import U8, save, smooth

I8 = npt.NDArray[np.int8]
Flags = npt.NDArray[np.bool_]

CLICKS = 5


def cases(folder: Path, seed: int) -> None:
    """Write masks, predictions of them, and the click that follows each prediction."""
    sizes = [(17, 40), (33, 21), (48, 48), (9, 64), (5, 90)]
    for number, (height, width) in enumerate(sizes):
        rng = np.random.default_rng([seed, 9, number])
        field = smooth(rng, height, width)
        truth = (field > 0.1).astype(np.int8)
        truth[smooth(rng, height, width) > 0.8] = -1
        predictions = [np.zeros((height, width), dtype=np.uint8)]
        for _ in range(CLICKS - 1):
            noise = 0.3 * smooth(rng, height, width)
            predictions.append((field + noise > 0.1).astype(np.uint8))
        not_clicked = np.ones((height, width), dtype=bool)
        clicks = [click(truth, prediction, not_clicked) for prediction in predictions]
        if not all(any(each) for each in clicks):
            raise ValueError(f"case {number} has a prediction without an error")
        save(
            folder / f"case_{number}.safetensors",
            {
                "truth_i8": torch.from_numpy(truth),
                "predictions_u8": torch.from_numpy(np.stack(predictions)),
                "clicks_y_x_positive": torch.tensor(clicks, dtype=torch.int32),
            },
        )


def click(truth: I8, prediction: U8, not_clicked: Flags) -> tuple[int, int, int]:
    """Find the click after a prediction and mark its pixel as clicked."""
    judged = truth != -1
    missed = deepest((truth == 1) & (prediction == 0) & judged, not_clicked)
    excess = deepest((truth == 0) & (prediction == 1) & judged, not_clicked)
    positive = missed.max() > excess.max()
    distances = missed if positive else excess
    rows, columns = np.where(distances == distances.max())
    not_clicked[rows[0], columns[0]] = False
    return int(rows[0]), int(columns[0]), int(positive)


def deepest(wrong: Flags, not_clicked: Flags) -> npt.NDArray[np.float32]:
    """Give the distance of each wrong pixel from what is not, 0 where it was clicked."""
    padded = np.pad(wrong.astype(np.uint8), 1)
    distances = cv2.distanceTransform(padded, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return np.asarray(distances * not_clicked)
