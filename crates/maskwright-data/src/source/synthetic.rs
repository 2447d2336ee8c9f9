//! An index of images that do not exist, to measure what millions of them cost.

use std::path::PathBuf;

use super::SetSpec;
use super::index::{Fingerprint, Image, Names, OpenContext, Span, open_or_build};
use super::indexed::{IndexedSource, Notes};
use crate::error::Result;

/// Images in a tar file of SA-1B.
const PER_SHARD: u64 = 11_186;

/// Opens the index of `images` images laid out as in SA-1B, or makes it where the cache has none: as many
/// objects, names and tar files, of which none exists. Only what an index tells can be asked of it.
///
/// # Errors
///
/// An index that cannot be written.
pub fn synthetic_index(images: u64) -> Result<IndexedSource> {
    let mut print = Fingerprint::default();
    print.setting("synthetic images", images);
    let index = open_or_build("synthetic", &print, &OpenContext::default(), |writer| {
        let mut at = 512;
        for image in 0..images {
            if image % PER_SHARD == 0 {
                at = 512;
            }
            let shard = (image / PER_SHARD) as u32;
            // Spread as the published files' lengths are, 200 to 700 kB and 20 to 80 kB.
            let spread = image.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let picture = Span { file: shard, len: 200_000 + (spread % 500_000) as u32, at };
            let notes_at = at + u64::from(picture.len) + 512;
            let notes = Span { file: shard, len: 20_000 + (spread % 60_000) as u32, at: notes_at };
            at = notes_at + u64::from(notes.len) + 512;
            let stem = format!("sa_{image}");
            writer.image(&Image {
                names: Names { stem: stem.as_bytes(), image: b".jpg", notes: b".json" },
                image: picture,
                notes,
                size: (2250, 1500),
                objects: 30 + (spread % 140) as u32,
                records: 1,
            })?;
        }
        let shards = images.div_ceil(PER_SHARD);
        let files = (0..shards).map(|shard| PathBuf::from(format!("/nowhere/sa_{shard:06}.tar")));
        Ok((files.collect(), Vec::new()))
    })?;
    let spec = SetSpec::sa1b("synthetic", "/nowhere");
    IndexedSource::new(&spec, index, Notes::Own)
}
