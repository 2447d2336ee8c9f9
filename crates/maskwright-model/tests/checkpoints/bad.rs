//! Files that are no checkpoint, are damaged, or mean harm: one clear error that names the file.

use std::path::Path;

use maskwright_model::weights::{Checkpoint, Container, Tensors};

use crate::support::{Place, legacy, pair, pair_entries, with_pickle, zip};

/// Opens a file and reads all of it.
fn read(path: &Path) -> Result<usize, String> {
    let checkpoint = Checkpoint::open(path).map_err(|e| e.to_string())?;
    for name in checkpoint.names() {
        checkpoint.values(name).map_err(|e| e.to_string())?;
    }
    Ok(checkpoint.len())
}

#[track_caller]
fn refused(path: &Path, words: &[&str]) {
    let refusal = read(path).expect_err("refused");
    let file = path.file_name().unwrap().to_str().unwrap();
    for word in words.iter().chain(&[file]) {
        assert!(refusal.contains(word), "expected {word:?} in: {refusal}");
    }
    assert!(!refusal.contains('\n'), "{refusal}");
}

#[test]
fn what_is_no_checkpoint_is_said() {
    let place = Place::new();
    refused(&place.write("empty.pth", b""), &["empty", "expected"]);
    refused(&place.write("text.pth", b"hello there, this is text\n"), &["text file", "hello"]);
    refused(&place.write("page.pth", b"<!DOCTYPE html>\n<html>"), &["text file", "DOCTYPE"]);
    refused(&place.write("noise.pth", &[0xfe, 0x37, 0x00, 0x99, 1, 2, 3]), &["neither"]);
    refused(&place.join("nowhere.pth"), &[]);
    std::fs::create_dir(place.join("folder")).unwrap();
    refused(&place.join("folder"), &["model.safetensors", "none"]);
    refused(
        &place.write("zip.pth", &zip(&[("readme.txt".into(), b"hello".to_vec())])),
        &["data.pkl"],
    );
    refused(
        &place.write("none.pth", &zip(&[("a/data.pkl".into(), b"\x80\x02}.".to_vec())])),
        &["no tensor"],
    );
}

#[test]
fn hostile_pickles_are_refused_by_name_and_run_nothing() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let victim = place.join("victim");
    let command = format!("touch {}", victim.display());
    let mut system = b"\x80\x02cposix\nsystem\nX".to_vec();
    system.extend((command.len() as u32).to_le_bytes());
    system.extend(command.bytes());
    system.extend(b"\x85R.");
    for (pickle, name) in [
        (system.as_slice(), "posix.system"),
        (b"\x80\x02cbuiltins\nexec\nX\x01\x00\x00\x001\x85R.", "builtins.exec"),
        (b"\x80\x02cnumpy.core.multiarray\nscalar\n.", "numpy.core.multiarray.scalar"),
        (b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.", "FRAME"),
    ] {
        refused(&place.write("zip.pth", &with_pickle(&entries, pickle)), &[name, "refused"]);
        refused(&place.write("plain.pth", pickle), &[name, "refused"]);
        let mut entries = entries.clone();
        let place_of = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
        entries[place_of].1 = pickle.to_vec();
        refused(&place.write("legacy.pth", &legacy(&entries, 4)), &[name, "refused"]);
    }
    refused(&place.write("harmless.pth", b"\x80\x02]."), &["plain pickle"]);
    assert!(!victim.exists());
}

#[test]
fn files_cut_short_anywhere_are_refused() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let whole = [
        std::fs::read(place.join("pair.pth")).unwrap(),
        std::fs::read(place.join("pair.safetensors")).unwrap(),
        legacy(&entries, 4),
    ];
    for (bytes, name) in whole.iter().zip(["a.pth", "a.safetensors", "old.pth"]) {
        assert_eq!(read(&place.write(name, bytes)), Ok(2));
        for length in 1..bytes.len() {
            let path = place.write(name, &bytes[..length]);
            assert!(read(&path).expect_err("refused").contains(name), "{name} at {length}");
        }
    }
}

