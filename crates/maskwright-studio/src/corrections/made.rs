//! What is made of the objects that were saved: a set for each set that they correct, in the form that was asked for, and the data file
//! that names these.
//!
//! The data file is written when all that it names is there. Only then does what belongs to another form go, or is named no more. So
//! whenever the program is killed, the data file names what is whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use maskwright_data::export::Overlaps;

use super::coco;
use super::form::CorrectionsForm;
use super::made_set::{remove, write_data_file};
use super::pictures::{Pictures, remove_set};
use super::stored::Stored;
use crate::error::Result;

/// What makes the sets of a folder of corrections.
pub(super) struct Maker {
    folder: PathBuf,
    form: CorrectionsForm,
    pictures: Pictures,
}

impl Maker {
    /// For a folder that this process owns.
    pub(super) fn new(folder: &Path, form: CorrectionsForm) -> Self {
        Self { folder: folder.to_path_buf(), form, pictures: Pictures::default() }
    }

    /// Makes the sets of these files of objects, and returns what they do not hold, as words.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), and [`Error::Content`](crate::Error::Content) for a file that is damaged.
    pub(super) fn make(&mut self, files: &[PathBuf]) -> Result<Vec<String>> {
        let mut sets: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
        for file in files {
            let stored = Stored::read(file)?;
            let images = sets.entry(stored.set.clone()).or_default();
            if stored.objects.iter().any(|object| !object.mask.is_empty()) {
                images.push(stored);
            }
        }
        let (mut made, mut overlaps) = (Vec::new(), Overlaps::default());
        for (set, images) in sets.iter().filter(|(_, images)| !images.is_empty()) {
            match self.form {
                CorrectionsForm::Coco => made.push(coco::write(&self.folder, set, images)?),
                form => {
                    let (set, lost) = self.pictures.write(&self.folder, form, set, images)?;
                    made.push(set);
                    overlaps.join(lost);
                }
            }
        }
        write_data_file(&self.folder, &made)?;
        self.remove_others(&sets)?;
        Ok(overlaps.into_list().iter().map(ToString::to_string).collect())
    }

