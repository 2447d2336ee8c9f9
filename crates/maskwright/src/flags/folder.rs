//! A folder that is given without a word about what it is: what it is taken for, or what to type instead.

use std::path::Path;

use maskwright_data::source::{DataFile, Reading, Recognised, SetKind, SetSpec, recognise};

use crate::exit::Usage;
use crate::tell;

/// A command, and what it does with a folder.
pub(crate) type Then = (&'static str, &'static str);

/// The sets of a folder, once a line has said what they are taken for and what is done `then`.
pub(crate) fn sets_of(folder: &Path, (command, then): Then) -> anyhow::Result<DataFile> {
    let shown = folder.display();
    if folder.is_file() {
        let flag = match folder.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => "--data",
            Some("json") => "--images DIR --coco",
            Some("yaml" | "yml") => "--yolo",
            Some("tar") => "--sa1b",
            _ => "--data",
        };
        return Err(Usage(format!(
            "{shown}: expected a folder, found a file; give it with its flag, such as {flag} {shown}"
        ))
        .into());
    }
    match recognise(folder).map_err(maskwright_train::Error::from)? {
        Recognised::Set(reading) => {
            tell::say(format_args!("{shown} looks like {}; {then}", reading.what));
            Ok(reading.data)
        }
        Recognised::ImagesAlone { images } => Err(Usage(format!(
            "{shown}: expected images with masks or annotations, found {images} images alone; give \
             --images {shown} with --masks DIR or --coco JSON"
        ))
        .into()),
        Recognised::NotRead { what, instead } => {
            Err(Usage(format!("{shown} looks like {what}, which is not read; {instead}")).into())
        }
        Recognised::Unclear { found, likely } => {
            Err(Usage(unclear(command, folder, &found, &likely)).into())
        }
        other => Err(Usage(format!("{shown}: {other:?}")).into()),
    }
}

/// What a folder has, and the two likeliest command lines that say what it is.
pub(crate) fn unclear(command: &str, folder: &Path, found: &str, likely: &[Reading]) -> String {
    let shown = folder.display();
    let guesses: Vec<String> = match likely {
        [] => ["--images DIR --masks DIR`", "--coco JSON --images DIR`"].map(String::from).into(),
        likely => likely
            .iter()
            .filter_map(|reading| {
                Some((reading, reading.data.train.iter().chain(&reading.data.valid).next()?))
            })
            .map(|(reading, set)| format!("{}` ({})", flags_of(set), reading.what))
            .collect(),
    };
    let lines: Vec<String> =
        guesses.iter().map(|guess| format!("`maskwright {command} {guess}")).collect();
    let lines = lines.join(", or ");
    format!("{shown}: expected one data set, found {found}; say what it is: {lines}")
}

/// The flags that give a set.
pub(crate) fn flags_of(set: &SetSpec) -> String {
    match &set.kind {
        SetKind::Pairs(keys) => {
            let suffix = match keys.mask_suffix.as_str() {
                "" => String::new(),
                suffix => format!(" --mask-suffix {suffix}"),
            };
            format!("--images {} --masks {}{suffix}", keys.images.display(), keys.masks.display())
        }
        SetKind::Coco(keys) | SetKind::Lvis(keys) => {
            format!("--coco {} --images {}", keys.annotations.display(), keys.images.display())
        }
        SetKind::Labelme(keys) if keys.annotations.as_os_str().is_empty() => {
            format!("--labelme {}", keys.images.display())
        }
        SetKind::Yolo(keys) if keys.images.as_os_str().is_empty() => {
            format!("--yolo {}", keys.annotations.display())
        }
        SetKind::Yolo(keys) => format!("--yolo {}", keys.images.display()),
        SetKind::Sa1b(keys) => {
            let shards = keys.shards.0.first();
            let place = shards.map_or_else(|| keys.images.display().to_string(), String::clone);
            format!("--sa1b {place}")
        }
        _ => format!("--data FILE with kind = \"{}\"", set.kind.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use maskwright_data::source::YoloSplit;

    #[test]
    fn what_is_unclear_is_told_with_the_likeliest_flags() {
        let reading = |what: &str, set: SetSpec| Reading {
            what: what.into(),
            data: DataFile { train: vec![set], ..DataFile::default() },
        };
        let likely = [
            reading(
                "YOLO: 2 images, 2 label files",
                SetSpec::yolo("a", "a/data.yaml", YoloSplit::Train),
            ),
            reading(
                "images with masks: 2 images, 2 masks",
                SetSpec::pairs("a", "a/images", "a/masks"),
            ),
        ];
        insta::assert_snapshot!(unclear("train", "a".as_ref(), "the folders images, labels, masks", &likely), @"a: expected one data set, found the folders images, labels, masks; say what it is: `maskwright train --yolo a/data.yaml` (YOLO: 2 images, 2 label files), or `maskwright train --images a/images --masks a/masks` (images with masks: 2 images, 2 masks)");
        insta::assert_snapshot!(unclear("train", "a".as_ref(), "no image and no folder", &[]), @"a: expected one data set, found no image and no folder; say what it is: `maskwright train --images DIR --masks DIR`, or `maskwright train --coco JSON --images DIR`");
        let flags = [
            SetSpec::labelme("a", "x"),
            SetSpec::coco("a", "x.json", "x"),
            SetSpec::sa1b("a", "x"),
            SetSpec::sa1b("a", "x/*.tar"),
        ]
        .map(|set| flags_of(&set));
        assert_eq!(
            flags,
            ["--labelme x", "--coco x.json --images x", "--sa1b x", "--sa1b x/*.tar"]
        );
    }
}
