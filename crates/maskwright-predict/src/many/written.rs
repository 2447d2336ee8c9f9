//! The masks of an image at its size, and their files.

use maskwright_image::encode;
use maskwright_image::mask::{Bitmap, Rle, draw_instances};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::work::Answered;
use super::{Batch, ImageRow, MaskRow, OVERLAY, ResultFormat};
use crate::error::{Error, Result};
use crate::files::write_atomically;
use crate::mask_generator::Segmentation;
use crate::predictor::LowResMask;

/// A mask with its line.
type Drawn = (MaskRow, Rle);

impl Batch<'_> {
    /// Writes the files of an image, and completes its line.
    pub(super) fn written(&self, answered: Answered<'_>) -> Result<ImageRow> {
        let Answered { mut row, key, view, pixels, masks, prompts } = answered;
        let Some((view, side)) = view else { return Ok(row) };
        let size = row.size();
        let several = masks.iter().any(|(_, masks)| masks.len() > 1);
        let path = self.output.join(&key);
        if let Some(folder) = path.parent().filter(|_| self.writes_pictures()) {
            std::fs::create_dir_all(folder).map_err(Error::io(folder, "make"))?;
        }
        let places = masks.into_iter().flat_map(|(prompt, masks)| {
            masks.into_iter().enumerate().map(move |(number, mask)| (prompt, number, mask))
        });
        let draw = |(prompt, number, mask): (usize, usize, LowResMask)| -> Result<Drawn> {
            let bitmap = Bitmap::from_logits(&view.to_source(&mask.logits, side), size);
            let of = &prompts.prompts[prompt];
            let rle = Rle::from_bitmap(&bitmap);
            let mut line = MaskRow {
                prompt,
                mask_number: number,
                id: of.id.clone(),
                score: of.score,
                category_id: of.category_id.clone(),
                predicted_iou: mask.predicted_iou,
                area: rle.area(),
                bbox: rle.box_xywh(),
                file: None,
                instance: None,
                segmentation: None,
            };
            match self.format {
                ResultFormat::Png => {
                    let number = if several { format!("_mask{number}") } else { String::new() };
                    let name = format!("{key}_prompt{prompt}{number}.png");
                    self.write_png(&name, || encode::png_grey(&bitmap.to_grey()))?;
                    line.file = Some(name);
                }
                // There are as many numbers as prompts.
                ResultFormat::Instances => line.instance = u16::try_from(prompt + 1).ok(),
                ResultFormat::Coco | ResultFormat::Jsonl => {
                    line.segmentation = Some(Segmentation::of(&rle));
                }
            }
            Ok((line, rle))
        };
        let places: Vec<_> = places.collect();
        let drawn = places.into_par_iter().map(draw).collect::<Result<Vec<Drawn>>>()?;
        if self.format == ResultFormat::Instances {
            let name = format!("{key}.png");
            let mut order: Vec<&Drawn> = drawn.iter().collect();
            order.sort_by(|(one, _), (other, _)| {
                one.score_or_iou().total_cmp(&other.score_or_iou())
            });
            self.write_png(&name, || {
                let mut numbers = vec![0; size.area()];
                for (line, mask) in order {
                    let number = u32::from(line.instance.unwrap_or_default());
                    draw_instances(mask, number, &mut numbers)?;
                }
                let numbers: Vec<u16> = numbers.into_iter().map(|number| number as u16).collect();
                encode::png_grey16(size, &numbers)
            })?;
            row.instances = Some(name);
        }
        let (lines, masks): (Vec<MaskRow>, Vec<Rle>) = drawn.into_iter().unzip();
        row.masks = lines;
        if let (Some(draw), Some(pixels), false) = (self.overlay, &pixels, masks.is_empty()) {
            let name = key + OVERLAY;
            self.write_png(&name, || encode::png_rgb(&draw(pixels, &masks)))?;
            row.overlay = Some(name);
        }
        Ok(row)
    }

    /// Writes a PNG into the output folder.
    fn write_png(
        &self,
        name: &str,
        png: impl FnOnce() -> maskwright_image::Result<Vec<u8>>,
    ) -> Result<()> {
        let file = self.output.join(name);
        match png() {
            Ok(bytes) => write_atomically(&file, &bytes),
            Err(source) => Err(Error::Image { file: Some(file), source }),
        }
    }

    fn writes_pictures(&self) -> bool {
        let of_format = matches!(self.format, ResultFormat::Png | ResultFormat::Instances);
        of_format || self.overlay.is_some()
    }
}
