//! Small files that would take all memory or all time: each is refused at once, by what it asks for.

use std::path::Path;

use maskwright_model::weights::{Checkpoint, Container};

use crate::support::{Place, pair_entries, refusal, with_pickle};

const ORDERED_DICT: &[u8] = b"ccollections\nOrderedDict\n";

/// How a `.pth` with this pickle is refused.
#[track_caller]
fn pickle_refusal(place: &Place, parts: &[&[u8]]) -> String {
    let pickle = parts.concat();
    refusal(&place.write("bomb.pth", &with_pickle(&pair_entries(place), &pickle)))
}

fn text(text: &[u8]) -> Vec<u8> {
    [b"X", (text.len() as u32).to_le_bytes().as_slice(), text].concat()
}

/// The arguments of a tensor of six values with this shape and these strides.
fn arguments(shape: &[u8], strides: &[u8]) -> Vec<u8> {
    let storage = b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00";
    [storage.as_slice(), shape, strides, b"\x89}t"].concat()
}

fn tensor() -> Vec<u8> {
    let arguments = arguments(b"K\x06\x85", b"K\x01\x85");
    [b"ctorch._utils\n_rebuild_tensor_v2\n", arguments.as_slice(), b"R"].concat()
}

#[test]
fn a_key_that_is_repeated_is_no_name_each_time() {
    let place = Place::new();
    let dictionary = |key: &[u8]| {
        let first = [b"\x80\x02}(", text(key).as_slice(), b"q\x01", &tensor(), b"q\x02"].concat();
        pickle_refusal(&place, &[&first, &b"h\x01h\x02".repeat(100_000), b"u."])
    };
    insta::assert_snapshot!(dictionary(&[b'k'; 1_000_000]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected the name of a tensor to have at most 1024 bytes, found 1000000");
    insta::assert_snapshot!(dictionary(&[b'k'; 1_000]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 13903168 bytes of memory in a file of 401706 bytes, found that it takes more");
    // The key of a storage, which every tensor names.
    let key = text(&[b'k'; 1_000_000]);
    let storage = [
        b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\n",
        key.as_slice(),
        b"X\x03\x00\x00\x00cpuK\x06tQ.",
    ];
    insta::assert_snapshot!(pickle_refusal(&place, &storage), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected the name of a storage to have at most 1024 bytes, found 1000000");
}

#[test]
fn dictionaries_made_of_dictionaries_are_paid_for() {
    let place = Place::new();
    // A list of two pairs, each of which is the list itself: each OrderedDict of it has twice the pairs.
    let list = [b"\x80\x02", ORDERED_DICT, b"q\x01]q\x02h\x02ah\x02a"].concat();
    let doubled = b"h\x01h\x02\x85Rq\x02".repeat(3_000);
    insta::assert_snapshot!(pickle_refusal(&place, &[&list, &doubled, b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 1836832 bytes of memory in a file of 24633 bytes, found that it takes more");
    // A list of 3,000 pairs, made into a dictionary again and again.
    let pairs =
        [b"\x80\x02", ORDERED_DICT, b"q\x01](", &b"K\x01K\x02\x86".repeat(3_000), b"eq\x02"];
    let copies = b"h\x01h\x02\x85R".repeat(10_000);
    insta::assert_snapshot!(pickle_refusal(&place, &[&pairs.concat(), &copies, b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 3468704 bytes of memory in a file of 75629 bytes, found that it takes more");
    // OrderedDicts deep in each other, each the one value of the one around it: 1,000 are read, and hold
    // no tensor; 3,000 take more than so short a file can need.
    let around = |depth| b"h\x01K\x01h\x02\x86\x85\x85Rq\x02".repeat(depth);
    insta::assert_snapshot!(pickle_refusal(&place, &[&list, &around(1_000), b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (expected tensors by name): it holds no tensor");
    insta::assert_snapshot!(pickle_refusal(&place, &[&list, &around(3_000), b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 2220832 bytes of memory in a file of 36633 bytes, found that it takes more");
}

#[test]
fn tensors_have_few_axes() {
    let place = Place::new();
    let ones = [b"(", b"K\x01".repeat(64).as_slice(), b"t"].concat();
    let cloned = arguments(&ones, &ones);
    let one = [b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n", cloned.as_slice(), b"Rs."];
    insta::assert_snapshot!(pickle_refusal(&place, &one), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected tensors of at most 8 axes, found 64");
}

#[test]
fn arguments_are_not_copied_for_each_call() {
    let place = Place::new();
    // One tuple of a tensor's arguments and 100,000 more, and a million calls with it.
    let more = [b"ctorch._utils\n_rebuild_tensor_v2\nq\x01".as_slice(), b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQK\x00K\x06\x85K\x01\x85", &b"N".repeat(100_000), b"tq\x02"].concat();
    let calls = b"h\x01h\x02R".repeat(1_000_000);
    insta::assert_snapshot!(pickle_refusal(&place, &[b"\x80\x02", &more, &calls, b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 164270816 bytes of memory in a file of 5100695 bytes, found that it takes more");
    // The same with what only passes its argument on, which costs nothing but its place.
    let passed = [
        b"\x80\x02",
        tensor().as_slice(),
        b"q\x03ctorch._utils\n_rebuild_parameter\nq\x01(h\x03",
        &b"N".repeat(100_000),
        b"tq\x02",
    ]
    .concat();
    let calls = b"h\x01h\x02R".repeat(10_000);
    insta::assert_snapshot!(pickle_refusal(&place, &[&passed, &calls, b"."]), @"FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 5872160 bytes of memory in a file of 150737 bytes, found that it takes more");
}

#[test]
fn values_without_end_are_paid_for() {
    let place = Place::new();
    let mut refusals = Vec::new();
    for bytes in [b"N".as_slice(), b"(", b")", b"]"] {
        refusals.push(pickle_refusal(&place, &[&bytes.repeat(16_000_000)]));
    }
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 268435456 bytes of memory in a file of 16000594 bytes, found that it takes more
        FOLDER/bomb.pth: not a readable checkpoint (PyTorch): its pickle is cut short
        FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 268435456 bytes of memory in a file of 16000594 bytes, found that it takes more
        FOLDER/bomb.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 268435456 bytes of memory in a file of 16000594 bytes, found that it takes more
        ");
}

#[test]
fn directories_of_zips_are_bounded() {
    // 400,000 entries without names or bytes, by a directory in the format for many entries.
    let place = Place::new();
    let count = 400_000u64;
    let entry = [b"PK\x01\x02".as_slice(), &[0; 42]].concat();
    let mut file = b"PK\x03\x04".to_vec();
    let start = file.len() as u64;
    file.extend(entry.repeat(count as usize));
    let end = file.len() as u64;
    file.extend(b"PK\x06\x06");
    file.extend(44u64.to_le_bytes());
    file.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    [count, count, end - start, start].iter().for_each(|n| file.extend(n.to_le_bytes()));
    file.extend(b"PK\x06\x07\0\0\0\0");
    file.extend(end.to_le_bytes());
    file.extend([1, 0, 0, 0]);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([255; 12]);
    file.extend([0, 0]);
    insta::assert_snapshot!(refusal(&place.write("entries.pth", &file)), @"FOLDER/entries.pth: not a readable checkpoint (PyTorch): its zip is damaged or cut short: i/o error: its directory has more than 16777216 bytes");
}

#[test]
fn headers_of_safetensors_are_bounded() {
    let place = Place::new();
    let file = |name: &str, json: &str, data: u64| {
        let bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        let path = place.write(name, &bytes);
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(bytes.len() as u64 + data).unwrap();
        path
    };
    let long = file("long.safetensors", &format!("{{{}}}", " ".repeat(16 << 20)), 0);
    let many: Vec<String> = (0..100_001)
        .map(|n| format!(r#""{n}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    let many = file("many.safetensors", &format!("{{{}}}", many.join(",")), 0);
    let axes = r#"{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#;
    let axes = file("axes.safetensors", axes, 4);
    // As of a pickle, into which it may be written: found by fuzzing.
    let name = "n".repeat(1025);
    let name = format!(r#"{{"{name}":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}}}"#);
    let name = file("name.safetensors", &name, 4);
    insta::assert_snapshot!([long, many, axes, name].map(|path| refusal(&path)).join("\n"), @"
        FOLDER/long.safetensors: not a readable checkpoint (safetensors): expected a header of at most 16777216 bytes, found 16777218
        FOLDER/many.safetensors: not a readable checkpoint (safetensors): expected at most 100000 tensors, found 100001
        FOLDER/axes.safetensors: not a readable checkpoint (safetensors): expected tensors of at most 8 axes, found 9
        FOLDER/name.safetensors: not a readable checkpoint (safetensors): expected the name of a tensor to have at most 1024 bytes, found 1025
        ");
}

#[test]
fn what_would_not_be_read_is_not_written() {
    let place = Place::new();
    // So many tensors, their names of so many bytes.
    let many = |count: usize, length: usize, more: &str| {
        let tensor =
            |n| format!(r#""{n:0length$}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
        let tensors: Vec<String> = (0..count).map(tensor).collect();
        let json = format!("{{{more}{}}}", tensors.join(","));
        let bytes = [&(json.len() as u64).to_le_bytes(), json.as_bytes()].concat();
        Checkpoint::open(&place.write("many.safetensors", &bytes)).unwrap()
    };
    let fits = many(50_000, 6, "");
    for (name, container) in [("a.safetensors", Container::Safetensors), ("a.pth", Container::Pth)]
    {
        let path = place.join(name);
        fits.write(&path, container).unwrap();
        assert!(Checkpoint::open(&path).unwrap().names().eq(fits.names()), "{name}");
    }
    let many_of_them = many(100_000, 5, "");
    let long = many(50_000, 255, "");
    let text =
        format!(r#""__metadata__":{{"maskwright.trainable":"{}"}},"#, "x".repeat((1 << 16) + 1));
    let told = many(1, 6, &text);
    let refused = [many_of_them, long, told].map(|checkpoint| {
        let path = place.join("refused.pth");
        let error = checkpoint.write(&path, Container::Pth).unwrap_err().to_string();
        assert!(!path.exists());
        error.replace(&place.join("").display().to_string(), "FOLDER/")
    });
    insta::assert_snapshot!(refused.join("\n"), @"
        FOLDER/refused.pth: the PyTorch layout holds a list of tensors that is read again, found 100000 tensors: expected its pickle to take at most 268435456 bytes of memory in a file of 15088922 bytes, found that it takes more
        FOLDER/refused.pth: the PyTorch layout holds a list of tensors that is read again, found 50000 tensors: its pickle is longer than 16777216 bytes
        FOLDER/refused.pth: the PyTorch layout holds a description of at most 64 KiB, found one of 65537 bytes
        ");
}

#[test]
fn configurations_beside_weights_are_bounded() {
    let place = Place::new();
    let folder = place.join("hf");
    std::fs::create_dir(&folder).unwrap();
    pair_entries(&place);
    std::fs::copy(place.join("pair.safetensors"), folder.join("model.safetensors")).unwrap();
    let config = std::fs::File::create(folder.join("config.json")).unwrap();
    config.set_len(1 << 40).unwrap();
    insta::assert_snapshot!(refusal(&folder), @"FOLDER/hf/config.json: not a readable checkpoint (Hugging Face): expected at most 1048576 bytes of JSON, found more");
    let index = std::fs::File::create(folder.join("model.safetensors.index.json")).unwrap();
    index.set_len(1 << 40).unwrap();
    insta::assert_snapshot!(refusal(&folder), @"FOLDER/hf/model.safetensors.index.json: not a readable checkpoint (Hugging Face): expected at most 16777216 bytes of JSON, found more");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_waited_for() {
    insta::assert_snapshot!(refusal(Path::new("/dev/zero")), @"FOLDER/zero: not a readable checkpoint (expected a file or a folder): it is a device, a pipe or a socket");
}
