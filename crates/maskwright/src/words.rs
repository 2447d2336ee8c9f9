//! What errors of the libraries are called on the command line.
//!
//! The libraries name a setting by its dotted key in `config.toml` and give no advice about flags;
//! here a key becomes the flag that sets it, and each failure gets the sentence that says what to
//! type.

use std::error::Error as StdError;

use maskwright_train as train;
use {maskwright_data as data, maskwright_doctor as doctor};
use {maskwright_model as model, maskwright_predict as predict};
use {maskwright_prep as prep, maskwright_report as report, maskwright_studio as studio};

/// The flag that sets a configuration key, or a setting of a library that stands in no file.
const FLAGS: &[(&str, &str)] = &[
    ("batch.format", "--format"),
    ("box_nms_thresh", "--box-nms-thresh"),
    ("cache.folder", "--cache"),
    ("cache.keep", "--cache-views"),
    ("checkpoints.best_by", "--best-by"),
    ("checkpoints.every_epochs", "--model-save-fre"),
    ("checkpoints.keep", "--keep"),
    ("checkpoints.state_every_steps", "--save-every"),
    ("clicks.jitter", "--click-jitter"),
    ("clicks.masks", "--click-masks"),
    ("clicks.most", "--clicks"),
    ("clicks.thresholds", "--click-iou"),
    ("compute.allow_tf32", "--allow-tf32"),
    ("compute.decode_memory", "--decode-memory"),
    ("compute.device", "--device"),
    ("compute.precision", "--precision"),
    ("compute.prefetch_bytes", "--prefetch-bytes"),
    ("compute.workers", "--workers"),
    ("convert.kind", "--kind"),
    ("convert.multimask", "--multimask"),
    ("convert.to", "--to"),
    ("crop_n_layers", "--crop-n-layers"),
    ("crop_n_points_downscale_factor", "--crop-n-points-downscale-factor"),
    ("crop_nms_thresh", "--crop-nms-thresh"),
    ("crop_overlap_ratio", "--crop-overlap-ratio"),
    ("data.prompts.kinds", "--prompts"),
    ("jpeg_quality", "--jpeg-quality"),
    ("loader.batch_size", "--batch-size-train"),
    ("loader.workers", "--workers"),
    ("longest_side", "--longest-side"),
    ("min_mask_region_area", "--min-mask-region-area"),
    ("model.checkpoint", "--checkpoint"),
    ("model.config", "--model-config"),
    ("model.input_size", "--input-size"),
    ("model.model_type", "--model-type"),
    ("model.restore_model", "--restore-model"),
    ("objects_per_image", "--objects-per-image"),
    ("optimizer.clip_norm", "--clip-norm"),
    ("optimizer.kind", "--optimizer"),
    ("optimizer.layer_decay", "--layer-decay"),
    ("optimizer.learning_rate", "--learning-rate"),
    ("optimizer.weight_decay", "--weight-decay"),
    ("plan.size", "--input-size"),
    ("points_per_batch", "--points-per-batch"),
    ("points_per_side", "--points-per-side"),
    ("pred_iou_thresh", "--pred-iou-thresh"),
    ("preview.range", "--index, --range"),
    ("preset", "--preset"),
    ("prompts.min_points", "--min-points"),
    ("records of a shard", "--per-shard"),
    ("schedule.drop_every_epochs", "--lr-drop-epoch"),
    ("schedule.kind", "--schedule"),
    ("schedule.warmup_steps", "--warmup-steps"),
    ("shard", "--shard"),
    ("shards", "--shards"),
    ("stability_score_offset", "--stability-score-offset"),
    ("stability_score_thresh", "--stability-score-thresh"),
    ("the mask to give", "--kind"),
    ("train.accumulate", "--accumulate"),
    ("train.batch_size", "--batch-size-train"),
    ("train.corrections", "--corrections"),
    ("train.ema", "--ema"),
    ("train.epochs", "--max-epoch-num"),
    ("train.first_epoch", "--start-epoch"),
    ("train.learns", "--train"),
    ("train.log_every_steps", "--log-every"),
    ("train.lora", "--lora-rank, --lora-alpha, --lora-blocks, --lora-targets"),
    ("train.lora.alpha", "--lora-alpha"),
    ("train.lora.blocks", "--lora-blocks"),
    ("train.lora.rank", "--lora-rank"),
    ("train.lora.targets", "--lora-targets"),
    ("train.loss.weights", "--loss"),
    ("train.objects_per_step", "--objects-per-step"),
    ("train.on_refusal", "--on-refusal"),
    ("train.patience", "--patience"),
    ("train.seed", "--seed"),
    ("train.views", "--views"),
    ("validation.every_epochs", "--eval-every"),
    ("validation.geometry", "--geometry"),
    ("validation.prompts", "--eval-prompts"),
];

