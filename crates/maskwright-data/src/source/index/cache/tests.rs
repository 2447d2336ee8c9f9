use std::sync::Mutex;

use super::super::{Image, IndexObserver, IndexProgress, Names, ObjectEntry, Span};
use super::*;

fn print(setting: &str) -> Fingerprint {
    let mut print = Fingerprint::default();
    print.setting("test of this process", (std::process::id(), setting));
    print
}

fn build(images: u64) -> impl Fn(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)> {
    move |writer| {
        for image in 0..images {
            let span = Span { file: 0, len: 9, at: image };
            let stem = format!("image {image}");
            writer.image(&Image {
                names: Names { stem: stem.as_bytes(), image: b".jpg", notes: b".json" },
                image: span,
                notes: span,
                size: (3, 4),
                objects: 1 + (image % 4) as u32,
                records: 1 + image % 4,
            })?;
            for id in 0..1 + image % 4 {
                writer.object(&ObjectEntry { segmentation: span, id, category: 7 })?;
            }
        }
        Ok((
            vec!["a b.tar".into()],
            vec![LeftOut { what: "x".into(), count: 2, first: "y".into() }],
        ))
    }
}

fn open(
    set: &str,
    print: &Fingerprint,
    build: impl Fn(&mut IndexWriter) -> Result<(Vec<PathBuf>, Vec<LeftOut>)>,
) -> Result<Index> {
    open_or_build(set, print, &OpenContext::default(), build)
}

/// Hears what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<IndexNote>>);

impl IndexObserver for Notes {
    fn progress(&self, _: &IndexProgress<'_>) {}
    fn note(&self, note: &IndexNote) {
        self.0.lock().unwrap().push(note.clone());
    }
}

impl Notes {
    /// What was noted, with the folder left out.
    fn take(&self, folder: &Path) -> Vec<String> {
        let notes = std::mem::take(&mut *self.0.lock().unwrap());
        let folder = folder.display().to_string();
        notes.iter().map(|note| note.to_string().replace(&folder, "FOLDER")).collect()
    }
}

/// Everything that an index tells.
fn told(index: &Index) -> Vec<String> {
    let mut told = vec![format!("{:?} {:?}", index.file(0), index.left_out())];
    for record in 0..index.records() {
        let (entry, nth) = index.locate(record).unwrap();
        let names = index.names(&entry, |names| names.text().concat()).unwrap();
        let object = index.object(&entry, nth).unwrap();
        told.push(format!("{entry:?} {nth} {names:?} {object:?}"));
    }
    told
}

#[test]
fn every_record_is_found_in_its_image() {
    // More images than the sparse table's step, and a number of records for each image of its own.
    for images in [1, 2, 1023, 1024, 1025, 5000] {
        let index = open("s", &print(&format!("{images}")), build(images)).unwrap();
        let mut record = 0;
        for image in 0..images {
            for nth in 0..1 + image % 4 {
                let (entry, found) = index.locate(record).unwrap();
                assert_eq!((entry.image.at, found), (image, nth), "record {record}");
                record += 1;
            }
        }
        assert_eq!(index.records(), record);
        let (entry, _) = index.locate(record - 1).unwrap();
        let file = index.names(&entry, |names| names.image_file()).unwrap();
        assert_eq!(file, format!("image {}.jpg", images - 1).as_bytes());
        // Whatever folder the process that reads it runs in.
        assert_eq!(index.file(0), std::path::absolute("a b.tar").unwrap());
        assert_eq!(index.left_out()[0].to_string(), "2 x (first: y)");
    }
}

#[test]
fn an_index_is_made_once() {
    let never = |_: &mut IndexWriter| panic!("made again");
    open("once", &print("once"), build(3)).unwrap();
    assert_eq!(open("once", &print("once"), never).unwrap().images(), 3);
    // A build that fails leaves nothing behind, and the next one works.
    let fail = |_: &mut IndexWriter| {
        Err(Error::Read { file: "gone".into(), source: std::io::Error::other("gone") })
    };
    assert!(open("fails", &print("fails"), fail).is_err());
    assert_eq!(open("fails", &print("fails"), build(2)).unwrap().images(), 2);
}

#[test]
fn processes_that_start_together_make_one() {
    let made = std::sync::atomic::AtomicUsize::new(0);
    // The one that makes the index goes on when the others have asked for it, too.
    let (sender, receiver) = std::sync::mpsc::channel();
    let asked = Mutex::new(receiver);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (sender, made, asked) = (sender.clone(), &made, &asked);
            scope.spawn(move || {
                sender.send(()).unwrap();
                let count = |writer: &mut IndexWriter| {
                    made.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    let asked = asked.lock().unwrap();
                    (0..4).for_each(|_| asked.recv().unwrap());
                    build(5)(writer)
                };
                let index = open("together", &print("together"), count).unwrap();
                assert_eq!(index.images(), 5);
            });
        }
    });
    assert_eq!(made.into_inner(), 1);
}

