//! Images and masks that are in memory already.

use std::path::PathBuf;
use std::sync::Arc;

use maskwright_image::decode::MaskRule;
use maskwright_image::mask::{Bitmap, Rle};
use maskwright_image::{GreyImage, RgbImage, Size};

use super::{ExifRule, ImageBuffer, Located, MaskBuffer, Objects, Pick, Source};
use crate::error::{Error, Result};
use crate::record::Record;

/// Largest level that still looks like the number of an object, as in mask files
/// ([`MaskRule`]).
const LARGEST_ID: u8 = 31;

/// A set of images with their masks in memory: arrays of a notebook, pictures just annotated.
///
/// What it gives is what the same pictures give as PNG files. Pixels are shared with the samples' makers, not
/// copied.
///
/// ```
/// use maskwright_data::random::SampleKey;
/// use maskwright_data::sample::{SampleConfig, SampleMaker};
/// use maskwright_data::source::{MemoryMask, MemorySource, Mix};
/// use maskwright_image::mask::Bitmap;
/// use maskwright_image::{GreyImage, RgbImage, Size};
///
/// let mut set = MemorySource::new("notebook");
/// let left = Bitmap::from_fn(Size::new(60, 80), |_, x| x < 20);
/// let grey = GreyImage::filled(Size::new(60, 80), 255);
/// set.push("both", RgbImage::filled(Size::new(60, 80), 90), vec![left.into(), grey.into()])?;
///
/// let mut maker = SampleMaker::new(SampleConfig::for_size(64))?;
/// let view = maker.view(&Mix::of(set)?, SampleKey::in_epoch(42, 0, 0))?;
/// assert_eq!((view.objects.len(), &*view.info.name), (1, "both"));
/// # Ok::<(), maskwright_data::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemorySource {
    name: Arc<str>,
    items: Vec<Item>,
    objects: Objects,
    /// The first record of each image, and behind them the number of all records.
    starts: Vec<u64>,
    rule: MaskRule,
}

#[derive(Debug, Clone)]
struct Item {
    name: String,
    image: Arc<RgbImage>,
    masks: Vec<MemoryMask>,
}

/// The mask of one object.
#[derive(Debug, Clone)]
pub enum MemoryMask {
    /// A label: levels of 0..=255, above 128 is the object.
    Grey(Arc<GreyImage>),
    /// Run lengths.
    Rle(Rle),
}

impl From<GreyImage> for MemoryMask {
    fn from(label: GreyImage) -> MemoryMask {
        MemoryMask::Grey(Arc::new(label))
    }
}

impl From<Rle> for MemoryMask {
    fn from(rle: Rle) -> MemoryMask {
        MemoryMask::Rle(rle)
    }
}

impl From<Bitmap> for MemoryMask {
    fn from(mask: Bitmap) -> MemoryMask {
        MemoryMask::Rle(Rle::from_bitmap(&mask))
    }
}

impl MemoryMask {
    fn size(&self) -> Size {
        match self {
            MemoryMask::Grey(label) => label.size,
            MemoryMask::Rle(rle) => rle.size(),
        }
    }
}

impl MemorySource {
    /// A set without images. Every image will be one record, of which every epoch draws objects.
    pub fn new(name: &str) -> MemorySource {
        MemorySource {
            name: name.into(),
            items: Vec::new(),
            objects: Objects::One,
            starts: vec![0],
            rule: MaskRule::default(),
        }
    }

    /// The same set, whose images make records as `objects` says.
    pub fn with_objects(mut self, objects: Objects) -> MemorySource {
        self.objects = objects;
        self.starts.truncate(1);
        for item in &self.items {
            let before = self.starts[self.starts.len() - 1];
            self.starts.push(before + objects.records(item.masks.len() as u32));
        }
        self
    }

