//! Reads and writes arrays in files that other tools read: `.safetensors` with any number of named
//! arrays, or `.npy` (NumPy's format, version 1.0) with one.

use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::files::read_at_most;

/// The longest file that is read: the logits of an image of 256 megapixels.
const MAX_BYTES: u64 = 1 << 30;

/// The longest header of an `.npy` file that is read: NumPy writes 118 bytes, or more for more axes.
const MAX_NPY_HEADER: usize = 1024;

/// An f32 array with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// The name in the file; `.npy` files have none.
    pub name: String,
    /// The lengths of the axes; the last axis varies fastest.
    pub shape: Vec<usize>,
    /// The values, as many as the shape says.
    pub values: Vec<f32>,
}

/// Returns whether a file's name ends in `.npy`.
pub fn is_npy(path: &Path) -> bool {
    has_extension(path, "npy")
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(wanted))
}

fn another_kind(path: &Path) -> Error {
    Error::FileName {
        file: path.to_path_buf(),
        expected: "a name that ends in .safetensors, or for one array in .npy",
    }
}

/// Writes arrays to a file, in the format that its ending names.
///
/// # Errors
/// [`Error::FileName`] for another kind of file, or several arrays for an `.npy`; [`Error::Io`].
pub fn write(path: &Path, tensors: &[NamedTensor]) -> Result<()> {
    let bytes = match tensors {
        [tensor] if is_npy(path) => npy(tensor).map_err(Error::io(path, "write"))?,
        _ if has_extension(path, "safetensors") => safetensors(tensors)
            .map_err(|error| Error::io(path, "write")(std::io::Error::other(error)))?,
        _ => return Err(another_kind(path)),
    };
    crate::files::write_atomically(path, &bytes)
}

/// Reads the array of an `.npy` file, or the array `name` of a `.safetensors` file; if that has only one
/// array, its name does not matter.
///
/// # Errors
/// [`Error::FileName`] for another kind of file, [`Error::Io`], and [`Error::Content`] for a file that
/// holds no such f32 array.
pub fn read(path: &Path, name: &str) -> Result<NamedTensor> {
    if !is_npy(path) && !has_extension(path, "safetensors") {
        return Err(another_kind(path));
    }
    let bytes = read_at_most(path, MAX_BYTES)?;
    let read = if is_npy(path) { read_npy(&bytes) } else { read_safetensors(&bytes, name) };
    read.map_err(|(expected, found)| Error::Content { file: path.to_path_buf(), expected, found })
}

/// What was expected and what was found.
type Unreadable = (String, String);

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four)).collect()
}

fn safetensors(
    tensors: &[NamedTensor],
) -> std::result::Result<Vec<u8>, safetensors::SafeTensorError> {
    let bytes: Vec<Vec<u8>> = tensors
        .iter()
        .map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|(tensor, bytes)| {
            Ok((tensor.name.as_str(), TensorView::new(Dtype::F32, tensor.shape.clone(), bytes)?))
        })
        .collect::<std::result::Result<Vec<_>, safetensors::SafeTensorError>>()?;
    safetensors::serialize(views, None)
}

fn read_safetensors(bytes: &[u8], name: &str) -> std::result::Result<NamedTensor, Unreadable> {
    let expected = || format!("safetensors with an f32 array {name:?}");
    let file = SafeTensors::deserialize(bytes).map_err(|error| (expected(), error.to_string()))?;
    let mut names = file.names();
    names.sort_unstable();
    let only = names.first().filter(|_| names.len() == 1);
    let view = match (file.tensor(name), only) {
        (Ok(view), _) => view,
        (Err(_), Some(only)) => {
            file.tensor(only).map_err(|error| (expected(), error.to_string()))?
        }
        (Err(_), None) => {
            const SHOWN: usize = 8;
            let shown = &names[..names.len().min(SHOWN)];
            let more = if names.len() > SHOWN { " and others" } else { "" };
            return Err((expected(), format!("the arrays {shown:?}{more}")));
        }
    };
    if view.dtype() != Dtype::F32 {
        return Err((expected(), format!("{:?}", view.dtype())));
    }
    let (shape, values) = (view.shape().to_vec(), floats(view.data()));
    Ok(NamedTensor { name: name.to_owned(), shape, values })
}

