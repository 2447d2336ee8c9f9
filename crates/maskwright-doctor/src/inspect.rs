//! One record, looked at: both files decoded in full, everything about it noted, no pixel kept.

use maskwright_data::record::Record;
use maskwright_data::sample::upright::Stored;
use maskwright_data::source::{
    ImageBuffer, ImageForm, Located, MaskBuffer, MaskForm, Pick, Source,
};
use maskwright_image::decode::{
    DecodeBudget, Header, ImageFile, LabelDecoder, Limits, Orientation, Permit,
};
use maskwright_image::{GreyImage, RgbImage, Size};

use crate::claims::Claims;
use crate::finding::{Check, Severity};
use crate::fingerprint::{self, Looker};
use crate::grey_levels;
use crate::issue::{
    Hint, Inspection, check_of, extension, format_notes, numbers, reason, refused, refused_mask,
    warnings,
};
use crate::jitter::Jitter;
use crate::shape::Shape;
use crate::sizes::{compare, orientation_words};

/// Looks at records, one after the other; each thread has its own.
#[derive(Debug)]
pub(super) struct Inspector {
    limits: Limits,
    budget: DecodeBudget,
    jitter: Option<Jitter>,
    looker: Looker,
    labels: LabelDecoder,
    image: ImageBuffer,
    mask: MaskBuffer,
    label: GreyImage,
}

/// The image of a record.
struct Picture {
    header: Header,
    decoded: bool,
    /// Kept where a mask is compared with them: where the image may have to be turned.
    kept: Option<Kept>,
}

/// Bytes for each pixel that next to no mask file takes more of to decode: 16-bit RGBA takes 13 with its label, and 8 more
/// where it shows several objects.
const MASK_BYTES: u64 = 24;

/// Pixels, and the memory for them and for a mask of their size.
struct Kept {
    pixels: RgbImage,
    mask_bytes: u64,
    _permit: Permit,
}

impl Inspector {
    pub(super) fn new(limits: Limits, budget: DecodeBudget, jitter: Option<Jitter>) -> Inspector {
        Inspector {
            limits,
            budget,
            jitter,
            looker: Looker::new(),
            labels: LabelDecoder::default(),
            image: ImageBuffer::new(),
            mask: MaskBuffer::new(),
            label: GreyImage::default(),
        }
    }

    /// Looks at a record; `claims` are those of the set's annotation file, if it has one for all images.
    pub(super) fn inspect(
        &mut self,
        source: &dyn Source,
        index: usize,
        claims: Option<&Claims>,
    ) -> Inspection {
        let mut found = Inspection::default();
        let found_at = source.locate(index).and_then(|at| Ok((at, source.record(index)?)));
        let (at, record) = match found_at {
            Ok(both) => both,
            Err(error) => {
                found.note(Check::UnreadableFile, true, error.to_string());
                return found;
            }
        };
        if record.name.contains(char::REPLACEMENT_CHARACTER) {
            found.note(Check::NameNotUnicode, true, record.name.clone());
        }
        let mut picture = self.image(source, &at, &record, &mut found);
        found.objects = match source.objects(&at) {
            Ok(objects) => objects,
            Err(error) => {
                found.note(Check::AnnotationInvalid, false, reason(&error));
                0
            }
        };
        if let Some(picture) = &picture
            && found.objects == 0
            && !picture.header.orientation.is_identity()
        {
            let words = orientation_words(picture.header.orientation);
            found.note(Check::ExifOrientation, true, words.trim_start_matches(", "));
        }
        let own = if claims.is_none() { Claims::of_sa1b(&record.mask) } else { Claims::default() };
        let claims = claims.unwrap_or(&own);
        let mut hashes = Vec::new();
        let mut usable = 0;
        for nth in 0..found.objects {
            let before = found.issues.len();
            if let Err(error) = source.mask(&at, Pick::Nth(nth), &mut self.mask) {
                refused(&mut found, &error);
            } else {
                let shape = self.mask_of(source, &record, picture.as_mut(), &mut found);
                if let Some(shape) = shape {
                    if let Some(claim) = claims.find(self.mask.object) {
                        if let Some(words) = claim.wrong_area(&shape) {
                            found.note(Check::AreaDisagrees, false, words);
                        }
                        if let Some(words) = claim.box_outside(&shape) {
                            found.note(Check::BoxOutside, false, words);
                        }
                    }
                    found.areas.push(shape.share());
                    if shape.foreground > 0 {
                        self.tiny(&shape, found.size, &mut found);
                        // All whole pictures of a size have the same mask: that is told as such.
                        if shape.foreground < shape.pixels() {
                            hashes.push((shape.hash, nth, self.mask.object));
                        }
                    }
                }
            }
            let object = self.mask.object;
            let news = &mut found.issues[before..];
            let fine = !news.iter().any(|issue| issue.check.severity() == Severity::Error);
            for issue in news {
                (issue.nth, issue.object) = (nth, object);
            }
            usable += usize::from(fine);
        }
        if found.objects == 1 {
            found.mask_hash = hashes.first().map(|hash| hash.0);
        } else {
            twins(hashes, &mut found);
        }
        let decoded = picture.is_some_and(|picture| picture.decoded);
        found.decoded = decoded;
        found.usable = decoded && usable > 0;
        found
    }

