//! Opening a set by its kind.

use std::sync::Arc;

use super::index::OpenContext;
use super::kinds::SetKind;
use super::{InstancesSource, PairsSource, SetSpec, Source, coco, labelme, sa1b, shards, yolo};
use crate::error::Result;

impl SetSpec {
    /// Opens the set: lists its files, or opens its index, which is made where none is kept.
    pub fn open(&self, context: &OpenContext<'_>) -> Result<Arc<dyn Source>> {
        self.validate()?;
        Ok(match &self.kind {
            SetKind::Pairs(keys) if keys.shows_one_object() => Arc::new(PairsSource::open(self)?),
            SetKind::Pairs(_) => Arc::new(InstancesSource::open(self, context)?),
            SetKind::Coco(keys) | SetKind::Lvis(keys) => Arc::new(coco::open(self, keys, context)?),
            SetKind::Sa1b(keys) if keys.shards.is_empty() => {
                Arc::new(sa1b::open(self, keys, context)?)
            }
            SetKind::Sa1b(keys) => Arc::new(shards::open_sa1b(self, keys, context)?),
            SetKind::Labelme(keys) => Arc::new(labelme::open(self, keys, context)?),
            SetKind::Yolo(keys) => Arc::new(yolo::open(self, keys, context)?),
            SetKind::WebDataset(keys) => Arc::new(shards::open_webdataset(self, keys, context)?),
        })
    }
}