fn npy(tensor: &NamedTensor) -> std::io::Result<Vec<u8>> {
    use npyz::WriterBuilder;

    let shape: Vec<u64> = tensor.shape.iter().map(|&axis| axis as u64).collect();
    let mut bytes = Vec::new();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(&mut bytes).begin_nd()?;
    writer.extend(&tensor.values)?;
    writer.finish()?;
    Ok(bytes)
}

/// The length of the text that says what an `.npy` file holds, and as much of it as there is; none in what is
/// no `.npy` file.
fn npy_header(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (length, rest) = match *rest.split_at_checked(2)?.0 {
        [1, _] => (usize::from(u16::from_le_bytes(*rest[2..].first_chunk()?)), &rest[4..]),
        _ => (u32::from_le_bytes(*rest[2..].first_chunk()?) as usize, &rest[6..]),
    };
    Some((length, rest.get(..length).unwrap_or(rest)))
}

/// Whether the numbers of a header, written in decimal digits alone, as NumPy writes them, can be multiplied in 64 bits: the npyz crate
/// multiplies the axes without looking. Zeros are left out, since their place among the others decides; the bytes of an item are not.
fn can_be_multiplied(header: &[u8]) -> bool {
    let strange =
        |two: &[u8]| two[0].is_ascii_digit() && (two[1].is_ascii_alphabetic() || two[1] == b'_');
    let numbers = header.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let product = numbers
        .map(|digits| str::from_utf8(digits).ok()?.parse::<u64>().ok())
        .try_fold(1u64, |all, number| all.checked_mul(number?.max(1)));
    product.is_some() && !header.windows(2).any(strange)
}

