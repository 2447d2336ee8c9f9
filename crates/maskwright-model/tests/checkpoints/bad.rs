//! Files that are no checkpoint, are damaged, or mean harm: one clear error that names the file.

use maskwright_model::weights::{Checkpoint, Container};

use crate::support::{
    Place, legacy, pair, pair_entries, read, refusal, with_pickle, without_folder, zip,
};

#[test]
fn what_is_no_checkpoint_is_said() {
    let place = Place::new();
    std::fs::create_dir(place.join("folder")).unwrap();
    let refusals = [
        place.write("empty.pth", b""),
        place.write("text.pth", b"hello there, this is text\n"),
        place.write("page.pth", b"<!DOCTYPE html>\n<html>"),
        place.write("noise.pth", &[0xfe, 0x37, 0x00, 0x99, 1, 2, 3]),
        place.join("nowhere.pth"),
        place.join("folder"),
        place.write("zip.pth", &zip(&[("readme.txt".into(), b"hello".to_vec())])),
        place.write("none.pth", &zip(&[("a/data.pkl".into(), b"\x80\x02}.".to_vec())])),
    ]
    .map(|path| refusal(&path));
    insta::assert_snapshot!(refusals.join("\n"), @r#"
        FOLDER/empty.pth: not a readable checkpoint (expected a .pth or safetensors file): it is empty
        FOLDER/text.pth: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "hello there, this is tex"
        FOLDER/page.pth: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "<!DOCTYPE html>\n<html>"
        FOLDER/noise.pth: not a readable checkpoint (expected a .pth or safetensors file): its first bytes are of neither
        FOLDER/nowhere.pth: No such file or directory (os error 2)
        FOLDER/folder: not a readable checkpoint (a folder): expected model.safetensors, model.safetensors.index.json, pytorch_model.bin or pytorch_model.bin.index.json in it, found none
        FOLDER/zip.pth: not a readable checkpoint (PyTorch): its zip has no data.pkl: expected one that torch.save wrote
        FOLDER/none.pth: not a readable checkpoint (expected tensors by name): it holds no tensor
        "#);
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
    let mut refusals = Vec::new();
    for pickle in [
        system.as_slice(),
        b"\x80\x02cbuiltins\nexec\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02crunpy\n_run_code\n.",
        b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00.",
    ] {
        refusals.push(refusal(&place.write("zip.pth", &with_pickle(&entries, pickle))));
        refusals.push(refusal(&place.write("plain.pth", pickle)));
        let mut entries = entries.clone();
        let place_of = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
        entries[place_of].1 = pickle.to_vec();
        refusals.push(refusal(&place.write("legacy.pth", &legacy(&entries, 4))));
    }
    refusals.push(refusal(&place.write("harmless.pth", b"\x80\x02].")));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/zip.pth: not a readable checkpoint (PyTorch): its pickle asks for posix.system, which rebuilds no tensor: refused, and nothing was run
        FOLDER/plain.pth: not a readable checkpoint (PyTorch): its pickle asks for posix.system, which rebuilds no tensor: refused, and nothing was run
        FOLDER/legacy.pth: not a readable checkpoint (PyTorch): its pickle asks for posix.system, which rebuilds no tensor: refused, and nothing was run
        FOLDER/zip.pth: not a readable checkpoint (PyTorch): its pickle asks for builtins.exec, which rebuilds no tensor: refused, and nothing was run
        FOLDER/plain.pth: not a readable checkpoint (PyTorch): its pickle asks for builtins.exec, which rebuilds no tensor: refused, and nothing was run
        FOLDER/legacy.pth: not a readable checkpoint (PyTorch): its pickle asks for builtins.exec, which rebuilds no tensor: refused, and nothing was run
        FOLDER/zip.pth: not a readable checkpoint (PyTorch): its pickle asks for runpy._run_code, which rebuilds no tensor: refused, and nothing was run
        FOLDER/plain.pth: not a readable checkpoint (PyTorch): its pickle asks for runpy._run_code, which rebuilds no tensor: refused, and nothing was run
        FOLDER/legacy.pth: not a readable checkpoint (PyTorch): its pickle asks for runpy._run_code, which rebuilds no tensor: refused, and nothing was run
        FOLDER/zip.pth: not a readable checkpoint (PyTorch): its pickle has the operation FRAME (pickle protocol 4; torch.save writes 2 unless told otherwise), which rebuilds no tensor: refused, and nothing was run
        FOLDER/plain.pth: not a readable checkpoint (PyTorch): its pickle has the operation FRAME (pickle protocol 4; torch.save writes 2 unless told otherwise), which rebuilds no tensor: refused, and nothing was run
        FOLDER/legacy.pth: not a readable checkpoint (PyTorch): its pickle has the operation FRAME (pickle protocol 4; torch.save writes 2 unless told otherwise), which rebuilds no tensor: refused, and nothing was run
        FOLDER/harmless.pth: not a readable checkpoint (PyTorch): it is a plain pickle: expected what torch.save writes
        ");
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
    // Every text there is, numbers left out.
    let mut refusals = std::collections::BTreeSet::new();
    for (bytes, name) in whole.iter().zip(["a.pth", "a.safetensors", "old.pth"]) {
        assert_eq!(read(&place.write(name, bytes)).unwrap(), 2);
        for length in 1..bytes.len() {
            let refusal = refusal(&place.write(name, &bytes[..length]));
            let mut text = String::new();
            for letter in refusal.chars() {
                match letter.is_ascii_digit() {
                    false => text.push(letter),
                    true if text.ends_with('N') => {}
                    true => text.push('N'),
                }
            }
            refusals.insert(text);
        }
    }
    insta::assert_snapshot!(Vec::from_iter(refusals).join("\n"), @r#"
        FOLDER/a.pth: not a readable checkpoint (PyTorch): its zip is damaged or cut short: invalid Zip archive: Could not find EOCD
        FOLDER/a.pth: not a readable checkpoint (PyTorch): its zip is damaged or cut short: invalid Zip archive: Unexpected end of zip::format::blocks::ZipNCDEBlock
        FOLDER/a.pth: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "P"
        FOLDER/a.pth: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "PK"
        FOLDER/a.pth: not a readable checkpoint (expected a .pth or safetensors file): its first bytes are of neither
        FOLDER/a.safetensors: not a readable checkpoint (expected a .pth or safetensors file): it is a text file that begins "x"
        FOLDER/a.safetensors: not a readable checkpoint (expected a .pth or safetensors file): its first bytes are of neither
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): expected N bytes by its header, found N: it is cut short or damaged
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): its header claims N bytes, the file has N: it is cut short or damaged
        FOLDER/old.pth: not a readable checkpoint (PyTorch): it is cut short
        FOLDER/old.pth: not a readable checkpoint (PyTorch): it is cut short: storage N ends at byte N, the file at N
        FOLDER/old.pth: not a readable checkpoint (PyTorch): its pickle has a name without an end
        FOLDER/old.pth: not a readable checkpoint (PyTorch): its pickle is cut short
        FOLDER/old.pth: not a readable checkpoint (expected a .pth or safetensors file): its first bytes are of neither
        "#);
}