    fn image(
        &mut self,
        source: &dyn Source,
        at: &Located,
        record: &Record,
        found: &mut Inspection,
    ) -> Option<Picture> {
        if let Err(error) = source.image(at, &mut self.image) {
            found.note(Check::UnreadableFile, true, reason(&error));
            return None;
        }
        // Pixels in memory have no file that could be wrong.
        if self.image.form != ImageForm::File {
            return None;
        }
        let bytes = &self.image.file;
        found.bytes += bytes.len() as u64;
        found.image_hash = Some(fingerprint::of_bytes(bytes));
        let file = match self.image.open() {
            Ok(file) => file,
            Err(error) => {
                found.note(check_of(&error), true, format!("image: {error}"));
                return None;
            }
        };
        let header = *file.header();
        let size = header.upright_size();
        found.size = Some(size);
        extension(&record.image, header.format, true, found);
        format_notes(&header, found);
        let mut picture = Picture { header, decoded: false, kept: None };
        let turned = !header.orientation.is_identity();
        // Whoever has memory must not wait for more: what the mask needs is taken with it.
        let mask_bytes = if turned { MASK_BYTES * size.area() as u64 } else { 0 };
        let permit = self.budget.take(header.rgb_bytes().saturating_add(mask_bytes));
        match permit.and_then(|permit| Ok((file.decode_rgb(&self.limits)?, permit))) {
            Ok((decoded, permit)) => {
                warnings("image", true, &decoded.warnings, found);
                if self.image.range.is_none() {
                    numbers(&file, &decoded.pixels, &self.limits, found);
                }
                found.look = self.looker.look(&decoded.pixels);
                picture.decoded = true;
                let pixels = decoded.pixels;
                picture.kept = turned.then_some(Kept { pixels, mask_bytes, _permit: permit });
            }
            Err(error) => {
                found.note(check_of(&error), true, format!("image: {error}"));
            }
        }
        Some(picture)
    }

