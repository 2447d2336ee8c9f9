//! The data of a run, described in TOML.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::{LARGEST_SETTINGS, read_text};
use super::check::check;
use super::keys::names_of;
use super::value_range::ValueRangeKey;
use super::weights::validate_repeat;
use super::{Mix, MixConfig, OpenContext, SetSpec, Source, pattern};
use crate::error::{Error, Result};
use crate::plan::PlanConfig;
use crate::prompt::PromptConfig;
use crate::sample::SampleConfig;

/// A data file: the sets of a run, and how samples and prompts are drawn from them.
///
/// ```toml
/// [[train]]
/// name = "leaves"
/// kind = "pairs"                # a folder of images, a folder of masks
/// images = "leaves/photos"      # relative to this file
/// masks = "leaves/masks"
/// part = "90%"
///
/// [[valid]]
/// name = "leaves-rest"
/// images = "leaves/photos"
/// masks = "leaves/masks"
/// part = "rest of 90%"
///
/// [[other]]                     # optional: evaluated beside [[valid]], to see what was forgotten
/// name = "faces"
/// images = "faces/photos"
/// masks = "faces/masks"
///
/// [mix]                         # optional: how much the sets count
/// temperature = 2.0             # or `repeat` in each set
///
/// [plan]                        # optional: how samples are cut out
/// scale_min = 0.5               # or a list of [[plan.transforms]]
///
/// [prompts]                     # optional: what the model is told
/// kinds = { box = 2, points = 1, noise_mask = 0 }
/// ```
///
/// A set has these keys. Some exist only for certain kinds of sets; [`SetKind`](super::SetKind) has the
/// keys of each kind:
///
/// | key | meaning | default |
/// |---|---|---|
/// | `name` | name in reports and ledgers, different for every set of a list | |
/// | `kind` | `"pairs"`, `"coco"`, `"lvis"`, `"sa1b"`, `"labelme"`, `"yolo"` or `"webdataset"`; see [`SetKind`](super::SetKind) | `"pairs"` |
/// | `images`, `masks` | folders; may be the same | |
/// | `list` | a CSV file with the columns `image` and `mask` | |
/// | `annotations` | an instances file of COCO or LVIS, a `data.yaml` of YOLO, a folder of Labelme's files | |
/// | `split` | `"train"`, `"val"` or `"test"` of a `data.yaml` | `"train"` |
/// | `shards` | tar files: names, or patterns like `"sa_{000..049}.tar"` | |
/// | `image_ext`, `mask_ext` | endings, one or a list, any case | [`IMAGE_ENDINGS`](super::IMAGE_ENDINGS), [`MASK_ENDINGS`](super::MASK_ENDINGS); in one folder masks `png`, images all others |
/// | `mask_suffix` | what a mask's name has more than its image's: `"_mask"` | `""` |
/// | `recursive` | whether folders in the folders are searched | `false` |
/// | `unmatched` | `"error"`, or `"skip"` files and annotations without a counterpart | `"error"` |
/// | `include`, `exclude` | patterns with `*`, `?`, `[a-z]` on names | all, none |
/// | `part` | `"90%"`, or `"rest of 90%"`; see [`Part`](super::Part) | all |
/// | `objects` | `"one"`, `"all"` or a number; see [`Objects`](super::Objects) | `"one"` |
/// | `categories`, `crowds` | names of categories; whether crowds are taken | all, `false` |
/// | `min_area`, `max_area` | bounds of an object's area in pixels | |
/// | `min_predicted_iou`, `min_stability_score` | bounds of SA-1B's scores | |
/// | `min_objects`, `max_objects` | bounds of an image's number of objects | 1, none |
/// | `value_range` | which numbers of images of more than 8 bits are black and white, or `"auto"`; see [`ValueRangeKey`](super::ValueRangeKey) | all of their bits |
/// | `repeat` | how often a training set's records come in an epoch, whole or not: 2.5, 0.1; see [`Mix`] | 1 |
/// | `mask_channel` | `"auto"`, `"red"`, `"green"`, `"blue"` or `"alpha"` | `"auto"` |
/// | `mask_values` | label 0..255 of each number in a mask file: `{ 1 = 255 }` | by stated rules |
/// | `mask_colours` | label 0..255 of each colour in a mask file: `{ "#ff0000" = 255 }` | by stated rules |
/// | `invert` | dark objects on bright ground | `false` |
/// | `exif` | `"auto"` or `"ignore"`; see [`ExifRule`](super::ExifRule) | `"auto"` |
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataFile {
    /// The sets to train on.
    pub train: Vec<SetSpec>,
    /// The sets to validate on, each separately.
    pub valid: Vec<SetSpec>,
    /// Sets of other things, which a model was good at before it was trained and shall not forget: they are evaluated beside the
    /// validation sets, and no run sees them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<SetSpec>,
    /// How the training sets are weighted against each other, if they have no `repeat` of their own.
    pub mix: MixConfig,
    /// How training samples are cut out.
    pub plan: PlanConfig,
    /// How prompts are drawn.
    pub prompts: PromptConfig,
}

