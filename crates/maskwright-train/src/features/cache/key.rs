//! What a cache is made from.

use std::path::Path;

use burn::module::Param;
use burn::tensor::Tensor;
use maskwright_data::sample::SampleConfig;
use maskwright_data::source::Mix;
use maskwright_model::Sam;
use maskwright_model::image_encoder::ImageEncoder;
use maskwright_model::weights::{ParameterPath, VisitByName, visit_by_name};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::config::FeatureType;
use crate::checksums;
use crate::config::TrainConfig;
use crate::error::{Error, Result};

/// Raised when a cache of an earlier version would be read wrongly.
const VERSION: u32 = 2;

/// What features depend on: two runs that want the same share a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    version: u32,
    /// The number type of the features.
    pub(super) dtype: FeatureType,
    /// The number type that the encoder computes with, and where.
    compute: String,
    /// The seed of the views.
    seed: u64,
    /// Height and width of the views.
    input_size: usize,
    /// How many pieces of the encoder are run.
    pub(super) pieces: usize,
    /// SHA-256 of these pieces' parameters and of how pixels are normalised.
    encoder_sha256: String,
    /// SHA-256 of the sets as they are described, and of how views are cut out.
    settings_sha256: String,
    /// Records in an epoch.
    records: usize,
    /// SHA-256 of the records' names, and of the size and time of change of their files.
    files_sha256: String,
}

impl Wanted {
    /// What a run with these settings needs.
    pub(crate) fn of(
        config: &TrainConfig,
        model: &Sam,
        mix: &Mix,
        samples: &SampleConfig,
    ) -> Result<Self> {
        let compute = config.compute.compute();
        let precision = compute.precision.map_or("the device's own".into(), |p| p.to_string());
        let settings =
            serde_json::to_string(&(&config.data.train, &config.data.mix, &samples.plan))
                .expect("settings are plain values");
        let pieces = model.frozen_pieces(&config.train.learns);
        Ok(Self {
            version: VERSION,
            dtype: config.cache.dtype,
            compute: format!("{}, {precision}", compute.device),
            seed: config.train.seed,
            input_size: model.config().image_size,
            pieces,
            encoder_sha256: encoder_sum(model, pieces),
            settings_sha256: checksums::of_texts(std::iter::once(Ok(settings)))?,
            records: mix.len(),
            files_sha256: files_sum(mix)?,
        })
    }

    /// The name of the cache's folder.
    pub(super) fn name(&self) -> Result<String> {
        let text = serde_json::to_string(self).expect("plain values");
        let sum = checksums::of_texts(std::iter::once(Ok(text)))?;
        Ok(sum[..16].to_owned())
    }

    /// Refuses a cache that was made from something else, by the first thing that differs.
    pub(super) fn check(&self, there: &Self, file: &Path) -> Result<()> {
        let values = |of: &Self| serde_json::to_value(of).expect("plain values");
        let (wanted, found) = (values(self), values(there));
        let fields = wanted.as_object().expect("a struct");
        for (name, expected) in fields {
            if found[name] != *expected {
                return Err(Error::RunFile {
                    file: file.to_path_buf(),
                    expected: format!("{name} = {expected}"),
                    found: found[name].to_string(),
                });
            }
        }
        Ok(())
    }
}

/// SHA-256 of the parameters of an image encoder's first pieces by name, and of the mean and deviation of its pixels.
fn encoder_sum(model: &Sam, pieces: usize) -> String {
    struct Sum<'a> {
        sum: Sha256,
        encoder: &'a ImageEncoder,
        pieces: usize,
    }
    impl VisitByName for Sum<'_> {
        fn visit<const D: usize>(&mut self, path: &ParameterPath, param: &Param<Tensor<D>>) {
            let name = path.name();
            if self.encoder.piece_of(&name).is_none_or(|piece| piece >= self.pieces) {
                return;
            }
            self.sum.update(name);
            self.sum.update([0]);
            let data = param.val().into_data().convert::<f32>();
            self.sum.update(data.as_bytes());
        }
    }
    let encoder = model.image_encoder();
    let mut visitor = Sum { sum: Sha256::new(), encoder, pieces };
    visit_by_name(encoder, &mut visitor);
    if let Some(conventions) = model.conventions() {
        let pixels = (conventions.pixel_mean, conventions.pixel_std);
        visitor.sum.update(format!("{pixels:?}"));
    }
    checksums::hexadecimal(visitor.sum)
}

/// SHA-256 of the records' names and of the size and time of change of their files.
fn files_sum(mix: &Mix) -> Result<String> {
    let stat = |path: &Path| {
        let about = std::fs::metadata(path).ok()?;
        let changed = about.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{} {}", about.len(), changed.as_nanos()))
    };
    let texts = mix.sets().iter().flat_map(|set| {
        (0..set.len()).map(move |index| {
            let record = set.record(index)?;
            // What is no file of its own has none: it is in a tar file, or in memory.
            let files = [&record.image, &record.mask].map(|path| stat(path).unwrap_or_default());
            Ok(format!("{}/{} {}", record.set, record.name, files.join(" ")))
        })
    });
    checksums::of_texts(texts)
}
