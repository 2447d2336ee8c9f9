//! A set to be examined, opened so that one mistake does not hide the others.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_data::source::{
    DataFile, MaskContents, Objects, OpenContext, PairsKeys, PairsSource, SetKind, SetSpec, Source,
    Unmatched, partners,
};
use maskwright_data::{Error, Missing, Result};
use serde::Serialize;
use strum::IntoStaticStr;

use crate::claims::Claims;
use crate::finding::{Check, Severity};
use crate::fix::Fix;
use crate::loose::Loose;

/// What a set is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Role {
    /// Training.
    Train,
    /// Validation.
    Valid,
}

impl Role {
    /// The word for it, as a data file spells it.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A set, what opening it found out, and what it is for.
pub struct Subject {
    role: Role,
    name: String,
    spec: Option<SetSpec>,
    source: Option<Arc<dyn Source>>,
    masks: bool,
    claims: Option<Arc<Claims>>,
    openings: Vec<Opening>,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subject({} {}, {} records)", self.role.name(), self.name, self.len())
    }
}

/// What the threads of an examination see of a set.
pub(super) struct Shown {
    pub(super) source: Arc<dyn Source>,
    pub(super) claims: Option<Arc<Claims>>,
}

/// Something that opening a set found out.
#[derive(Debug, Clone)]
pub(super) struct Opening {
    pub(super) check: Check,
    pub(super) severity: Severity,
    pub(super) count: u64,
    pub(super) files: Vec<(PathBuf, String)>,
    pub(super) fix: Option<Fix>,
    pub(super) advice: Option<String>,
}

impl Opening {
    fn new(check: Check, detail: String) -> Opening {
        let files = vec![(PathBuf::new(), detail)];
        let severity = check.severity();
        Opening { check, severity, count: 1, files, fix: None, advice: None }
    }
}

impl Subject {
    /// Opens the set that a data file describes. What is wrong with it becomes findings; what can be opened
    /// in spite of it, by leaving out files without a partner or by settings that are then proposed, is.
    pub fn open(spec: &SetSpec, role: Role, context: &OpenContext<'_>) -> Subject {
        let mut openings = Vec::new();
        let opened = match &spec.kind {
            SetKind::Pairs(keys) => open_pairs(spec, keys, context, &mut openings)
                .and_then(|source| spec.in_value_range(source, context)),
            _ => open_annotated(spec, context, &mut openings),
        };
        let source = match opened {
            Ok(source) => Some(source),
            Err(error) => {
                let mut opening = Opening::new(Check::CannotOpen, error.to_string());
                opening.files[0].0 = error.file().map(Into::into).unwrap_or_default();
                if let Error::CrowdsLeftOut { .. } = error {
                    opening.fix = Some(Fix::Line("crowds = true".into()));
                }
                openings.push(opening);
                None
            }
        };
        let claims = source.is_some().then(|| claims_of(spec)).flatten();
        Subject {
            role,
            name: spec.name.clone(),
            spec: Some(spec.clone()),
            source,
            masks: true,
            claims,
            openings,
        }
    }

    /// All sets of a data file.
    pub fn of_data(data: &DataFile, context: &OpenContext<'_>) -> Vec<Subject> {
        let train = data.train.iter().map(|spec| Subject::open(spec, Role::Train, context));
        train
            .chain(data.valid.iter().map(|spec| Subject::open(spec, Role::Valid, context)))
            .collect()
    }

    /// A source that is open already.
    pub fn of_source(source: Arc<dyn Source>, role: Role) -> Subject {
        let name = source.name().to_owned();
        let openings = left_out(&*source).into_iter().collect();
        Subject {
            role,
            name,
            spec: None,
            source: Some(source),
            masks: true,
            claims: None,
            openings,
        }
    }

    /// A set that is open already, with what its annotation file says of areas and boxes.
    pub fn of_set(spec: &SetSpec, source: Arc<dyn Source>, role: Role) -> Subject {
        let claims = claims_of(spec);
        Subject { spec: Some(spec.clone()), claims, ..Subject::of_source(source, role) }
    }

