//! What a check can find: its name, how bad it is, what it means.

use std::path::PathBuf;

use serde::Serialize;
use strum::IntoStaticStr;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// Training would refuse the record or the set, or learn nonsense from it.
    Error,
    /// Training would go on, and the result may be worse than it could be.
    Warning,
    /// Worth knowing; nothing has to be done.
    Note,
}

impl Severity {
    /// The word for it, in the singular.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

macro_rules! checks {
    ($($variant:ident, $name:literal, $severity:ident, $explanation:literal;)*) => {
        /// Everything that is looked for. Names are stable: programs may rely on them.
        ///
        /// | name | severity | meaning |
        /// |---|---|---|
        $(#[doc = concat!("| `", $name, "` | ", stringify!($severity), " | ", $explanation, " |")])*
        ///
        /// Exhaustive on purpose: a test of the command matches all of them, so that none is added whose line nobody tried.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Check {
            $(
                #[doc = $explanation]
                #[serde(rename = $name)]
                $variant,
            )*
        }

        impl Check {
            /// All of them, in the order in which they are reported.
            pub const ALL: &'static [Check] = &[$(Check::$variant,)*];

            /// The stable name, in kebab case.
            pub fn name(self) -> &'static str {
                match self { $(Check::$variant => $name,)* }
            }

            /// How bad it is where nothing softens it.
            pub fn severity(self) -> Severity {
                match self { $(Check::$variant => Severity::$severity,)* }
            }

            /// What it means, in a sentence.
            pub fn explanation(self) -> &'static str {
                match self { $(Check::$variant => $explanation,)* }
            }
        }
    };
}

