//! COCO's list of results, and the file that says which images and categories its numbers are.
//!
//! COCO's readers know images and categories by numbers alone. A result has no `bbox`, as in COCO's own results of masks: where there is
//! one, pycocotools takes the area of the box for that of the mask.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use serde::Serialize;

use super::row::ImageRow;
use super::{Asked, COCO, COCO_IMAGES};
use crate::error::{Error, Result};
use crate::listed_prompts::{CocoImages, Id};
use crate::mask_generator::Segmentation;

/// What a mask without a category is of.
const OBJECT: &str = "object";

/// The numbers of images and categories.
#[derive(Debug)]
pub struct CocoNumbers {
    /// By the image's place among those that were asked about.
    images: Vec<i64>,
    categories: HashMap<Option<Id>, i64>,
    /// In the order of the numbers.
    names: Vec<(i64, String)>,
}

impl CocoNumbers {
    /// The numbers of what is asked about: those of `known`, where there is one. Without it numbers of the list stay; images are numbered
    /// by their places from 0 where the list has other ids than numbers, or none; and categories that have a name instead of a number get
    /// the lowest ones that are free, from 1. What has no category is an object, category 1.
    ///
    /// # Errors
    /// [`Error::Content`] names an image or a category that `known` does not have.
    pub fn of(asked: &[Asked], list: &Path, known: Option<&CocoImages>) -> Result<Self> {
        let wrong = |known: &CocoImages, what: &str, found: &dyn ToString| Error::Content {
            file: list.to_path_buf(),
            expected: format!("{what} that {} has", known.file().display()),
            found: found.to_string(),
        };
        let given = asked.iter().map(|one| match one.prompts.image_id {
            Some(Id::Number(number)) => Some(number),
            _ => None,
        });
        let given: Vec<Option<i64>> = given.collect();
        let images = match (known, given.iter().copied().collect::<Option<Vec<i64>>>()) {
            (_, Some(numbers)) => numbers,
            (None, None) => (0..asked.len() as i64).collect(),
            (Some(known), None) => {
                let is_lost = |(one, id): &(&Asked, &Option<i64>)| one.is_there() && id.is_none();
                if let Some((one, _)) = asked.iter().zip(&given).find(is_lost) {
                    return Err(wrong(known, "an image", &one.prompts.image));
                }
                // Those that are not there have no results.
                given.into_iter().map(Option::unwrap_or_default).collect()
            }
        };
        let mut all: Vec<Option<&Id>> = Vec::new();
        for prompt in asked.iter().flat_map(|one| &one.prompts.prompts) {
            if !all.contains(&prompt.category_id.as_ref()) {
                all.push(prompt.category_id.as_ref());
            }
        }
        let known = known.filter(|known| !known.categories().is_empty());
        let mut names: Vec<(i64, String)> = Vec::new();
        if let Some(known) = known {
            names.extend_from_slice(known.categories());
        } else {
            for number in all.iter().filter_map(|id| number_of(*id)) {
                names.push((number, number.to_string()));
            }
        }
        let mut categories = HashMap::new();
        for id in all {
            let name = id.map_or(OBJECT.to_owned(), Id::to_string);
            let number = match (number_of(id), known) {
                (Some(number), Some(known)) if names.iter().all(|(other, _)| *other != number) => {
                    return Err(wrong(known, "a category", &number));
                }
                (Some(number), _) => number,
                (None, known) => match (names.iter().find(|(_, other)| *other == name), known) {
                    (Some((number, _)), _) => *number,
                    (None, Some(known)) if id.is_some() => {
                        return Err(wrong(known, "a category", &name));
                    }
                    // Whoever names no category does not ask for one.
                    (None, Some(_)) => 1,
                    (None, None) => {
                        let free = |number: &i64| names.iter().all(|(other, _)| other != number);
                        let number = (1..).find(free).unwrap_or(1);
                        names.push((number, name));
                        number
                    }
                },
            };
            categories.insert(id.cloned(), number);
        }
        names.sort_unstable_by_key(|(number, _)| *number);
        Ok(Self { images, categories, names })
    }

    /// Writes both files of these rows, of all that was asked about, in its order; `each` is told of every one.
    pub(super) fn write(
        &self,
        folder: &Path,
        rows: impl Iterator<Item = Result<ImageRow>>,
        each: &mut dyn FnMut(&ImageRow),
    ) -> Result<()> {
        let coco = folder.join(COCO);
        let failed = |source| Error::Io { file: coco.clone(), action: "write", source };
        let mut images = Vec::new();
        maskwright_files::write_with(&coco, failed, |out| {
            let mut mark = "[\n";
            for (row, &image_id) in rows.zip(&self.images) {
                let row = row?;
                for result in self.results(&row, image_id) {
                    out.write_all(mark.as_bytes()).map_err(failed)?;
                    serde_json::to_writer(&mut *out, &result)
                        .map_err(|error| failed(error.into()))?;
                    mark = ",\n";
                }
                if let Some(file_name) = &row.file_name {
                    let (file_name, width, height) = (file_name.clone(), row.width, row.height);
                    images.push(Image { id: image_id, file_name, width, height });
                }
                each(&row);
            }
            let end = if mark == "[\n" { "[]\n" } else { "\n]\n" };
            out.write_all(end.as_bytes()).map_err(failed)
        })?;
        let file = folder.join(COCO_IMAGES);
        let categories = self.names.iter().map(|(id, name)| Category { id: *id, name });
        let numbers = Numbers { images, categories: categories.collect() };
        let text = serde_json::to_vec_pretty(&numbers)
            .map_err(|error| Error::io(&file, "write")(error.into()))?;
        crate::files::write_atomically(&file, &text)
    }