impl DataFile {
    /// Returns a data file with one training set from two folders. An image and its mask have the same
    /// file stem.
    pub fn from_folders(images: impl Into<PathBuf>, masks: impl Into<PathBuf>) -> DataFile {
        let (images, masks) = (images.into(), masks.into());
        // "leaves/images" and "leaves/masks" are the set "leaves".
        let shared = images.parent().filter(|parent| masks.parent() == Some(parent));
        let named = shared.and_then(Path::file_name).or(images.file_name());
        let name = named.map_or("images".into(), |name| name.to_string_lossy().into_owned());
        DataFile { train: vec![SetSpec::pairs(name, images, masks)], ..DataFile::default() }
    }

    /// Reads a data file. Relative paths in it are relative to its folder.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or is not TOML, an unknown key (the error suggests the nearest known
    /// one), and a value that is not possible. Folders are not checked before a set is
    /// [opened](SetSpec::open).
    pub fn read(path: &Path) -> Result<DataFile> {
        let text = read_text(path, LARGEST_SETTINGS)
            .map_err(|source| Error::Read { file: path.into(), source })?;
        let mut data = DataFile::parse(&text, path)?;
        let folder = std::path::absolute(path)
            .map_err(|source| Error::Read { file: path.into(), source })?;
        data.rebase(folder.parent().unwrap_or(Path::new("")));
        Ok(data)
    }

    /// Takes relative paths and patterns of the sets relative to `folder`.
    pub fn rebase(&mut self, folder: &Path) {
        for set in self.train.iter_mut().chain(&mut self.valid).chain(&mut self.other) {
            let (paths, patterns) = set.kind.places_mut();
            for path in paths.into_iter().filter(|path| !path.as_os_str().is_empty()) {
                *path = folder.join(&*path);
            }
            for pattern in patterns.into_iter().flat_map(|patterns| &mut patterns.0) {
                *pattern = pattern::relative_to(folder, pattern);
            }
        }
    }

