//! Finds the masks of everything in an image, without a prompt: SAM's automatic mask generator.
//!
//! The model is prompted with each point of a grid. A mask is kept if its predicted IoU is high, if it
//! hardly changes with its threshold ([`stability_score`]), if it does not end at the edge of a crop,
//! and if it is not a duplicate ([`nms`] of the boxes). The same is done on crops of the image to find
//! smaller objects. At the end, duplicates from different crops and small holes and islands are removed.
//!
//! Names, defaults and rules are those of the reference (Kirillov et al., 2023, appendix B; HQ-SAM has
//! the same). With [`MaskKind::Sam`] a point gives SAM's three masks. With an HQ head it gives one, the
//! sum of the best of the three and the HQ mask, as in HQ-SAM's generator.

mod crops;
mod nms;
mod points;
mod record;
mod regions;
mod sifted;
mod stability;

use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{RgbImage, Size};
use maskwright_model::{PromptInput, PromptPoint};
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde::{Deserialize, Serialize};

pub use crops::{CropBox, crop_boxes, ends_at_crop};
pub use nms::nms;
pub use points::{grid, grids};
pub use record::{Annotation, ImageEntry, MaskFile, Segmentation, write_csv, write_json};
pub use regions::remove_small_regions;
pub use sifted::Sifted;
pub use stability::stability_score;

use crops::{cut, placed};
use sifted::Dropped;

use crate::error::{Error, Result};
use crate::predictor::{EncodedImage, LowResMask, Predictor};
use maskwright_model::MaskKind;

/// The settings of the search. The defaults are the reference's, which were chosen for ViT-H.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskGeneratorConfig {
    /// The number of points along each side of the image; the grid has its square.
    pub points_per_side: usize,
    /// Points in place of the grid: one list for each layer of crops, with that of the whole image
    /// first. Each point is `[x, y]` in 0..1 of the crop. `points_per_side` is then ignored.
    pub point_grids: Option<Vec<Vec<[f64; 2]>>>,
    /// The number of points that go through the decoder together.
    pub points_per_batch: usize,
    /// The predicted IoU that a mask must exceed; with 0 or less it is not checked.
    pub pred_iou_thresh: f32,
    /// The stability score that a mask must reach; with 0 or less it is not checked.
    pub stability_score_thresh: f32,
    /// The distance of the two thresholds of the stability score from 0, in logits.
    pub stability_score_offset: f32,
    /// The IoU of two boxes above which the mask with the lower predicted IoU is removed.
    pub box_nms_thresh: f32,
    /// The number of layers of crops in addition to the whole image. Layer i has `2^i` x `2^i` crops.
    pub crop_n_layers: usize,
    /// The IoU of two boxes from different crops above which the mask from the larger crop is removed.
    pub crop_nms_thresh: f32,
    /// How much crops of the first layer overlap, as a share of the image's shorter side.
    pub crop_overlap_ratio: f64,
    /// In layer i the number of points per side is `points_per_side` divided by this number to the power
    /// of i.
    pub crop_n_points_downscale_factor: usize,
    /// Holes and islands with fewer pixels than this are removed; with 0 none are.
    pub min_mask_region_area: usize,
    /// Whether each point is treated as an ambiguous prompt; otherwise it gives the single mask.
    pub multimask_output: bool,
}

impl Default for MaskGeneratorConfig {
    fn default() -> Self {
        Self {
            points_per_side: 32,
            point_grids: None,
            points_per_batch: 64,
            pred_iou_thresh: 0.88,
            stability_score_thresh: 0.95,
            stability_score_offset: 1.0,
            box_nms_thresh: 0.7,
            crop_n_layers: 0,
            crop_nms_thresh: 0.7,
            crop_overlap_ratio: 512.0 / 1500.0,
            crop_n_points_downscale_factor: 1,
            min_mask_region_area: 0,
            multimask_output: true,
        }
    }
}

/// More layers would be crops smaller than anything: 4^8 of them.
const MOST_LAYERS: usize = 8;

