//! An image of a set with the masks of all its objects.

use std::path::Path;
use std::sync::Arc;

use maskwright_image::decode::{Header, LabelDecoder, Limits, Orientation, Warning, read_header};
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, Size, encode};

use super::names::{Classes, Names};
use crate::error::{Error, Result};
use crate::loader::WarnedRecord;
use crate::record::Record;
use crate::source::{
    ClassNames, ExifRule, ImageBuffer, ImageForm, LeftOut, MaskBuffer, MaskForm, Objects,
    OpenContext, Pick, SetSpec, Source,
};

/// A set that is read image by image.
pub(super) struct Reader {
    source: Arc<dyn Source>,
    names: ClassNames,
    image: ImageBuffer,
    mask: MaskBuffer,
    labels: LabelDecoder,
    label: GreyImage,
    /// Whether files that are damaged are refused.
    strict: bool,
    /// Masks that are damaged and were used all the same.
    damaged: Vec<WarnedRecord>,
    ignoring: LeftOut,
    levels: LeftOut,
    empty: LeftOut,
}

/// An image with its objects.
pub(super) struct Item {
    /// The name of its record.
    pub(super) record: String,
    /// A file name without ending that no other image has.
    pub(super) name: String,
    /// The image file.
    pub(super) file: Vec<u8>,
    pub(super) header: Header,
    /// The size of the picture that its set sees: upright, or as stored.
    pub(super) shown: Size,
    pub(super) objects: Vec<Object>,
}

/// An object of an image.
pub(super) struct Object {
    /// The mask, in the frame that it has in its set, which is that of the stored image or of the upright one.
    pub(super) mask: Rle,
    /// Its levels, where it has others than 0 and 255.
    pub(super) levels: Option<GreyImage>,
    /// The number of its class.
    pub(super) class: usize,
}

/// A mask as it was read.
struct Taken {
    mask: Rle,
    /// Its levels, where it has others than 0 and 255.
    levels: Option<GreyImage>,
    /// What the decoder remarked.
    warnings: Vec<Warning>,
}

impl Item {
    /// The ending of the image file, by its content.
    pub(super) fn ending(&self) -> &'static str {
        self.header.format.endings()[0]
    }

    /// The name of the image file.
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.ending())
    }
}

impl Reader {
    /// Opens a set, an image as one record with all of its objects; with `strict` damaged files are refused.
    pub(super) fn open(spec: &SetSpec, strict: bool, context: &OpenContext<'_>) -> Result<Reader> {
        let mut spec = spec.clone();
        if let Some(taken) = spec.kind.taken_mut() {
            taken.objects = Objects::One;
        }
        Ok(Reader {
            source: spec.open(context)?,
            names: ClassNames::of(&spec, context)?,
            image: ImageBuffer::new(),
            mask: MaskBuffer::new(),
            labels: LabelDecoder::default(),
            label: GreyImage::default(),
            strict,
            damaged: Vec::new(),
            ignoring: LeftOut::none("masks whose ignored pixels are background now"),
            levels: LeftOut::none("masks of levels between, which are 0 and 255 now"),
            empty: LeftOut::none("objects without a pixel"),
        })
    }

    /// How many images there are.
    pub(super) fn len(&self) -> usize {
        self.source.len()
    }

    /// What opening the set left out.
    pub(super) fn left_out(&self) -> &[LeftOut] {
        self.source.left_out()
    }

    /// The masks that were read and are damaged.
    pub(super) fn take_damaged(&mut self) -> Vec<WarnedRecord> {
        std::mem::take(&mut self.damaged)
    }

    /// What of the set is not in what was read; levels are, where a shape keeps them.
    pub(super) fn inexact(&mut self, keeps_levels: bool) -> Vec<LeftOut> {
        let levels = (!keeps_levels).then_some(&mut self.levels);
        let all = [&mut self.ignoring, &mut self.empty].into_iter().chain(levels);
        all.map(std::mem::take).collect()
    }

