//! What predictions are held against: points of the labels, and the IoU.

use burn::tensor::{Device, Tensor, TensorData};
use maskwright_data::batch::TrainBatch;
use maskwright_data::random::Purpose;
use maskwright_image::mask::Bitmap;
use rayon::prelude::*;

use super::pass::Pass;
use crate::loss::points::{self, Known, Plane};
use crate::loss::{LossConfig, PointTargets, point_loss, weighted_sum};

/// Mask logits on the host: `[n, masks, height, width]`.
///
/// All of them: where points are wanted, half as many values are looked at as there are pixels, and
/// the IoU looks at each. On the CPU nothing is copied.
pub(super) struct Logits {
    data: TensorData,
    pub(super) masks: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    /// Of several masks the one that is meant, for each object; the first if there is none.
    best: Vec<usize>,
}

impl Logits {
    pub(super) fn on_host(logits: &Tensor<4>) -> Self {
        let [count, masks, height, width] = logits.dims();
        let data = logits.clone().inner().into_data().convert::<f32>();
        Self { data, masks, height, width, best: vec![0; count] }
    }

    /// The same, meaning the mask with the highest of the predicted IoUs `[n, masks]` of each object.
    pub(super) fn best(self, predicted: &Tensor<2>) -> Self {
        if self.masks == 1 {
            return self;
        }
        let ious: Vec<f32> = predicted.clone().inner().into_data().iter::<f32>().collect();
        let highest = |ious: &[f32]| {
            let of = |best: usize, mask: usize| if ious[mask] > ious[best] { mask } else { best };
            (1..ious.len()).fold(0, of)
        };
        Self { best: ious.chunks_exact(self.masks).map(highest).collect(), ..self }
    }

    /// The logits of one mask of one object.
    pub(super) fn plane(&self, at: usize, mask: usize) -> Plane<'_> {
        let values = self.data.as_slice::<f32>().expect("they are f32");
        let len = self.height * self.width;
        let values = &values[(at * self.masks + mask) * len..][..len];
        Plane { values, height: self.height, width: self.width }
    }

    /// The logits of the mask of one object that is meant.
    pub(super) fn meant(&self, at: usize) -> Plane<'_> {
        self.plane(at, self.best[at])
    }
}

/// The truth about the objects of a pass.
pub(super) struct Targets<'a> {
    pub(super) batch: &'a TrainBatch,
    pub(super) pass: &'a Pass,
    pub(super) loss: &'a LossConfig,
}

impl Targets<'_> {
    /// The points of the single mask of every object, keyed by the object and the round.
    pub(super) fn points(&self, logits: &Logits) -> PointTargets {
        let planes: Vec<Plane<'_>> =
            (0..self.pass.objects.len()).map(|at| logits.plane(at, 0)).collect();
        let of = |(at, plane): (usize, &Plane<'_>)| {
            let mut targets = self.loss.targets();
            self.push(&mut targets, at, plane);
            targets
        };
        let each: Vec<PointTargets> = planes.par_iter().enumerate().map(of).collect();
        let mut all = self.loss.targets();
        each.into_iter().for_each(|targets| all.append(targets));
        all
    }

    /// Of the masks `[n, masks, h, w]` the one with the least loss for each object, `[n, 1, h, w]`; `values` are the same.
    pub(super) fn least_loss(&self, logits: &Tensor<4>, values: &Logits) -> Tensor<4> {
        let [count, masks, height, width] = logits.dims();
        if masks == 1 {
            return logits.clone();
        }
        let loss = |at: usize, mask: usize| {
            let one = [at..at + 1, mask..mask + 1, 0..height, 0..width];
            let mut targets = self.loss.targets();
            self.push(&mut targets, at, &values.plane(at, mask));
            let terms = point_loss(self.loss, logits.clone().inner().slice(one), &targets);
            let sum = weighted_sum(&terms).expect("every loss has a term of the mask");
            sum.into_scalar::<f32>()
        };
        let least = |at: usize| {
            let losses: Vec<f32> = (0..masks).map(|mask| loss(at, mask)).collect();
            let of =
                |best: usize, mask: usize| if losses[mask] < losses[best] { mask } else { best };
            (1..masks).fold(0, of)
        };
        let rows = (0..count).map(|at| {
            let mask = least(at);
            logits.clone().slice([at..at + 1, mask..mask + 1, 0..height, 0..width])
        });
        Tensor::cat(rows.collect(), 0)
    }

    /// The IoU of every predicted mask with its label at the mask's resolution, `[n, masks]`, over the pixels at whose
    /// centres the label is known.
    pub(super) fn true_ious(&self, logits: &Logits, device: &Device) -> Tensor<2> {
        let count = self.pass.objects.len();
        let each = (0..count).flat_map(|at| (0..logits.masks).map(move |mask| (at, mask)));
        let planes: Vec<(usize, Plane<'_>)> =
            each.map(|(at, mask)| (at, logits.plane(at, mask))).collect();
        let ious: Vec<f32> =
            planes.par_iter().map(|(at, plane)| self.true_iou(*at, plane)).collect();
        let ious = TensorData::new(ious, [count, logits.masks]);
        Tensor::from_data(ious, &device.clone().without_autodiff())
    }

    fn true_iou(&self, at: usize, predicted: &Plane<'_>) -> f32 {
        let label = self.label(at);
        let known = self.ignored(at).map(Known::outside);
        let (height, width) = (predicted.height, predicted.width);
        let (mut both, mut either) = (0usize, 0usize);
        for (pixel, &logit) in predicted.values.iter().enumerate() {
            let x = ((pixel % width) as f32 + 0.5) / width as f32;
            let y = ((pixel / width) as f32 + 0.5) / height as f32;
            if known.as_ref().is_some_and(|known| !known.at(x, y)) {
                continue;
            }
            let (here, there) = (logit > 0.0, label.bilinear(x, y) > 128.0);
            both += usize::from(here && there);
            either += usize::from(here || there);
        }
        // Both empty is a perfect answer, as in the metrics.
        if either == 0 { 1.0 } else { both as f32 / either as f32 }
    }

    /// Appends the points of one mask of the object at one place of the pass.
    fn push(&self, targets: &mut PointTargets, at: usize, logits: &Plane<'_>) {
        let key = self.batch.objects[self.pass.objects[at]].key;
        let generator = key.generator_in(Purpose::LossPoints, self.pass.round);
        let coords = match self.ignored(at) {
            None => points::draw(&self.loss.points, logits, generator),
            Some(ignored) => points::draw_outside(&self.loss.points, logits, ignored, generator),
        };
        targets.push(coords, &self.label(at));
    }

    /// The label of one object in the model's frame, 0..255.
    fn label(&self, at: usize) -> Plane<'_> {
        let side = self.batch.size;
        Plane { values: self.batch.label(self.pass.objects[at]), height: side, width: side }
    }

    /// The pixels of one object's label that count for nothing, where there are such.
    fn ignored(&self, at: usize) -> Option<&Bitmap> {
        self.batch.ignored.get(self.pass.objects[at]).and_then(Option::as_ref)
    }
}