impl MaskGeneratorConfig {
    /// Checks that the settings are valid.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the first that is not.
    pub fn validate(&self) -> Result<()> {
        let require = |good: bool, setting: &str, expected: &str, found: String| {
            if good {
                return Ok(());
            }
            Err(Error::Setting { key: setting.into(), expected: expected.into(), found })
        };
        let positive = [
            ("points_per_side", self.points_per_side),
            ("points_per_batch", self.points_per_batch),
            ("crop_n_points_downscale_factor", self.crop_n_points_downscale_factor),
        ];
        for (name, value) in positive {
            require(value > 0, name, "1 or more", value.to_string())?;
        }
        let thresholds = [
            ("pred_iou_thresh", self.pred_iou_thresh),
            ("stability_score_thresh", self.stability_score_thresh),
        ];
        for (name, value) in thresholds {
            require(value.is_finite(), name, "a number", value.to_string())?;
        }
        let numbers = [
            ("stability_score_offset", self.stability_score_offset),
            ("box_nms_thresh", self.box_nms_thresh),
            ("crop_nms_thresh", self.crop_nms_thresh),
        ];
        for (name, value) in numbers {
            let good = value.is_finite() && value >= 0.0;
            require(good, name, "a number of 0 or more", value.to_string())?;
        }
        let ratio = self.crop_overlap_ratio;
        require(
            (0.0..1.0).contains(&ratio),
            "crop_overlap_ratio",
            "0 or more and below 1",
            ratio.to_string(),
        )?;
        let layers = self.crop_n_layers;
        require(layers <= MOST_LAYERS, "crop_n_layers", "at most 8", layers.to_string())?;
        let Some(grids) = &self.point_grids else { return Ok(()) };
        require(
            grids.len() > layers,
            "point_grids",
            "a list for the whole image and for each layer of crops",
            format!("{} for {layers} layers", grids.len()),
        )?;
        let outside =
            grids.iter().flatten().flatten().find(|&&place| !(0.0..=1.0).contains(&place));
        let found = outside.map_or_else(String::new, f64::to_string);
        require(outside.is_none(), "point_grids", "coordinates in 0..1", found)
    }
}

/// One mask that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct GeneratedMask {
    /// The mask at the image's size.
    pub mask: Rle,
    /// The box around it, `[x0, y0, x1, y1]`, inclusive pixel indices; zeros for an empty mask.
    pub box_xyxy: [u32; 4],
    /// The IoU that the model predicts.
    pub predicted_iou: f32,
    /// See [`stability_score`].
    pub stability_score: f32,
    /// The point `[x, y]` that found it, in pixels of the image.
    pub point: [f64; 2],
    /// The crop in which it was found.
    pub crop_box: CropBox,
}

/// Finds the masks of everything in images.
pub struct MaskGenerator<'a> {
    predictor: &'a Predictor,
    kind: MaskKind,
    config: MaskGeneratorConfig,
    grids: Vec<Vec<[f64; 2]>>,
}

impl<'a> MaskGenerator<'a> {
    /// Makes a generator of this kind of mask.
    ///
    /// # Errors
    /// As [`MaskGeneratorConfig::validate`].
    pub fn new(
        predictor: &'a Predictor,
        kind: MaskKind,
        config: MaskGeneratorConfig,
    ) -> Result<Self> {
        config.validate()?;
        let grids = config.point_grids.clone().unwrap_or_else(|| {
            let downscale = config.crop_n_points_downscale_factor;
            grids(config.points_per_side, config.crop_n_layers, downscale)
        });
        Ok(Self { predictor, kind, config, grids })
    }

    /// Finds the masks of an image, in the order in which the last suppression of duplicates leaves
    /// them; for a single crop the highest predicted IoU comes first. `progress` is called after every
    /// batch with the number of points that are done and the number of all points.
    ///
    /// # Errors
    /// Errors of the model.
    pub fn generate(
        &self,
        image: &RgbImage,
        mut progress: impl FnMut(usize, usize),
    ) -> Result<Vec<GeneratedMask>> {
        self.generate_while(image, |done, total| {
            progress(done, total);
            true
        })
    }