fn read_npy(bytes: &[u8]) -> std::result::Result<NamedTensor, Unreadable> {
    let wrong = |found: String| ("an .npy file of f32 ('<f4') in row order".to_owned(), found);
    if let Some((length, header)) = npy_header(bytes) {
        if length > MAX_NPY_HEADER {
            return Err(wrong(format!("a header of {length} bytes")));
        }
        // A dictionary with a tuple in it; whatever nests deeper would be read by recursion.
        if header.iter().filter(|byte| b"([{".contains(byte)).count() > 2 {
            return Err(wrong("records or a header with other lists in it".into()));
        }
        if !can_be_multiplied(header) {
            return Err(wrong("a shape that no file has".into()));
        }
    }
    let file = npyz::NpyFile::new(bytes).map_err(|error| wrong(error.to_string()))?;
    if file.order() != npyz::Order::C {
        return Err(wrong("an array in column order".into()));
    }
    let dtype = file.dtype().descr();
    if dtype != "'<f4'" {
        return Err(wrong(dtype));
    }
    let shape: Vec<usize> = file.shape().iter().map(|&axis| axis as usize).collect();
    let count = shape.iter().try_fold(1usize, |all, &axis| all.checked_mul(axis));
    let values = count.and_then(|count| count.checked_mul(4));
    // Before anything of the size that the file claims is made room for.
    let held = bytes.len();
    if values.is_none_or(|wanted| wanted > held) {
        return Err(wrong(format!("the shape {shape:?} in {held} bytes")));
    }
    let values: Vec<f32> = file.into_vec().map_err(|error| wrong(error.to_string()))?;
    Ok(NamedTensor { name: String::new(), shape, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize]) -> NamedTensor {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| i as f32 * 0.5 - 3.0).collect();
        NamedTensor { name: name.into(), shape: shape.to_vec(), values }
    }

    /// How a file is refused, its folder left out.
    fn refusal(path: &Path, name: &str) -> String {
        let refusal = read(path, name).expect_err("refused").to_string();
        refusal.replace(&path.parent().expect("a folder").display().to_string(), "FOLDER")
    }

    #[test]
    fn both_kinds_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        for shape in [vec![2, 1, 3, 3], vec![5], vec![], vec![0, 4]] {
            let path = folder.path().join("a.npy");
            let one = tensor("", &shape);
            write(&path, std::slice::from_ref(&one)).expect("written");
            assert_eq!(read(&path, "any").expect("read"), one);
            let bytes = std::fs::read(&path).expect("read");
            assert_eq!((bytes.len() - 4 * one.values.len()) % 64, 0);
        }
        let path = folder.path().join("b.safetensors");
        let two = [tensor("first", &[2, 3]), tensor("second", &[4])];
        write(&path, &two).expect("written");
        assert_eq!(read(&path, "second").expect("read"), two[1]);
        insta::assert_snapshot!(refusal(&path, "third"), @r#"FOLDER/b.safetensors: expected safetensors with an f32 array "third", found the arrays ["first", "second"]"#);
        write(&path, &two[..1]).expect("written");
        assert_eq!(read(&path, "other").expect("the only one").values, two[0].values);
    }

    #[test]
    fn the_header_is_numpys() {
        let bytes = npy(&tensor("", &[2, 3])).expect("written");
        assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"));
        let data = bytes.len() - 4 * 6;
        let text = String::from_utf8_lossy(&bytes[10..data]).into_owned();
        insta::assert_snapshot!(text.trim_end(), @"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, ), }");
        assert_eq!((data % 64, bytes[data - 1]), (0, b'\n'));
    }

    #[test]
    fn damaged_files_are_refused_by_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.npy");
        let good = npy(&tensor("", &[2, 3])).expect("written");
        let data = good.len() - 4 * 6;
        let header = |from: &str, to: &str| {
            let text = String::from_utf8_lossy(&good[6..data]).replace(from, to);
            [&good[..6], text.as_bytes(), &good[data..]].concat()
        };
        let cases = [
            Vec::new(),
            b"no array".to_vec(),
            good[..9].to_vec(),
            good[..60].to_vec(),
            good[..good.len() - 1].to_vec(),
            header("<f4", "<f8"),
            header("<f4", ">f4"),
            header("(2, 3, )", "(4294967296, 4294967296, 0)"),
            header("(2, 3, )", "(18446744073709551616,)"),
            header("(2, 3, )", "(0x100000000, 0x100000000)"),
            header("False", "True "),
            header("(2, 3, )", "(9, 9, )"),
            header("'<f4'", "[('a', '<f4')]"),
            header("(2, 3, )", &"(".repeat(500)),
            // A version whose header may have 4 GB.
            b"\x93NUMPY\x02\x00\xff\xff\xff\xff{".to_vec(),
        ];
        let refusals = cases.map(|bytes| {
            std::fs::write(&path, &bytes).expect("written");
            refusal(&path, "")
        });
        insta::assert_snapshot!(refusals.join("\n"), @"
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found magic not found for NPY file
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found magic not found for NPY file
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found failed to fill whole buffer
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found failed to fill whole buffer
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found failed to fill whole buffer
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found '<f8'
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found '>f4'
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found a shape that no file has
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found a shape that no file has
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found a shape that no file has
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found an array in column order
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found the shape [9, 9] in 152 bytes
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found records or a header with other lists in it
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found records or a header with other lists in it
            FOLDER/a.npy: expected an .npy file of f32 ('<f4') in row order, found a header of 4294967295 bytes
            ");
        let path = folder.path().join("a.safetensors");
        std::fs::write(&path, b"short").expect("written");
        insta::assert_snapshot!(refusal(&path, "x"), @r#"FOLDER/a.safetensors: expected safetensors with an f32 array "x", found header too small"#);
        assert!(write(&folder.path().join("a.txt"), &[]).is_err());
        insta::assert_snapshot!(refusal(&folder.path().join("a.txt"), "x"), @"FOLDER/a.txt: expected a name that ends in .safetensors, or for one array in .npy");
    }
}