checks! {
    CannotOpen, "cannot-open", Error,
        "The set cannot be opened.";
    NothingUsable, "nothing-usable", Error,
        "The set has no record that can be used.";
    AmbiguousNames, "ambiguous-names", Error,
        "Several files of a folder have the same stem, so that a pair is not certain.";
    MissingMask, "missing-mask", Error,
        "There is no mask for these images.";
    MissingImage, "missing-image", Error,
        "There is no image for these masks.";
    LeftOut, "left-out", Note,
        "Some of what is there does not become records.";
    NameNotUnicode, "name-not-unicode", Note,
        "The file's name is not Unicode text: it is shown with replacement signs and cannot be named in a data file.";

    UnreadableFile, "unreadable-file", Error,
        "The file cannot be read.";
    NotAnImage, "not-an-image", Error,
        "The content is no image of a known format.";
    UnsupportedFile, "unsupported-file", Error,
        "The file is of a kind that is not decoded, or claims more pixels than are allowed.";
    DamagedFile, "damaged-file", Error,
        "The file is damaged and cannot be decoded.";
    TruncatedFile, "truncated-file", Warning,
        "The file ends too early; the missing part is filled in by the decoder.";
    DamagedData, "damaged-data", Warning,
        "The decoder met damaged data and went on; the picture may be smeared or shifted.";

    SizeMismatch, "size-mismatch", Error,
        "Image and mask have different sizes, upright and as stored.";
    ExifAmbiguous, "exif-ambiguous", Warning,
        "The image has an EXIF orientation and the mask fits both ways; compare the two pictures.";
    ExifTurned, "exif-turned", Note,
        "The image is turned upright by its EXIF orientation, because the mask fits it then.";
    ExifAsStored, "exif-as-stored", Note,
        "The image has an EXIF orientation, but its mask fits the stored pixels; it is not turned.";
    ExifIgnored, "exif-ignored", Note,
        "The image has an EXIF orientation that the set's settings ignore.";
    ExifOrientation, "exif-orientation", Note,
        "The image has an EXIF orientation; there is no mask that would tell whether to follow it.";

    ZeroOneMask, "zero-one-mask", Error,
        "The mask holds only 0 and 1, of which nothing is above 128: it would train as empty.";
    InstanceMask, "instance-mask", Error,
        "The mask holds numbers that look like those of objects, one for each, not grey levels.";
    VoidMask, "void-mask", Error,
        "The mask holds small numbers that look like classes, and 255, which may mark what shall not count.";
    ClassIdMask, "class-id-mask", Error,
        "The mask holds small numbers that look like class or instance ids, not grey levels.";
    ColourMask, "colour-mask", Error,
        "The mask has several colours, and nothing says which of them is the object.";
    MaskSettings, "mask-settings", Error,
        "The set's mask settings do not fit this mask.";
    DimMask, "dim-mask", Error,
        "The mask is not black, but nothing in it is above 128 of 255, so nothing counts as object.";
    EmptyMask, "empty-mask", Error,
        "The mask shows no object.";
    FullMask, "full-mask", Warning,
        "The mask covers the whole picture.";
    InvertedMask, "inverted-mask", Warning,
        "What counts as object covers most of the picture and nearly all of its border: perhaps the object is dark.";
    GreyMask, "grey-mask", Warning,
        "Most of what is not black in the mask is grey: perhaps it is no mask but a picture or a depth map.";
    JpegMask, "jpeg-mask", Warning,
        "The mask is stored as JPEG: its edges ring, and what is above 128 is only nearly what was drawn.";
    SoftMask, "soft-mask", Note,
        "The mask has grey levels: anti-aliased edges or a model's output. Above 128 is the object.";
    UnevenChannels, "uneven-channels", Note,
        "The colour channels of the mask are not quite equal; the first is taken.";
    TinyObject, "tiny-object", Warning,
        "At the smallest scale of the jitter the object has fewer pixels than a point prompt needs.";

    AnnotationInvalid, "annotation-invalid", Error,
        "The annotation cannot be made a mask.";
    AreaDisagrees, "area-disagrees", Note,
        "The annotation's area is not that of its mask.";
    BoxOutside, "box-outside", Warning,
        "The annotation's box reaches beyond the image.";
    DuplicateObject, "duplicate-object", Warning,
        "Two objects of one image have exactly the same mask.";

    DuplicateAcrossSplits, "duplicate-across-splits", Warning,
        "The validation image is, byte for byte, also a training image: its score says nothing.";
    NearDuplicateAcrossSplits, "near-duplicate-across-splits", Warning,
        "The validation image looks nearly the same as a training image.";
    DuplicateImage, "duplicate-image", Warning,
        "The image file is, byte for byte, that of another record.";
    SharedImage, "shared-image", Note,
        "The image file is that of another record, whose mask is another: several objects of one image, perhaps.";
    NearDuplicateImage, "near-duplicate-image", Note,
        "The image looks nearly the same as that of another record.";
    IdenticalMask, "identical-mask", Warning,
        "Different images have exactly the same mask.";

    WrongExtension, "wrong-extension", Note,
        "The content is of another format than the file's ending says; it is read by its content.";
    CmykImage, "cmyk-image", Note,
        "The image is stored in printing inks, converted without a colour profile.";
    SixteenBitImage, "16-bit-image", Note,
        "The image has 16 bits per channel; it is rounded to 8.";
    NarrowRange, "narrow-range", Warning,
        "The image has 16 bits per channel and uses a small part of their range, so it is seen nearly black.";
    NoRange, "no-range", Error,
        "The image's numbers are no grey levels, and no value_range says which of them are black and white.";
    SeveralPictures, "several-pictures", Note,
        "The file holds several pages or frames; the first is used.";
    PaletteImage, "palette-image", Note,
        "The image is stored with a palette of at most 256 colours.";
    TransparentImage, "transparent-image", Note,
        "The image has transparent parts; the transparency is dropped.";
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// All that one check found in one set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The check.
    pub name: Check,
    /// How bad it is here: a mask that is empty is an error in training, a warning in validation.
    pub severity: Severity,
    /// How many objects or files it was found on.
    pub count: u64,
    /// How many records these are.
    pub records: u64,
    /// What it means, in a sentence.
    pub explanation: &'static str,
    /// The line of the data file that settles it, where there is one.
    pub fix: Option<String>,
    /// The same in the words of a command line; the caller's to fill in, who knows whether it has such words.
    pub flags: Option<String>,
    /// What to know about that line, where it is not the whole story.
    pub advice: Option<String>,
    /// The first of them, by record number.
    pub listed: Vec<Instance>,
}

/// One object or file that a check found something on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Instance {
    /// Number of the record in its set; none for files that are no record.
    pub record: Option<usize>,
    /// Name of the record, or the file's name.
    pub name: String,
    /// Id of the annotation, where the record's objects lie in an annotation file; otherwise none.
    pub object: Option<u64>,
    /// The number of the object in its record.
    #[serde(skip)]
    pub nth: usize,
    /// The file to look at.
    #[serde(serialize_with = "maskwright_data::lossy::path")]
    pub file: PathBuf,
    /// What exactly was found.
    pub detail: String,
    /// The record that this one is the same as, for duplicates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<Like>,
}

/// Another record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Like {
    /// Place of its set among the sets examined.
    #[serde(skip)]
    pub place: usize,
    /// Name of its set.
    pub set: String,
    /// Number of the record in its set.
    pub record: usize,
    /// Name of the record.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kebab_case_and_differ() {
        let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
        for name in &names {
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(name.chars().all(fine), "{name}");
            let json = serde_json::to_string(
                Check::ALL.iter().find(|check| check.name() == *name).unwrap(),
            );
            assert_eq!(json.unwrap(), format!("\"{name}\""));
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Check::ALL.len());
    }
}
