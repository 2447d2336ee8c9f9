//! A prompt in the image's own pixels, and its way into the model's frame.
//!
//! Points and box are pixel indices of the image as a viewer shows it: x right, y down, (0, 0) the centre
//! of the top-left pixel. A mask lies over the model's input already: it is made of a picture
//! ([`mask_over_input`]), or is an earlier prediction's logits.

use maskwright_data::prompt::{MaskValues, NoiseMask, Point, Prompt};
use maskwright_image::sample::{Sampler, resize_plane};
use maskwright_image::{GreyImage, Size};
use maskwright_model::{PromptInput, PromptPoint};

use super::view::View;
use crate::error::{Error, Result};

/// The prompt in the model's frame, with coordinates outside the image clipped to it, and a
/// remark on each that was. `name` is how errors call it ("" or "prompt 3").
///
/// # Errors
/// [`Error::Setting`] for a prompt that is none, and one that lies outside the image as a whole: clipped, it would point at
/// something that nobody meant.
pub(crate) fn to_input(
    prompt: &Prompt,
    view: &View,
    mask_size: usize,
    name: &str,
) -> Result<(PromptInput, Vec<String>)> {
    if prompt.is_empty() {
        return Err(Error::Setting {
            key: if name.is_empty() { "the prompt".into() } else { name.into() },
            expected: "a box, points or a mask".into(),
            found: "none of them".into(),
        });
    }
    let of = if name.is_empty() { String::new() } else { format!(" of {name}") };
    let to_input = |x: f32, y: f32| view.to_input(f64::from(x), f64::from(y));
    let mut clip = Clip { source: view.source(), of: &of, notes: Vec::new() };
    clip.check_shown(prompt)?;
    let points = prompt
        .points
        .iter()
        .map(|&Point { x, y, label }| {
            let (x, y) = clip.point("point", x, y)?;
            let (x, y) = to_input(x, y);
            Ok(PromptPoint::new(x, y, label))
        })
        .collect::<Result<_>>()?;
    let box_xyxy = match prompt.box_xyxy {
        None => None,
        Some([x0, y0, x1, y1]) => {
            if x1 < x0 || y1 < y0 {
                return Err(Error::Setting {
                    key: format!("the box{of}"),
                    expected: "left,top,right,bottom with left <= right and top <= bottom".into(),
                    found: format!("{x0},{y0},{x1},{y1}"),
                });
            }
            let (x0, y0) = clip.point("box corner", x0, y0)?;
            let (x1, y1) = clip.point("box corner", x1, y1)?;
            let ((x0, y0), (x1, y1)) = (to_input(x0, y0), to_input(x1, y1));
            Some([x0, y0, x1, y1])
        }
    };
    let mask = match &prompt.mask {
        None => None,
        Some(NoiseMask { size, data })
            if *size == mask_size && data.len() == mask_size * mask_size =>
        {
            Some(data.clone())
        }
        Some(mask) => {
            return Err(Error::Setting {
                key: format!("the mask{of}"),
                expected: format!("the {mask_size} x {mask_size} of this model's masks"),
                found: format!("{} numbers", mask.data.len()),
            });
        }
    };
    Ok((PromptInput { points, box_xyxy, mask }, clip.notes))
}

/// A mask of the image's size, foreground above 128, over the model's input: at the resolution and of
/// the values that the model takes.
pub(super) fn mask_over_input(
    mask: &GreyImage,
    view: &View,
    side: usize,
    values: MaskValues,
) -> Result<NoiseMask> {
    if mask.size != view.source() {
        return Err(Error::Setting {
            key: "the mask prompt".into(),
            expected: format!("the image's {} pixels", view.source()),
            found: mask.size.to_string(),
        });
    }
    let geometry = view.geometry();
    let mut label = vec![0.0; geometry.output.area()];
    Sampler::new().label(mask, &geometry.rows(), &geometry.cols(), 0.0, &mut label);
    let small = resize_plane(&label, geometry.output, Size::square(side));
    let (outside, inside) = values.levels();
    let data = small.into_iter().map(|v| if v > 128.0 { inside } else { outside }).collect();
    Ok(NoiseMask { size: side, data })
}

/// Brings coordinates into the image.
struct Clip<'a> {
    source: Size,
    of: &'a str,
    notes: Vec<String>,
}

