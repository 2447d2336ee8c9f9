//! A Python sequence as a set: arrays in memory, or whatever its items are made of.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use maskwright_data::record::Record;
use maskwright_data::source::{
    ExifRule, ImageBuffer, Located, MaskBuffer, Objects, Pick, Source, read_file,
};
use maskwright_data::{Error, Result};
use maskwright_image::decode::MaskRule;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, RgbImage, Size};
use numpy::{PyReadonlyArray2, PyReadonlyArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;

/// A sequence, whose items a function makes `(image, masks)` of: a path or a uint8 array HxWx3, and a path or a list of
/// bool or uint8 arrays HxW, all C-contiguous.
///
/// Items are asked for when samples need them, on the loader's threads, which hold the GIL for that alone.
pub(crate) struct SequenceSource {
    name: Arc<str>,
    len: usize,
    items: Py<PyAny>,
    read: Py<PyAny>,
    rule: MaskRule,
    /// The item that each thread is at, since image and masks are asked for one after the other.
    current: Mutex<HashMap<ThreadId, (usize, Arc<Item>)>>,
}

struct Item {
    image: ItemImage,
    masks: ItemMasks,
}

enum ItemImage {
    File(PathBuf),
    Pixels(Arc<RgbImage>),
}

enum ItemMasks {
    File(PathBuf),
    Objects(Vec<ItemMask>),
}

enum ItemMask {
    Bits(Rle),
    Levels(Arc<GreyImage>),
}

#[derive(FromPyObject)]
enum ImageArgument<'py> {
    Path(PathBuf),
    Pixels(PyReadonlyArray3<'py, u8>),
}

#[derive(FromPyObject)]
enum MasksArgument<'py> {
    Path(PathBuf),
    Objects(Vec<MaskArgument<'py>>),
}

#[derive(FromPyObject)]
enum MaskArgument<'py> {
    Bits(PyReadonlyArray2<'py, bool>),
    Levels(PyReadonlyArray2<'py, u8>),
}

impl SequenceSource {
    pub(crate) fn new(name: &str, len: usize, items: Py<PyAny>, read: Py<PyAny>) -> SequenceSource {
        SequenceSource {
            name: name.into(),
            len,
            items,
            read,
            rule: MaskRule::default(),
            current: Mutex::default(),
        }
    }

    /// An item; the one that this thread asked for last is kept.
    fn item(&self, index: usize) -> Result<Arc<Item>> {
        if index >= self.len {
            return Err(self.no_such(index));
        }
        let thread = std::thread::current().id();
        let lock = || self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, item)) = lock().get(&thread).filter(|(at, _)| *at == index) {
            return Ok(item.clone());
        }
        let made = Python::try_attach(|py| self.make(py, index));
        let ended = || Err(std::io::Error::other("the interpreter is ending"));
        let item = made.map_or_else(ended, |made| made.map_err(std::io::Error::other));
        let item = item.map_err(|source| Error::Read { file: self.place(index), source })?;
        let item = Arc::new(item);
        lock().insert(thread, (index, item.clone()));
        Ok(item)
    }

    fn make(&self, py: Python<'_>, index: usize) -> PyResult<Item> {
        let item = self.items.bind(py).get_item(index)?;
        let made = self.read.bind(py).call1((item, format!("{}[{index}]", self.name)))?;
        let (image, masks): (ImageArgument<'_>, MasksArgument<'_>) = made.extract()?;
        let size = |shape: &[usize]| Size::new(shape[0], shape[1]);
        let image = match image {
            ImageArgument::Path(path) => ItemImage::File(path),
            ImageArgument::Pixels(pixels) => ItemImage::Pixels(Arc::new(RgbImage {
                size: size(pixels.shape()),
                data: pixels.as_slice()?.to_vec(),
            })),
        };
        let masks = match masks {
            MasksArgument::Path(path) => ItemMasks::File(path),
            MasksArgument::Objects(masks) => {
                let mask = |mask: MaskArgument<'_>| match mask {
                    MaskArgument::Bits(bits) => {
                        let (size, bits) = (size(bits.shape()), bits.as_slice()?.to_vec());
                        let mask = Bitmap::from_fn(size, |y, x| bits[y * size.width + x]);
                        PyResult::Ok(ItemMask::Bits(Rle::from_bitmap(&mask)))
                    }
                    MaskArgument::Levels(levels) => {
                        let (size, data) = (size(levels.shape()), levels.as_slice()?.to_vec());
                        Ok(ItemMask::Levels(Arc::new(GreyImage { size, data })))
                    }
                };
                ItemMasks::Objects(masks.into_iter().map(mask).collect::<PyResult<_>>()?)
            }
        };
        Ok(Item { image, masks })
    }

    fn no_such(&self, index: usize) -> Error {
        Error::NoSuchRecord { set: self.name.to_string(), index, len: self.len }
    }

    fn place(&self, index: usize) -> PathBuf {
        format!("{}[{index}]", self.name).into()
    }
}

impl Source for SequenceSource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.len
    }

    fn record(&self, index: usize) -> Result<Record> {
        let (set, name) = self.identity(&index.into())?;
        let place = self.place(index);
        let mut record = Record { set, name, image: place.clone(), mask: place };
        if let Ok(item) = self.item(index) {
            if let ItemImage::File(path) = &item.image {
                record.image.clone_from(path);
            }
            if let ItemMasks::File(path) = &item.masks {
                record.mask.clone_from(path);
            }
        }
        Ok(record)
    }

    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        if at.index >= self.len {
            return Err(self.no_such(at.index));
        }
        Ok((self.name.clone(), at.index.to_string()))
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        match &self.item(at.index)?.image {
            ItemImage::File(path) => read_file(path, image.start_file())?,
            ItemImage::Pixels(pixels) => image.set_pixels(pixels.clone()),
        }
        Ok(())
    }

    fn objects(&self, at: &Located) -> Result<usize> {
        Ok(match &self.item(at.index)?.masks {
            ItemMasks::File(_) => 1,
            ItemMasks::Objects(masks) => masks.len(),
        })
    }

    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let item = self.item(at.index)?;
        let masks = match &item.masks {
            ItemMasks::File(path) => return read_file(path, mask.start_file()),
            ItemMasks::Objects(masks) => masks,
        };
        let count = masks.len() as u32;
        let chosen = Objects::One.choose(0, count, pick).ok_or_else(|| self.no_such(at.index))?;
        match &masks[chosen as usize] {
            ItemMask::Bits(rle) => mask.set_rle(rle),
            ItemMask::Levels(levels) => mask.set_grey(levels.clone()),
        }
        mask.object = (count > 1).then_some(chosen.into());
        Ok(())
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        ExifRule::Auto
    }
}