    /// As [`generate`](Self::generate), for as long as `progress` returns true.
    ///
    /// # Errors
    /// [`Error::Stopped`] once it returns false; errors of the model.
    pub fn generate_while(
        &self,
        image: &RgbImage,
        progress: impl FnMut(usize, usize) -> bool,
    ) -> Result<Vec<GeneratedMask>> {
        self.generate_of(image, None, progress)
    }

    /// As [`generate_while`](Self::generate_while), errors and all, of an image that may be `encoded` already.
    pub fn generate_of(
        &self,
        image: &RgbImage,
        encoded: Option<&EncodedImage>,
        progress: impl FnMut(usize, usize) -> bool,
    ) -> Result<Vec<GeneratedMask>> {
        self.generate_sifted(image, encoded, progress).map(|(masks, _)| masks)
    }

    /// As [`generate_of`](Self::generate_of), with what became of all candidates.
    ///
    /// # Errors
    /// As [`generate_while`](Self::generate_while).
    pub fn generate_sifted(
        &self,
        image: &RgbImage,
        encoded: Option<&EncodedImage>,
        mut progress: impl FnMut(usize, usize) -> bool,
    ) -> Result<(Vec<GeneratedMask>, Sifted)> {
        let config = &self.config;
        let mut crops = crop_boxes(image.size, config.crop_n_layers, config.crop_overlap_ratio);
        // Of an image narrower than the number of crops some show nothing.
        crops.retain(|([x0, y0, x1, y1], _)| x0 < x1 && y0 < y1);
        let total = crops.iter().map(|&(_, layer)| self.grids[layer].len()).sum();
        let mut done = 0;
        let (mut masks, mut sifted) = (Vec::new(), Sifted::of(config));
        for &(crop, layer) in &crops {
            let done = &mut |points| {
                done += points;
                progress(done, total)
            };
            let grid = &self.grids[layer];
            let found = match encoded.filter(|_| layer == 0) {
                Some(encoded) => {
                    self.of_encoded(encoded, (image.size, crop), grid, done, &mut sifted)?
                }
                None => {
                    let encoded = self.predictor.encode(&cut(image, crop))?;
                    self.of_encoded(&encoded, (image.size, crop), grid, done, &mut sifted)?
                }
            };
            masks.extend(found);
        }
        if crops.len() > 1 {
            // The smaller crop has seen the object larger.
            let score = |mask: &GeneratedMask| {
                let [x0, y0, x1, y1] = mask.crop_box;
                1.0 / ((x1 - x0) * (y1 - y0)) as f32
            };
            masks = suppressed(masks, score, config.crop_nms_thresh);
        }
        if config.min_mask_region_area > 0 {
            masks = self.without_small_regions(masks);
        }
        sifted.found = masks.len();
        Ok((masks, sifted))
    }

    /// The masks of one part of an image of the size `whole`.
    fn of_encoded(
        &self,
        encoded: &EncodedImage,
        (whole, crop): (Size, CropBox),
        grid: &[[f64; 2]],
        done: &mut dyn FnMut(usize) -> bool,
        sifted: &mut Sifted,
    ) -> Result<Vec<GeneratedMask>> {
        let part = encoded.size();
        let mut masks = Vec::new();
        for batch in grid.chunks(self.config.points_per_batch) {
            let points: Vec<[f64; 2]> = batch
                .iter()
                .map(|[x, y]| [x * part.width as f64, y * part.height as f64])
                .collect();
            let inputs: Vec<PromptInput> = points
                .iter()
                .map(|&[x, y]| {
                    let (x, y) = encoded.view().to_input(x, y);
                    PromptInput::from_points([PromptPoint::new(x, y, 1)])
                })
                .collect();
            let multimask = self.config.multimask_output;
            let answers = self.predictor.decode(encoded, &inputs, self.kind, multimask)?;
            let candidates: Vec<(LowResMask, [f64; 2])> = answers
                .into_iter()
                .zip(&points)
                .flat_map(|(masks, point)| masks.into_iter().map(|mask| (mask, *point)))
                .filter(|(mask, _)| {
                    let believed = self.is_believed(mask.predicted_iou);
                    sifted.see((!believed).then_some(mask.predicted_iou));
                    believed
                })
                .collect();
            let judge = |(mask, point)| self.judged(encoded, mask, point, crop, whole);
            let judged = in_parallel(candidates, judge);
            masks.extend(judged.into_iter().filter_map(|one| sifted.keep(one)));
            if !done(batch.len()) {
                return Err(Error::Stopped);
            }
        }
        Ok(suppressed(masks, |mask| mask.predicted_iou, self.config.box_nms_thresh))
    }

