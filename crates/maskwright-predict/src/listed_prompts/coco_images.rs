//! COCO's instances file, or another that lists images with `id` and `file_name`, and it may be categories with `id` and `name`: which
//! numbers images and categories have.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::json::Image;
use super::{Id, ImagePrompts, MAX_BYTES};
use crate::error::{Error, Result};
use crate::files::read_at_most;

/// The images and the categories of a file.
#[derive(Debug)]
pub struct CocoImages {
    file: PathBuf,
    names: HashMap<Id, String>,
    /// By the name in the file, its last part, and that without its ending. A name that several have is no one's.
    ids: [HashMap<String, Option<Id>>; 3],
    categories: Vec<(i64, String)>,
}

#[derive(Deserialize)]
struct Content {
    images: Vec<Image>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    id: i64,
    name: String,
}

impl CocoImages {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Content`] for a file without images.
    pub fn read(file: &Path) -> Result<Self> {
        Self::parse(&read_at_most(file, MAX_BYTES)?, file)
    }

    fn parse(bytes: &[u8], file: &Path) -> Result<Self> {
        let found: Content = serde_json::from_slice(bytes).map_err(|error| Error::Content {
            file: file.to_path_buf(),
            expected: "COCO's images, each with id and file_name".into(),
            found: error.to_string(),
        })?;
        let mut ids: [HashMap<String, Option<Id>>; 3] = Default::default();
        for image in &found.images {
            for (names, name) in ids.iter_mut().zip(called(&image.file_name)) {
                let unlike = |known: &mut Option<Id>| {
                    *known = known.take().filter(|id| *id == image.id);
                };
                names.entry(name).and_modify(unlike).or_insert_with(|| Some(image.id.clone()));
            }
        }
        Ok(Self {
            file: file.to_path_buf(),
            names: found.images.into_iter().map(|image| (image.id, image.file_name)).collect(),
            ids,
            categories: found.categories.into_iter().map(|one| (one.id, one.name)).collect(),
        })
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The numbers and the names of the categories, in the order of the file.
    pub fn categories(&self) -> &[(i64, String)] {
        &self.categories
    }

    /// Names images that a list knows by COCO's numbers as the file does, and gives those that it knows by names the file's numbers.
    /// Those that are not in the file stay as they are.
    pub fn name(&self, images: &mut [ImagePrompts]) {
        for one in images {
            if one.is_by_number() {
                if let Some(name) = one.image_id.as_ref().and_then(|id| self.names.get(id)) {
                    one.image.clone_from(name);
                }
            } else if one.image_id.is_none() {
                one.image_id = self.id_of(&one.image);
            }
        }
    }

    /// The id of an image of this name.
    fn id_of(&self, name: &str) -> Option<Id> {
        let name = name.replace('\\', "/");
        let [_, base, _] = called(&name);
        let asked = [(0, &name), (1, &base), (2, &base)];
        asked.into_iter().find_map(|(rank, name)| self.ids[rank].get(name).cloned()).flatten()
    }
}

/// What an image may be called: its name, the last part of that, and that without its ending.
fn called(name: &str) -> [String; 3] {
    let base = name.rsplit('/').next().unwrap_or(name);
    let stem = base.rsplit_once('.').map_or(base, |(stem, _)| stem);
    [name, base, stem].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn names_and_numbers_are_those_of_the_file() {
        let text = r#"{"images": [{"id": 42, "file_name": "x/a.jpg", "width": 9}, {"id": 7, "file_name": "b.jpg"},
            {"id": 8, "file_name": "y/b.jpg"}], "categories": [{"id": 3, "name": "cat", "supercategory": "animal"}]}"#;
        let known = CocoImages::parse(text.as_bytes(), "i.json".as_ref()).expect("images");
        assert_eq!(known.categories(), [(3, "cat".to_owned())]);
        let results =
            r#"[{"image_id": 42, "bbox": [1, 2, 3, 4]}, {"image_id": 9, "bbox": [1, 2, 3, 4]}]"#;
        let mut found = parse(results.as_bytes(), "r.json".as_ref()).expect("a list");
        assert!(found[0].is_by_number());
        known.name(&mut found);
        let names: Vec<&str> = found.iter().map(|one| &*one.image).collect();
        assert_eq!(names, ["x/a.jpg", "9"]);
        assert_eq!(found[0].image_id, Some(Id::Number(42)));
        let table = "image,points\na,1 2\nphotos/a.jpg,1 2\nb.jpg,1 2\nz/b.jpg,1 2\nc.jpg,1 2\n";
        let mut found = parse(table.as_bytes(), "p.csv".as_ref()).expect("a list");
        known.name(&mut found);
        let ids: Vec<Option<i64>> = found
            .iter()
            .map(|one| match one.image_id {
                Some(Id::Number(id)) => Some(id),
                _ => None,
            })
            .collect();
        // Of the last but one there are two in other folders.
        assert_eq!(ids, [Some(42), Some(42), Some(7), None, None]);
        let error = CocoImages::parse(results.as_bytes(), "r.json".as_ref()).expect_err("refused");
        assert!(error.to_string().contains("COCO's images, each with id and file_name"), "{error}");
    }
}