    /// Removes what the data file does not name: of sets without objects, and in other forms.
    fn remove_others(&mut self, sets: &BTreeMap<String, Vec<Stored>>) -> Result<()> {
        for form in CorrectionsForm::ALL {
            let gone = sets.iter().filter(|(_, images)| form != self.form || images.is_empty());
            for (set, _) in gone {
                match form {
                    CorrectionsForm::Coco => remove(&self.folder.join(coco::file_name(set)))?,
                    form => remove_set(&self.folder, form, set)?,
                }
            }
        }
        match self.form {
            CorrectionsForm::Coco => Ok(()),
            form => self.pictures.tidy(&self.folder, form, sets),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use maskwright_data::sample::{SampleConfig, WholeReader};
    use maskwright_data::source::{DataFile, OpenContext};
    use maskwright_image::{RgbImage, Size, encode};

    use super::super::stored::{SCHEMA, file_name, files};
    use super::*;
    use crate::api::{CroppedMask, SavedObject};

    const SIZE: Size = Size { height: 20, width: 30 };

    fn object(name: &str, [x, y, side]: [usize; 3]) -> SavedObject {
        SavedObject {
            name: name.into(),
            colour: "#33aa77".into(),
            mask: CroppedMask {
                x,
                y,
                width: side,
                height: side,
                runs: vec![0, (side * side) as u32],
            },
            clicks: 1,
            predicted_iou: None,
        }
    }

    /// Saves objects of an image, whose file has a name that lists and data files have to quote.
    fn save(folder: &Path, record: &str, revision: u32, objects: Vec<SavedObject>) {
        let image = folder.join("photos, \"new\"").join(format!("{record}.png"));
        std::fs::create_dir_all(image.parent().expect("a folder")).expect("made");
        let png = encode::png_rgb(&RgbImage::filled(SIZE, 90)).expect("encoded");
        std::fs::write(&image, png).expect("written");
        let stored = Stored {
            schema: SCHEMA,
            revision,
            set: "photos".into(),
            record: record.into(),
            image,
            size: crate::api::Size { height: SIZE.height, width: SIZE.width },
            objects,
        };
        stored.write(&folder.join(file_name("photos", record))).expect("written");
    }

    fn make(folder: &Path, form: CorrectionsForm) -> Vec<String> {
        Maker::new(folder, form).make(&files(folder).expect("listed")).expect("made")
    }

    /// The names of the records that the data file leads to, each with the areas of its objects.
    fn read(folder: &Path) -> Vec<(String, Vec<u64>)> {
        let data = DataFile::read(&folder.join(super::super::made_set::DATA_FILE)).expect("read");
        let mut reader = WholeReader::new(SampleConfig::default());
        let mut found = Vec::new();
        for spec in &data.train {
            let set = spec.open(&OpenContext::default()).expect("opened");
            for at in 0..set.len() {
                let name = set.record(at).expect("a record").name;
                let mut record = reader.open(&*set, at).expect("opened");
                assert_eq!(record.size(), SIZE);
                let objects = set.objects(&set.locate(at).expect("there")).expect("counted");
                let area = |nth| reader.object(&mut record, nth).expect("a mask").mask.area();
                found.push((name, (0..objects).map(area).collect()));
                reader.end();
            }
        }
        found.sort();
        found
    }

    /// The files that were made, without the sums in their names.
    fn made(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = ["", "masks", "instances"]
            .iter()
            .flat_map(|form| {
                let entries = |at: &Path| std::fs::read_dir(at).into_iter().flatten().flatten();
                let listing: Vec<_> = match *form {
                    "" => entries(folder).filter(|entry| entry.path().is_file()).collect(),
                    form => entries(&folder.join(form))
                        .flat_map(|set| entries(&set.path()).collect::<Vec<_>>())
                        .collect(),
                };
                listing.into_iter().map(move |entry| {
                    let name = entry.file_name().into_string().expect("text");
                    let last = name.rsplit('-').next().unwrap_or_default().to_owned();
                    let first = name.split(['-', '.']).next().unwrap_or_default().to_owned();
                    let ending = name.rsplit('.').next().unwrap_or_default();
                    match (*form, last.len()) {
                        ("masks", 5) => format!("masks/{first}-{last}"),
                        (form, _) => format!("{form}/{first}.{ending}"),
                    }
                })
            })
            .collect();
        names.sort();
        names
    }

    fn own(found: &[(&str, &[u64])]) -> Vec<(String, Vec<u64>)> {
        found.iter().map(|(name, areas)| ((*name).to_owned(), areas.to_vec())).collect()
    }

    #[test]
    fn every_form_reads_back_as_what_was_drawn_and_takes_the_place_of_another() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        save(folder, "a", 1, vec![object("leaf", [2, 2, 10]), object("dot", [4, 4, 3])]);
        save(folder, "b, c", 1, vec![object("leaf", [0, 0, 5])]);
        save(folder, "none", 1, Vec::new());
        let whole = own(&[("a", &[100, 9]), ("b, c", &[25])]);
        let forms = [
            CorrectionsForm::Coco,
            CorrectionsForm::Masks,
            CorrectionsForm::Instances,
            CorrectionsForm::Masks,
            CorrectionsForm::Coco,
            CorrectionsForm::Instances,
            CorrectionsForm::Coco,
        ];
        for form in forms {
            let left_out = make(folder, form);
            match form {
                CorrectionsForm::Coco => {
                    assert_eq!(read(folder), whole);
                    assert_eq!(made(folder), ["/data.toml", "/photos.json"]);
                }
                CorrectionsForm::Masks => {
                    let each = own(&[("a#1", &[100]), ("a#2", &[9]), ("b, c#1", &[25])]);
                    assert_eq!(read(folder), each);
                    let files = [
                        "/data.toml",
                        "masks/a-1.png",
                        "masks/a-2.png",
                        "masks/b__c-1.png",
                        "masks/list.csv",
                    ];
                    assert_eq!(made(folder), files);
                }
                CorrectionsForm::Instances => {
                    assert_eq!(read(folder), own(&[("a", &[91, 9]), ("b, c", &[25])]));
                    let files = [
                        "/data.toml",
                        "instances/a.png",
                        "instances/b__c.png",
                        "instances/list.csv",
                    ];
                    assert_eq!(made(folder), files);
                    assert_eq!(
                        left_out,
                        ["1 objects that lost the pixels that a smaller one has, too (first: a)"]
                    );
                }
            }
            assert_eq!(left_out.is_empty(), form != CorrectionsForm::Instances);
        }
    }

    /// Up to the renaming of the list, and of the data file, what was made before is read.
    #[test]
    fn what_is_killed_in_the_middle_leaves_what_was_whole() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        save(folder, "a", 1, vec![object("leaf", [2, 2, 10]), object("dot", [14, 4, 3])]);
        make(folder, CorrectionsForm::Masks);
        let before = read(folder);
        save(folder, "a", 2, vec![object("leaf", [2, 2, 4]), object("dot", [14, 4, 2])]);
        let stored = Stored::read(&folder.join(file_name("photos", "a"))).expect("read");
        // The pictures are there; then the list; then another form, but for the data file.
        super::super::pictures::tests::without_list(folder, &stored);
        assert_eq!(read(folder), before);
        make(folder, CorrectionsForm::Masks);
        let after = own(&[("a#1", &[16]), ("a#2", &[4])]);
        assert_eq!(read(folder), after);
        assert_eq!(
            made(folder),
            ["/data.toml", "masks/a-1.png", "masks/a-2.png", "masks/list.csv"]
        );
        let mut pictures = Pictures::default();
        let form = CorrectionsForm::Instances;
        pictures.write(folder, form, "photos", &[stored]).map(drop).expect("written");
        assert_eq!(read(folder), after);
    }

    #[test]
    fn where_nothing_is_left_nothing_is_named() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path();
        for form in CorrectionsForm::ALL {
            save(folder, "a", 1, vec![object("leaf", [2, 2, 10])]);
            make(folder, form);
            assert_eq!(read(folder).len(), 1);
            save(folder, "a", 2, Vec::new());
            make(folder, form);
            assert_eq!(made(folder), [""; 0]);
        }
    }
}
