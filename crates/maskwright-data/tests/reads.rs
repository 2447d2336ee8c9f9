//! What making a view reads from files: every byte that it needs, once.

mod common;

use common::annotated::{objects, open, sa1b_folder, sa1b_json, sa1b_members, tar};
use maskwright_data::random::SampleKey;
use maskwright_data::sample::{SampleConfig, SampleMaker};
use maskwright_data::source::{MaskBuffer, Mix, Pick, SetSpec, Source};

/// An image's entry in an index, as the layout in `source/index` has it.
const ENTRY: u64 = 72;

/// Bytes and calls of a thread's reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reads {
    bytes: u64,
    calls: u64,
}

/// What this thread has read so far, and how many bytes it took to learn that; none where the system does not
/// count it.
#[cfg(target_os = "linux")]
fn so_far() -> Option<(Reads, u64)> {
    let mut text = [0; 1024];
    let mut file = std::fs::File::open("/proc/thread-self/io").ok()?;
    let len = std::io::Read::read(&mut file, &mut text).ok()?;
    let text = std::str::from_utf8(&text[..len]).ok()?;
    let count = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line?.parse().ok()
    };
    Some((Reads { bytes: count("rchar")?, calls: count("syscr")? }, len as u64))
}

#[cfg(not(target_os = "linux"))]
fn so_far() -> Option<(Reads, u64)> {
    None
}

/// What `work` reads.
fn reads(work: impl FnOnce()) -> Option<Reads> {
    let (before, to_learn) = so_far()?;
    work();
    let (after, _) = so_far()?;
    // The first look at the counts is a call of its own.
    Some(Reads {
        bytes: after.bytes - before.bytes - to_learn,
        calls: after.calls - before.calls - 1,
    })
}

/// What a view of record 1 reads, an image of three objects, where up to `most` are drawn.
fn of_view(spec: &SetSpec, most: usize) -> Option<Reads> {
    let mix = Mix::new(vec![open(spec)]).unwrap();
    let config = SampleConfig { objects_per_image: most, ..SampleConfig::for_size(48) };
    let mut maker = SampleMaker::new(config).unwrap();
    let key = SampleKey::in_epoch(4, 0, 1);
    // Buffers are as large as they become.
    let first = maker.view(&mix, key).unwrap();
    let bytes_of_first = maker.take_bytes_read();
    let counted = reads(|| {
        let view = maker.view(&mix, key).unwrap();
        assert_eq!(view, first);
        assert_eq!(view.objects.len() as u64 + u64::from(view.info.not_in_view), most as u64);
    });
    assert_eq!(maker.take_bytes_read(), bytes_of_first);
    let [(_, image), (_, json)] = &sa1b_members(1..2)[..] else { unreachable!("two files") };
    assert_eq!(bytes_of_first as usize, image.len() + json.len());
    counted
}

#[test]
fn an_annotation_file_is_read_once_for_all_objects_of_a_view() {
    let root = tempfile::tempdir().unwrap();
    let folder = sa1b_folder(root.path(), 2);
    tar(&root.path().join("sa.tar"), &sa1b_members(0..2));
    let tars = SetSpec::sa1b("sa", root.path().join("sa.tar"));
    let counted = [&folder, &tars].map(|spec| [1, 3].map(|most| of_view(spec, most)));
    let [Some([one, three]), Some([tar_one, tar_three])] =
        counted.map(|[one, three]| one.zip(three).map(<[Reads; 2]>::from))
    else {
        eprintln!("left out: this system does not count what a thread reads");
        return;
    };
    assert_eq!(one, three);
    assert_eq!(tar_one, tar_three);
    // In a tar file nothing else is read but the image's entry and, for the view's info, its name: the record is
    // located once.
    let files: usize = sa1b_members(1..2).iter().map(|(_, bytes)| bytes.len()).sum();
    let index = tar_three.bytes - files as u64;
    assert!((ENTRY..2 * ENTRY).contains(&index), "{index} bytes of the index");
    assert_eq!(tar_three.calls, 4);
}

#[test]
fn masks_of_a_record_are_those_of_one_reading() {
    let root = tempfile::tempdir().unwrap();
    let set = open(&sa1b_folder(root.path(), 2));
    let file = set.record(1).unwrap().mask;
    let (at, other) = (set.locate(1).unwrap(), set.locate(0).unwrap());
    let before = objects(&*set, 1);
    let mut mask = MaskBuffer::new();
    set.mask(&at, Pick::Nth(0), &mut mask).unwrap();
    // The file loses its first object.
    let mut json = sa1b_json(1);
    json["annotations"].as_array_mut().unwrap().remove(0);
    std::fs::write(&file, json.to_string()).unwrap();
    let ask = |at, nth, mask: &mut MaskBuffer| {
        set.mask(at, Pick::Nth(nth), mask).unwrap();
        (mask.object, mask.rle.clone())
    };
    assert_eq!([0, 1, 2].map(|nth| ask(&at, nth, &mut mask)), before[..]);
    // Another record's mask ends that, and so does whoever asks for it.
    ask(&other, 0, &mut mask);
    assert_eq!(ask(&at, 0, &mut mask), before[1]);
    std::fs::write(&file, sa1b_json(1).to_string()).unwrap();
    assert_eq!(ask(&at, 0, &mut mask), before[1]);
    mask.forget();
    assert_eq!(ask(&at, 0, &mut mask), before[0]);
    // A set of the same name and number is another set.
    std::fs::remove_file(&file).unwrap();
    let again = open(&sa1b_folder(root.path(), 3));
    std::fs::remove_file(&file).unwrap();
    assert!(again.mask(&again.locate(1).unwrap(), Pick::Nth(0), &mut mask).is_err());
}
