//! `maskwright predict`.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use maskwright_data::sample::Preset;
use maskwright_train::evaluator::MaskKind;
use maskwright_train::predictor::{Predictor, SourcePrompt};

use crate::exit::Usage;
use crate::output;

/// Write the mask of one object in an image, as a PNG (255 is the object).
///
/// The object is pointed out by a box, by points, by a rough mask, or by several of these
/// together. Coordinates are pixels of the image as a viewer shows it: x to the right, y down,
/// the top-left pixel is 0,0.
#[derive(Args)]
#[command(after_help = "\
Examples:
  maskwright predict --checkpoint run/sam_hq_epoch_11.safetensors \\
      --image leaf.jpg --box 40,30,410,380 --output leaf.png
  maskwright predict --checkpoint sam_hq_vit_b.pth \\
      --image leaf.jpg --point 200,180 --point 20,20,0 --output leaf.png")]
pub(crate) struct PredictFlags {
    /// SAM or HQ-SAM checkpoint, .pth or .safetensors
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,

    /// Tuned decoder (epoch_N) to put over the checkpoint's
    #[arg(long, value_name = "FILE")]
    restore_model: Option<PathBuf>,

    /// The image
    #[arg(long, value_name = "FILE")]
    image: PathBuf,

    /// Left,top,right,bottom
    #[arg(long = "box", value_name = "X0,Y0,X1,Y1", value_parser = numbers::<4>, allow_hyphen_values = true)]
    box_xyxy: Option<[f32; 4]>,

    /// A point on the object, or with a third number 0 one beside it; may be repeated
    #[arg(long = "point", value_name = "X,Y[,LABEL]", value_parser = point, allow_hyphen_values = true)]
    points: Vec<(f32, f32, i32)>,

    /// A rough mask of the image's size (PNG; above 128 is the object)
    #[arg(long, value_name = "FILE")]
    mask: Option<PathBuf>,

    /// The mask to write: sam, hq, or sam_hq (their sum, HQ-SAM's predictor); the best the
    /// model has if not given
    #[arg(long, value_name = "KIND")]
    kind: Option<MaskKind>,

    /// Side of the model's square input; the checkpoint's own if not given
    #[arg(long, value_name = "PIXELS")]
    input_size: Option<usize>,

    /// How the image is fitted into the input: longest_side or squash
    #[arg(long, value_name = "PRESET", default_value = "longest_side")]
    geometry: Preset,

    /// The PNG to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,

    /// Also write a picture: the image with the mask and the prompt drawn over it
    #[arg(long, value_name = "FILE")]
    overlay: Option<PathBuf>,

    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(flags: &PredictFlags) -> anyhow::Result<()> {
    if flags.box_xyxy.is_none() && flags.points.is_empty() && flags.mask.is_none() {
        return Err(Usage("no prompt: give --box, --point or --mask".into()).into());
    }
    let predictor =
        Predictor::load(&flags.checkpoint, flags.restore_model.as_deref(), flags.input_size)?
            .with_geometry(flags.geometry);
    let image = predictor.read_image(&flags.image)?;
    let mask = flags.mask.as_deref().map(|path| predictor.read_mask(path)).transpose()?;
    let prompt = SourcePrompt { points: flags.points.clone(), box_xyxy: flags.box_xyxy, mask };
    let kind = flags.kind.unwrap_or_else(|| predictor.best_kind());
    let encoded = predictor.encode(&image)?;
    let prediction = predictor.predict(&encoded, &prompt, kind)?;
    for note in &prediction.notes {
        eprintln!("note: {note}");
    }
    prediction.write_mask(&flags.output)?;
    if let Some(path) = &flags.overlay {
        prediction.write_overlay(&image, &prompt, path)?;
    }
    let object = prediction.mask.count();
    let share = object as f64 / (image.width * image.height) as f64;
    if flags.json {
        return output::json(&serde_json::json!({
            "image": flags.image,
            "mask": flags.output,
            "kind": kind,
            "width": image.width,
            "height": image.height,
            "object_pixels": object,
            "object_box_xyxy": prediction.mask.box_xyxy(),
            "predicted_iou": prediction.predicted_iou,
        }));
    }
    println!(
        "{}: {} mask, {object} of {} x {} pixels ({:.1}%), predicted IoU {:.3}",
        flags.output.display(),
        kind.title(),
        image.width,
        image.height,
        100.0 * share,
        prediction.predicted_iou,
    );
    Ok(())
}

/// Reads exactly N numbers with commas between them.
fn numbers<const N: usize>(text: &str) -> anyhow::Result<[f32; N]> {
    let values = text
        .split(',')
        .map(|word| word.trim().parse::<f32>())
        .collect::<Result<Vec<f32>, _>>()
        .context("expected numbers with commas between them")?;
    if values.iter().any(|value| !value.is_finite()) {
        anyhow::bail!("expected finite numbers");
    }
    let count = values.len();
    values.try_into().map_err(|_| anyhow::anyhow!("expected {N} numbers, found {count}"))
}

fn point(text: &str) -> anyhow::Result<(f32, f32, i32)> {
    if text.matches(',').count() == 1 {
        let [x, y] = numbers(text)?;
        return Ok((x, y, 1));
    }
    let [x, y, label] = numbers(text)?;
    match label {
        0.0 => Ok((x, y, 0)),
        1.0 => Ok((x, y, 1)),
        _ => anyhow::bail!("expected the label 1 (on the object) or 0 (beside it), found {label}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{numbers, point};

    #[test]
    fn points_and_boxes_are_read() {
        assert_eq!(numbers::<4>("1, 2,3.5,4").expect("read"), [1.0, 2.0, 3.5, 4.0]);
        assert_eq!(point("7,8").expect("read"), (7.0, 8.0, 1));
        assert_eq!(point("7,8,0").expect("read"), (7.0, 8.0, 0));
        for wrong in ["1,2,3", "a,b,c,d", "", "1,2,3,4,5", "1,2,3,nan"] {
            assert!(numbers::<4>(wrong).is_err(), "{wrong}");
        }
        assert!(point("1,2,3").is_err());
    }
}