/// Every byte of an index changed, and every length that it may be cut to: it is not taken for the index that was written,
/// the same records come out, and the file is whole again.
#[test]
fn damaged_indexes_are_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let print = print("damaged");
    let path = folder.path().join(print.file_name("damaged"));
    let notes = Notes::default();
    let context = OpenContext::observed_by(&notes);
    let open = || {
        let index =
            open_or_build_in(Some(folder.path().into()), "damaged", &print, &context, &build(4));
        told(&index.unwrap())
    };
    let expected = open();
    let whole = std::fs::read(&path).unwrap();
    assert!(notes.take(folder.path()).is_empty());
    let look = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        // Quicker than to make it again, which brings it to the disk each time.
        let kept = Index::open(&path, &print.text());
        assert!(!matches!(kept, Kept::Whole(_)));
        matches!(kept, Kept::Damaged)
    };
    let made_again = || {
        assert_eq!(open(), expected);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
        notes.take(folder.path())
    };
    let mut silent = 0;
    for at in 0..whole.len() {
        for change in [0x01, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[at] ^= change;
            silent += usize::from(!look(&damaged));
        }
        if at % 40 == 0 {
            made_again();
        }
    }
    // An index of another release or of other sources is none that is damaged.
    assert!(silent <= 3 * (1 + 2 * print.text().len()), "{silent}");
    for length in 0..whole.len() {
        assert!(look(&whole[..length]), "cut at {length}");
    }
    assert_eq!(made_again().len(), 1);
    let mut longer = whole.clone();
    longer.push(0);
    assert!(look(&longer));
    let name = path.file_name().unwrap().to_str().unwrap();
    let note = format!("set damaged: the index FOLDER/{name} is damaged and is made anew");
    assert_eq!(made_again(), [note]);
}

#[test]
fn an_earlier_layout_is_replaced_silently() {
    let folder = tempfile::tempdir().unwrap();
    let print = print("earlier");
    let path = folder.path().join(print.file_name("earlier"));
    let notes = Notes::default();
    let context = OpenContext::observed_by(&notes);
    let mut earlier = b"MWINDEX\x02".to_vec();
    earlier.extend([0; 48]);
    std::fs::write(&path, earlier).unwrap();
    let folder_path = || Some(folder.path().to_path_buf());
    let index = open_or_build_in(folder_path(), "earlier", &print, &context, &build(2)).unwrap();
    assert_eq!(index.images(), 2);
    assert!(notes.take(folder.path()).is_empty());
    let never = |_: &mut IndexWriter| panic!("made again");
    open_or_build_in(folder_path(), "earlier", &print, &context, &never).unwrap();
}

/// No folder, no room in it, no way to give the index its name: the set is opened all the same.
#[cfg(unix)]
#[test]
fn an_index_that_cannot_be_kept_serves_this_run() {
    let root = tempfile::tempdir().unwrap();
    let print = print("not kept");
    let name = print.file_name("s").replace(".index", "");
    let notes = Notes::default();
    let context = OpenContext::observed_by(&notes);
    let open = |folder: &Path| {
        let index = open_or_build_in(Some(folder.into()), "s", &print, &context, &build(3));
        let expected = open_or_build_in(None, "s", &print, &OpenContext::default(), &build(3));
        assert_eq!(told(&index.unwrap()), told(&expected.unwrap()));
        notes.take(root.path()).concat().replace(&name, "NAME")
    };
    let begin = "set s: its index is not kept for the next run: cannot write FOLDER";

    let file = root.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let note = open(&file.join("cache"));
    assert!(note.starts_with(&format!("{begin}/file/cache: ")), "{note}");

    // A disk that is full.
    if Path::new("/dev/full").exists() {
        let full = root.path().join("full");
        std::fs::create_dir(&full).unwrap();
        let partial = full.join(format!("{name}.partial"));
        std::os::unix::fs::symlink("/dev/full", &partial).unwrap();
        let note = open(&full);
        assert!(note.starts_with(&format!("{begin}/full/NAME.index: No space left")), "{note}");
        assert!(!partial.exists() && !full.join(format!("{name}.index")).exists());
    }

    // A folder where the index should be.
    let taken = root.path().join("taken");
    std::fs::create_dir_all(taken.join(format!("{name}.index/inside"))).unwrap();
    let note = open(&taken);
    assert!(note.contains(&format!("{begin}/taken/NAME.partial: ")), "{note}");
}

/// What fuzzing begins with is read as far as an index can be.
#[test]
fn the_seeds_of_fuzzing_are_indexes() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/index");
    for (name, images) in [("one", 1), ("several", 5)] {
        let Kept::Whole(index) = Index::open(&seeds.join(name), "fuzz") else { panic!("{name}") };
        assert_eq!((index.images(), told(&index).len() as u64), (images, index.records() + 1));
    }
    assert!(matches!(Index::open(&seeds.join("other"), "fuzz"), Kept::Other));
    assert!(matches!(Index::open(&seeds.join("cut"), "fuzz"), Kept::Damaged));
}