    /// Takes from `moved` where the data lie now; everything else stays. The sets of `moved` are found by their
    /// names; a single one is where all sets lie that lay in one place before. Sets of `moved` that are not needed are passed
    /// over, and `[[other]]` sets that it does not have stay where they are.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] for a set that `moved` does not have, or has as another kind.
    pub fn take_places(&mut self, moved: &DataFile) -> Result<()> {
        let sets: Vec<&SetSpec> =
            moved.train.iter().chain(&moved.valid).chain(&moved.other).collect();
        let lie = |set: &SetSpec| {
            let mut kind = set.kind.clone();
            let (paths, patterns) = kind.places_mut();
            let paths: Vec<PathBuf> = paths.into_iter().map(|path| path.clone()).collect();
            (paths, patterns.map(|patterns| patterns.0.clone()))
        };
        let mut places = self.train.iter().chain(&self.valid).map(lie);
        let first = places.next();
        let together = places.all(|place| Some(place) == first);
        drop(places);
        let needed = self.train.iter_mut().chain(&mut self.valid).map(|set| (set, true));
        for (set, needed) in needed.chain(self.other.iter_mut().map(|set| (set, false))) {
            let found = match sets[..] {
                [single] if together && needed => Some(single),
                _ => sets.iter().copied().find(|other| other.name == set.name),
            };
            if found.is_none() && !needed {
                continue;
            }
            let wrong = |found: String| Error::Setting {
                key: format!("the place of set {}", set.name),
                expected: format!("a set of kind {} of that name", set.kind.name()),
                found,
            };
            let found = found.ok_or_else(|| wrong("none".into()))?;
            if found.kind.name() != set.kind.name() {
                return Err(wrong(format!("kind {}", found.kind.name())));
            }
            let mut kind = found.kind.clone();
            let ((new, new_patterns), (old, old_patterns)) =
                (kind.places_mut(), set.kind.places_mut());
            for (old, new) in old.into_iter().zip(new) {
                *old = std::mem::take(new);
            }
            if let (Some(old), Some(new)) = (old_patterns, new_patterns) {
                *old = std::mem::take(new);
            }
        }
        Ok(())
    }

    /// The files and folders that the sets name; not those that patterns stand for.
    pub fn places(&self) -> Vec<PathBuf> {
        let sets = self.train.iter().chain(&self.valid).chain(&self.other);
        let mut sets: Vec<SetSpec> = sets.cloned().collect();
        let places = sets.iter_mut().flat_map(|set| set.kind.places_mut().0);
        places.filter(|path| !path.as_os_str().is_empty()).map(|path| path.clone()).collect()
    }

    /// The folder of the data that a path lies in, which may not be there itself; none where it lies outside of all.
    pub fn place_around(&self, path: &Path) -> Option<PathBuf> {
        let path = std::path::absolute(path).ok()?;
        let there = path.ancestors().find_map(|folder| folder.canonicalize().ok())?;
        let places = self.places().into_iter().filter_map(|place| place.canonicalize().ok());
        places.filter(|place| place.is_dir()).find(|place| there.starts_with(place))
    }

    /// Parses the text of a data file. Errors name `path`. Relative paths stay as they are.
    pub fn parse(text: &str, path: &Path) -> Result<DataFile> {
        check(text, path, names_of::<DataFile>())?;
        let data: DataFile = toml::from_str(text).map_err(|error| Error::DataFile {
            file: path.into(),
            message: error.to_string().trim_end().into(),
        })?;
        data.validate().map_err(|error| error.in_file(path))?;
        Ok(data)
    }

    /// Checks that there is a set, that the names in each list differ, and that all settings are
    /// possible.
    pub fn validate(&self) -> Result<()> {
        if self.train.is_empty() && self.valid.is_empty() && self.other.is_empty() {
            return Err(Error::Setting {
                key: "data".into(),
                expected: "at least one [[train]] or [[valid]] set".into(),
                found: "none".into(),
            });
        }
        for (list, sets) in [("train", &self.train), ("valid", &self.valid), ("other", &self.other)]
        {
            for (at, set) in sets.iter().enumerate() {
                let same = |other: &SetSpec| other.name == set.name;
                // Both are evaluated side by side.
                let twice =
                    sets[..at].iter().any(same) || list == "other" && self.valid.iter().any(same);
                if twice || set.name.is_empty() {
                    return Err(Error::Setting {
                        key: format!("name of [[{list}]] set {}", at + 1),
                        expected: "a name that no other set of the list has".into(),
                        found: format!("\"{}\"", set.name),
                    });
                }
                set.validate()?;
            }
        }
        self.validate_weights()?;
        self.plan.validate_settings()?;
        self.prompts.validate()
    }

