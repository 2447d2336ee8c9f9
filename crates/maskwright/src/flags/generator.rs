//! How masks of everything in an image are found.

use clap::Args;
use maskwright_predict::mask_generator::MaskGeneratorConfig;

/// The generator's settings, as in amg.py.
#[derive(Args)]
#[command(next_help_heading = "How masks are found")]
pub(crate) struct GeneratorFlags {
    /// Points along each side of the image
    #[arg(long, value_name = "N", default_value_t = 32)]
    points_per_side: usize,

    /// Points that go through the model together
    #[arg(long, value_name = "N", default_value_t = 64)]
    points_per_batch: usize,

    /// Predicted IoU that a mask must exceed; with 0 or less it is not checked
    #[arg(long, value_name = "0..1", default_value_t = 0.88, allow_negative_numbers = true)]
    pred_iou_thresh: f32,

    /// Stability score that a mask must reach: the IoU of the masks at two thresholds; with 0 or less it is not checked
    #[arg(long, value_name = "0..1", default_value_t = 0.95, allow_negative_numbers = true)]
    stability_score_thresh: f32,

    /// How far from 0 those thresholds lie
    #[arg(long, value_name = "LOGIT", default_value_t = 1.0)]
    stability_score_offset: f32,

    /// IoU of boxes above which one is a duplicate
    #[arg(long, value_name = "0..1", default_value_t = 0.7)]
    box_nms_thresh: f32,

    /// Layers of crops to look at as well: layer i has 2^i x 2^i
    #[arg(long, value_name = "N", default_value_t = 0)]
    crop_n_layers: usize,

    /// IoU of boxes in different crops above which one is a duplicate
    #[arg(long, value_name = "0..1", default_value_t = 0.7)]
    crop_nms_thresh: f32,

    /// How much crops overlap, as a share of the shorter side
    #[arg(long, value_name = "0..1", default_value_t = 512.0 / 1500.0)]
    crop_overlap_ratio: f64,

    /// Points a side of layer i are divided by this to the power of i
    #[arg(long, value_name = "N", default_value_t = 1)]
    crop_n_points_downscale_factor: usize,

    /// Remove holes and islands of fewer pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    min_mask_region_area: usize,

    /// Take each point for unambiguous: one mask instead of the best of three (or all three)
    #[arg(long)]
    single_mask: bool,
}

impl GeneratorFlags {
    /// The settings.
    pub(crate) fn resolve(&self) -> MaskGeneratorConfig {
        MaskGeneratorConfig {
            points_per_side: self.points_per_side,
            point_grids: None,
            points_per_batch: self.points_per_batch,
            pred_iou_thresh: self.pred_iou_thresh,
            stability_score_thresh: self.stability_score_thresh,
            stability_score_offset: self.stability_score_offset,
            box_nms_thresh: self.box_nms_thresh,
            crop_n_layers: self.crop_n_layers,
            crop_nms_thresh: self.crop_nms_thresh,
            crop_overlap_ratio: self.crop_overlap_ratio,
            crop_n_points_downscale_factor: self.crop_n_points_downscale_factor,
            min_mask_region_area: self.min_mask_region_area,
            multimask_output: !self.single_mask,
        }
    }
}
