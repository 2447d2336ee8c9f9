//! What is pointed at: flags for one prompt or several boxes, a file for any number.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use maskwright_data::prompt::{NoiseMask, Point, Prompt};
use maskwright_image::{GreyImage, Size};
use maskwright_predict::predictor::Predictor;
use maskwright_predict::prompt_file;

use crate::exit::Usage;
use crate::targets::Inputs;
use crate::words;

/// The prompts of one image.
#[derive(Args)]
#[command(next_help_heading = "What to point at")]
pub(crate) struct PromptFlags {
    /// Left,top,right,bottom; repeated without other prompts, each box is an object of its own
    #[arg(long = "box", value_name = "X0,Y0,X1,Y1", value_parser = numbers::<4>, allow_hyphen_values = true)]
    boxes: Vec<[f32; 4]>,

    /// A point on the object, or with a third number 0 one beside it; may be repeated
    #[arg(long = "point", value_name = "X,Y[,LABEL]", value_parser = point, allow_hyphen_values = true)]
    points: Vec<Point>,

    /// A rough mask of the image's size (PNG; above 128 is the object)
    #[arg(long, value_name = "FILE", conflicts_with = "mask_input")]
    mask: Option<PathBuf>,

    /// Logits of an earlier prediction on this image, as --logits writes them (.npy or
    /// .safetensors, one mask; also those of SAM's own predictor)
    #[arg(long, value_name = "FILE")]
    mask_input: Option<PathBuf>,

    /// Several prompts from a JSON file, an object each:
    /// [{"box": [x0, y0, x1, y1], "points": [[x, y, label], ...], "mask": FILE, "mask_input": FILE}, ...].
    /// With --input the prompts of all images: CSV with a header (image, x0, y0, x1, y1 or points, id, score,
    /// category_id; points are "x y label; x y label"), COCO's results or instances (.json), or the objects above, each
    /// with "image", as a list (.json) or line by line (.jsonl)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["boxes", "points", "mask", "mask_input"])]
    prompts: Option<PathBuf>,
}

impl PromptFlags {
    /// An error of prompts that were read from a file, which is at fault, and not the command line.
    pub(crate) fn blamed(&self, error: maskwright_predict::Error) -> anyhow::Error {
        match (&self.prompts, &error) {
            (Some(file), maskwright_predict::Error::Setting { .. }) => {
                anyhow::anyhow!("{}: {}", file.display(), words::of(&error))
            }
            _ => error.into(),
        }
    }

    /// The file of prompts.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.prompts.as_deref()
    }

    /// Whether there may be more than one prompt.
    pub(crate) fn may_be_several(&self) -> bool {
        self.prompts.is_some() || self.boxes.len() > 1
    }

    /// The files that prompts are read from, without those that a file of prompts names.
    pub(crate) fn reads(&self) -> Inputs {
        let files = [&self.mask, &self.mask_input, &self.prompts];
        Inputs::files(files.into_iter().flatten().map(PathBuf::as_path))
    }

    /// Refuses what contradicts itself, before a model is loaded.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let others = !self.points.is_empty() || self.mask.is_some() || self.mask_input.is_some();
        if self.prompts.is_none() && self.boxes.is_empty() && !others {
            return Err(Usage(
                "no prompt: give --box, --point, --mask, --mask-input or --prompts; `maskwright \
                 masks` finds everything in an image without any"
                    .into(),
            )
            .into());
        }
        if self.boxes.len() > 1 && others {
            return Err(Usage(
                "several --box are several objects, and so it is open to which the points or the \
                 mask belong; write them to a file for --prompts"
                    .into(),
            )
            .into());
        }
        Ok(())
    }

    /// The prompts on an image of this size, at least one, their files read.
    ///
    /// `read_mask` reads a mask file.
    pub(crate) fn read(
        &self,
        predictor: &Predictor,
        image: Size,
        read_mask: &mut ReadMask<'_>,
    ) -> anyhow::Result<Vec<Prompt>> {
        if let Some(file) = &self.prompts {
            return from_file(file, predictor, image, read_mask);
        }
        // One for all boxes, of which there are several only without it.
        let (file, logits) = (self.mask.as_deref(), self.mask_input.as_deref());
        let mask = mask(file, logits, predictor, image, read_mask)?;
        let prompt = |box_xyxy| -> anyhow::Result<Prompt> {
            Ok(Prompt::of(box_xyxy, self.points.clone(), mask.clone()))
        };
        match self.boxes.as_slice() {
            [] => Ok(vec![prompt(None)?]),
            boxes => boxes.iter().map(|corners| prompt(Some(*corners))).collect(),
        }
    }
}

