//! What the output folder was begun with: `prep.json`. Shards made with other data or settings never lie side by side.

use std::path::Path;

use maskwright_data::source::{
    Extensions, IMAGE_ENDINGS, Patterns, SetKind, SetSpec, WebDatasetKeys,
};
use maskwright_files::write_atomically;
use maskwright_predict::begun::difference;
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::{Model, PrepConfig, PrepData};
use crate::error::{Error, Result};
use crate::part::Part;

/// The file.
pub(crate) const NAME: &str = "prep.json";

/// The data file that describes the result.
pub(crate) const DATA: &str = "data.toml";

/// All that the bytes of the shards depend on.
pub(crate) fn of(
    data: &PrepData,
    parts: &[Part],
    shards: usize,
    config: &PrepConfig,
    model: Option<&Model>,
) -> Result<Value> {
    let sets = match data {
        PrepData::Images { name, folder } => {
            vec![json!({"name": name, "images": absolute(folder)?, "records": parts[0].len()})]
        }
        PrepData::Sets(data) => {
            let mut data = (**data).clone();
            // The same files are the same data from whatever folder they are named.
            data.rebase(&absolute(Path::new(""))?);
            let sets = [("train", &data.train), ("valid", &data.valid)];
            let sets = sets
                .into_iter()
                .flat_map(|(role, specs)| specs.iter().map(move |spec| (role, spec)));
            let lengths = parts.iter().flat_map(|part| part.subjects.iter().map(|set| set.len()));
            sets.zip(lengths)
                .map(|((role, spec), records)| {
                    let mut set = json_of(spec)?;
                    set["role"] = role.into();
                    set["records"] = records.into();
                    Ok(set)
                })
                .collect::<Result<Vec<_>>>()?
        }
    };
    let model = match model {
        None => Value::Null,
        Some(model) => json!({
            "checkpoint": model.checkpoint(),
            "encoder": model.predictor.encoder_hash()?,
            "geometry": model.predictor.fit().0.name(),
            "input_size": model.predictor.sam().config().image_size,
            "kind": model.kind.name(),
        }),
    };
    let settings = json_of(config)?;
    Ok(json!({"schema": 1, "shards": shards, "settings": settings, "model": model, "sets": sets}))
}

/// A setting as JSON.
fn json_of(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| Error::setting("the settings", "values that JSON can hold", error))
}

fn absolute(path: &Path) -> Result<std::path::PathBuf> {
    let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    std::path::absolute(here).map_err(Error::io(path, "read"))
}

/// Writes the manifest where there is none, or compares it with what is there. Of several processes that begin a folder at once,
/// the first one's stays.
pub(crate) fn agree(folder: &Path, manifest: &Value) -> Result<()> {
    let path = folder.join(NAME);
    if !path.exists() {
        let text = serde_json::to_string_pretty(manifest).unwrap_or_default() + "\n";
        maskwright_files::remove_abandoned(folder);
        maskwright_files::write_new(&path, text.as_bytes()).map_err(Error::io(&path, "write"))?;
    }
    let text = std::fs::read_to_string(&path).map_err(Error::io(&path, "read"))?;
    let begun: Value = serde_json::from_str(&text).map_err(|error| Error::Content {
        file: path.clone(),
        expected: "the settings of prepared data".into(),
        found: error.to_string(),
    })?;
    match difference(&begun, manifest) {
        None => Ok(()),
        Some((key, expected, found)) => {
            let (expected, found) = (words(&expected), words(&found));
            Err(Error::OtherSettings { folder: folder.into(), key, expected, found })
        }
    }
}

/// A value as JSON, and "none" for one that is not there.
fn words(value: &Value) -> String {
    if value.is_null() { "none".to_owned() } else { value.to_string() }
}

/// A data file's lists of sets.
#[derive(Serialize)]
struct Sets<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    train: Vec<&'a SetSpec>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    valid: Vec<&'a SetSpec>,
}

/// Writes the data file that describes the result.
pub(crate) fn write_data(
    folder: &Path,
    parts: &[Part],
    inner: impl Fn(&Part) -> String,
) -> Result<()> {
    let path = folder.join(DATA);
    if path.exists() {
        return Ok(());
    }
    let specs: Vec<SetSpec> = parts
        .iter()
        .map(|part| {
            let shards = Patterns(vec![format!("{}shard-*.tar", inner(part))]);
            // Without it PNG would be masks.
            let image_ext = Some(IMAGE_ENDINGS.into_iter().collect::<Extensions>());
            let keys = WebDatasetKeys { shards, image_ext, ..WebDatasetKeys::default() };
            let name = match &part.subjects[..] {
                [one] => one.name(),
                _ => part.role.name(),
            };
            let spec = SetSpec::new(name, SetKind::WebDataset(keys));
            match part.specs.first() {
                Some(first) => SetSpec { exif: first.exif, value_range: first.value_range, ..spec },
                None => spec,
            }
        })
        .collect();
    let of = |role: &str| {
        let both = parts.iter().zip(&specs);
        both.filter(|(part, _)| part.role.name() == role).map(|(_, spec)| spec).collect()
    };
    let text = toml::to_string_pretty(&Sets { train: of("train"), valid: of("valid") });
    let text = text.map_err(|error| Error::setting(DATA, "settings that TOML can hold", error))?;
    write_atomically(&path, text.as_bytes()).map_err(Error::io(&path, "write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let begun = json!({"a": {"b": 1, "c": [1, {"d": "x"}]}, "e": null});
        let differ = |other: Value| {
            difference(&begun, &other).map(|(key, one, other)| (key, words(&one), words(&other)))
        };
        let found = |key: &str, one: &str, other: &str| {
            Some((key.to_owned(), one.to_owned(), other.to_owned()))
        };
        assert_eq!(differ(begun.clone()), None);
        let other = json!({"a": {"b": 1, "c": [1, {"d": "y"}]}, "e": null});
        assert_eq!(differ(other), found("a.c.1.d", "\"x\"", "\"y\""));
        let other = json!({"a": {"b": 1, "c": [1]}, "e": null});
        assert_eq!(differ(other), found("a.c", "[1,{\"d\":\"x\"}]", "[1]"));
        let other = json!({"a": {"b": 1, "c": [1, {"d": "x"}]}, "e": null, "f": 2});
        assert_eq!(differ(other), found("f", "none", "2"));
    }

    #[test]
    fn the_first_manifest_stays() {
        let folder = tempfile::tempdir().unwrap();
        agree(folder.path(), &json!({"shards": 3})).unwrap();
        agree(folder.path(), &json!({"shards": 3})).unwrap();
        let error = agree(folder.path(), &json!({"shards": 4})).unwrap_err().to_string();
        let error = error.replace(&folder.path().display().to_string(), "FOLDER");
        insta::assert_snapshot!(error, @"FOLDER: shards: expected what the folder was begun with, 3, found 4");
        std::fs::write(folder.path().join(NAME), "{").unwrap();
        let error = agree(folder.path(), &json!({"shards": 3})).unwrap_err().to_string();
        assert!(error.contains("expected the settings of prepared data"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