    /// The masks of an image as COCO's results; a mask without a score has the predicted IoU.
    fn results<'a>(
        &'a self,
        row: &'a ImageRow,
        image_id: i64,
    ) -> impl Iterator<Item = CocoResult<'a>> {
        row.masks.iter().map(move |mask| {
            let (id, prompt_id) = match &mask.id {
                Some(Id::Number(number)) => (Some(*number), None),
                Some(Id::Text(text)) => (None, Some(text.as_str())),
                None => (None, None),
            };
            CocoResult {
                image_id,
                // All of the list are there.
                category_id: self.categories.get(&mask.category_id).copied().unwrap_or(1),
                segmentation: &mask.segmentation,
                area: mask.area,
                score: mask.score_or_iou(),
                id,
                prompt_id,
                file_name: &row.file_name,
                predicted_iou: mask.predicted_iou,
            }
        })
    }
}

fn number_of(id: Option<&Id>) -> Option<i64> {
    match id {
        Some(Id::Number(number)) => Some(*number),
        _ => None,
    }
}

/// A mask in COCO's list of results.
#[derive(Serialize)]
struct CocoResult<'a> {
    image_id: i64,
    category_id: i64,
    segmentation: &'a Option<Segmentation>,
    area: u64,
    score: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// The id of a prompt that is no number.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_id: Option<&'a str>,
    file_name: &'a Option<String>,
    predicted_iou: f32,
}

/// What the numbers are.
#[derive(Serialize)]
struct Numbers<'a> {
    images: Vec<Image>,
    categories: Vec<Category<'a>>,
}

#[derive(Serialize)]
struct Image {
    id: i64,
    file_name: String,
    width: usize,
    height: usize,
}

#[derive(Serialize)]
struct Category<'a> {
    id: i64,
    name: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listed_prompts::parse;

    fn asked(table: &str) -> Vec<Asked> {
        let images = parse(table.as_bytes(), "p.csv".as_ref()).expect("a list");
        let there = |prompts: crate::listed_prompts::ImagePrompts| Asked {
            found: Ok(super::super::PictureFile {
                path: prompts.image.clone().into(),
                name: prompts.image.clone(),
            }),
            prompts,
        };
        images.into_iter().map(there).collect()
    }

    fn numbers(table: &str, known: Option<&CocoImages>) -> Result<CocoNumbers> {
        let mut asked = asked(table);
        if let Some(known) = known {
            let mut images: Vec<_> = asked.iter().map(|one| one.prompts.clone()).collect();
            known.name(&mut images);
            asked.iter_mut().zip(images).for_each(|(one, prompts)| one.prompts = prompts);
        }
        CocoNumbers::of(&asked, "p.csv".as_ref(), known)
    }

    #[test]
    fn labels_are_numbers_and_the_numbers_have_names() {
        let found = numbers("image,points,label\na,1 2,\nb,1 2,\n", None).expect("numbers");
        assert_eq!((found.images, found.names), (vec![0, 1], vec![(1, "object".into())]));
        let table = "image,points,label\na,1 2,cat\na,1 2,2\nb,1 2,dog\nb,1 2,cat\nb,1 2,\n";
        let found = numbers(table, None).expect("numbers");
        let names = [(1, "cat"), (2, "2"), (3, "dog"), (4, "object")];
        assert_eq!(found.names, names.map(|(id, name)| (id, name.to_owned())));
        assert_eq!(found.categories[&Some(Id::Text("dog".into()))], 3);
        assert_eq!(found.categories[&Some(Id::Number(2))], 2);
        assert_eq!(found.categories[&None], 4);
    }

    #[test]
    fn a_file_says_the_numbers_and_what_it_does_not_have_is_refused() {
        let place = tempfile::tempdir().expect("a folder");
        let file = place.path().join("i.json");
        let text = r#"{"images": [{"id": 42, "file_name": "a.jpg"}, {"id": 7, "file_name": "b.jpg"}],
            "categories": [{"id": 5, "name": "dog"}, {"id": 3, "name": "cat"}]}"#;
        std::fs::write(&file, text).expect("written");
        let known = CocoImages::read(&file).expect("images");
        let found = numbers("image,points,label\na,1 2,cat\nb,1 2,5\n", Some(&known));
        let found = found.expect("numbers");
        assert_eq!(found.images, [42, 7]);
        assert_eq!(found.categories[&Some(Id::Text("cat".into()))], 3);
        assert_eq!(found.names, [(3, "cat".to_owned()), (5, "dog".to_owned())]);
        let refused = ["a,1 2,bird", "a,1 2,4", "c,1 2,cat"].map(|row| {
            let table = format!("image,points,label\n{row}\n");
            let error = numbers(&table, Some(&known)).expect_err("refused").to_string();
            error.replace(&file.display().to_string(), "FILE")
        });
        insta::assert_snapshot!(refused.join("\n"), @"
            p.csv: expected a category that FILE has, found bird
            p.csv: expected a category that FILE has, found 4
            p.csv: expected an image that FILE has, found c
            ");
    }
}
