//! From a prediction to the question of the next round.

use maskwright_data::batch::TrainBatch;
use maskwright_data::prompt::{ErrorRegion, Point};
use maskwright_image::Size;
use maskwright_image::mask::Bitmap;
use maskwright_model::PromptPoint;
use rayon::prelude::*;

use super::pass::Pass;
use super::targets::Logits;
use crate::loss::points::Plane;

/// The next round of a pass, whose predictions have these logits: each object's prompt with a click where its prediction is
/// wrong, and the logits as its mask. `None` if all objects were predicted without an error.
pub(super) fn next(batch: &TrainBatch, pass: &Pass, logits: &Logits) -> Option<Pass> {
    let round = pass.round + 1;
    let predictions: Vec<Plane<'_>> = (0..pass.objects.len()).map(|at| logits.meant(at)).collect();
    let clicks: Vec<Option<Point>> = predictions
        .par_iter()
        .zip(&pass.objects)
        .map(|(predicted, &object)| {
            let wrong = error_region(batch, object, predicted);
            wrong.draw(batch.objects[object].key, round)
        })
        .collect();
    let (mut objects, mut prompts) = (Vec::new(), Vec::new());
    for (at, (&object, prompt)) in pass.objects.iter().zip(&pass.prompts).enumerate() {
        let (predicted, Some(click)) = (predictions[at], clicks[at]) else { continue };
        let mut prompt = prompt.clone();
        prompt.points.push(PromptPoint::new(click.x, click.y, click.label));
        prompt.mask = Some(predicted.values.into());
        objects.push(object);
        prompts.push(prompt);
    }
    (!objects.is_empty()).then(|| pass.next(objects, prompts))
}

/// Where a prediction is wrong, in pixels of the model's input. The logits are enlarged to it bilinearly.
fn error_region(batch: &TrainBatch, object: usize, predicted: &Plane<'_>) -> ErrorRegion {
    let size = Size::square(batch.size);
    let visible = batch.views[batch.image_of[object]].geometry.visible();
    let side = batch.size as f32;
    let predicted = Bitmap::from_fn(size, |y, x| {
        let inside = y < visible.height && x < visible.width;
        inside && predicted.bilinear((x as f32 + 0.5) / side, (y as f32 + 0.5) / side) > 0.0
    });
    let label = Bitmap::from_label(batch.label(object), size);
    let ignored = batch.ignored.get(object).and_then(Option::as_ref);
    ErrorRegion::new(&predicted, &label, ignored, visible)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use maskwright_model::PromptInput;

    use super::*;
    use crate::bench::train_batch;

    /// Logits of two objects that fill the view, at a quarter of 64 pixels: the first is found in the left half, the second
    /// everywhere.
    #[test]
    fn a_click_and_the_logits_are_the_next_prompt() {
        let corners = [0.0, 0.0, 63.0, 63.0];
        let batch = train_batch(64, 2, corners, 5);
        let first = (0..256).map(|at| if at % 16 < 8 { 3.0 } else { -3.0 });
        let values: Vec<f32> = first.chain((0..256).map(|_| 8.0)).collect();
        let data = TensorData::new(values.clone(), [2, 1, 16, 16]);
        let logits = Logits::on_host(&Tensor::from_data(data, &Device::flex()));
        let [pass] = &Pass::first(&batch, &(0..2), 2, true)[..] else { panic!("one pass") };
        assert_eq!(pass.prompts, vec![PromptInput::from_box(corners); 2]);
        let second = next(&batch, pass, &logits).expect("the first is wrong");
        assert_eq!((second.objects.as_slice(), second.round), (&[0][..], 1));
        let prompt = &second.prompts[0];
        assert_eq!(prompt.box_xyxy, Some(corners));
        assert_eq!(prompt.mask.as_deref(), Some(&values[..256]));
        let [click] = prompt.points[..] else { panic!("one click: {:?}", prompt.points) };
        assert!(click.label == 1 && click.x >= 32.0, "{click:?} is where the object was missed");

        let third = next(&batch, &second, &logits).expect("still wrong");
        assert_eq!((third.prompts[0].points.len(), third.round), (2, 2));
        assert_eq!(third.prompts[0].points[0], click);
        assert!(next(&batch, &third, &logits).is_some());
    }
}