    /// Adds an image with the masks of its objects.
    ///
    /// # Errors
    ///
    /// An image without masks or without pixels, a mask of another size than the image, and a grey mask
    /// whose levels are numbers of objects: none above 31, but not all 0.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        image: RgbImage,
        masks: Vec<MemoryMask>,
    ) -> Result<()> {
        let name = name.into();
        let refuse = |expected: &str, found: String| {
            let key = format!("image {name} of set {}", self.name);
            Err(Error::Setting { key, expected: expected.into(), found })
        };
        if image.size.is_empty() {
            return refuse("at least one pixel", image.size.to_string());
        }
        if masks.is_empty() {
            return refuse("the mask of at least one object", "none".into());
        }
        for mask in &masks {
            if mask.size() != image.size {
                let expected = format!("masks of {} pixels", image.size);
                return refuse(&expected, mask.size().to_string());
            }
            if let MemoryMask::Grey(label) = mask {
                let largest = label.data.iter().copied().max().unwrap_or(0);
                if (1..=LARGEST_ID).contains(&largest) {
                    return refuse(
                        "a mask of bits, or levels of 0 to 255 that are above 128 on the object",
                        format!("levels of 0 to {largest}"),
                    );
                }
            }
        }
        let before = self.starts[self.starts.len() - 1];
        self.starts.push(before + self.objects.records(masks.len() as u32));
        self.items.push(Item { name, image: Arc::new(image), masks });
        Ok(())
    }

    /// The image of a record, and which of the image's records it is.
    fn find(&self, index: usize) -> Result<(&Item, u64)> {
        if index >= self.len() {
            return Err(Error::NoSuchRecord { set: self.name.to_string(), index, len: self.len() });
        }
        let at = self.starts.partition_point(|&start| start <= index as u64) - 1;
        Ok((&self.items[at], index as u64 - self.starts[at]))
    }
}

impl Source for MemorySource {
    fn name(&self) -> &str {
        &self.name
    }

    fn len(&self) -> usize {
        self.starts[self.items.len()] as usize
    }

    fn record(&self, index: usize) -> Result<Record> {
        let (set, name) = self.identity(&index.into())?;
        let (item, _) = self.find(index)?;
        let place = PathBuf::from(format!("{} (in memory)", item.name));
        Ok(Record { set, name, image: place.clone(), mask: place })
    }

    fn identity(&self, at: &Located) -> Result<(Arc<str>, String)> {
        let (item, nth) = self.find(at.index)?;
        Ok((self.name.clone(), self.objects.record_name(&item.name, nth)))
    }

    fn image(&self, at: &Located, image: &mut ImageBuffer) -> Result<()> {
        let (item, _) = self.find(at.index)?;
        image.set_pixels(item.image.clone());
        Ok(())
    }

    fn objects(&self, at: &Located) -> Result<usize> {
        let (item, _) = self.find(at.index)?;
        Ok(self.objects.choices(item.masks.len() as u32) as usize)
    }

    /// The object's id is its number among the masks of an image, where there are several.
    fn mask(&self, at: &Located, pick: Pick, mask: &mut MaskBuffer) -> Result<()> {
        let (item, nth) = self.find(at.index)?;
        let count = item.masks.len() as u32;
        let chosen = self.objects.choose(nth, count, pick).ok_or_else(|| Error::NoSuchRecord {
            set: format!("the objects of image {} of {}", item.name, self.name),
            index: match pick {
                Pick::Nth(object) => object,
                Pick::Drawn(_) => nth as usize,
            },
            len: count as usize,
        })?;
        match &item.masks[chosen as usize] {
            MemoryMask::Grey(label) => mask.set_grey(label.clone()),
            MemoryMask::Rle(rle) => mask.set_rle(rle),
        }
        mask.object = (count > 1).then_some(chosen.into());
        Ok(())
    }

    fn mask_rule(&self) -> &MaskRule {
        &self.rule
    }

    fn exif(&self) -> ExifRule {
        ExifRule::Ignore
    }
}
