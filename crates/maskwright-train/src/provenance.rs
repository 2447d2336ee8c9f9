//! How a run's model was trained, for the metadata of its checkpoints.

use std::sync::Arc;

use maskwright_data::prompt::PromptConfig;
use maskwright_data::source::Source;
use maskwright_model::{ImageSketch, Training};

use crate::config::TrainConfig;
use crate::error::{Error, Result};
use crate::run_files::CONFIG;

/// The program and its version.
pub const PROGRAM: &str = concat!("maskwright ", env!("CARGO_PKG_VERSION"));

/// What is said of a model that learns from `train` with these settings, beginning with the checkpoint of this SHA-256.
pub(crate) fn of(
    config: &TrainConfig,
    train: &[Arc<dyn Source>],
    began_with: Option<String>,
) -> Result<Training> {
    Ok(Training {
        program: PROGRAM.to_owned(),
        began_with,
        settings: settings(config)?,
        images: sketch(train)?,
    })
}

/// The images of some sets, as far as they are files of their own.
fn sketch(sets: &[Arc<dyn Source>]) -> Result<ImageSketch> {
    let records = sets.iter().flat_map(|set| (0..set.len()).map(move |index| (set, index)));
    let mut failed = None;
    let names = records.map_while(|(set, index)| {
        image_name(&**set, index).map_err(|error| failed = Some(error)).ok()
    });
    let sketch = ImageSketch::of(names, |place| {
        let mut index = place;
        for set in sets {
            if index < set.len() {
                return length(&**set, index);
            }
            index -= set.len();
        }
        None
    });
    failed.map_or(Ok(sketch), Err)
}

/// Returns which share of a set's records have images that are in the sketch, in `[0, 1]`; `None` where that cannot be told.
///
/// # Errors
/// The error of the first record that cannot be read.
pub fn share_of(sketch: &ImageSketch, set: &dyn Source) -> Result<Option<f64>> {
    let mut failed = None;
    let names = (0..set.len())
        .map_while(|index| image_name(set, index).map_err(|error| failed = Some(error)).ok());
    let share = sketch.share_of(names, |index| length(set, index));
    failed.map_or(Ok(share), Err)
}

/// How many points on an object the prompts of a training had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointPrompts {
    /// The fewest; none where no prompt had any.
    pub least: Option<usize>,
    /// Whether SAM's own masks learnt from them, and not the HQ mask alone.
    pub of_sam: bool,
}

impl PointPrompts {
    /// Whether some prompts were a single point.
    pub fn are_single(&self) -> bool {
        self.least == Some(1)
    }
}

/// What is known of the points that a model was trained on; `None` where its record does not say it.
pub fn point_prompts(training: &Training) -> Option<PointPrompts> {
    let settings: toml::Table = training.settings.parse().ok()?;
    let prompts: PromptConfig = settings.get("data")?.get("prompts")?.clone().try_into().ok()?;
    let learns = settings.get("train")?.get("learns")?.as_str();
    let drawn = prompts.kinds.points > 0.0 || prompts.also_probability > 0.0;
    Some(PointPrompts {
        least: drawn.then(|| prompts.min_points.unwrap_or(prompts.points)),
        of_sam: learns != Some("hq"),
    })
}

/// The bytes of a record's image, if it is a file of its own.
fn length(set: &dyn Source, index: usize) -> Option<u64> {
    let file = set.record(index).ok()?.image.metadata().ok()?;
    file.is_file().then_some(file.len())
}

/// The name of a record's image in its set.
fn image_name(set: &dyn Source, index: usize) -> Result<String> {
    let (_, name) = set.identity(&index.into())?;
    // Behind it may stand which of the image's objects the record is.
    Ok(name.split_once('#').map_or(name.as_str(), |(image, _)| image).to_owned())
}

/// The settings without the places of data and files, which are nobody else's business, and where they lie today.
fn settings(config: &TrainConfig) -> Result<String> {
    let mut public = config.clone();
    let name = |file: &mut std::path::PathBuf| {
        *file = file.file_name().unwrap_or_default().into();
    };
    public.model.checkpoint.iter_mut().for_each(name);
    public.model.restore_model.iter_mut().for_each(name);
    let mut whole = public.table()?;
    whole.remove("output");
    // Nor those that change no weight: the same run leaves the same file.
    whole.remove("checkpoints");
    let idle = ["workers", "prefetch_bytes", "decode_memory"];
    for (section, keys) in
        [("compute", &idle[..]), ("cache", &["folder"]), ("train", &["log_every_steps"])]
    {
        if let Some(toml::Value::Table(section)) = whole.get_mut(section) {
            keys.iter().for_each(|key| drop(section.remove(*key)));
        }
    }
    if let Some(toml::Value::Table(data)) = whole.get_mut("data") {
        for list in ["train", "valid", "other"] {
            data.remove(list);
        }
    }
    toml::to_string(&whole).map_err(Error::no_toml(&config.output.join(CONFIG)))
}

#[cfg(test)]
mod tests {
    use maskwright_data::source::DataFile;

    use super::*;

    #[test]
    fn points_of_a_training_are_known() {
        let of = |change: &dyn Fn(&mut TrainConfig)| {
            let data = DataFile::from_folders("photos", "masks");
            let mut config = TrainConfig::new(data, "run".into());
            change(&mut config);
            let settings = settings(&config).expect("settings");
            let images = ImageSketch::of(std::iter::empty::<String>(), |_| None);
            point_prompts(&Training { program: PROGRAM.into(), began_with: None, settings, images })
                .map(|found| (found.least, found.of_sam))
        };
        assert_eq!(of(&|_| {}), Some((Some(10), false)));
        let all = of(&|config| {
            config.train.learns = maskwright_model::Trainable::All;
            config.data.prompts.min_points = Some(1);
        });
        assert_eq!(all, Some((Some(1), true)));
        let boxes = of(&|config| config.data.prompts.kinds.points = 0.0);
        assert_eq!(boxes, Some((None, false)));
    }

    #[test]
    fn settings_name_no_place() {
        let data = DataFile::from_folders("/secret/photos", "/secret/masks");
        let mut config = TrainConfig::new(data, "/secret/run".into());
        config.model.checkpoint = Some("/secret/sam_vit_b.pth".into());
        config.train.epochs = 7;
        let text = settings(&config).expect("settings");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("checkpoint = \"sam_vit_b.pth\""), "{text}");
        assert!(text.contains("epochs = 7"), "{text}");
    }
}