/// The flag that sets `key`; a key without one is called as it is.
fn flag(key: &str) -> &str {
    let known = FLAGS.iter().find(|(known, _)| *known == key).map(|(_, flag)| *flag);
    // The weight of one term.
    let term = key.starts_with("train.loss.weights.").then_some("--loss");
    known.or(term).unwrap_or(key)
}

/// The flag of a key that has one.
pub(crate) fn flag_of_key(key: &str) -> Option<&'static str> {
    FLAGS.iter().find(|(known, _)| *known == key).map(|(_, flag)| *flag)
}

/// A text of a library, the keys in it called by their flags.
fn with_flags(text: &str) -> String {
    let no_key = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '/'));
    let piece = |piece: &str| {
        // A sentence may end behind a key.
        let key = piece.trim_end_matches(no_key).trim_end_matches('.');
        format!("{}{}", flag(key), &piece[key.len()..])
    };
    text.split_inclusive(no_key).map(piece).collect()
}

/// An error, or a cause of one, as the command says it.
pub(crate) fn of(error: &(dyn StdError + 'static)) -> String {
    None.or_else(|| error.downcast_ref().map(of_data))
        .or_else(|| error.downcast_ref().map(of_doctor))
        .or_else(|| error.downcast_ref().map(of_model))
        .or_else(|| error.downcast_ref().map(of_prediction))
        .or_else(|| error.downcast_ref().map(of_training))
        .or_else(|| error.downcast_ref().map(of_report))
        .or_else(|| error.downcast_ref().map(of_prep))
        .or_else(|| error.downcast_ref().map(of_studio))
        .unwrap_or_else(|| error.to_string())
}

fn setting(key: &str, expected: &str, found: &str) -> String {
    format!("{}: expected {}, found {found}", flag(key), with_flags(expected))
}

fn of_data(error: &data::Error) -> String {
    match error {
        data::Error::Setting { key, expected, found } => setting(key, expected, found),
        data::Error::CrowdsLeftOut { .. } => {
            format!("{error}, as does --crowds")
        }
        data::Error::MissingSubsets { .. } => {
            format!("{error}; --partial takes the sub-sets that are there")
        }
        // One record is not shared out between training and validation.
        data::Error::NothingSelected { total: 1, selection, .. }
            if selection.contains("rest of") =>
        {
            format!("{error}; with --hold-out 0 it trains, and nothing is validated")
        }
        _ => match flag_instead(error) {
            Some(flag) => format!("{error} ({flag})"),
            None => error.to_string(),
        },
    }
}

/// The flag that says which numbers of an image are black and white.
const RANGE: &str = "--value-range LOW,HIGH, or auto";

/// The flag that does what an error about a file's numbers advises for a data file.
fn flag_instead(error: &data::Error) -> Option<&'static str> {
    use maskwright_image::Error;
    match error {
        data::Error::Image { source: Error::MaskObjectNumbers { .. }, .. } => {
            Some("--mask-kind instances")
        }
        data::Error::Image { source: Error::MaskBesideVoid { .. }, .. } => {
            Some("--ignore-values 255")
        }
        data::Error::Image { source: Error::NoRange { .. }, .. } => Some(RANGE),
        data::Error::Unpaired { .. } | data::Error::Unlisted { .. } => Some("--skip-unmatched"),
        data::Error::BudgetExceeded { last, .. } => flag_instead(last),
        _ => None,
    }
}