    fn is_believed(&self, predicted_iou: f32) -> bool {
        let threshold = self.config.pred_iou_thresh;
        threshold <= 0.0 || predicted_iou > threshold
    }

    /// A mask in the image's frame if it is stable and does not end where the crop does.
    fn judged(
        &self,
        encoded: &EncodedImage,
        mask: LowResMask,
        point: [f64; 2],
        crop: CropBox,
        size: Size,
    ) -> std::result::Result<GeneratedMask, Dropped> {
        let logits = encoded.logits(&mask.logits);
        let stability_score = stability_score(&logits, self.config.stability_score_offset);
        if stability_score < self.config.stability_score_thresh {
            return Err(Dropped::Unstable(stability_score));
        }
        let [x0, y0, x1, y1] = crop;
        let bitmap = Bitmap::from_logits(&logits, Size::new(y1 - y0, x1 - x0));
        let inner = bitmap.box_xyxy().unwrap_or_default();
        if ends_at_crop(inner, crop, size) {
            return Err(Dropped::AtCrop);
        }
        let (dx, dy) = (x0 as u32, y0 as u32);
        Ok(GeneratedMask {
            mask: Rle::from_bitmap(&placed(bitmap, crop, size)),
            box_xyxy: [inner[0] + dx, inner[1] + dy, inner[2] + dx, inner[3] + dy],
            predicted_iou: mask.predicted_iou,
            stability_score,
            point: [point[0] + x0 as f64, point[1] + y0 as f64],
            crop_box: crop,
        })
    }

    /// Fills small holes, drops small islands, and suppresses what became a duplicate by it: masks
    /// that needed no change are preferred.
    fn without_small_regions(&self, masks: Vec<GeneratedMask>) -> Vec<GeneratedMask> {
        let min_area = self.config.min_mask_region_area;
        let mended = in_parallel(masks, |mut mask: GeneratedMask| {
            let (bitmap, changed) = remove_small_regions(&mask.mask.to_bitmap(), min_area);
            if changed {
                mask.box_xyxy = bitmap.box_xyxy().unwrap_or_default();
                mask.mask = Rle::from_bitmap(&bitmap);
            }
            (mask, changed)
        });
        let threshold = self.config.box_nms_thresh.max(self.config.crop_nms_thresh);
        let boxes: Vec<_> =
            mended.iter().map(|(mask, _)| mask.box_xyxy.map(|v| v as f32)).collect();
        let scores: Vec<f32> = mended.iter().map(|&(_, changed)| f32::from(!changed)).collect();
        let kept = nms(&boxes, &scores, threshold);
        let masks = mended.into_iter().map(|(mask, _)| mask).collect();
        chosen(masks, &kept)
    }
}

/// The masks that non-maximum suppression leaves, best first.
fn suppressed(
    masks: Vec<GeneratedMask>,
    score: impl Fn(&GeneratedMask) -> f32,
    threshold: f32,
) -> Vec<GeneratedMask> {
    let boxes: Vec<_> = masks.iter().map(|mask| mask.box_xyxy.map(|v| v as f32)).collect();
    let scores: Vec<f32> = masks.iter().map(score).collect();
    let kept = nms(&boxes, &scores, threshold);
    chosen(masks, &kept)
}

/// The values at these places, in their order; no place comes twice.
fn chosen<T>(values: Vec<T>, places: &[usize]) -> Vec<T> {
    let mut values: Vec<Option<T>> = values.into_iter().map(Some).collect();
    places.iter().filter_map(|&place| values[place].take()).collect()
}

/// Applies `work` to every value, on all cores; the results keep the order.
fn in_parallel<T: Send, R: Send>(values: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    values.into_par_iter().map(work).collect()
}

#[cfg(test)]
mod tests;
