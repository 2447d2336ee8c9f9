//! The writer of each shape, and what describes all parts of an export together.

use std::path::Path;

use serde::Serialize;

use super::check::Expected;
use super::coco::Coco;
use super::layout::{Held, Place, Writer, write_file};
use super::names::Classes;
use super::pairs::{Instances, Masks};
use super::reader::Item;
use super::sa1b::Sa1b;
use super::shape::Shape;
use super::webdataset::WebDataset;
use super::yolo::{self, Yolo};
use crate::error::{Error, Result};
use crate::source::{LeftOut, SetSpec};

/// The writer of a shape.
pub(super) struct Layout(Box<dyn Writer>);

impl Layout {
    pub(super) fn new(shape: Shape, place: &Place) -> Result<Layout> {
        Ok(Layout(match shape {
            Shape::Coco => Box::new(Coco::new(place)?),
            Shape::Masks => Box::new(Masks::new(place)?),
            Shape::Instances => Box::new(Instances::new(place)?),
            Shape::Sa1b => Box::new(Sa1b::new(place)?),
            Shape::Yolo => Box::new(Yolo::new(place)?),
            Shape::WebDataset => Box::new(WebDataset::new(place)?),
        }))
    }

    pub(super) fn add(&mut self, item: &Item) -> Result<Vec<Held>> {
        self.0.add(item)
    }

    pub(super) fn finish(&mut self, classes: &Classes) -> Result<Vec<LeftOut>> {
        self.0.finish(classes)
    }

    pub(super) fn spec(&self, name: &str) -> SetSpec {
        self.0.spec(name)
    }
}

/// A data file's lists of sets.
#[derive(Serialize)]
struct Sets<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    train: Vec<&'a SetSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    valid: Vec<&'a SetSpec>,
}

/// Writes what describes all parts together.
pub(super) fn finish_all(
    shape: Shape,
    root: &Path,
    sets: &[(String, SetSpec, Expected)],
    classes: &Classes,
) -> Result<()> {
    if shape == Shape::Yolo {
        let roles: Vec<&str> = sets.iter().map(|(role, _, _)| role.as_str()).collect();
        write_file(&root.join(yolo::DATA), yolo::data_yaml(&roles, classes).as_bytes())?;
    }
    let of = |role: &str| sets.iter().filter(|set| set.0 == role).map(|set| &set.1).collect();
    let text = toml::to_string_pretty(&Sets { train: of("train"), valid: of("valid") });
    let text = text.map_err(|error| Error::Setting {
        key: "data.toml".into(),
        expected: "settings that TOML can hold".into(),
        found: error.to_string(),
    })?;
    write_file(&root.join("data.toml"), text.as_bytes())
}
