//! What an epoch shows of an image: its views, its objects, the clicks that correct a prediction.

use std::path::PathBuf;

use clap::Args;
use maskwright_train::TrainConfig;
use maskwright_train::features::FeatureType;

use super::named::named;

/// The flags of views, objects and corrections; docs/training.md explains them.
#[derive(Args)]
#[command(next_help_heading = "Objects, clicks and views")]
pub(crate) struct ViewFlags {
    /// Objects of an image that are drawn for a step, all if it has fewer; the image is encoded once for them
    #[arg(long, value_name = "N", default_value_t = 1)]
    objects_per_image: usize,

    /// Objects that are decoded at a time, which bounds the memory; 0 for all of a batch
    #[arg(long, value_name = "N", default_value_t = 0)]
    objects_per_step: usize,

    /// Rounds after the first prediction, each with a click where the prediction is wrong and its logits as the
    /// mask prompt
    #[arg(long, value_name = "N", default_value_t = 0)]
    corrections: usize,

    /// Least number of points of a point prompt, which is then drawn between this and the data file's
    /// prompts.points; with 1, some prompts are ambiguous, and SAM's three masks learn
    #[arg(long, value_name = "N")]
    min_points: Option<usize>,

    /// Different views of each image, shown in turn with new prompts; 0 for a new view in every epoch
    #[arg(long, value_name = "K", default_value_t = 0)]
    views: u64,

    /// As --views, and what the frozen image encoder makes of each view is computed once and kept on disk
    #[arg(long, value_name = "K", conflicts_with = "views")]
    cache_views: Option<u64>,

    /// With --cache-views: number type of what is kept, bf16 or f32
    #[arg(
        long,
        value_name = "TYPE",
        value_parser = named::<FeatureType>(),
        default_value = "bf16",
        requires = "cache_views"
    )]
    cache_dtype: FeatureType,

    /// With --cache-views: folder for it, shared by all runs; maskwright/features in the user's folder of caches
    /// if not given
    #[arg(long, value_name = "DIR", requires = "cache_views")]
    cache: Option<PathBuf>,
}

impl ViewFlags {
    /// Sets what the flag of this id says; false if it is none of these.
    pub(crate) fn set(&self, flag: &str, config: &mut TrainConfig) -> bool {
        match flag {
            "objects_per_image" => config.train.objects_per_image = self.objects_per_image,
            "objects_per_step" => config.train.objects_per_step = self.objects_per_step,
            "corrections" => config.train.corrections = self.corrections,
            "min_points" => {
                if self.min_points.is_some() {
                    config.data.prompts.min_points = self.min_points;
                }
            }
            "views" => config.train.views = self.views,
            "cache_views" => {
                if let Some(views) = self.cache_views {
                    config.train.views = views;
                    config.cache.keep = true;
                }
            }
            "cache_dtype" => config.cache.dtype = self.cache_dtype,
            "cache" => config.cache.folder.clone_from(&self.cache),
            _ => return false,
        }
        true
    }
}

/// The ids of these flags, in the order in which they are set.
pub(crate) const VIEWS: [&str; 8] = [
    "objects_per_image",
    "objects_per_step",
    "corrections",
    "min_points",
    "views",
    "cache_views",
    "cache_dtype",
    "cache",
];