#[test]
fn changed_values_fail_their_checksum() {
    let place = Place::new();
    pair_entries(&place);
    let mut bytes = std::fs::read(place.join("pair.pth")).unwrap();
    let values = 3.25f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == values).unwrap();
    bytes[at] ^= 1;
    refused(&place.write("flipped.pth", &bytes), &["checksum", "a"]);
}

#[test]
fn zips_that_are_traps_are_refused() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let good = zip(&entries);
    // Says it is compressed: method 8 in the directory.
    let directory = good.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    let mut compressed = good.clone();
    compressed[directory + 10] = 8;
    refused(&place.write("packed.pth", &compressed), &["compresses"]);
    // Two entries at one place.
    let second = directory + 46 + good[directory + 28] as usize;
    let second = second + usize::from(good[directory + 30]);
    assert_eq!(&good[second..second + 4], b"PK\x01\x02");
    let mut overlapping = good.clone();
    overlapping.copy_within(directory + 42..directory + 46, second + 42);
    refused(&place.write("overlap.pth", &overlapping), &["zip"]);
    // A size that no file has.
    let mut large = good.clone();
    for field in [20, 24] {
        large[directory + field..directory + field + 4]
            .copy_from_slice(&0xf000_0000u32.to_le_bytes());
    }
    refused(&place.write("large.pth", &large), &[]);
    // 65,535 entries claimed.
    let end = good.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let mut many = good.clone();
    many[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    refused(&place.write("many.pth", &many), &[]);
}

#[test]
fn small_files_do_not_unfold_into_all_memory() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let tensor = |shape: &[u8], strides: &[u8]| {
        let head = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00(";
        [head.as_slice(), shape, b"t(", strides, b"t\x89}tR"].concat()
    };
    // 2^40 values, all of them the first: a stride of 0.
    let wide = b"J\x00\x00\x10\x00J\x00\x00\x10\x00";
    let bomb = [b"\x80\x02}(U\x01a".as_slice(), &tensor(wide, b"K\x00K\x00"), b"u."].concat();
    refused(&place.write("stride.pth", &with_pickle(&entries, &bomb)), &["unfold"]);
    // Ten thousand tensors of one storage.
    let mut many = b"\x80\x02}(".to_vec();
    for number in 0..10_000u16 {
        many.extend(b"M");
        many.extend(number.to_le_bytes());
        if number == 0 {
            many.extend(tensor(b"K\x06", b"K\x01"));
            many.extend(b"q\x07");
        } else {
            many.extend(b"h\x07");
        }
    }
    many.extend(b"u.");
    refused(&place.write("many.pth", &with_pickle(&entries, &many)), &["unfold"]);
    // Past the end of the storage, and sizes that overflow.
    let past = [b"\x80\x02}(U\x01a".as_slice(), &tensor(b"K\x07", b"K\x01"), b"u."].concat();
    refused(&place.write("past.pth", &with_pickle(&entries, &past)), &["a:", "storage"]);
    let huge = b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f";
    let over = [b"\x80\x02}(U\x01a".as_slice(), &tensor(huge, b"K\x00K\x00K\x00"), b"u."].concat();
    refused(&place.write("over.pth", &with_pickle(&entries, &over)), &["a:"]);
    let negative =
        [b"\x80\x02}(U\x01a".as_slice(), &tensor(b"J\xff\xff\xff\xff", b"K\x01"), b"u."].concat();
    refused(&place.write("negative.pth", &with_pickle(&entries, &negative)), &["odd size"]);
}