    /// A folder of images without masks, whose images alone are looked at.
    ///
    /// # Errors
    ///
    /// A folder that cannot be listed.
    pub fn images_alone(
        name: impl Into<String>,
        folder: &std::path::Path,
    ) -> crate::Result<Subject> {
        let name = name.into();
        let source = Loose::open(&name, folder)?;
        let mut openings = Vec::new();
        if source.is_empty() {
            let detail = "no image file (.jpg, .png, .tif, .webp, ...) is in the folder".to_owned();
            let mut opening = Opening::new(Check::CannotOpen, detail);
            opening.files[0].0 = folder.into();
            openings.push(opening);
        } else {
            let mut opening = Opening::new(
                Check::MissingMask,
                "there are no masks here: the images alone were looked at".into(),
            );
            opening.count = source.len() as u64;
            opening.severity = Severity::Note;
            opening.files[0].0 = folder.into();
            opening.advice = Some("to train, name both folders, the images' and the masks'".into());
            openings.push(opening);
        }
        let source: Arc<dyn Source> = Arc::new(source);
        Ok(Subject {
            role: Role::Train,
            name,
            spec: None,
            source: Some(source),
            masks: false,
            claims: None,
            openings,
        })
    }

    /// The name of the set.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Its records; none where it cannot be opened.
    pub fn source(&self) -> Option<&dyn Source> {
        self.source.as_deref()
    }

