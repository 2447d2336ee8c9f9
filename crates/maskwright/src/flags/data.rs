//! Which data: a folder pair, an annotation file, SA-1B, a folder of an annotation tool, a data file, or HQSeg-44K.

use std::path::{Path, PathBuf};

use clap::Args;
use maskwright_data::plan::Decode;
use maskwright_data::source::{
    CocoKeys, DataFile, Extensions, MaskContents, Objects, PairsKeys, SetKind, SetSpec, Unmatched,
    ValueRangeKey, hqsam_datasets, hqseg44k, hqseg44k_available, hqseg44k_left_out, hqseg44k_names,
    yolo_sets as yolo,
};

use crate::command_line::quoted;
use crate::exit::Usage;
use crate::flags::folder::sets_of;
use crate::flags::named::named;
use crate::flags::set::{Setting, Settings};
use crate::targets::Inputs;
use crate::tell;

/// The ways to say where data are.
pub(crate) const WAYS: [&str; 7] =
    ["images", "sa1b", "labelme", "yolo", "data", "hqseg44k", "hqsam_datasets"];

/// Whether a flag says where data are, or part of it.
pub(crate) fn says_where(flag: &str) -> bool {
    WAYS.contains(&flag) || ["folder", "masks", "coco"].contains(&flag)
}