#[test]
fn integers_where_floats_belong_are_named() {
    let place = Place::new();
    let mut entries = pair_entries(&place);
    for storage in [&b"IntStorage"[..], b"BoolStorage", b"ByteStorage"] {
        let pickle = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
        let text = entries[pickle].1.clone();
        let at = text.windows(12).position(|w| w == b"FloatStorage").unwrap();
        let changed = [&text[..at], storage, &text[at + 12..]].concat();
        let kind = ["i32", "bool", "u8"]
            [usize::from(storage[1] != b'n') + usize::from(storage[1] == b'y')];
        refused(&place.write("int.pth", &with_pickle(&entries, &changed)), &["a:", "f32", kind]);
    }
    entries.clear();
    let data = [0u8; 8];
    for (dtype, found) in [
        (safetensors::Dtype::I32, "i32"),
        (safetensors::Dtype::U8, "u8"),
        (safetensors::Dtype::I64, "i64"),
        (safetensors::Dtype::F8_E4M3, "f8"),
    ] {
        let shape = vec![64 / dtype.bitsize()];
        let view = safetensors::tensor::TensorView::new(dtype, shape, &data).unwrap();
        let bytes = safetensors::serialize([("neck.weight", view)], None).unwrap();
        let path = place.write("int.safetensors", &bytes);
        refused(&path, &["neck.weight", "f32", found]);
    }
}

#[test]
fn damaged_safetensors_headers_are_refused() {
    let place = Place::new();
    let header = |json: &str, data: usize| {
        let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
        bytes.extend(json.bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    for (json, data) in [
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 7),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#, 9),
        (r#"{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}"#, 8),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#, 12),
        (r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}"#, 8),
        (r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#, 8),
        (r#"{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,18446744073709551615]}}"#, 8),
        (r#"{"a":{"dtype":"X9","shape":[2],"data_offsets":[0,8]}}"#, 8),
        (r#"{"a":"#, 0),
    ] {
        refused(&place.write("a.safetensors", &header(json, data)), &[]);
    }
    let mut long = header("{}", 0);
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&place.write("long.safetensors", &long), &["header"]);
}

#[test]
fn a_failed_write_leaves_what_was_there() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let mut bytes = zip(&entries);
    let at = bytes.windows(4).position(|window| window == 3.25f32.to_le_bytes()).unwrap();
    bytes[at] ^= 1;
    let damaged = Checkpoint::open(&place.write("damaged.pth", &bytes)).unwrap();
    let before = std::fs::read_dir(place.join("")).unwrap().count();
    for (container, name) in
        [(Container::Safetensors, "out.safetensors"), (Container::Pth, "out.pth")]
    {
        std::fs::write(place.join(name), "old").unwrap();
        damaged.write(&place.join(name), container).unwrap_err();
        assert_eq!(std::fs::read(place.join(name)).unwrap(), b"old");
    }
    assert_eq!(std::fs::read_dir(place.join("")).unwrap().count(), before + 2);
    // Of a state whose values do not fill their shape nothing is written either.
    let mut state = pair();
    state.tensors.get_mut("a").unwrap().shape = vec![7];
    assert!(state.write(&place.join("short.safetensors")).unwrap_err().to_string().contains('7'));
    assert!(!place.join("short.safetensors").exists());
}

#[test]
fn configurations_of_no_model_are_refused_with_the_file() {
    let place = Place::new();
    let whole = Checkpoint::of(&crate::support::model(&crate::support::config()));
    for (from, to) in [
        ("\"depth\":3", "\"depth\":4000000000"),
        ("\"embed_dim\":32", "\"embed_dim\":9000000000000000000"),
        ("\"image_size\":64", "\"image_size\":65"),
        ("\"image_size\"", "\"image_sise\""),
    ] {
        let mut odd = whole.clone();
        let config = &odd.metadata[maskwright_model::weights::CONFIG_KEY];
        assert!(config.contains(from), "{config}");
        let changed = config.replace(from, to);
        odd.metadata.insert(maskwright_model::weights::CONFIG_KEY.to_owned(), changed);
        let path = place.join("odd.pth");
        odd.write(&path, Container::Pth).unwrap();
        let refusal = maskwright_model::weights::detect(&Checkpoint::open(&path).unwrap());
        let refusal = refusal.unwrap_err().to_string();
        assert!(refusal.contains("odd.pth"), "{refusal}");
    }
}
