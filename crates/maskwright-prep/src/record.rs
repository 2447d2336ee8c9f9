//! One record: read, checked, shrunk, and made ready to be written.

use std::sync::Arc;

use maskwright_data::geometry::Geometry;
use maskwright_data::sample::{SampleConfig, WholeReader, WholeRecord};
use maskwright_data::source::Source;
use maskwright_doctor::{Check, RecordInspector, Remark, Severity};
use maskwright_image::decode::{DecodeBudget, Limits, decode_rgb, read_header};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::sample::{resize_antialiased, resize_antialiased_grey};
use maskwright_image::{RgbImage, Size, encode};

use crate::config::PrepConfig;
use crate::ledger::{Row, RowCheck, Status};
use crate::part::Part;

/// Makes records ready, one after the other; each thread has its own.
pub(crate) struct Maker {
    inspector: RecordInspector,
    reader: WholeReader,
    config: Arc<PrepConfig>,
}

/// A record that is ready, or was refused.
pub(crate) struct Made {
    pub(crate) row: Row,
    /// None where it was refused.
    pub(crate) content: Option<Content>,
}

/// What is written of a record.
pub(crate) struct Content {
    /// The image file.
    pub(crate) image: Vec<u8>,
    pub(crate) size: Size,
    /// The data's own masks, each with a number.
    pub(crate) objects: Vec<(u64, Rle)>,
    /// The image as the masks lie on it, where a model is to see it.
    pub(crate) pixels: Option<RgbImage>,
}

/// Why a record is refused.
type Reason = String;

impl Maker {
    pub(crate) fn new(config: Arc<PrepConfig>, budget: DecodeBudget) -> Maker {
        let limits = Limits::default();
        let mut sample = SampleConfig { limits, decode_budget: budget, ..SampleConfig::default() };
        sample.plan.strict = config.strict;
        let inspector = RecordInspector::new(limits, sample.decode_budget.clone());
        Maker { inspector, reader: WholeReader::new(sample), config }
    }

    /// Makes a record of a part ready under the key that it will have.
    pub(crate) fn make(&mut self, part: &Part, index: usize, key: &str) -> Made {
        let (subject, record) = part.locate(index);
        let mut row = Row {
            role: part.role.name().into(),
            set: subject.name().into(),
            index,
            record,
            name: String::new(),
            status: Status::Ok,
            reason: String::new(),
            checks: Vec::new(),
            key: key.into(),
            image: String::new(),
            height: 0,
            width: 0,
            source_height: 0,
            source_width: 0,
            objects: 0,
            objects_refused: 0,
            embedding: false,
            offset: 0,
            bytes: 0,
        };
        let Some(source) = subject.source() else {
            row.refuse("the set is not open".into());
            return Made { row, content: None };
        };
        if let Ok(found) = source.record(record) {
            row.name = found.name;
        }
        let mut remarks = self.inspector.look(subject, record);
        if self.config.auto_masks.is_some() {
            remarks.retain(|remark| remark.image);
        }
        row.checks = remarks.iter().map(RowCheck::of).collect();
        let content = self.content(source, record, &remarks, &mut row);
        self.reader.end();
        match content {
            Ok(content) => {
                let odd = remarks.iter().any(|remark| remark.severity != Severity::Note);
                if odd || row.objects_refused > 0 {
                    row.status = Status::Warned;
                }
                Made { row, content: Some(content) }
            }
            Err(reason) => {
                row.refuse(reason);
                Made { row, content: None }
            }
        }
    }