fn of_doctor(error: &doctor::Error) -> String {
    match error {
        doctor::Error::Data(error) => of_data(error),
        _ => error.to_string(),
    }
}

fn of_model(error: &model::Error) -> String {
    use model::Error;
    match error {
        Error::Setting { key, expected, found } => setting(key, expected, found),
        Error::NoModel => "the model: expected --checkpoint FILE, or --model-type (vit_b, vit_l, \
                           vit_h) or --model-config FILE to start from fresh weights, found none \
                           of them"
            .into(),
        Error::NoDevice { device, expected, found } => {
            format!("--device {device}: expected {expected}, found {found}")
        }
        Error::WrongModel { file, key, expected, found } => {
            format!("{}: expected {expected} ({}), found {found}", file.display(), flag(key))
        }
        Error::ModelNotTold { key, .. } => format!("{}: {error}", flag(key)),
        Error::Detect { .. } => with_flags(&error.to_string()),
        Error::Config { field: "dtype", value, reason } => {
            format!("--dtype: {value} is no number type here; {reason}")
        }
        _ => error.to_string(),
    }
}

/// What was odd about an image, with the flag that would mend it.
pub(crate) fn of_remark(text: &str) -> String {
    text.replace("a value range says", "--value-range says")
}

/// Why an image or a prompt could not be used.
pub(crate) fn of_prediction(error: &predict::Error) -> String {
    use predict::Error;
    match error {
        Error::Setting { key, expected, found } => setting(key, expected, found),
        Error::Model(error) => of_model(error),
        Error::Image { source: maskwright_image::Error::NoRange { .. }, .. } => {
            format!("{error} ({RANGE})")
        }
        Error::Damaged { file, damage } => {
            format!("{}: {damage} (--strict refuses such files)", file.display())
        }
        Error::NoImage { by_number: true, .. } => {
            format!("{error} (--coco-images FILE says which file a number is)")
        }
        Error::OtherSettings { folder, key, expected, found } => format!(
            "--output: expected what {} was begun with (--{} {expected}), found {found}; choose another folder, or \
             begin anew with --force",
            folder.display(),
            key.replace('_', "-")
        ),
        _ => error.to_string(),
    }
}

fn of_report(error: &report::Error) -> String {
    use report::Error;
    match error {
        Error::Setting { key, expected, found } => setting(key, expected, found),
        Error::Train(error) => of_training(error),
        Error::Data(error) => of_data(error),
        Error::Model(error) => of_model(error),
        _ => error.to_string(),
    }
}

fn of_prep(error: &prep::Error) -> String {
    use prep::Error;
    match error {
        Error::Setting { key, expected, found } => setting(key, expected, found),
        Error::OtherSettings { folder, key, expected, found } => {
            let name = key.strip_prefix("settings.").unwrap_or(key);
            format!(
                "--output: expected the data and settings that {} was begun with ({} {expected}), found {found}; \
                 choose another folder",
                folder.display(),
                flag(name)
            )
        }
        Error::Content { .. } => {
            format!("{error}; remove both files, and the shard is made again")
        }
        Error::Data(error) => of_data(error),
        Error::Doctor(error) => of_doctor(error),
        Error::Predict(error) => of_prediction(error),
        _ => error.to_string(),
    }
}

