//! The lines of a data file that settle findings.

use std::collections::{BTreeSet, HashMap};

use glob::Pattern;
use maskwright_data::source::SetSpec;

use crate::finding::Check;
use crate::issue::Hint;
use crate::values;

/// A change to a set's settings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fix {
    /// A line as it stands.
    Line(String),
    /// These records are left out.
    Exclude(Vec<String>),
}

/// A `scale_min` above this is not proposed: it would take the jitter away from all records.
const LARGEST_SCALE_MIN: f64 = 0.5;
/// Names that are written into an `exclude` line; a longer list belongs into a script.
const NAMES: usize = 12;
/// Colours and numbers that are written into a map.
const ENTRIES: usize = 12;

impl Fix {
    /// The line, with what the set excludes already; none for records that a set cannot exclude.
    pub(super) fn line(&self, spec: Option<&SetSpec>) -> Option<String> {
        match self {
            Fix::Line(line) => Some(line.clone()),
            Fix::Exclude(names) => {
                let spec = spec?;
                let new = names.iter().map(|name| Pattern::escape(name));
                let all: Vec<String> = spec.exclude.iter().cloned().chain(new).collect();
                let quoted: Vec<String> = all.iter().map(|name| quoted(name)).collect();
                Some(format!("exclude = [{}]", quoted.join(", ")))
            }
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What the hints of a check's issues add up to, over a set.
#[derive(Debug, Default)]
pub(super) struct Hints {
    values: BTreeSet<u16>,
    /// The largest number of different values in one mask.
    most_values: usize,
    colours: HashMap<[u8; 3], u64>,
    many_colours: bool,
    alpha: u64,
    /// The largest scale up to 1 that an object needs.
    scale: f64,
    /// Objects that need more than scale 1.
    beyond: u64,
    /// The largest area of an object that is too small, in pixels of its image.
    area: usize,
    upright: u64,
    stored: u64,
    exif_auto: u64,
    /// The largest number of all pictures of 16 bits that use few of them.
    largest: u16,
    names: Vec<String>,
    unnamed: bool,
}

impl Hints {
    /// Takes an issue's hint.
    pub(super) fn add(&mut self, hint: &Hint) {
        match hint {
            Hint::None => {}
            Hint::Values(values) => {
                self.most_values = self.most_values.max(values.len());
                self.values.extend(values);
            }
            Hint::Colours(colours) => {
                self.many_colours |= colours.len() >= ENTRIES;
                for (colour, pixels) in colours {
                    *self.colours.entry(*colour).or_default() += pixels;
                }
            }
            Hint::Alpha => self.alpha += 1,
            Hint::Scale { need, area } => {
                self.area = self.area.max(*area);
                if *need > 1.0 {
                    self.beyond += 1;
                } else {
                    self.scale = self.scale.max(*need);
                }
            }
            Hint::Turn(sides) => match sides.verdict() {
                Some(true) => self.upright += 1,
                Some(false) => self.stored += 1,
                None => {}
            },
            Hint::Largest(value) => self.largest = self.largest.max(*value),
            Hint::ExifAuto => self.exif_auto += 1,
        }
    }

    /// Takes the name of a record that could be left out.
    pub(super) fn name(&mut self, name: &str) {
        if self.names.last().is_some_and(|last| last == name) {
            return;
        }
        if self.names.len() < NAMES && !name.contains(char::REPLACEMENT_CHARACTER) {
            self.names.push(name.to_owned());
        } else {
            self.unnamed = true;
        }
    }
}

/// What is known when a fix is chosen.
pub(super) struct Situation<'a> {
    pub(super) spec: Option<&'a SetSpec>,
    /// How many records the check found something on, and how many were looked at.
    pub(super) records: u64,
    pub(super) checked: u64,
    pub(super) hints: &'a Hints,
    /// All checks that found something in the set.
    pub(super) found: &'a [Check],
}

/// The line of masks whose numbers are objects.
const INSTANCES: &str = "mask_kind = \"instances\"";
/// The line of masks that mark with 255 what shall not count.
const VOID: &str = "ignore_values = [255]";

/// The change that settles a check's issues, and what else to know about it.
pub(super) fn fix(check: Check, at: &Situation) -> (Option<Fix>, Option<String>) {
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
            exclude(hints),
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
        | Check::AnnotationInvalid
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
        | Check::EmptyMask
        | Check::FullMask
        | Check::DuplicateAcrossSplits
        | Check::NearDuplicateAcrossSplits
        | Check::DuplicateImage
        | Check::IdenticalMask => {
            let long = hints.unnamed.then(|| "the JSON document names all of them".to_owned());
            (exclude(hints), long)
        }
    }
}

fn exclude(hints: &Hints) -> Option<Fix> {
    let whole = !hints.unnamed && !hints.names.is_empty();
    whole.then(|| Fix::Exclude(hints.names.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(check: Check, hints: &[Hint], records: u64, checked: u64) -> Option<String> {
        let mut all = Hints::default();
        hints.iter().for_each(|hint| all.add(hint));
        all.name("a[1]");
        all.name("a[1]");
        all.name("b");
        let spec = SetSpec::pairs("set", "im", "gt");
        let spec = SetSpec { exclude: vec!["old*".into()], ..spec };
        let at = Situation { spec: Some(&spec), records, checked, hints: &all, found: &[check] };
        fix(check, &at).0.and_then(|fix| fix.line(Some(&spec)))
    }

    #[test]
    fn lines_are_valid_settings_of_a_set() {
        let lines = [
            line(Check::ZeroOneMask, &[], 1, 1),
            line(
                Check::ClassIdMask,
                &[Hint::Values(vec![0, 1, 2]), Hint::Values(vec![0, 7])],
                2,
                2,
            ),
            line(Check::DimMask, &[Hint::Values(vec![0, 100])], 1, 1),
            line(
                Check::ColourMask,
                &[Hint::Colours(vec![([0; 3], 90), ([0, 176, 0], 7), ([255, 0, 0], 3)])],
                1,
                1,
            ),
            line(Check::ColourMask, &[Hint::Alpha], 1, 1),
            line(Check::InvertedMask, &[], 9, 10),
            line(Check::DamagedFile, &[], 2, 10),
            line(Check::SizeMismatch, &[Hint::ExifAuto], 1, 1),
        ];
        let lines: Vec<String> = lines.into_iter().map(|line| line.expect("a line")).collect();
        assert_eq!(
            lines,
            [
                "mask_values = { 1 = 255 }",
                "mask_values = { 1 = 255, 2 = 255, 7 = 255 }",
                "mask_values = { 100 = 255 }",
                "mask_colours = { \"#00b000\" = 255, \"#ff0000\" = 255 }",
                "mask_channel = \"alpha\"",
                "invert = true",
                "exclude = [\"old*\", \"a[[]1[]]\", \"b\"]",
                "exif = \"auto\"",
            ]
        );
        for line in lines {
            let text = format!("name = \"a\"\nimages = \"x\"\nmasks = \"y\"\n{line}\n");
            let spec: SetSpec = toml::from_str(&text).expect("a set");
            spec.mask_rule().expect("a rule");
        }
    }

    #[test]
    fn what_is_not_certain_gets_no_line() {
        assert_eq!(line(Check::ColourMask, &[Hint::Alpha], 2, 2), None);
        assert_eq!(line(Check::InvertedMask, &[], 3, 10), None);
        assert_eq!(line(Check::SoftMask, &[], 3, 10), None);
        let scale = |need, area| Hint::Scale { need, area };
        assert_eq!(line(Check::TinyObject, &[scale(3.0, 2)], 3, 10), None);
        let both = [scale(3.0, 2), scale(0.311, 120)];
        assert_eq!(line(Check::TinyObject, &both, 3, 10).unwrap(), "scale_min = 0.32");
        let mut hints = Hints::default();
        both.iter().for_each(|hint| hints.add(hint));
        let coco = SetSpec::coco("a", "b.json", "c");
        assert_eq!(tiny(&hints, Some(&coco)).0, Some(Fix::Line("min_area = 121".into())));
    }
}
