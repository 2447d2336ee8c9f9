//! Whether validation sets can be used, before hours of training depend on it.

use maskwright_data::sample::{SampleConfig, SampleMaker};
use rayon::prelude::*;

use super::config::EvalConfig;
use super::refusals::Refusals;
use super::sets::EvalSet;
use crate::error::{Error, Result};
use crate::observer::Observer;

/// Records of each set that are decoded, image and mask; of the others the images' headers are read.
const DECODED: usize = 16;
/// Records between two looks whether to stop.
const CHUNK: usize = 64;

/// Reads the header of every image of the sets, and decodes an even choice of records whole.
///
/// Returns a remark where some cannot be used, and not too many.
///
/// # Errors
/// What [`evaluate`](super::evaluate) would say of them; [`Error::Stopped`] if the observer asks for it.
pub(crate) fn check_sets(
    samples: &SampleConfig,
    sets: &[EvalSet],
    config: &EvalConfig,
    observer: &mut dyn Observer,
) -> Result<Vec<String>> {
    let mut refusals = Refusals::new(sets, config);
    for set in sets {
        let total = config.records(set);
        let every = total.div_ceil(DECODED).max(1);
        let indices: Vec<usize> = (0..total).collect();
        for chunk in indices.chunks(CHUNK) {
            let refused: Vec<_> = chunk
                .par_iter()
                .map_init(
                    || SampleMaker::new(samples.clone()),
                    |maker, &index| {
                        // Settings are refused where the loader is made, with their own error.
                        let maker = maker.as_mut().ok()?;
                        let source = set.source.as_ref();
                        let checked = match index.is_multiple_of(every) {
                            true => maker.eval(source, index, config.geometry).map(drop),
                            false => maker.check_image(source, index),
                        };
                        checked.err().map(|error| (index, error))
                    },
                )
                .collect();
            for (index, error) in refused.into_iter().flatten() {
                refusals.add(set, index, error)?;
            }
            if observer.should_stop() {
                return Err(Error::Stopped);
            }
        }
    }
    let Some(first) = refusals.list.first() else {
        return Ok(Vec::new());
    };
    let count = refusals.list.len();
    Ok(vec![format!("validation will leave out {count} records; the first: {}", first.message)])
}