fn of_studio(error: &studio::Error) -> String {
    use studio::Error;
    match error {
        Error::Setting { key, expected, found } => setting(key, expected, found),
        Error::Listen { .. } => format!("{error}; choose another --port or --host"),
        Error::Data(error) => of_data(error),
        Error::Doctor(error) => of_doctor(error),
        Error::Predict(error) => of_prediction(error),
        Error::Report(error) => of_report(error),
        Error::Train(error) => of_training(error),
        _ => error.to_string(),
    }
}

fn of_training(error: &train::Error) -> String {
    use train::Error;
    match error {
        Error::Setting { key, expected, found, file: None } => setting(key, expected, found),
        Error::Data(error) => of_data(error),
        Error::Model(error) => of_model(error),
        Error::ValidationBudget { last, .. } => match flag_instead(last) {
            Some(flag) => format!("{error} ({flag})"),
            None => error.to_string(),
        },
        Error::NoCheckpoint => "--checkpoint: expected the model to evaluate, found none".into(),
        Error::OutputTaken { .. } => format!(
            "{error}; choose another --output, continue it with --resume, or replace it with \
             --overwrite"
        ),
        Error::OutputHoldsInput { folder, key, file } => format!(
            "--output: expected a folder apart from what is read, found {}, which holds {} ({})",
            folder.display(),
            file.display(),
            flag(key)
        ),
        Error::OtherInput { what, .. } => {
            let error = error.to_string();
            format!("{}{}", flag(what), error.strip_prefix(what).unwrap_or(&error))
        }
        Error::OutputExists { file } => format!(
            "{}: expected a path where nothing is, or --force, found a file or folder that is there",
            file.display()
        ),
        Error::OutputName { file, expected, target } => {
            let more = target.map_or_else(|| ", or --to".into(), |to| format!(" (--to {to})"));
            format!("the output: expected {expected}{more}, found {}", file.display())
        }
        Error::NothingToResume { begun: true, .. } => {
            format!("{error}; without --resume the command that began it begins it again")
        }
        Error::NoRoom { .. } => format!(
            "{error}; --cache names another folder, fewer --cache-views take less, and `maskwright cache rm` makes room"
        ),
        Error::NotFinite { .. } => format!(
            "{error}; lower --learning-rate, or look at these samples with `maskwright preview`"
        ),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_objects_are_read_by_a_flag() {
        let refused = |source| data::Error::Image {
            record: "cells/a".into(),
            file: "masks/a.png".into(),
            source,
        };
        let numbers =
            maskwright_image::Error::MaskObjectNumbers { count: 5, smallest: 1, largest: 5 };
        let void = maskwright_image::Error::MaskBesideVoid { values: vec![2], more: false };
        insta::assert_snapshot!(
            [of(&refused(numbers)), of(&train::Error::from(refused(void)))].join("\n"),
            @r#"
        record cells/a: masks/a.png: the mask holds 5 numbers from 1 to 5, which look like numbers of objects; mask_kind = "instances" makes each number an object (--mask-kind instances)
        record cells/a: masks/a.png: the mask holds [2] and 255, which look like classes and a region that shall not count; ignore_values = [255] leaves that region out, mask_values = { 255 = 255 } makes it the object (--ignore-values 255)
        "#
        );
    }

    #[test]
    fn keys_are_called_by_their_flags() {
        let error = train::Error::Setting {
            key: "train.epochs".into(),
            expected: "more than train.first_epoch (3)".into(),
            found: "2".into(),
            file: None,
        };
        assert_eq!(of(&error), "--max-epoch-num: expected more than --start-epoch (3), found 2");
        let error = data::Error::CrowdsLeftOut { set: "c".into(), found: "none".into() };
        assert_eq!(
            of(&error),
            "set c: expected at least one record, found none; crowds = true takes annotations of crowds, \
             as does --crowds"
        );
        assert_eq!(flag("prompts.kinds"), "prompts.kinds");
        assert_eq!(
            with_flags("as model.restore_model beside a/model.checkpoint, model.config."),
            "as --restore-model beside a/model.checkpoint, --model-config."
        );
    }
}
