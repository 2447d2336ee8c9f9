//! A mask file of several objects, decoded once for all of them.

use std::sync::Arc;

use maskwright_image::decode::{
    ImageFile, LabelDecoder, Limits, MaskObject, MaskRule, ObjectMap, Orientation, Warning,
};
use maskwright_image::mask::Rle;
use maskwright_image::{Error, GreyImage, Result};

/// What is kept of a file of several objects while they are asked for one after the other.
#[derive(Debug, Default)]
pub(super) struct SeveralObjects {
    /// The set, told from others by its pointer, and the record whose file the buffer holds; none where it is none of
    /// several objects.
    of: Option<(Arc<str>, usize)>,
    /// The object that is asked for; none where the file could not be read when the set was opened.
    wanted: Option<MaskObject>,
    /// Whether the map below is that of the file.
    decoded: bool,
    map: ObjectMap,
    objects: Vec<MaskObject>,
    ignored: Option<GreyImage>,
}

impl SeveralObjects {
    pub(super) fn forget(&mut self) {
        self.of = None;
        self.decoded = false;
    }

    /// Asks for an object of a record's file. Returns whether the file has to be read.
    pub(super) fn ask(
        &mut self,
        set: &Arc<str>,
        record: usize,
        wanted: Option<MaskObject>,
    ) -> bool {
        self.wanted = wanted;
        let known = self.of.as_ref().is_some_and(|of| Arc::ptr_eq(&of.0, set) && of.1 == record);
        if !known {
            self.decoded = false;
            self.of = Some((set.clone(), record));
        }
        !known
    }

    /// Decodes the file for the first of its objects, and makes `mask` the one that is asked for, turned by `turn`.
    pub(super) fn read(
        &mut self,
        file: &[u8],
        mask: &mut Rle,
        (rule, limits): (&MaskRule, &Limits),
        labels: &mut LabelDecoder,
        turn: Orientation,
    ) -> Result<Vec<Warning>> {
        let SeveralObjects { wanted, decoded, map, objects, ignored, .. } = self;
        let mut warnings = Vec::new();
        if !*decoded {
            warnings = map.read(&ImageFile::read(file)?, rule, limits, labels)?;
            map.turn(turn);
            *objects = map.objects();
            *ignored = map.ignored();
            *decoded = true;
        }
        let changed = |number, expected, found| Error::ObjectsChanged { number, expected, found };
        let Some(MaskObject { number, area, .. }) = *wanted else {
            return Err(changed(0, 0, objects.first().map_or(0, |object| object.area)));
        };
        let found = objects.binary_search_by_key(&number, |object| object.number);
        match found.ok().map(|at| &objects[at]) {
            Some(object) if object.area == area => map.object(object, mask)?,
            other => return Err(changed(number, area, other.map_or(0, |object| object.area))),
        }
        Ok(warnings)
    }

    /// The number in the file of the object that was read last; none before one was.
    pub(super) fn stored_number(&self, rule: &MaskRule) -> Option<u32> {
        let wanted = self.wanted.filter(|_| self.decoded)?;
        Some(self.map.stored_number(&wanted, rule))
    }

    /// Which pixels of the file do not count, where the set's rule ignores any numbers.
    pub(super) fn ignored(&self) -> Option<&GreyImage> {
        self.ignored.as_ref()
    }

    /// Gives up memory of more than so many bytes.
    pub(super) fn shrink(&mut self, most: usize) {
        if self.map.bytes() > most {
            *self = SeveralObjects::default();
        }
    }
}