/// Where the images and masks are. Exactly one of the ways is given.
#[derive(Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataFlags {
    /// Folder of images; a mask of the same file stem is looked for in --masks, or the
    /// annotations in --coco
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,

    /// Folder of masks: bright (above 128) is the object
    #[arg(long, value_name = "DIR", requires = "images", conflicts_with = "coco")]
    masks: Option<PathBuf>,

    /// Annotations of --images: an instances file of COCO or LVIS
    #[arg(long, value_name = "JSON", requires = "images")]
    coco: Option<PathBuf>,

    /// Of COCO, take annotations of crowds (iscrowd: 1), too; brush tools write every mask as one
    #[arg(long, conflicts_with_all = ["data", "hqseg44k"])]
    crowds: bool,

    /// Folder with SA-1B's images and annotation files, or its tar files: sa_{000000..000049}.tar
    #[arg(long, value_name = "PLACE", conflicts_with_all = ["images", "data", "hqseg44k"])]
    sa1b: Option<PathBuf>,

    /// Folder of Labelme: an annotation file beside each image
    #[arg(long, value_name = "DIR", conflicts_with_all = ["images", "sa1b", "data", "hqseg44k"])]
    labelme: Option<PathBuf>,

    /// YOLO segmentation: data.yaml, whose `val` validates, or the folder of images that have label files
    #[arg(
        long,
        value_name = "PLACE",
        conflicts_with_all = ["images", "sa1b", "labelme", "data", "hqseg44k"]
    )]
    yolo: Option<PathBuf>,

    /// Endings of the images of a folder with masks, such as jpg,png
    #[arg(
        long,
        value_name = "EXT,...",
        value_delimiter = ',',
        conflicts_with_all = ["data", "hqseg44k"]
    )]
    image_ext: Vec<String>,

    /// Endings of the masks
    #[arg(
        long,
        value_name = "EXT,...",
        value_delimiter = ',',
        conflicts_with_all = ["data", "hqseg44k"]
    )]
    mask_ext: Vec<String>,

    /// What a mask's stem has more than its image's, such as _mask
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["data", "hqseg44k"])]
    mask_suffix: Option<String>,

    /// How many objects a mask file shows: one, one for each number (instances), or one for
    /// each connected piece (components)
    #[arg(
        long,
        value_name = "KIND",
        value_parser = named::<MaskContents>(),
        conflicts_with_all = ["data", "hqseg44k"]
    )]
    mask_kind: Option<MaskContents>,

    /// Numbers in mask files whose pixels shall not count, neither as object nor as background,
    /// such as 255
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        conflicts_with_all = ["data", "hqseg44k"]
    )]
    ignore_values: Vec<u16>,

    /// How many records an image with several objects makes: one, of which every epoch shows
    /// another object, all, one for each object, or a number
    #[arg(long, value_name = "one|all|N", conflicts_with_all = ["data", "hqseg44k"])]
    objects: Option<Objects>,

    /// Least pixels of an object, where images have several
    #[arg(long, value_name = "PIXELS", conflicts_with_all = ["data", "hqseg44k"])]
    min_area: Option<f64>,

    /// Numbers of images of more than 8 bits that are black and white, such as 0,4095 for cameras of
    /// 12 bits; or auto: the 0.1th and 99.9th percentile of a sample of each set
    #[arg(
        long,
        value_name = "LOW,HIGH|auto",
        allow_hyphen_values = true,
        conflicts_with_all = ["data", "hqseg44k"]
    )]
    value_range: Option<ValueRangeKey>,

    /// Data file (TOML) with [[train]] and [[valid]] sets, see docs/data-file.md
    #[arg(long, value_name = "FILE", conflicts_with_all = ["images", "hqseg44k"])]
    data: Option<PathBuf>,

    /// Root of HQSeg-44K in its official layout; HQ-SAM's split
    #[arg(long, value_name = "ROOT", conflicts_with = "images")]
    hqseg44k: Option<PathBuf>,

    /// HQ-SAM's dictionaries of im_dir and gt_dir: its train.py, or JSON
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["images", "sa1b", "labelme", "yolo", "data", "hqseg44k"]
    )]
    hqsam_datasets: Option<PathBuf>,

    /// With --hqseg44k: use the sub-sets that are there, say which are not
    #[arg(long, requires = "hqseg44k")]
    partial: bool,

    /// Leave out images without a mask, masks without an image, annotations without an image and
    /// damaged annotation files, counted, instead of an error
    #[arg(long, conflicts_with_all = ["data", "hqseg44k"])]
    skip_unmatched: bool,

    /// Large scale jitter: least side of the scaled image, as a share of the input; 0.1 if not given
    #[arg(long, value_name = "FACTOR")]
    scale_min: Option<f64>,

    /// Largest side of the scaled image; 2 if not given
    #[arg(long, value_name = "FACTOR")]
    scale_max: Option<f64>,

    /// How often a view is mirrored, 0 to 1; 0.5 if not given
    #[arg(long, value_name = "SHARE")]
    flip_probability: Option<f64>,

    /// How JPEG is decoded: exact (default), or scaled: faster where a view shrinks an image by
    /// two or more, and inexact, pixels change by a level or two on average
    #[arg(long, value_name = "HOW", value_parser = named::<Decode>())]
    decode: Option<Decode>,

    /// Any setting of a data file by its key, such as plan.scale_min=0.5, prompts.points=5, a key for all sets
    /// (mask_channel=red) or for one (leaves.repeat=2), and of a training any of its config.toml (validation.limit=20).
    /// Can be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<Setting>,

    /// Refuse images and masks that are damaged but decodable, instead of a warning
    #[arg(long)]
    pub(crate) strict: bool,
}

impl DataFlags {
    /// The sets; of a folder pair, `hold_out` per cent validate and the others train
    /// (0: all train, 100: all validate).
    pub(crate) fn resolve(&self, hold_out: f64) -> anyhow::Result<DataFile> {
        self.set().check_no_run()?;
        self.resolve_with(None, hold_out)
    }

    /// As [`resolve`](DataFlags::resolve); a folder that is given without a flag is looked at.
    pub(crate) fn resolve_with(
        &self,
        folder: Option<&Path>,
        hold_out: f64,
    ) -> anyhow::Result<DataFile> {
        let then = ("train", "training on it");
        let data = match folder {
            Some(folder) => self.held_out(sets_of(folder, then)?, hold_out)?,
            None => self.sets(hold_out)?,
        };
        self.planned(data)
    }

