//! Which line settles which finding.

use maskwright_data::source::SetSpec;

use super::{ENTRIES, Fix, Hints};
use crate::differ::Differ;
use crate::finding::Check;
use crate::values;

/// What is known when a fix is chosen.
pub(crate) struct Situation<'a> {
    pub(crate) spec: Option<&'a SetSpec>,
    /// How many records the check found something on, and how many were looked at.
    pub(crate) records: u64,
    pub(crate) checked: u64,
    pub(crate) hints: &'a Hints,
    /// All checks that found something in the set.
    pub(crate) found: &'a [Check],
}

/// A `scale_min` above this is not proposed: it would take the jitter away from all records.
const LARGEST_SCALE_MIN: f64 = 0.5;

/// The line of masks whose numbers are objects.
const INSTANCES: &str = "mask_kind = \"instances\"";
/// The line of masks that mark with 255 what shall not count.
const VOID: &str = "ignore_values = [255]";

/// The change that settles a check's issues, and what else to know about it.
pub(crate) fn fix(check: Check, at: &Situation) -> (Option<Fix>, Option<String>) {
    let hints = at.hints;
    let line = |line: String| Some(Fix::Line(line));
    let advice = |text: &str| Some(text.to_owned());
    // What settles most masks of a set has to settle the others, too.
    let instances = at.found.contains(&Check::InstanceMask);
    let void = at.found.contains(&Check::VoidMask);
    match check {
        Check::InstanceMask => (
            line(INSTANCES.into()),
            advice(
                "each number is an object of its own then; where they are classes, say with \
                 mask_values which of them are the object",
            ),
        ),
        Check::ZeroOneMask | Check::ClassIdMask | Check::DimMask if instances => {
            (line(INSTANCES.into()), None)
        }
        Check::VoidMask => (
            line(if hints.most_values > 1 { format!("{VOID}\n{INSTANCES}") } else { VOID.into() }),
            advice("or `mask_values = { 255 = 255 }`, if 255 is the object after all"),
        ),
        Check::ZeroOneMask if void => (line(VOID.into()), None),
        Check::ClassIdMask if void => (line(format!("{VOID}\n{INSTANCES}")), None),
        Check::ZeroOneMask => (line("mask_values = { 1 = 255 }".into()), None),
        Check::ClassIdMask => class_ids(hints),
        Check::DimMask => dim(hints),
        Check::ColourMask => colours(hints, at.records),
        Check::InvertedMask => {
            let keys = at.spec.and_then(|spec| spec.kind.mask_files());
            let invert = !keys.is_some_and(|keys| keys.invert);
            if 5 * at.records >= 4 * at.checked {
                (line(format!("invert = {invert}")), advice("nearly all masks of the set are so"))
            } else {
                (
                    None,
                    advice("only some masks of the set are so: look at them before anything else"),
                )
            }
        }
        Check::JpegMask => (None, advice("keep masks as PNG where they can be made again")),
        Check::SizeMismatch if hints.exif_auto > 0 => {
            let all = hints.exif_auto == at.records;
            let rest = (!all).then(|| "it settles those with an EXIF orientation".to_owned());
            (line("exif = \"auto\"".into()), rest)
        }
        // To leave out most of a set is no cure.
        Check::SizeMismatch if 5 * at.records >= 4 * at.checked => (None, Some(sizes(hints))),
        Check::ExifAmbiguous if hints.stored > hints.upright => {
            (line("exif = \"ignore\"".into()), advice("the masks fit the stored pixels better"))
        }
        Check::ExifAmbiguous if hints.upright > 0 => {
            (None, advice("the masks fit the upright pictures better, as `exif = \"auto\"` has it"))
        }
        Check::ExifAmbiguous => {
            (None, advice("`exif = \"ignore\"` if the masks belong to the stored pixels"))
        }
        Check::NarrowRange if at.records == at.checked => {
            // Whole bits, as cameras have them.
            let bits = (16 - hints.largest.leading_zeros()).max(8);
            (line(format!("value_range = [0, {}]", (1u32 << bits) - 1)), None)
        }
        Check::NarrowRange => (
            None,
            advice("other images of the set are brighter: make two sets, or say value_range"),
        ),
        Check::NoRange => {
            (line("value_range = \"auto\"".into()), advice("or two numbers: [BLACK, WHITE]"))
        }
        Check::TinyObject => tiny(hints, at.spec),
        Check::TruncatedFile | Check::DamagedData => (
            exclude(at),
            advice("or `strict = true` under [plan], which refuses such files in training"),
        ),
        Check::CannotOpen
        | Check::NothingUsable
        | Check::AmbiguousNames
        | Check::MissingMask
        | Check::MissingImage
        | Check::LeftOut
        | Check::NameNotUnicode
        | Check::MaskSettings
        | Check::GreyMask
        | Check::SoftMask
        | Check::UnevenChannels
        | Check::ExifTurned
        | Check::ExifAsStored
        | Check::ExifIgnored
        | Check::ExifOrientation
        | Check::AreaDisagrees
        | Check::BoxOutside
        | Check::DuplicateObject
        | Check::SharedImage
        | Check::NearDuplicateImage
        | Check::WrongExtension
        | Check::CmykImage
        | Check::SixteenBitImage
        | Check::SeveralPictures
        | Check::PaletteImage
        | Check::TransparentImage => (None, None),
        Check::UnreadableFile
        | Check::NotAnImage
        | Check::UnsupportedFile
        | Check::DamagedFile
        | Check::SizeMismatch
        | Check::AnnotationInvalid
        | Check::EmptyMask
        | Check::FullMask
        | Check::DuplicateAcrossSplits
        | Check::NearDuplicateAcrossSplits
        | Check::DuplicateImage
        | Check::IdenticalMask => {
            let long = hints.unnamed.then(|| "the JSON document names all of them".to_owned());
            (exclude(at), long)
        }
    }
}

