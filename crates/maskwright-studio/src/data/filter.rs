//! Which records a request asks for.

use std::collections::HashSet;

use super::DataSet;
use crate::error::{Error, Result};
use crate::http::asked::Asked;

/// Records that a page has at most.
pub(crate) const LONGEST: usize = 500;

/// What a record has to be.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Filter {
    set: Option<String>,
    category: Option<String>,
    masked: Option<bool>,
    text: Option<String>,
    min_side: Option<usize>,
    max_side: Option<usize>,
    /// The name of a finding of the doctor.
    pub(crate) finding: Option<String>,
    min_iou: Option<f64>,
    max_iou: Option<f64>,
}

/// What others know of records.
pub(crate) trait Known {
    /// How many objects were saved of a record.
    fn corrected(&self, index: usize) -> usize;

    /// The IoU that was measured for the queue.
    fn predicted_iou(&self, index: usize) -> Option<f64>;
}

impl Filter {
    /// What a query says.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn of(asked: &Asked) -> Result<Self> {
        let text = |key: &str| asked.text(key).map(str::to_owned);
        let side = |key: &str| asked.value(key, "a number of pixels");
        let iou = |key: &str| asked.value(key, "a number from 0 to 1");
        let masked = match asked.text("mask") {
            None | Some("any") => None,
            Some("with") => Some(true),
            Some("without") => Some(false),
            Some(other) => return Err(Error::setting("mask", "with, without or any", other)),
        };
        Ok(Self {
            set: text("set"),
            category: text("category"),
            masked,
            text: text("text").map(|text| text.to_lowercase()),
            min_side: side("min_side")?,
            max_side: side("max_side")?,
            finding: text("finding"),
            min_iou: iou("min_iou")?,
            max_iou: iou("max_iou")?,
        })
    }

    /// Expects the set that it names to be one of the data's.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub(crate) fn check(&self, data: &DataSet) -> Result<()> {
        let sets = data.set_names();
        match &self.set {
            Some(set) if !sets.contains(set) => Err(Error::setting("set", sets.join(", "), set)),
            _ => Ok(()),
        }
    }

    /// Whether records have to be looked at for it.
    pub(crate) fn looks(&self) -> bool {
        self.category.is_some() || self.min_side.is_some() || self.max_side.is_some()
    }

    /// The records that pass, in order. `found` are those of the finding that is asked for. What was not looked at passes no filter
    /// that needs it.
    pub(crate) fn apply(
        &self,
        data: &DataSet,
        known: &dyn Known,
        found: Option<&HashSet<usize>>,
    ) -> Vec<usize> {
        (0..data.len()).filter(|&index| self.passes(index, data, known, found)).collect()
    }

    fn passes(
        &self,
        index: usize,
        data: &DataSet,
        known: &dyn Known,
        found: Option<&HashSet<usize>>,
    ) -> bool {
        if found.is_some_and(|found| !found.contains(&index)) {
            return false;
        }
        if let Some(masked) = self.masked {
            let has = known.corrected(index) > 0 || data.objects(index).is_some_and(|n| n > 0);
            if has != masked {
                return false;
            }
        }
        if let Some(set) = &self.set
            && data.find(index).is_ok_and(|(at, _)| at.source.name() != set)
        {
            return false;
        }
        if let Some(text) = &self.text
            && !data.identity(index).is_ok_and(|(_, name)| name.to_lowercase().contains(text))
        {
            return false;
        }
        if self.looks() {
            let Some(facts) = data.known(index) else { return false };
            if self.category.as_ref().is_some_and(|name| !facts.categories.contains(name)) {
                return false;
            }
            let side = facts.size.map_or(0, |size| size.width.max(size.height));
            if self.min_side.is_some_and(|least| side < least)
                || self.max_side.is_some_and(|most| side > most)
            {
                return false;
            }
        }
        if self.min_iou.is_some() || self.max_iou.is_some() {
            let Some(iou) = known.predicted_iou(index) else { return false };
            return self.min_iou.is_none_or(|least| iou >= least)
                && self.max_iou.is_none_or(|most| iou <= most);
        }
        true
    }
}
