"""What models of PyTorch take of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from files import picture

from maskwright import Batch, Loader

torch = pytest.importorskip("torch")

SIZE = 64


def batch(kinds: dict[str, float], objects: int = 1, **prompts: Any) -> Batch:  # noqa: ANN401
    """Make a batch of four images, each with up to three objects."""

    def item(number: int) -> tuple[Any, Any]:
        image, mask = picture(number)
        left = mask.copy()
        left[:, mask.shape[1] // 2 :] = 0
        return image, np.stack([mask, mask - left, left])

    weights = {"box": 0, "points": 0, "noise_mask": 0, **kinds}
    data = [item(number) for number in range(4)]
    plan = {"transforms": [{"kind": "squash"}]}
    settings = {"kinds": weights, **prompts}
    made = Loader(data, 4, SIZE, objects, seed=3, threads=1, plan=plan, prompts=settings)
    return next(iter(made))


def test_tensors_share_the_batchs_memory() -> None:
    made = batch({"box": 1})
    images, labels = made.to_torch()
    assert images.data_ptr() == made.images.ctypes.data
    assert labels.data_ptr() == made.labels.ctypes.data
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.float32)
    taken = torch.from_dlpack(made.images)
    assert taken.data_ptr() == made.images.ctypes.data


def test_sams_dicts_have_the_prompts_of_their_objects() -> None:
    made = batch({"box": 1, "points": 1, "noise_mask": 1}, objects=3)
    dicts = made.to_sam()
    rows = torch.cat([each["objects"] for each in dicts])
    assert sorted(rows.tolist()) == list(range(len(made.prompts)))
    names = {"boxes": "box", "point_coords": "points", "mask_inputs": "noise_mask"}
    for each in dicts:
        assert each["original_size"] == (SIZE, SIZE)
        [kind] = [kind for name, kind in names.items() if name in each]
        for place, row in enumerate(each["objects"].tolist()):
            prompt = made.prompts[row]
            assert prompt.kind == kind
            image = made.images[made.image_of[row]]
            np.testing.assert_array_equal(each["image"].numpy(), image)
            if kind == "box":
                np.testing.assert_array_equal(each["boxes"][place], prompt.box)
            if kind == "points":
                np.testing.assert_array_equal(each["point_coords"][place], prompt.points)
                np.testing.assert_array_equal(each["point_labels"][place], prompt.point_labels)
            if kind == "noise_mask":
                np.testing.assert_array_equal(each["mask_inputs"][place, 0], prompt.mask)


def test_one_object_an_image_is_one_dict_an_image() -> None:
    made = batch({"box": 1, "points": 1, "noise_mask": 1})
    assert [each["objects"].tolist() for each in made.to_sam()] == [[0], [1], [2], [3]]


@pytest.mark.filterwarnings("ignore")
def test_sam_takes_the_dicts() -> None:
    package = pytest.importorskip("segment_anything_hq")
    torch.manual_seed(0)
    with torch.no_grad():
        model = small_sam(package)
        made = batch({"box": 1, "points": 1, "noise_mask": 1}, objects=3)
        dicts = made.to_sam("cpu")
        answers = model(dicts, multimask_output=False)
    for each, answer in zip(dicts, answers, strict=True):
        assert tuple(answer["masks"].shape) == (len(each["objects"]), 1, SIZE, SIZE)


def small_sam(package: Any) -> Any:  # noqa: ANN401
    """Make the published model with a small encoder and an input of ``SIZE``."""
    modeling = package.modeling
    encoder = modeling.ImageEncoderViT(
        img_size=SIZE, embed_dim=32, depth=2, num_heads=2, window_size=2, global_attn_indexes=(1,)
    )
    grid = SIZE // 16
    prompt_encoder = modeling.PromptEncoder(256, (grid, grid), (SIZE, SIZE), 16)
    transformer = modeling.TwoWayTransformer(depth=2, embedding_dim=256, mlp_dim=64, num_heads=8)
    decoder = modeling.MaskDecoderHQ(
        num_multimask_outputs=3,
        transformer=transformer,
        transformer_dim=256,
        vit_dim=32,
        iou_head_depth=3,
        iou_head_hidden_dim=64,
    )
    return modeling.Sam(encoder, prompt_encoder, decoder).eval()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["Sam", "SamHQ"])
@pytest.mark.parametrize("kind", ["box", "points", "noise_mask"])
def test_transformers_take_the_inputs(name: str, kind: str) -> None:
    transformers = pytest.importorskip("transformers")
    vision = getattr(transformers, f"{name}VisionConfig")(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=SIZE,
        window_size=2,
        global_attn_indexes=[1],
        mlp_dim=64,
        num_pos_feats=128,
    )
    prompt = getattr(transformers, f"{name}PromptEncoderConfig")(image_size=SIZE)
    mask = {"mlp_dim": 64, "iou_head_hidden_dim": 64}
    if name == "SamHQ":
        mask["vit_dim"] = 32
    decoder = getattr(transformers, f"{name}MaskDecoderConfig")(**mask)
    config = getattr(transformers, f"{name}Config")(
        vision_config=vision.to_dict(),
        prompt_encoder_config=prompt.to_dict(),
        mask_decoder_config=decoder.to_dict(),
    )
    model = getattr(transformers, f"{name}Model")(config).eval()
    made = batch({kind: 1}, objects=3)
    calls = made.to_transformers("cpu")
    rows = torch.cat([objects.flatten() for _, objects in calls])
    assert sorted(rows.tolist()) == list(range(len(made.prompts)))
    for inputs, objects in calls:
        with torch.no_grad():
            answer = model(**inputs, multimask_output=False)
        assert tuple(answer.pred_masks.shape[:2]) == tuple(objects.shape)
        for at, row in enumerate(objects[:, 0].tolist()):
            image = torch.from_numpy(made.images[made.image_of[row]])
            mean = torch.tensor([123.675, 116.28, 103.53])[:, None, None]
            std = torch.tensor([58.395, 57.12, 57.375])[:, None, None]
            torch.testing.assert_close(inputs["pixel_values"][at], (image - mean) / std)


def test_settings_may_add_kinds_and_points() -> None:
    made = batch({"points": 1}, negative_points=2, also_probability=1.0)
    # With every other kind of weight 0, they are still given along.
    for each in made.to_sam():
        assert {"boxes", "point_coords", "point_labels", "mask_inputs"} <= set(each)
        assert each["point_labels"][0].tolist() == [1] * 10 + [0] * 2