#[test]
fn changed_values_fail_their_checksum() {
    let place = Place::new();
    pair_entries(&place);
    let mut bytes = std::fs::read(place.join("pair.pth")).unwrap();
    let values = 3.25f32.to_le_bytes();
    let at = bytes.windows(4).position(|window| window == values).unwrap();
    bytes[at] ^= 1;
    insta::assert_snapshot!(refusal(&place.write("flipped.pth", &bytes)), @"FOLDER/flipped.pth: not a readable checkpoint (a tensor): its values do not have the checksum that the zip states: it is damaged");
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
    let packed = place.write("packed.pth", &compressed);
    // Two entries at one place.
    let second = directory + 46 + good[directory + 28] as usize;
    let second = second + usize::from(good[directory + 30]);
    assert_eq!(&good[second..second + 4], b"PK\x01\x02");
    let mut overlapping = good.clone();
    overlapping.copy_within(directory + 42..directory + 46, second + 42);
    let overlapping = place.write("overlap.pth", &overlapping);
    // A size that no file has.
    let mut large = good.clone();
    for field in [20, 24] {
        large[directory + field..directory + field + 4]
            .copy_from_slice(&0xf000_0000u32.to_le_bytes());
    }
    let large = place.write("large.pth", &large);
    // 65,535 entries claimed.
    let end = good.windows(4).rposition(|w| w == b"PK\x05\x06").unwrap();
    let mut many = good.clone();
    many[end + 8..end + 12].copy_from_slice(&[0xfe, 0xff, 0xfe, 0xff]);
    let many = place.write("many.pth", &many);
    let refusals = [packed, overlapping, large, many].map(|path| refusal(&path));
    insta::assert_snapshot!(refusals.join("\n"), @r#"
        FOLDER/packed.pth: not a readable checkpoint (PyTorch): its zip compresses "archive/data.pkl": expected entries as torch.save stores them, unpacked
        FOLDER/overlap.pth: not a readable checkpoint (PyTorch): its zip has entries that overlap
        FOLDER/large.pth: not a readable checkpoint (PyTorch): its zip has entries that overlap
        FOLDER/many.pth: not a readable checkpoint (PyTorch): its zip is damaged or cut short: invalid Zip archive: Unexpected end of zip::format::blocks::ZipCentralEntryBlock
        "#);
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
    let mut refusals = vec![refusal(&place.write("stride.pth", &with_pickle(&entries, &bomb)))];
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
    refusals.push(refusal(&place.write("many.pth", &with_pickle(&entries, &many))));
    // Past the end of the storage, and sizes that overflow.
    let past = [b"\x80\x02}(U\x01a".as_slice(), &tensor(b"K\x07", b"K\x01"), b"u."].concat();
    refusals.push(refusal(&place.write("past.pth", &with_pickle(&entries, &past))));
    let huge = b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f";
    let over = [b"\x80\x02}(U\x01a".as_slice(), &tensor(huge, b"K\x00K\x00K\x00"), b"u."].concat();
    refusals.push(refusal(&place.write("over.pth", &with_pickle(&entries, &over))));
    let negative =
        [b"\x80\x02}(U\x01a".as_slice(), &tensor(b"J\xff\xff\xff\xff", b"K\x01"), b"u."].concat();
    refusals.push(refusal(&place.write("negative.pth", &with_pickle(&entries, &negative))));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/stride.pth: not a readable checkpoint (PyTorch): its tensors unfold to 4398046511104 bytes, the file has 712: expected each to have values of its own
        FOLDER/many.pth: not a readable checkpoint (PyTorch): expected its pickle to take at most 2670944 bytes of memory in a file of 50699 bytes, found that it takes more
        FOLDER/past.pth: not a readable checkpoint (PyTorch): a: it needs 28 bytes of its storage, which states 24 and has 24
        FOLDER/over.pth: not a readable checkpoint (PyTorch): a: shape [2147483647, 2147483647, 2147483647] with strides [0, 0, 0] does not fit its storage
        FOLDER/negative.pth: not a readable checkpoint (PyTorch): its pickle has an odd size
        ");
}

#[test]
fn integers_where_floats_belong_are_named() {
    let place = Place::new();
    let entries = pair_entries(&place);
    let mut refusals = Vec::new();
    for storage in [&b"IntStorage"[..], b"BoolStorage", b"ByteStorage"] {
        let pickle = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
        let text = entries[pickle].1.clone();
        let at = text.windows(12).position(|w| w == b"FloatStorage").unwrap();
        let changed = [&text[..at], storage, &text[at + 12..]].concat();
        refusals.push(refusal(&place.write("int.pth", &with_pickle(&entries, &changed))));
    }
    let data = [0u8; 8];
    use safetensors::Dtype;
    for dtype in [Dtype::I32, Dtype::U8, Dtype::I64, Dtype::F8_E4M3] {
        let shape = vec![64 / dtype.bitsize()];
        let view = safetensors::tensor::TensorView::new(dtype, shape, &data).unwrap();
        let bytes = safetensors::serialize([("neck.weight", view)], None).unwrap();
        refusals.push(refusal(&place.write("int.safetensors", &bytes)));
    }
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/int.pth: not a readable checkpoint (PyTorch): a: expected f32, f16, bf16 or f64, found i32
        FOLDER/int.pth: not a readable checkpoint (PyTorch): a: expected f32, f16, bf16 or f64, found bool
        FOLDER/int.pth: not a readable checkpoint (PyTorch): a: expected f32, f16, bf16 or f64, found u8
        FOLDER/int.safetensors: not a readable checkpoint (safetensors): neck.weight: expected f32, f16, bf16 or f64, found i32
        FOLDER/int.safetensors: not a readable checkpoint (safetensors): neck.weight: expected f32, f16, bf16 or f64, found u8
        FOLDER/int.safetensors: not a readable checkpoint (safetensors): neck.weight: expected f32, f16, bf16 or f64, found i64
        FOLDER/int.safetensors: not a readable checkpoint (safetensors): neck.weight: expected f32, f16, bf16 or f64, found f8_e4m3
        ");
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
    let mut refusals = Vec::new();
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
        refusals.push(refusal(&place.write("a.safetensors", &header(json, data))));
    }
    let mut long = header("{}", 0);
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refusals.push(refusal(&place.write("long.safetensors", &long)));
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): expected 70 bytes by its header, found 69: it is cut short or damaged
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): expected 70 bytes by its header, found 71: it is cut short or damaged
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: invalid shape, data type, or offset for tensor
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: invalid offset for tensor `a`
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: invalid offset for tensor `a`
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: overflow computing buffer size from shape and/or element type
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: invalid shape, data type, or offset for tensor
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: unknown variant `X9`, expected one of `BOOL`, `F4`, `F6_E2M3`, `F6_E3M2`, `U8`, `I8`, `F8_E5M2`, `F8_E4M3`, `F8_E8M0`, `F8_E4M3FNUZ`, `F8_E5M2FNUZ`, `I16`, `U16`, `F16`, `BF16`, `I32`, `U32`, `F32`, `C64`, `F64`, `I64`, `U64` at line 1 column 53
        FOLDER/a.safetensors: not a readable checkpoint (safetensors): header: EOF while parsing a value at line 1 column 5
        FOLDER/long.safetensors: not a readable checkpoint (safetensors): its header claims 18446744073709551615 bytes, the file has 10: it is cut short or damaged
        ");
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
    let short = place.join("short.safetensors");
    insta::assert_snapshot!(state.write(&short).unwrap_err(), @"checkpoint tensor: expected a: values for [7], found 6");
    assert!(!short.exists());
}

#[test]
fn configurations_of_no_model_are_refused_with_the_file() {
    let place = Place::new();
    let whole = Checkpoint::of(&crate::support::model(&crate::support::config()));
    let mut refusals = Vec::new();
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
        refusals.push(without_folder(&refusal.unwrap_err(), &path));
    }
    insta::assert_snapshot!(refusals.join("\n"), @"
        FOLDER/odd.pth: cannot tell the model from the checkpoint: model configuration: encoder.depth = 4000000000: must be at most 1024
        FOLDER/odd.pth: cannot tell the model from the checkpoint: model configuration: encoder.embed_dim = 9000000000000000000: must be at most 65536
        FOLDER/odd.pth: cannot tell the model from the checkpoint: model configuration: image_size = 65: must be a positive multiple of patch_size (16)
        FOLDER/odd.pth: cannot tell the model from the checkpoint: metadata maskwright.config: unknown field `image_sise`, expected one of `image_size`, `patch_size`, `encoder`, `prompt_dim`, `decoder`, `hq` at line 1 column 13
        ");
}