    fn content(
        &mut self,
        source: &dyn Source,
        record: usize,
        remarks: &[Remark],
        row: &mut Row,
    ) -> Result<Content, Reason> {
        let refuses = |remark: &&Remark| {
            let damage = matches!(remark.check, Check::TruncatedFile | Check::DamagedData);
            remark.image && (remark.severity == Severity::Error || self.config.strict && damage)
        };
        if let Some(remark) = remarks.iter().find(refuses) {
            return Err(RowCheck::of(remark).words());
        }
        let said = |error: maskwright_data::Error| error.to_string();
        let mut opened = self.reader.open(source, record).map_err(said)?;
        let mut objects = match self.config.auto_masks {
            None => self.objects(source, record, &mut opened, remarks, row)?,
            Some(_) => Vec::new(),
        };
        let size = opened.size();
        (row.source_height, row.source_width) = (size.height, size.width);
        let longest = size.height.max(size.width);
        let content = match self.config.longest_side.filter(|&side| longest > side) {
            Some(side) => {
                let scaled = Geometry::longest_side(size, side).scaled;
                let before = objects.len();
                for (_, mask) in &mut objects {
                    let covered = resize_antialiased_grey(&mask.to_grey(), scaled);
                    *mask = Rle::from_bitmap(&Bitmap::from_grey(&covered));
                }
                objects.retain(|(_, mask)| mask.area() > 0);
                row.objects_refused += before - objects.len();
                if objects.is_empty() && before > 0 {
                    return Err(format!(
                        "no object has a pixel at {} x {}",
                        scaled.width, scaled.height
                    ));
                }
                self.shrunk(&mut opened, scaled, objects)?
            }
            None => self.kept(&mut opened, objects)?,
        };
        row.objects = content.objects.len();
        (row.height, row.width) = (content.size.height, content.size.width);
        let header = read_header(&content.image).map_err(|error| error.to_string())?;
        row.image = header.format.endings()[0].into();
        Ok(content)
    }

    /// The objects that can be used. A record that has none of those that it says it has is refused.
    fn objects(
        &mut self,
        source: &dyn Source,
        record: usize,
        opened: &mut WholeRecord<'_>,
        remarks: &[Remark],
        row: &mut Row,
    ) -> Result<Vec<(u64, Rle)>, Reason> {
        let count = source
            .locate(record)
            .and_then(|at| source.objects(&at))
            .map_err(|error| error.to_string())?;
        let (mut objects, mut first) = (Vec::new(), None);
        for nth in 0..count {
            let wrong = remarks.iter().find(|remark| {
                !remark.image && remark.nth == nth && remark.severity == Severity::Error
            });
            let reason = match wrong {
                Some(remark) => RowCheck::of(remark).words(),
                None => match self.reader.object(opened, nth) {
                    Ok(object) if object.mask.area() > 0 => {
                        objects.push((object.id.unwrap_or(nth as u64), object.mask));
                        continue;
                    }
                    found => {
                        let reason = match found {
                            Ok(_) => "no pixel is set".to_owned(),
                            Err(error) => error.to_string(),
                        };
                        let check = RowCheck::not_used(nth, reason);
                        let words = check.words();
                        row.checks.push(check);
                        words
                    }
                },
            };
            row.objects_refused += 1;
            first.get_or_insert(reason);
        }
        match first {
            Some(reason) if objects.is_empty() => Err(reason),
            _ => Ok(objects),
        }
    }

    /// The image with the bytes that it has; pixels in memory become PNG.
    fn kept(
        &mut self,
        opened: &mut WholeRecord<'_>,
        objects: Vec<(u64, Rle)>,
    ) -> Result<Content, Reason> {
        let size = opened.size();
        let needs = self.config.needs_model() || self.reader.file().is_none();
        let pixels = match needs {
            true => Some(self.reader.pixels(opened).map_err(|error| error.to_string())?.0),
            false => None,
        };
        let image = match (self.reader.file(), &pixels) {
            (Some(file), _) => file.to_vec(),
            (None, Some(pixels)) => encode::png_rgb(pixels).map_err(|error| error.to_string())?,
            (None, None) => return Err("the image is not there".into()),
        };
        let pixels = pixels.filter(|_| self.config.needs_model());
        Ok(Content { image, size, objects, pixels })
    }

    /// The image at a smaller size, with masks that have it already. A model sees what is stored.
    fn shrunk(
        &mut self,
        opened: &mut WholeRecord<'_>,
        size: Size,
        objects: Vec<(u64, Rle)>,
    ) -> Result<Content, Reason> {
        let (pixels, _) = self.reader.pixels(opened).map_err(|error| error.to_string())?;
        let small = resize_antialiased(&pixels, size);
        let image = encode::jpeg_rgb(&small, self.config.jpeg_quality);
        let image = image.map_err(|error| error.to_string())?;
        let pixels = match self.config.needs_model() {
            true => {
                let decoded = decode_rgb(&image, &Limits::default());
                Some(decoded.map_err(|error| error.to_string())?.pixels)
            }
            false => None,
        };
        Ok(Content { image, size, objects, pixels })
    }
}