    /// An image and its objects, those without a pixel left out.
    pub(super) fn read(
        &mut self,
        index: usize,
        names: &mut Names,
        classes: &mut Classes,
    ) -> Result<Item> {
        let at = self.source.locate(index)?;
        let record = self.source.record(index)?;
        self.source.image(&at, &mut self.image)?;
        let refused = |file: &Path, source| Error::Image {
            record: record.to_string(),
            file: file.into(),
            source,
        };
        let of_image = |source| refused(&record.image, source);
        // An image is copied as it is, and decoded only where a damaged one is refused.
        if self.strict {
            let warnings = self.image.decode(&Limits::default()).map_err(of_image)?.warnings;
            refuse_damage(&record, &record.image, &warnings)?;
        }
        let file = match self.image.form {
            ImageForm::File => std::mem::take(&mut self.image.file),
            ImageForm::Pixels => encode::png_rgb(&self.image.pixels).map_err(of_image)?,
        };
        let header = read_header(&file).map_err(of_image)?;
        let shown = match self.source.exif() {
            ExifRule::Auto => header.upright_size(),
            ExifRule::Ignore => header.size,
        };
        let mut objects = Vec::new();
        for nth in 0..self.source.objects(&at)? {
            self.source.mask(&at, Pick::Nth(nth), &mut self.mask)?;
            let Taken { mask, levels, warnings } =
                self.take_mask(&record.name).map_err(|source| refused(&record.mask, source))?;
            if self.strict {
                refuse_damage(&record, &record.mask, &warnings)?;
            }
            let damage = warnings.iter().filter(|warning| warning.is_damage());
            self.damaged.extend(damage.map(|warning| WarnedRecord {
                set: record.set.to_string(),
                name: record.name.clone(),
                message: format!("mask: {warning}"),
            }));
            if ![header.size, shown].contains(&mask.size()) {
                return Err(Error::SizeMismatch {
                    record: record.to_string(),
                    image: record.image,
                    image_size: header.size,
                    mask: record.mask,
                    mask_size: mask.size(),
                });
            }
            if mask.area() == 0 {
                self.empty.add(|| record.name.clone());
                continue;
            }
            let class = classes.number(self.names.name(&self.mask));
            objects.push(Object { mask, levels, class });
        }
        self.mask.forget();
        Ok(Item {
            name: names.give(&record.name),
            record: record.name,
            file,
            header,
            shown,
            objects,
        })
    }

    /// The mask that was asked for last.
    fn take_mask(&mut self, record: &str) -> maskwright_image::Result<Taken> {
        let Reader { source, mask, labels, label, .. } = self;
        let (rule, limits) = (source.mask_rule(), Limits::default());
        let (grey, warnings) = match mask.form {
            // Whatever runs a file has, those of the mask are compared.
            MaskForm::Rle => {
                let mask = Rle::from_bitmap(&mask.rle.to_bitmap());
                return Ok(Taken { mask, levels: None, warnings: Vec::new() });
            }
            MaskForm::Objects => {
                let warnings = mask.read_object(rule, &limits, labels, Orientation::default())?;
                if mask.ignored().is_some_and(|ignored| ignored.data.iter().any(|&level| level > 0))
                {
                    self.ignoring.add(|| record.to_owned());
                }
                return Ok(Taken { mask: mask.rle.clone(), levels: None, warnings });
            }
            MaskForm::File => {
                let warnings = labels.decode(&mask.file, rule, &limits, label)?;
                let ignored = labels.take_ignored();
                if ignored.is_some_and(|ignored| ignored.data.iter().any(|&level| level > 0)) {
                    self.ignoring.add(|| record.to_owned());
                }
                (&*label, warnings)
            }
            MaskForm::Grey => (&*mask.grey, Vec::new()),
        };
        let levels = grey.data.iter().any(|&level| level != 0 && level != 255);
        if levels {
            self.levels.add(|| record.to_owned());
        }
        let mask = Rle::from_bitmap(&Bitmap::from_grey(grey));
        Ok(Taken { mask, levels: levels.then(|| grey.clone()), warnings })
    }
}

/// Refuses a file of a record that is damaged, if one of these says so.
fn refuse_damage(record: &Record, file: &Path, warnings: &[Warning]) -> Result<()> {
    match warnings.iter().find(|warning| warning.is_damage()) {
        None => Ok(()),
        Some(warning) => Err(Error::DamagedFile {
            record: record.to_string(),
            file: file.into(),
            warning: Box::new(warning.clone()),
        }),
    }
}