/// Reads a mask file.
type ReadMask<'a> = dyn FnMut(&Path) -> anyhow::Result<GreyImage> + 'a;

/// The mask of a prompt from whichever file there is.
fn mask(
    file: Option<&Path>,
    logits: Option<&Path>,
    predictor: &Predictor,
    image: Size,
    read_mask: &mut ReadMask<'_>,
) -> anyhow::Result<Option<NoiseMask>> {
    Ok(match (file, logits) {
        (Some(path), _) => {
            let mask = predictor.mask_prompt(&read_mask(path)?, image);
            Some(mask.with_context(|| path.display().to_string())?)
        }
        (None, Some(path)) => Some(predictor.read_logits(path)?),
        (None, None) => None,
    })
}

fn from_file(
    file: &Path,
    predictor: &Predictor,
    size: Size,
    read_mask: &mut ReadMask<'_>,
) -> anyhow::Result<Vec<Prompt>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    prompt_file::read(file)?
        .into_iter()
        .enumerate()
        .map(|(number, prompt)| {
            // Files are named from where the list lies.
            let [image, logits] = [&prompt.mask, &prompt.mask_input]
                .map(|path| path.as_ref().map(|p| folder.join(p)));
            let mask = mask(image.as_deref(), logits.as_deref(), predictor, size, read_mask)
                .with_context(|| format!("{}: prompt {number}", file.display()))?;
            Ok(Prompt::of(prompt.box_xyxy, prompt.points, mask))
        })
        .collect()
}

/// `N` numbers between commas.
fn numbers<const N: usize>(text: &str) -> anyhow::Result<[f32; N]> {
    let values = text
        .split(',')
        .map(|part| {
            let part = part.trim();
            part.parse::<f32>().with_context(|| format!("expected a number, found {part:?}"))
        })
        .collect::<anyhow::Result<Vec<f32>>>()?;
    if values.iter().any(|value| !value.is_finite()) {
        anyhow::bail!("expected finite numbers");
    }
    let count = values.len();
    values.try_into().map_err(|_| anyhow::anyhow!("expected {N} numbers, found {count}"))
}

fn point(text: &str) -> anyhow::Result<Point> {
    if text.matches(',').count() == 1 {
        let [x, y] = numbers(text)?;
        return Ok(Point { x, y, label: 1 });
    }
    let [x, y, label] = numbers(text)?;
    match label {
        0.0 => Ok(Point { x, y, label: 0 }),
        1.0 => Ok(Point { x, y, label: 1 }),
        _ => anyhow::bail!("expected the label 1 (on the object) or 0 (beside it), found {label}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_boxes_are_read() {
        assert_eq!(numbers::<4>("1, 2,3.5,4").expect("read"), [1.0, 2.0, 3.5, 4.0]);
        let at = |label| Point { x: 7.0, y: 8.0, label };
        assert_eq!(point("7,8").expect("read"), at(1));
        assert_eq!(point("7,8,0").expect("read"), at(0));
        for wrong in ["1,2,3", "a,b,c,d", "", "1,2,3,4,5", "1,2,3,nan"] {
            assert!(numbers::<4>(wrong).is_err(), "{wrong}");
        }
        assert!(point("1,2,3").is_err());
    }
}