    /// How many records there are to look at.
    pub fn len(&self) -> usize {
        self.source.as_ref().map_or(0, |source| source.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn spec(&self) -> Option<&SetSpec> {
        self.spec.as_ref()
    }

    pub(super) fn has_masks(&self) -> bool {
        self.masks
    }

    /// What an inspection takes of it; none where it cannot be opened.
    pub(super) fn shown(&self) -> Option<Shown> {
        Some(Shown { source: self.source.clone()?, claims: self.claims.clone() })
    }

    pub(super) fn openings(&self) -> &[Opening] {
        &self.openings
    }
}

/// What the annotation file of all images says, where a set has one.
fn claims_of(spec: &SetSpec) -> Option<Arc<Claims>> {
    match &spec.kind {
        SetKind::Coco(keys) | SetKind::Lvis(keys) => {
            Some(Arc::new(Claims::of_coco(&keys.annotations)))
        }
        _ => None,
    }
}

fn left_out(source: &dyn Source) -> Option<Opening> {
    left_out_beyond(source, 0)
}

/// What a source left out, but for the first causes.
fn left_out_beyond(source: &dyn Source, first: usize) -> Option<Opening> {
    let all = source.left_out().get(first..).unwrap_or_default();
    let files: Vec<_> = all.iter().map(|left| (PathBuf::new(), left.to_string())).collect();
    let count = all.iter().map(|left| left.count).sum();
    (count > 0).then(|| Opening { count, files, ..Opening::new(Check::LeftOut, String::new()) })
}

/// Opens a set of annotated images: every image is one record, with all of its objects.
fn open_annotated(
    spec: &SetSpec,
    context: &OpenContext<'_>,
    openings: &mut Vec<Opening>,
) -> Result<Arc<dyn Source>> {
    let mut every_image = spec.clone();
    if let Some(keys) = every_image.kind.taken_mut() {
        keys.objects = Objects::One;
    }
    let opened = every_image.open(context);
    let Err(Error::Unlisted { left, missing, file, .. }) = opened else {
        let source = opened?;
        openings.extend(left_out(&*source));
        return Ok(source);
    };
    let lenient = SetSpec { unmatched: Unmatched::Skip, ..every_image };
    let source = lenient.open(context)?;
    openings.extend(left_out(&*source).map(|opening| Opening { check: Check::LeftOut, ..opening }));
    let check = match missing {
        Missing::Image => Check::MissingImage,
        Missing::Mask => Check::MissingMask,
    };
    openings.push(Opening {
        count: left.count,
        files: vec![(file, format!("{} {}, the first {}", left.count, left.what, left.first))],
        fix: Some(Fix::Line("unmatched = \"skip\"".into())),
        ..Opening::new(check, String::new())
    });
    Ok(source)
}

/// Opens a set of pairs, in spite of files without a partner and of ambiguous names where that can be.
fn open_pairs(
    spec: &SetSpec,
    keys: &PairsKeys,
    context: &OpenContext<'_>,
    openings: &mut Vec<Opening>,
) -> Result<Arc<dyn Source>> {
    // What the set itself skips is no mistake.
    let strict = spec.unmatched == Unmatched::Error;
    let open = |keys: &PairsKeys| {
        let (unmatched, kind) = (Unmatched::Skip, SetKind::Pairs(keys.clone()));
        PairsSource::open(&SetSpec { unmatched, kind, ..spec.clone() })
    };
    let contents = keys.mask_files.mask_kind;
    let share = |keys: &PairsKeys, set: PairsSource, openings: &mut Vec<Opening>| {
        open_objects(spec, keys, contents, set, context, openings)
    };
    // The files are paired in the same way, whatever the masks show.
    let mut keys = keys.clone();
    keys.mask_files.mask_kind = MaskContents::Object;
    // Each proposal mends one cause, and they do not repeat.
    for _ in 0..3 {
        match open(&keys) {
            Err(Error::DuplicateStem { role, folder, files, count, .. }) => {
                let Some((line, mended)) = partners::one_ending(&keys, role) else {
                    return open(&keys).and_then(|set| share(&keys, set, openings));
                };
                let files: Vec<_> = files.iter().map(|file| folder.join(file)).collect();
                let detail = format!("{count} stems of the {role} are there more than once");
                openings.push(Opening {
                    count: count as u64,
                    files: files.into_iter().map(|file| (file, detail.clone())).collect(),
                    fix: Some(Fix::Line(line)),
                    advice: Some("the ending that most files have".into()),
                    ..Opening::new(Check::AmbiguousNames, String::new())
                });
                keys = mended;
            }
            Err(Error::Unpaired { .. }) => {
                let Some(suffix) = partners::suffix(&keys) else {
                    return open(&keys).and_then(|set| share(&keys, set, openings));
                };
                propose_suffix(&mut keys, suffix, openings);
            }
            Ok(set) => {
                if let Some(suffix) = partners::suffix(&keys).filter(|s| s.explains > set.len()) {
                    propose_suffix(&mut keys, suffix, openings);
                    continue;
                }
                unmatched(&keys, &set, strict, openings);
                return share(&keys, set, openings);
            }
            Err(error) => return Err(error),
        }
    }
    open(&keys).and_then(|set| share(&keys, set, openings))
}

/// The set of paired files whose masks may show several objects: every image is one record then, with all of its objects.
fn open_objects(
    spec: &SetSpec,
    keys: &PairsKeys,
    contents: MaskContents,
    set: PairsSource,
    context: &OpenContext<'_>,
    openings: &mut Vec<Opening>,
) -> Result<Arc<dyn Source>> {
    if contents == MaskContents::Object {
        return Ok(Arc::new(set));
    }
    let mut keys = keys.clone();
    keys.mask_files.mask_kind = contents;
    keys.taken.objects = Objects::One;
    let (unmatched, kind) = (Unmatched::Skip, SetKind::Pairs(keys));
    let objects = SetSpec { unmatched, kind, ..spec.clone() }.open(context)?;
    // Files without a partner are told apart from those without an object.
    if objects.left_out().len() > set.left_out().len() {
        openings.extend(left_out_beyond(&*objects, set.left_out().len()));
    }
    Ok(objects)
}

fn propose_suffix(keys: &mut PairsKeys, found: partners::Suffix, openings: &mut Vec<Opening>) {
    let detail = format!(
        "{} images have a mask whose name ends in \"{}\" besides",
        found.explains, found.suffix
    );
    openings.push(Opening {
        count: found.explains as u64,
        files: vec![(found.example, detail)],
        fix: Some(Fix::Line(format!("mask_suffix = {}", toml::Value::from(found.suffix.as_str())))),
        ..Opening::new(Check::MissingMask, String::new())
    });
    keys.mask_suffix = found.suffix;
}

/// Tells of the files without a partner.
fn unmatched(keys: &PairsKeys, set: &PairsSource, strict: bool, openings: &mut Vec<Opening>) {
    let (images, masks) = partners::split(keys, set.unmatched());
    let severity = if strict { Severity::Error } else { Severity::Note };
    for (check, files) in [(Check::MissingMask, images), (Check::MissingImage, masks)] {
        if files.is_empty() {
            continue;
        }
        openings.push(Opening {
            check,
            severity,
            count: files.len() as u64,
            files: files.into_iter().map(|file| (file, "no partner".to_owned())).collect(),
            fix: strict.then(|| Fix::Line("unmatched = \"skip\"".into())),
            advice: None,
        });
    }
}
