//! A record at work: what was found out about it, and the errors that name it.

use std::path::PathBuf;

use maskwright_image::Size;
use maskwright_image::decode::{DecodeBudget, Header, Orientation, Permit, Warning};

use super::upright::Stored;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::source::{Located, Source};

/// A record whose image is read, and a mask of it.
pub(super) struct Opened<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) at: Located,
    /// The image as it is stored.
    pub(super) image: Stored,
    /// What its header says, where it is a file.
    pub(super) header: Option<Header>,
    /// How the image has to be turned, once a mask was read; masks are turned already.
    pub(super) turn: Option<Orientation>,
    /// The size of image and masks, so turned.
    pub(super) size: Size,
    pub(super) warnings: Vec<Warning>,
    /// Memory for decoding the image and a mask.
    permit: Option<Permit>,
}

/// One of a record's two files.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Image,
    Mask,
}

impl<'a> Opened<'a> {
    /// A record of which nothing is known yet.
    pub(super) fn new(source: &'a dyn Source, at: Located) -> Opened<'a> {
        let image = Stored::plain(Size::default());
        Opened {
            source,
            at,
            image,
            header: None,
            turn: None,
            size: Size::default(),
            warnings: Vec::new(),
            permit: None,
        }
    }

    /// Takes the memory for decoding the image and a mask of so many bytes, where it has less, and waits until it is there.
    /// Nothing is held meanwhile: `let_go` drops what is left of another mask.
    pub(super) fn reserve(
        &mut self,
        budget: &DecodeBudget,
        mask: u64,
        let_go: impl FnOnce(),
    ) -> Result<()> {
        let image = self.header.map_or(0, |header| header.rgb_bytes());
        let needed = image.saturating_add(mask);
        if self.permit.as_ref().is_none_or(|permit| permit.bytes() < needed) {
            if self.permit.take().is_some() {
                let_go();
            }
            let part = if image < mask { Part::Mask } else { Part::Image };
            self.permit = Some(budget.take(needed).map_err(|error| self.refused(part, error))?);
        }
        Ok(())
    }

    /// How the image has to be turned.
    pub(super) fn turn(&self) -> Orientation {
        self.turn.unwrap_or(Orientation::IDENTITY)
    }

    /// Takes warnings, or with `strict` refuses those about damage.
    pub(super) fn add(&mut self, part: Part, warnings: Vec<Warning>, strict: bool) -> Result<()> {
        if let Some(warning) = warnings.iter().find(|warning| strict && warning.is_damage()) {
            return Err(self.about(|record| Error::DamagedFile {
                record: record.to_string(),
                file: part.of(record),
                warning: Box::new(warning.clone()),
            }));
        }
        self.warnings.extend(warnings);
        Ok(())
    }

    /// An error of the decoder.
    pub(super) fn refused(&self, part: Part, source: maskwright_image::Error) -> Error {
        self.about(|record| Error::Image {
            record: record.to_string(),
            file: part.of(record),
            source,
        })
    }

    /// The error that the mask shows no object.
    pub(super) fn empty_mask(&self) -> Error {
        self.about(|record| Error::EmptyMask { record: record.to_string(), file: record.mask })
    }

    /// An error about this record; its names are looked up for it alone.
    pub(super) fn about(&self, error: impl FnOnce(Record) -> Error) -> Error {
        self.source.record(self.at.index).map_or_else(|other| other, error)
    }
}

impl Part {
    fn of(self, record: Record) -> PathBuf {
        match self {
            Part::Image => record.image,
            Part::Mask => record.mask,
        }
    }
}
