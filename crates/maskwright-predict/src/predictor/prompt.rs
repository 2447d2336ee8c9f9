//! What a user points at, in the image's own pixels, and its way into the model's frame.

use maskwright_image::sample::{Sampler, resize_plane};
use maskwright_image::{GreyImage, Size};
use maskwright_model::{PromptInput, PromptPoint};

use super::view::View;
use crate::error::{Error, Result};

/// What is asked for, in pixel indices of the image as a viewer shows it: x right, y down,
/// (0, 0) the centre of the top-left pixel. Any of the parts, together or alone.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SourcePrompt {
    /// x, y and 1 for a point on the object, 0 for one beside it.
    pub points: Vec<(f32, f32, i32)>,
    /// Left, top, right, bottom.
    pub box_xyxy: Option<[f32; 4]>,
    /// A rough mask.
    pub mask: Option<MaskPrompt>,
}

/// A mask as a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum MaskPrompt {
    /// Of the image's size, foreground above 128. The model gets 0 and 255, as HQ-SAM trains it.
    Image(GreyImage),
    /// The logits of an earlier prediction on the same image
    /// ([`PredictedMask::low_res`](super::PredictedMask::low_res)): a square of the model's mask
    /// size in row order, as SAM's predictor takes them.
    Logits(Vec<f32>),
}

impl SourcePrompt {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.points.is_empty() && self.box_xyxy.is_none() && self.mask.is_none()
    }

    /// The prompt in the model's frame, with coordinates outside the image clipped to it, and a
    /// remark on each that was. `name` is how errors call it ("" or "prompt 3").
    pub(super) fn to_input(
        &self,
        view: &View,
        mask_size: usize,
        name: &str,
    ) -> Result<(PromptInput, Vec<String>)> {
        if self.is_empty() {
            return Err(Error::Setting {
                key: if name.is_empty() { "the prompt".into() } else { name.into() },
                expected: "a box, points or a mask".into(),
                found: "none of them".into(),
            });
        }
        let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
        let to_input = |x: f32, y: f32| view.to_input(f64::from(x), f64::from(y));
        let mut clip = Clip { source: view.source(), of: &of, notes: Vec::new() };
        let points = self
            .points
            .iter()
            .map(|&(x, y, label)| {
                let (x, y) = clip.point("point", x, y)?;
                let (x, y) = to_input(x, y);
                Ok(PromptPoint::new(x, y, label))
            })
            .collect::<Result<_>>()?;
        let box_xyxy = match self.box_xyxy {
            None => None,
            Some([x0, y0, x1, y1]) => {
                if x1 < x0 || y1 < y0 {
                    return Err(Error::Setting {
                        key: format!("the box{of}"),
                        expected: "left,top,right,bottom with left <= right and top <= bottom"
                            .into(),
                        found: format!("{x0},{y0},{x1},{y1}"),
                    });
                }
                let (x0, y0) = clip.point("box corner", x0, y0)?;
                let (x1, y1) = clip.point("box corner", x1, y1)?;
                let ((x0, y0), (x1, y1)) = (to_input(x0, y0), to_input(x1, y1));
                Some([x0, y0, x1, y1])
            }
        };
        let mask = match &self.mask {
            None => None,
            Some(mask) => Some(mask.to_input(view, mask_size, &of)?),
        };
        Ok((PromptInput { points, box_xyxy, mask }, clip.notes))
    }
}

/// Brings coordinates into the image.
struct Clip<'a> {
    source: (usize, usize),
    of: &'a str,
    notes: Vec<String>,
}

impl Clip<'_> {
    fn point(&mut self, what: &str, x: f32, y: f32) -> Result<(f32, f32)> {
        let (height, width) = self.source;
        let of = self.of;
        if !(x.is_finite() && y.is_finite()) {
            return Err(Error::Setting {
                key: format!("a {what}{of}"),
                expected: "finite coordinates".into(),
                found: format!("{x},{y}"),
            });
        }
        let (cx, cy) = (x.clamp(0.0, width as f32 - 1.0), y.clamp(0.0, height as f32 - 1.0));
        if (cx, cy) != (x, y) {
            self.notes.push(format!(
                "{what} ({x}, {y}){of} lies outside the {width} x {height} image; \
                 clipped to ({cx}, {cy})"
            ));
        }
        Ok((cx, cy))
    }
}