    /// What the mask at hand shows; none where it cannot be read.
    fn mask_of(
        &mut self,
        source: &dyn Source,
        record: &Record,
        mut picture: Option<&mut Picture>,
        found: &mut Inspection,
    ) -> Option<Shape> {
        let file = match self.mask.form {
            MaskForm::File | MaskForm::Objects => {
                found.bytes += self.mask.bytes() as u64;
                match ImageFile::read(&self.mask.file) {
                    Ok(file) => {
                        extension(&record.mask, file.header().format, false, found);
                        Some(file)
                    }
                    Err(error) => {
                        found.note(check_of(&error), false, format!("mask: {error}"));
                        return None;
                    }
                }
            }
            MaskForm::Rle | MaskForm::Grey => None,
        };
        let stored = match (&file, self.mask.form) {
            (Some(file), _) => Stored::of(file.header()),
            (None, MaskForm::Grey) => Stored::plain(self.mask.grey.size),
            (None, _) => Stored::plain(self.mask.rle.size()),
        };
        // One that is larger than the image stated is not compared with it.
        let several = self.mask.form == MaskForm::Objects;
        let header = file.map(|file| *file.header());
        let bytes = header.map_or(0, |header| self.mask.form.decode_bytes(&header));
        if let Some(picture) = picture.as_deref_mut() {
            picture.kept.take_if(|kept| kept.mask_bytes < bytes);
        }
        let picture = picture.as_deref();
        let image = picture.map(|picture| &picture.header);
        let kept = picture.and_then(|picture| picture.kept.as_ref());
        let pixels = kept.map(|kept| &kept.pixels);
        let rule = source.mask_rule();
        let permit = || match kept {
            Some(_) => Ok(None),
            None => self.budget.take(bytes).map(Some),
        };
        if several {
            let (limits, labels, mask) = (&self.limits, &mut self.labels, &mut self.mask);
            let read = permit()
                .and_then(|_permit| mask.read_object(rule, limits, labels, Orientation::IDENTITY));
            match read {
                Ok(warnings_found) => warnings("mask", false, &warnings_found, found),
                Err(error) => {
                    refused_mask(&error, &self.mask.file, limits, found);
                    compare(source.exif(), image, &stored, None, found);
                    return None;
                }
            }
        }
        let shape = match (header, self.mask.form) {
            (Some(header), MaskForm::File) => {
                let file = ImageFile::with_header(&self.mask.file, header);
                let (labels, label) = (&mut self.labels, &mut self.label);
                let decoded = permit()
                    .and_then(|_permit| labels.decode_file(&file, rule, &self.limits, label));
                match decoded {
                    Ok(warnings_found) => {
                        let shape = Shape::of_label(&self.label);
                        warnings("mask", false, &warnings_found, found);
                        grey_levels::remarks(&shape, &self.label, &warnings_found, found);
                        shape
                    }
                    Err(error) => {
                        refused_mask(&error, file.bytes(), &self.limits, found);
                        compare(source.exif(), image, &stored, None, found);
                        return None;
                    }
                }
            }
            (_, MaskForm::Grey) => Shape::of_label(&self.mask.grey),
            _ => {
                let bitmap = self.mask.rle.to_bitmap();
                let shape = Shape::of_bitmap(&bitmap);
                if shape.foreground == 0 {
                    found.note(Check::EmptyMask, false, "no pixel is set");
                }
                if pixels.is_some() && image.is_some_and(|image| !image.orientation.is_identity()) {
                    self.label = bitmap.to_grey();
                }
                shape
            }
        };
        let drawn = pixels.map(|pixels| (pixels, &self.label));
        compare(source.exif(), image, &stored, drawn, found);
        if shape.foreground > 0 && shape.foreground == shape.pixels() {
            found.note(Check::FullMask, false, "every pixel is above 128");
        }
        Some(shape)
    }

    fn tiny(&self, shape: &Shape, size: Option<Size>, found: &mut Inspection) {
        let (Some(jitter), Some(size)) = (self.jitter, size) else { return };
        let Some(need) = jitter.too_small(shape.foreground, size) else { return };
        let detail = format!(
            "{} pixels of {} x {}: at scale {} {:.1} pixels, {} need scale {:.2} ({} of the draws are below)",
            shape.foreground,
            size.width,
            size.height,
            jitter.min,
            jitter.pixels_at(jitter.min, shape.foreground, size),
            jitter.points,
            need,
            match jitter.share_below(need) {
                share if share >= 1.0 => "all".to_owned(),
                share if share < 0.01 => "less than 1%".to_owned(),
                share => format!("{:.0}%", 100.0 * share),
            }
        );
        found.note(Check::TinyObject, false, detail).hint =
            Hint::Scale { need, area: shape.foreground };
    }
}

/// The same mask twice in one image.
fn twins(mut hashes: Vec<(u128, usize, Option<u64>)>, found: &mut Inspection) {
    hashes.sort_unstable();
    for group in hashes.chunk_by(|a, b| a.0 == b.0) {
        for &(_, nth, object) in &group[1..] {
            let first = group[0].2.map_or_else(|| group[0].1.to_string(), |id| id.to_string());
            let detail = format!("the same pixels as object {first}");
            let issue = found.note(Check::DuplicateObject, false, detail);
            (issue.nth, issue.object) = (nth, object);
        }
    }
}