    /// Where the data of a run lie now. Which sets there are and how they are read the run says itself: of HQSeg-44K any part
    /// will do.
    pub(crate) fn moved(&self, folder: Option<&Path>) -> anyhow::Result<DataFile> {
        match (folder, &self.hqseg44k) {
            (Some(folder), _) => sets_of(folder, ("train", "its sets are looked for there")),
            (None, Some(root)) => {
                Ok(hqseg44k_available(root).map_err(maskwright_train::Error::from)?.0)
            }
            (None, None) => self.sets(0.0),
        }
    }

    /// Sets that are known already, with the flags that are for all of them.
    pub(crate) fn of_sets(&self, data: DataFile) -> anyhow::Result<DataFile> {
        self.set().check_no_run()?;
        self.planned(self.held_out(data, 0.0)?)
    }

    /// What is set by its keys.
    pub(crate) fn set(&self) -> Settings<'_> {
        Settings(&self.settings)
    }

    /// Data with what is set for all sets.
    pub(crate) fn planned(&self, mut data: DataFile) -> anyhow::Result<DataFile> {
        data.plan.decode = self.decode.unwrap_or(data.plan.decode);
        data.plan.strict |= self.strict;
        data.plan.scale_min = self.scale_min.unwrap_or(data.plan.scale_min);
        data.plan.scale_max = self.scale_max.unwrap_or(data.plan.scale_max);
        data.plan.flip_probability = self.flip_probability.unwrap_or(data.plan.flip_probability);
        Ok(self.set().of_data(data)?)
    }

    /// Whether a flag says where data are.
    pub(crate) fn says_where(&self) -> bool {
        let paths = [
            &self.images,
            &self.sa1b,
            &self.labelme,
            &self.yolo,
            &self.data,
            &self.hqseg44k,
            &self.hqsam_datasets,
        ];
        paths.into_iter().any(Option::is_some)
    }

    /// How the doctor is told of the same data, where it takes them.
    pub(crate) fn doctors_words(&self, folder: Option<&Path>) -> Option<String> {
        let pair = |(images, masks): (&PathBuf, &PathBuf)| {
            let suffix = self.mask_suffix.as_ref().map(|suffix| format!(" --mask-suffix={suffix}"));
            format!(
                "--images {} --masks {}{}",
                quoted(images),
                quoted(masks),
                suffix.unwrap_or_default()
            )
        };
        let alone = [folder, self.data.as_deref(), self.labelme.as_deref(), self.sa1b.as_deref()];
        let alone = alone.into_iter().flatten().next().map(quoted);
        alone.or_else(|| self.images.as_ref().zip(self.masks.as_ref()).map(pair))
    }

    /// The folder of images that is given without masks or annotations.
    pub(crate) fn images_alone(&self) -> Option<&Path> {
        self.images.as_deref().filter(|_| self.masks.as_ref().or(self.coco.as_ref()).is_none())
    }

    /// The data file, where one says what the data are.
    pub(crate) fn data_file(&self) -> Option<&Path> {
        self.data.as_deref()
    }

    /// Whether a data file or a layout with settings of its own says how sets are read.
    pub(crate) fn has_settings(&self) -> bool {
        self.data.is_some() || self.hqseg44k.is_some()
    }

    /// The file that says what the data are, where there is one.
    pub(crate) fn reads(&self) -> Inputs {
        Inputs::files(self.data.as_deref())
    }

    fn sets(&self, hold_out: f64) -> anyhow::Result<DataFile> {
        if let Some(file) = &self.data {
            return Ok(DataFile::read(file).map_err(maskwright_train::Error::from)?);
        }
        if let Some(root) = &self.hqseg44k {
            if !self.partial {
                return Ok(hqseg44k(root).map_err(maskwright_train::Error::from)?);
            }
            let (data, _) = hqseg44k_available(root).map_err(maskwright_train::Error::from)?;
            let missing = hqseg44k_left_out(&data);
            if !missing.is_empty() {
                tell::note(format_args!("HQSeg-44K in part: without {}", missing.join(", ")));
            }
            return Ok(data);
        }
        if let Some(file) = &self.hqsam_datasets {
            let data = hqsam_datasets(file).map_err(maskwright_train::Error::from)?;
            return self.held_out(data, hold_out);
        }
        if let Some(folder) = &self.labelme {
            let train = vec![SetSpec::labelme(name_of(folder), folder)];
            return self.held_out(DataFile { train, ..DataFile::default() }, hold_out);
        }
        if let Some(place) = &self.yolo {
            let data = yolo(&name_of(place), place).map_err(maskwright_train::Error::from)?;
            return self.held_out(data, hold_out);
        }
        let set = match (&self.images, &self.masks, &self.coco, &self.sa1b) {
            (Some(images), Some(masks), None, None) => {
                let keys = PairsKeys {
                    images: images.clone(),
                    masks: masks.clone(),
                    ..PairsKeys::default()
                };
                SetSpec::new(name_of(images), SetKind::Pairs(keys))
            }
            (Some(images), None, Some(annotations), None) => {
                let keys = CocoKeys {
                    annotations: annotations.clone(),
                    images: images.clone(),
                    ..CocoKeys::default()
                };
                SetSpec::new(name_of(images), SetKind::Coco(keys))
            }
            (None, None, None, Some(place)) => SetSpec::sa1b(name_of(place), place),
            _ => {
                return Err(Usage(
                    "no data: give --images DIR with --masks DIR or --coco JSON, --sa1b PLACE, \
                     --labelme DIR, --yolo PLACE, --data FILE, --hqseg44k ROOT, or --hqsam-datasets FILE"
                        .into(),
                )
                .into());
            }
        };
        self.held_out(DataFile { train: vec![set], ..DataFile::default() }, hold_out)
    }

    /// Sets with the flags that are for all of them. Where nothing validates, a share of each does.
    fn held_out(&self, data: DataFile, hold_out: f64) -> anyhow::Result<DataFile> {
        let DataFile { mut train, mut valid, .. } = data;
        if self.skip_unmatched {
            train.iter_mut().chain(&mut valid).for_each(|set| set.unmatched = Unmatched::Skip);
        }
        for set in train.iter_mut().chain(&mut valid) {
            set.value_range = self.value_range.or(set.value_range);
            self.read_masks(set)?;
            self.choose_objects(set)?;
        }
        if !valid.is_empty() {
            return Ok(DataFile { train, valid, ..DataFile::default() });
        }
        let mut data = DataFile::default();
        for set in train {
            let parts = held_out(set, hold_out)?;
            data.train.extend(parts.train);
            data.valid.extend(parts.valid);
        }
        Ok(data)
    }
}