impl MaskPrompt {
    /// Values at the resolution of mask prompts.
    fn to_input(&self, view: &View, side: usize, of: &str) -> Result<Vec<f32>> {
        match self {
            Self::Logits(logits) if logits.len() == side * side => Ok(logits.clone()),
            Self::Logits(logits) => Err(Error::Setting {
                key: format!("the mask logits{of}"),
                expected: format!("the {side} x {side} of this model's masks"),
                found: format!("{} numbers", logits.len()),
            }),
            Self::Image(mask) if (mask.size.height, mask.size.width) == view.source() => {
                let geometry = view.geometry();
                let mut label = vec![0.0; geometry.output.0 * geometry.output.1];
                Sampler::new().label(mask, &geometry.rows(), &geometry.cols(), 0.0, &mut label);
                let small = resize_plane(
                    &label,
                    Size::new(geometry.output.0, geometry.output.1),
                    Size::square(side),
                );
                Ok(small.into_iter().map(|v| if v > 128.0 { 255.0 } else { 0.0 }).collect())
            }
            Self::Image(mask) => {
                let (height, width) = view.source();
                Err(Error::Setting {
                    key: format!("the mask prompt{of}"),
                    expected: format!("the image's {width} x {height} pixels"),
                    found: mask.size.to_string(),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::Fit;
    use super::*;

    fn view() -> View {
        View::new(Fit::LongestSide, (20, 40), 80)
    }

    #[test]
    fn coordinates_are_clipped_and_said() {
        let prompt = SourcePrompt {
            points: vec![(-3.0, 5.0, 1), (7.0, 8.0, 0)],
            box_xyxy: Some([0.0, 0.0, 100.0, 19.0]),
            mask: None,
        };
        let (input, notes) = prompt.to_input(&view(), 20, "prompt 2").expect("usable");
        assert_eq!(input.points, [PromptPoint::new(0.5, 10.5, 1), PromptPoint::new(14.5, 16.5, 0)]);
        assert_eq!(input.box_xyxy, Some([0.5, 0.5, 78.5, 38.5]));
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("point (-3, 5) of prompt 2") && notes[0].contains("40 x 20"));
        assert!(notes[1].contains("(100, 19)") && notes[1].contains("(39, 19)"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused = |prompt: SourcePrompt| {
            prompt.to_input(&view(), 20, "").expect_err("refused").to_string()
        };
        let boxed = |box_xyxy| SourcePrompt { box_xyxy: Some(box_xyxy), ..Default::default() };
        assert!(refused(boxed([9.0, 1.0, 3.0, 5.0])).contains("9,1,3,5"));
        assert!(refused(boxed([1.0, 5.0, 3.0, 4.0])).contains("1,5,3,4"));
        assert!(refused(boxed([1.0, f32::NAN, 3.0, 4.0])).contains("NaN"));
        assert!(refused(SourcePrompt::default()).contains("none"));
        let masked = |mask| SourcePrompt { mask: Some(mask), ..Default::default() };
        let small = GreyImage::filled(Size::square(4), 0);
        assert!(refused(masked(MaskPrompt::Image(small))).contains("4 x 4"));
        assert!(refused(masked(MaskPrompt::Logits(vec![0.0; 7]))).contains("20 x 20"));
    }

    #[test]
    fn masks_reach_the_model_at_its_resolution() {
        let (height, width) = view().source();
        let left = GreyImage::new(
            Size::new(height, width),
            (0..800).map(|i| [255, 0][i % 40 / 20]).collect(),
        );
        let prompt = SourcePrompt {
            mask: Some(MaskPrompt::Image(left.expect("a mask"))),
            ..Default::default()
        };
        let (input, _) = prompt.to_input(&view(), 20, "").expect("usable");
        let mask = input.mask.expect("a mask");
        // The image is the input's upper half; the mask its left half.
        for (i, value) in mask.into_iter().enumerate() {
            let inside = i / 20 < 10 && i % 20 < 10;
            assert_eq!(value, if inside { 255.0 } else { 0.0 }, "{i}");
        }
    }
}