    /// Refuses weights that make no sense, two kinds of weights at once, and weights of validation sets, whose
    /// every record is evaluated once.
    fn validate_weights(&self) -> Result<()> {
        self.mix.validate()?;
        let refuse = |key: String, expected: &str, found: String| {
            Err(Error::Setting { key, expected: expected.into(), found })
        };
        for set in &self.train {
            let Some(repeat) = set.repeat else { continue };
            validate_repeat(&set.name, repeat)?;
            if self.mix.temperature != 1.0 {
                return refuse(
                    "mix.temperature".into(),
                    "either a temperature or `repeat` in sets",
                    format!("{} and repeat = {repeat} of set {}", self.mix.temperature, set.name),
                );
            }
        }
        let evaluated = [("valid", &self.valid), ("other", &self.other)];
        let sets =
            evaluated.iter().flat_map(|(list, sets)| sets.iter().map(move |set| (list, set)));
        match sets.filter_map(|(list, set)| Some((list, &set.name, set.repeat?))).next() {
            None => Ok(()),
            Some((list, name, repeat)) => refuse(
                format!("repeat of [[{list}]] set {name}"),
                "none: every record of a validation set is evaluated once",
                repeat.to_string(),
            ),
        }
    }

    /// Returns how samples are made for a model with an input of `size` x `size` pixels and mask prompts
    /// of `mask_size` x `mask_size` pixels.
    pub fn sample_config(&self, size: usize, mask_size: usize) -> SampleConfig {
        SampleConfig {
            plan: PlanConfig { size, ..self.plan.clone() },
            prompts: PromptConfig { mask_size, ..self.prompts.clone() },
            ..SampleConfig::default()
        }
    }

    /// Opens all training sets.
    pub fn open_train(&self, context: &OpenContext<'_>) -> Result<Vec<Arc<dyn Source>>> {
        self.train.iter().map(|set| set.open(context)).collect()
    }

    /// Opens all training sets, weighted by their `repeat` or by `[mix]`.
    pub fn train_mix(&self, context: &OpenContext<'_>) -> Result<Mix> {
        let sets = self.open_train(context)?;
        if self.train.iter().all(|set| set.repeat.is_none()) {
            return Mix::tempered(sets, self.mix.temperature);
        }
        let repeats = self.train.iter().map(|set| set.repeat.unwrap_or(1.0));
        Mix::repeated(sets.into_iter().zip(repeats).collect())
    }

    /// Opens all validation sets.
    pub fn open_valid(&self, context: &OpenContext<'_>) -> Result<Vec<Arc<dyn Source>>> {
        self.valid.iter().map(|set| set.open(context)).collect()
    }

    /// Opens all other sets.
    pub fn open_other(&self, context: &OpenContext<'_>) -> Result<Vec<Arc<dyn Source>>> {
        self.other.iter().map(|set| set.open(context)).collect()
    }

    /// Writes the ranges of numbers that opened sets are seen in into the sets that say `"auto"`, so that a run that is resumed
    /// has the same, whatever became of the data. The sources are those of [`open_train`](DataFile::open_train) and
    /// [`open_valid`](DataFile::open_valid).
    pub fn settle_ranges<'a>(&mut self, sources: impl IntoIterator<Item = &'a Arc<dyn Source>>) {
        let sets = self.train.iter_mut().chain(&mut self.valid);
        for (set, source) in sets.zip(sources) {
            if let (Some(ValueRangeKey::Auto(_)), Some(range)) =
                (set.value_range, source.value_range())
            {
                set.value_range = Some(ValueRangeKey::Range(range));
            }
        }
    }

    /// Returns the data file as TOML, with the values of all settings, defaults included. Reading it
    /// gives the same data file.
    ///
    /// # Errors
    ///
    /// A path that is not Unicode text, which TOML cannot hold.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| Error::Setting {
            key: "data".into(),
            expected: "settings that TOML can hold".into(),
            found: error.to_string(),
        })
    }
}
