//! Opening a set by its kind.

use std::sync::Arc;

use super::folder_kinds::is_empty;
use super::index::OpenContext;
use super::kinds::SetKind;
use super::value_range::{Ranged, ValueRangeKey, automatic};
use super::{
    InstancesSource, PairsSource, SetSpec, Source, coco, label_studio_masks, labelme, sa1b, shards,
    supervisely, tool_files, yolo,
};
use crate::error::{Error, Result};

impl SetSpec {
    /// Opens the set: lists its files, or opens its index, which is made where none is kept.
    pub fn open(&self, context: &OpenContext<'_>) -> Result<Arc<dyn Source>> {
        self.validate()?;
        if self.kind.boxes_only() {
            return Err(Error::Setting {
                key: format!("boxes_only of set {}", self.name),
                expected: "a use that needs no true masks, such as prompts of boxes".into(),
                found: "one that asks for masks (training, IoU)".into(),
            });
        }
        self.in_value_range(self.open_plainly(context)?, context)
    }

    /// An opened set, its images seen in the range that this one asks for. `"auto"` looks at all of the set, whatever part of it is
    /// opened, so that its parts are seen alike.
    pub fn in_value_range(
        &self,
        set: Arc<dyn Source>,
        context: &OpenContext<'_>,
    ) -> Result<Arc<dyn Source>> {
        let range = match self.value_range {
            None => return Ok(set),
            Some(ValueRangeKey::Range(range)) => range,
            Some(ValueRangeKey::Auto(_)) if self.part.is_none() => automatic(&*set)?,
            Some(ValueRangeKey::Auto(_)) => {
                let whole = SetSpec { part: None, ..self.clone() };
                automatic(&*whole.open_plainly(context)?)?
            }
        };
        Ok(Arc::new(Ranged { set, range }))
    }

    fn open_plainly(&self, context: &OpenContext<'_>) -> Result<Arc<dyn Source>> {
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
            SetKind::Supervisely(keys) => Arc::new(supervisely::open(self, keys, context)?),
            SetKind::Cvat(keys) => Arc::new(tool_files::open_cvat(self, keys, context)?),
            SetKind::LabelStudio(keys) if !is_empty(&keys.masks) => {
                Arc::new(label_studio_masks::open(self, keys, context)?)
            }
            SetKind::LabelStudio(keys) => {
                Arc::new(tool_files::open_label_studio(self, keys, context)?)
            }
            SetKind::WebDataset(keys) => Arc::new(shards::open_webdataset(self, keys, context)?),
        })
    }
}