impl DataFlags {
    /// How annotations and mask files are read.
    fn read_masks(&self, set: &mut SetSpec) -> Result<(), Usage> {
        let kind = set.kind.name();
        let refuse = |flag: &str, expected: &str| {
            Err(Usage(format!("{flag}: expected {expected}, found a set of kind \"{kind}\"")))
        };
        match &mut set.kind {
            SetKind::Coco(keys) | SetKind::Lvis(keys) => keys.crowds |= self.crowds,
            _ if self.crowds => return refuse("--crowds", "annotations of COCO"),
            _ => {}
        }
        match &mut set.kind {
            SetKind::Pairs(keys) => {
                let PairsKeys { mask_files, image_ext, mask_ext, mask_suffix, .. } = keys;
                mask_files.mask_kind = self.mask_kind.unwrap_or(mask_files.mask_kind);
                mask_files.ignore_values.extend(&self.ignore_values);
                *image_ext = extensions(&self.image_ext).or(image_ext.take());
                *mask_ext = extensions(&self.mask_ext).or(mask_ext.take());
                if let Some(suffix) = &self.mask_suffix {
                    mask_suffix.clone_from(suffix);
                }
            }
            _ => {
                let given = [
                    ("--mask-kind", self.mask_kind.is_some()),
                    ("--ignore-values", !self.ignore_values.is_empty()),
                    ("--image-ext", !self.image_ext.is_empty()),
                    ("--mask-ext", !self.mask_ext.is_empty()),
                    ("--mask-suffix", self.mask_suffix.is_some()),
                ];
                if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) {
                    return refuse(flag, "mask files");
                }
            }
        }
        Ok(())
    }

    /// Which objects are taken, where images have several.
    fn choose_objects(&self, set: &mut SetSpec) -> Result<(), Usage> {
        let given =
            [("--objects", self.objects.is_some()), ("--min-area", self.min_area.is_some())];
        let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) else { return Ok(()) };
        let Some(keys) = set.kind.taken_mut() else {
            return Err(Usage(format!(
                "{flag}: expected images with several objects (--coco, --sa1b, --labelme, --yolo, or --mask-kind \
                 instances or components), found masks of one object"
            )));
        };
        keys.objects = self.objects.unwrap_or(keys.objects);
        keys.min_area = self.min_area.or(keys.min_area);
        Ok(())
    }
}