impl Clip<'_> {
    /// Refuses a box that shows nothing of the image, and points alone of which none does.
    fn check_shown(&self, prompt: &Prompt) -> Result<()> {
        let [width, height] = [self.source.width, self.source.height].map(|side| side as f32);
        // Programs differ by up to a pixel in where the last one ends; NaN is refused elsewhere.
        let beyond = |low: f32, high: f32, side: f32| high < -1.0 || low > side;
        let refuse = |key: &str, part: &str, found: String| {
            Err(Error::Setting {
                key: format!("{key}{}", self.of),
                expected: format!("{part} within the {width} x {height} image"),
                found,
            })
        };
        if let Some([x0, y0, x1, y1]) = prompt.box_xyxy
            && (beyond(x0, x1, width) || beyond(y0, y1, height))
        {
            return refuse("the box", "a part of it", format!("{x0},{y0},{x1},{y1}"));
        }
        let outside = |at: &Point| beyond(at.x, at.x, width) || beyond(at.y, at.y, height);
        let alone = prompt.box_xyxy.is_none() && prompt.mask.is_none();
        match prompt.points.first() {
            Some(Point { x, y, .. }) if alone && prompt.points.iter().all(outside) => {
                refuse("the points", "one of them", format!("{x},{y}"))
            }
            _ => Ok(()),
        }
    }

    fn point(&mut self, what: &str, x: f32, y: f32) -> Result<(f32, f32)> {
        let Size { height, width } = self.source;
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

#[cfg(test)]
mod tests {
    use super::super::view::Fit;
    use super::*;

    fn view() -> View {
        View::new(Fit::LongestSide, Size::new(20, 40), 80)
    }

    #[test]
    fn coordinates_are_clipped_and_said() {
        let point = |x, y, label| Point { x, y, label };
        let prompt = Prompt::of(
            Some([0.0, 0.0, 100.0, 19.0]),
            vec![point(-3.0, 5.0, 1), point(7.0, 8.0, 0)],
            None,
        );
        let (input, notes) = to_input(&prompt, &view(), 20, "prompt 2").expect("usable");
        assert_eq!(input.points, [PromptPoint::new(0.5, 10.5, 1), PromptPoint::new(14.5, 16.5, 0)]);
        assert_eq!(input.box_xyxy, Some([0.5, 0.5, 78.5, 38.5]));
        assert_eq!(notes.len(), 2);
        assert!(notes[0].contains("point (-3, 5) of prompt 2") && notes[0].contains("40 x 20"));
        assert!(notes[1].contains("(100, 19)") && notes[1].contains("(39, 19)"));
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let refused =
            |prompt: Prompt| to_input(&prompt, &view(), 20, "").expect_err("refused").to_string();
        assert!(refused(Prompt::from_box([9.0, 1.0, 3.0, 5.0])).contains("9,1,3,5"));
        assert!(refused(Prompt::from_box([1.0, 5.0, 3.0, 4.0])).contains("1,5,3,4"));
        assert!(refused(Prompt::from_box([1.0, f32::NAN, 3.0, 4.0])).contains("NaN"));
        assert!(refused(Prompt::of(None, Vec::new(), None)).contains("none"));
        let masked = |size, count| {
            Prompt::of(None, Vec::new(), Some(NoiseMask { size, data: vec![0.0f32; count].into() }))
        };
        assert!(refused(masked(20, 7)).contains("20 x 20"));
        assert!(refused(masked(10, 100)).contains("20 x 20"));
        let small = GreyImage::filled(Size::new(4, 4), 0);
        let error = mask_over_input(&small, &view(), 20, MaskValues::ZeroTo255);
        assert!(error.expect_err("refused").to_string().contains("4 x 4"));
    }

    #[test]
    fn a_prompt_wholly_outside_is_refused() {
        let told = |prompt: &Prompt| match to_input(prompt, &view(), 20, "prompt 3") {
            Ok((_, notes)) => format!("{} notes", notes.len()),
            Err(error) => error.to_string(),
        };
        let point = |x, y| Point { x, y, label: 1 };
        let mask = NoiseMask { size: 20, data: vec![0.0f32; 400].into() };
        let told = [
            Prompt::from_box([41.0, 2.0, 60.0, 9.0]),
            Prompt::from_box([3.0, -9.0, 7.0, -2.0]),
            // It ends where the image does, by a detector that counts edges.
            Prompt::from_box([40.0, 20.0, 41.0, 21.0]),
            Prompt::from_points([point(-5.0, 3.0), point(3.0, 30.0)]),
            Prompt::from_points([point(-5.0, 3.0), point(3.0, 3.0)]),
            Prompt::of(Some([3.0, 3.0, 9.0, 9.0]), vec![point(-5.0, 3.0)], None),
            Prompt::of(None, vec![point(-5.0, 3.0)], Some(mask)),
        ]
        .map(|prompt| told(&prompt));
        insta::assert_snapshot!(told.join("\n"), @"
            the box of prompt 3: expected a part of it within the 40 x 20 image, found 41,2,60,9
            the box of prompt 3: expected a part of it within the 40 x 20 image, found 3,-9,7,-2
            2 notes
            the points of prompt 3: expected one of them within the 40 x 20 image, found -5,3
            1 notes
            1 notes
            1 notes
            ");
    }

    #[test]
    fn masks_reach_the_model_at_its_resolution() {
        let size = view().source();
        let left = GreyImage::new(size, (0..800).map(|i| [255, 0][i % 40 / 20]).collect());
        let left = left.expect("a mask");
        for values in [MaskValues::ZeroTo255, MaskValues::Logits] {
            let mask = mask_over_input(&left, &view(), 20, values).expect("usable");
            let (outside, inside) = values.levels();
            // The image is the input's upper half; the mask its left half.
            for (i, value) in mask.data.iter().copied().enumerate() {
                let within = i / 20 < 10 && i % 20 < 10;
                assert_eq!(value, if within { inside } else { outside }, "{i}");
            }
        }
    }

    #[test]
    fn prompts_are_read_as_they_are_written() {
        let text =
            r#"{"kind":"box","box_xyxy":[1.0,2.0,3.0,4.0],"points":[{"x":5.0,"y":6.0,"label":0}]}"#;
        let prompt: Prompt = serde_json::from_str(text).expect("a prompt");
        let point = Point { x: 5.0, y: 6.0, label: 0 };
        assert_eq!(prompt, Prompt::of(Some([1.0, 2.0, 3.0, 4.0]), vec![point], None));
        assert_eq!(serde_json::to_string(&prompt).expect("plain"), text);
    }
}
