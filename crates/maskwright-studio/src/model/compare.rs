//! Two models on one image.

use std::path::Path;
use std::sync::{Arc, Mutex};

use super::Model;
use super::answer::answer;
use super::engine::Engine;
use crate::api::{CompareAnswer, CompareRequest, PromptRequest, Proposal};
use crate::data::DataSet;
use crate::error::{Error, Result};
use crate::locks::lock;

/// Models that are kept beside the one at hand.
const KEPT: usize = 2;

/// Models that were compared last.
#[derive(Default)]
pub(crate) struct Compared(Mutex<Vec<Arc<Model>>>);

impl Compared {
    /// Asks two models the same.
    ///
    /// # Errors
    /// Those of the models and of the image.
    pub(crate) fn compare(
        &self,
        engine: &Engine,
        set: &Arc<DataSet>,
        request: &CompareRequest,
        [a, b]: [&Path; 2],
    ) -> Result<CompareAnswer> {
        let one = |path: &Path| -> Result<Proposal> {
            let model = self.model(engine, path)?;
            let (image, _) = engine.encoded(&model, set, request.index, true)?;
            let prompts = PromptRequest { proposals: false, ..request.prompts.clone() };
            let (mut masks, _) = engine.clicking(|| answer(&model, &image, &prompts))?;
            let best = (!masks.is_empty()).then(|| masks.swap_remove(0));
            best.ok_or_else(|| Error::missing("the answer", "a mask"))
        };
        Ok(CompareAnswer { a: one(a)?, b: one(b)? })
    }

    /// The model of a path; the one at hand, if it is that.
    fn model(&self, engine: &Engine, path: &Path) -> Result<Arc<Model>> {
        if let Some(model) = engine.current().model.filter(|model| model.path == path) {
            return Ok(model);
        }
        let mut kept = lock(&self.0);
        if let Some(at) = kept.iter().position(|model| model.path == path) {
            let model = kept.remove(at);
            kept.insert(0, model.clone());
            return Ok(model);
        }
        kept.truncate(KEPT - 1);
        let model = Arc::new(Model::load(path, engine.compute())?);
        kept.insert(0, model.clone());
        Ok(model)
    }
}