/// The flags that say where such data lie.
pub(crate) fn place_of(data: &DataFile) -> &'static str {
    let sets = || data.train.iter().chain(&data.valid);
    if sets().all(|set| hqseg44k_names().any(|name| name == set.name)) {
        return "--hqseg44k ROOT";
    }
    let of = |set: &SetSpec| match &set.kind {
        SetKind::Pairs(_) => Some("--images DIR --masks DIR"),
        SetKind::Coco(_) | SetKind::Lvis(_) => Some("--images DIR --coco JSON"),
        SetKind::Labelme(_) => Some("--labelme DIR"),
        SetKind::Yolo(_) => Some("--yolo PLACE"),
        SetKind::Sa1b(_) => Some("--sa1b PLACE"),
        _ => None,
    };
    let places = |set: &SetSpec| {
        let alone = DataFile { train: vec![set.clone()], ..DataFile::default() };
        alone.places()
    };
    let mut all = sets().map(|set| (of(set), places(set)));
    match all.next() {
        Some((Some(flags), places)) if all.all(|other| other == (Some(flags), places.clone())) => {
            flags
        }
        _ => "--data FILE, with sets of the same names",
    }
}

/// The last part of a path, as the name of a set; of a pattern for many files, their folder's.
fn name_of(path: &Path) -> String {
    let many = path.to_string_lossy().contains(['{', '*', '?', '[']);
    let named = if many { path.parent().and_then(Path::file_name) } else { path.file_name() };
    let name = named.map_or_else(|| "images".into(), |name| name.to_string_lossy());
    name.strip_suffix(".tar").unwrap_or(&name).to_owned()
}

/// One set in two parts: `hold_out` per cent to validate, the others to train.
fn held_out(whole: SetSpec, hold_out: f64) -> anyhow::Result<DataFile> {
    if !(0.0..=100.0).contains(&hold_out) {
        return Err(Usage(format!(
            "--hold-out: expected a percentage from 0 to 100, found {hold_out}"
        ))
        .into());
    }
    let set = |name: String, part: Option<String>| -> anyhow::Result<SetSpec> {
        let part =
            part.map(|part| part.parse()).transpose().map_err(maskwright_train::Error::from)?;
        Ok(SetSpec { name, part, ..whole.clone() })
    };
    let name = whole.name.clone();
    let mut data = DataFile::default();
    let share = 100.0 - hold_out;
    if hold_out == 0.0 {
        data.train.push(set(name, None)?);
    } else if share == 0.0 {
        data.valid.push(set(name, None)?);
    } else {
        data.train.push(set(name.clone(), Some(format!("{share}%")))?);
        let rest = format!("rest of {share}%");
        data.valid.push(set(format!("{name} (held out)"), Some(rest))?);
    }
    Ok(data)
}

fn extensions(given: &[String]) -> Option<Extensions> {
    (!given.is_empty()).then(|| given.iter().collect())
}