/// Leaves the records out, where each can be named; of several not all.
fn exclude(at: &Situation) -> Option<Fix> {
    let names = &at.hints.names;
    let some = at.checked == 1 || at.records < at.checked;
    let whole = !at.hints.unnamed && !names.is_empty() && some;
    whole.then(|| Fix::Exclude(names.clone()))
}

/// What most likely happened where the sizes of nearly all images and masks differ.
fn sizes(hints: &Hints) -> String {
    let most = hints.sizes.iter().max_by_key(|(_, records)| **records);
    let cause = match most.map(|(how, _)| how) {
        Some(Differ::SmallerImage) => {
            "the images are smaller copies (thumbnails) of those that the masks were drawn on: take \
             the images in full size"
        }
        Some(Differ::SmallerMask) => {
            "the masks are smaller copies of themselves, or of thumbnails: export them in the size \
             of the images"
        }
        Some(Differ::Sideways) => {
            "the masks lie on their side: they were drawn on the images turned by an EXIF \
             orientation that is gone; turn either by 90 degrees"
        }
        Some(Differ::Otherwise) | None => {
            "images and masks seem to be of two exports: look whether those of one name belong \
             together"
        }
    };
    format!("nearly all are so: {cause}")
}

fn class_ids(hints: &Hints) -> (Option<Fix>, Option<String>) {
    let ids: Vec<u16> = hints.values.iter().copied().filter(|&value| value > 0).collect();
    if ids.is_empty() {
        return (None, None);
    }
    let entries: Vec<String> = ids.iter().take(ENTRIES).map(|id| format!("{id} = 255")).collect();
    let line = format!("mask_values = {{ {} }}", entries.join(", "));
    let advice = match ids.len() {
        1 => None,
        n if n > ENTRIES => Some(format!(
            "{n} ids occur, the first are written out; keep those that are the object"
        )),
        _ if ids.iter().zip(1..).all(|(&id, at)| id == at) => Some(format!(
            "keep the ids that are the object, everything else is background; or `{INSTANCES}` in \
             its place, where each is an object of its own"
        )),
        _ => Some("keep the ids that are the object, everything else is background".to_owned()),
    };
    (Some(Fix::Line(line)), advice)
}

fn dim(hints: &Hints) -> (Option<Fix>, Option<String>) {
    let levels: Vec<u16> = hints.values.iter().copied().filter(|&value| value > 0).collect();
    if hints.most_values <= 2 && levels.len() <= ENTRIES {
        let entries: Vec<String> = levels.iter().map(|level| format!("{level} = 255")).collect();
        return (Some(Fix::Line(format!("mask_values = {{ {} }}", entries.join(", ")))), None);
    }
    (None, Some("say with mask_values which levels are the object".to_owned()))
}

fn colours(hints: &Hints, records: u64) -> (Option<Fix>, Option<String>) {
    if hints.alpha > 0 && hints.alpha < records {
        let words = format!(
            "{} have their mask in the alpha channel, {} in colours: make two sets, one with \
             `mask_channel = \"alpha\"`, one with mask_colours",
            hints.alpha,
            records - hints.alpha
        );
        return (None, Some(words));
    }
    if hints.alpha > 0 {
        let line = Fix::Line("mask_channel = \"alpha\"".into());
        return (Some(line), Some("the colours are a picture, the alpha channel varies".into()));
    }
    if hints.many_colours {
        let words = "so many colours are a picture, or JPEG: a colour map needs PNG";
        return (None, Some(words.into()));
    }
    let colours = values::most(hints.colours.clone());
    // Black is the ground where it occurs; otherwise what covers most.
    let ground = colours.iter().find(|colour| colour.0 == [0; 3]).or(colours.first());
    let Some(&(ground, _)) = ground else { return (None, None) };
    let entries: Vec<String> = colours
        .iter()
        .filter(|colour| colour.0 != ground)
        .map(|colour| format!("\"{}\" = 255", values::hex(colour.0)))
        .collect();
    let advice = format!(
        "keep the colours that are the object; {} is taken for the ground",
        values::hex(ground)
    );
    (Some(Fix::Line(format!("mask_colours = {{ {} }}", entries.join(", ")))), Some(advice))
}

fn tiny(hints: &Hints, spec: Option<&SetSpec>) -> (Option<Fix>, Option<String>) {
    let otherwise = "without it these samples get another kind of prompt, or another crop";
    if spec.is_some_and(|spec| spec.kind.taken().is_some()) {
        let line = Fix::Line(format!("min_area = {}", hints.area + 1));
        return (Some(line), Some(format!("leaves them out; {otherwise}")));
    }
    if hints.scale == 0.0 {
        return (None, Some("no scale of the jitter up to 1 makes them large enough".to_owned()));
    }
    if hints.scale > LARGEST_SCALE_MIN {
        let words = "too little jitter would be left to make them large enough: such samples get \
                     another kind of prompt, or another crop";
        return (None, Some(words.to_owned()));
    }
    let scale = (100.0 * hints.scale).ceil() / 100.0;
    let beyond = match hints.beyond {
        0 => String::new(),
        n => format!("; {n} need more than scale 1"),
    };
    let line = Fix::Line(format!("scale_min = {scale:.2}"));
    (Some(line), Some(format!("under [plan]{beyond}; {otherwise}")))
}
