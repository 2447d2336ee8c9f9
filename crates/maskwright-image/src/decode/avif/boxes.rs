//! The boxes of a file: which bytes code its picture, and how that is to be shown (ISO/IEC 14496-12, 23008-12, and AVIF 1.1).

use std::borrow::Cow;
use std::ops::Range;

use mp4_atom::{
    Any, Atom, Av1c, Colr, Decode, DecodeMaybe, FourCC, Ftyp, Header, Iinf, Iloc, Iprp, Iref,
    ItemLocationExtent, Meta, Pitm,
};

use super::unsupported;
use crate::decode::guarded::guarded;
use crate::decode::orientation::Orientation;
use crate::error::{Error, Result};
use crate::size::Size;

/// A picture as its boxes describe it.
pub(super) struct Still<'a> {
    /// As stored, before it is turned.
    pub(super) size: Size,
    /// From rotation and mirror.
    pub(super) orientation: Orientation,
    /// 8, 10 or 12.
    pub(super) bit_depth: u8,
    /// Whether it has luma alone.
    pub(super) monochrome: bool,
    /// Number of the matrix in H.273, and whether numbers use their whole range, where a box says it.
    pub(super) space: Option<(u16, bool)>,
    pub(super) colour: Coded<'a>,
    pub(super) alpha: Option<Coded<'a>>,
    /// Whether the file is an animation as well.
    pub(super) sequence: bool,
}

/// What AV1 decodes: one picture, or the tiles of one, row by row.
pub(super) struct Coded<'a> {
    pub(super) tiles: Vec<Cow<'a, [u8]>>,
    pub(super) columns: usize,
}

/// Most tiles of a grid: two numbers of 8 bits name rows and columns, and AVIF's levels allow fewer.
const MAX_TILES: usize = 1024;

const ALPHA: &str = "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha";

/// Whether a file says that it is AVIF: first or among the compatible brands.
pub(super) fn starts(bytes: &[u8]) -> bool {
    let brands = |ftyp: &Ftyp| {
        let mut all = ftyp.compatible_brands.iter().chain([&ftyp.major_brand]);
        all.any(|brand| [b"avif", b"avis"].contains(&brand.as_ref()))
    };
    bytes.get(4..8) == Some(b"ftyp")
        && Ftyp::decode(&mut &bytes[..]).is_ok_and(|ftyp| brands(&ftyp))
}

/// Reads the boxes; `wrong` makes the error of what is damaged.
pub(super) fn read(bytes: &[u8], wrong: impl Fn(String) -> Error) -> Result<Still<'_>> {
    let (meta, sequence) = metadata(bytes).map_err(&wrong)?;
    let parts = Parts::new(bytes, &meta).map_err(&wrong)?;
    let id = parts.primary;
    let missing = |what: &str| wrong(format!("it has no {what}"));
    let coded = parts.coded(id).map_err(&wrong)?;
    let (size, orientation) = placed(&parts, id).map_err(|error| match error {
        Placing::Unknown => missing("size"),
        Placing::Unsupported(feature) => unsupported(feature.to_owned()),
    })?;
    let config = parts.config(id).ok_or_else(|| missing("description of its AV1"))?;
    let alpha = parts.referring(b"auxl", id).find(|from| parts.is_alpha(*from));
    if alpha.is_some_and(|alpha| parts.referred(b"prem", id).any(|to| to == alpha)) {
        return Err(unsupported("colours that are multiplied by alpha".to_owned()));
    }
    let space = parts.properties(id).find_map(|property| match property {
        Any::Colr(Colr::Nclx { matrix_coefficients, full_range_flag, .. }) => {
            Some((*matrix_coefficients, *full_range_flag))
        }
        _ => None,
    });
    Ok(Still {
        size,
        orientation,
        bit_depth: match (config.high_bitdepth, config.twelve_bit) {
            (false, _) => 8,
            (true, false) => 10,
            (true, true) => 12,
        },
        monochrome: config.monochrome,
        space,
        colour: coded,
        alpha: alpha.map(|alpha| parts.coded(alpha)).transpose().map_err(&wrong)?,
        sequence,
    })
}

/// The box that describes pictures, and whether there is one of films, too.
fn metadata(bytes: &[u8]) -> Result<(Meta, bool), String> {
    let mut rest = bytes;
    let (mut meta, mut sequence) = (None, false);
    loop {
        let mut behind = rest;
        let Ok(Some(header)) = Header::decode_maybe(&mut behind) else { break };
        let size = header.size.unwrap_or(behind.len());
        if header.kind == Meta::KIND && meta.is_none() {
            let decoded = guarded(|| {
                Meta::decode(&mut rest).map_err(|error| match error {
                    mp4_atom::Error::OutOfBounds => "its boxes end too early".to_owned(),
                    error => error.to_string(),
                })
            });
            meta = Some(decoded?);
        }
        sequence |= header.kind == FourCC::new(b"moov");
        match behind.get(size..) {
            Some(next) => rest = next,
            None => break,
        }
    }
    let meta = meta.ok_or_else(|| match sequence {
        true => "it is a film without a still picture".to_owned(),
        false => "it has no description of a picture".to_owned(),
    })?;
    Ok((meta, sequence))
}

/// Why it is not known where pixels go.
enum Placing {
    Unknown,
    Unsupported(&'static str),
}

/// Stored size, and how the picture is turned.
fn placed(parts: &Parts<'_, '_>, id: u32) -> Result<(Size, Orientation), Placing> {
    let (mut size, mut turns, mut mirror) = (None, 0, None);
    for property in parts.properties(id) {
        match property {
            Any::Ispe(extent) => {
                size = Some(Size::new(extent.height as usize, extent.width as usize));
            }
            Any::Irot(rotation) => turns = rotation.angle,
            Any::Imir(mirrored) => mirror = Some(mirrored.axis & 1),
            Any::Clap(_) => return Err(Placing::Unsupported("a crop in its boxes")),
            _ => {}
        }
    }
    let size = size.filter(|size| size.area() > 0).ok_or(Placing::Unknown)?;
    // Turned against the clock first; then top and bottom (0) or left and right (1) are exchanged.
    let number = match (turns, mirror) {
        (0, None) => 1,
        (1, None) => 8,
        (2, None) => 3,
        (_, None) => 6,
        (0, Some(0)) | (2, Some(1)) => 4,
        (0, Some(_)) | (2, Some(_)) => 2,
        (1, Some(0)) | (3, Some(1)) => 5,
        (_, Some(_)) => 7,
    };
    Ok((size, Orientation::from_exif(number).unwrap_or_default()))
}

/// The parts of a file that describe its items.
struct Parts<'a, 'm> {
    bytes: &'a [u8],
    stored: &'m [u8],
    primary: u32,
    places: &'m Iloc,
    items: &'m Iinf,
    described: &'m Iprp,
    references: &'m [mp4_atom::Reference],
}

impl<'a, 'm> Parts<'a, 'm> {
    fn new(bytes: &'a [u8], meta: &'m Meta) -> Result<Self, String> {
        fn part<'m, T: mp4_atom::MetaAtom>(meta: &'m Meta, what: &str) -> Result<&'m T, String> {
            meta.get::<T>().ok_or_else(|| format!("it has no {what}"))
        }
        Ok(Self {
            bytes,
            stored: meta.get::<mp4_atom::Idat>().map_or(&[], |stored| &stored.data),
            primary: part::<Pitm>(meta, "primary picture")?.item_id,
            places: part(meta, "places of its pictures")?,
            items: part(meta, "list of its pictures")?,
            described: part(meta, "properties of its pictures")?,
            references: meta.get::<Iref>().map_or(&[], |iref| &iref.references),
        })
    }

    /// What is said of an item.
    fn properties(&self, id: u32) -> impl Iterator<Item = &'m Any> {
        let all = &self.described.ipco.properties;
        let lists = self.described.ipma.iter().flat_map(|list| &list.item_properties);
        let own = lists.filter(move |item| item.item_id == id);
        own.flat_map(|item| &item.associations)
            .filter_map(|link| all.get(usize::from(link.property_index).checked_sub(1)?))
    }

    /// Items that `id` refers to in a certain way.
    fn referred(&self, kind: &'static [u8; 4], id: u32) -> impl Iterator<Item = u32> {
        let of_kind = self.references.iter().filter(move |reference| {
            reference.from_item_id == id && reference.reference_type == FourCC::new(kind)
        });
        of_kind.flat_map(|reference| reference.to_item_ids.iter().copied())
    }

    /// Items that refer to `id` in a certain way.
    fn referring(&self, kind: &'static [u8; 4], id: u32) -> impl Iterator<Item = u32> {
        let of_kind = self.references.iter().filter(move |reference| {
            reference.to_item_ids.contains(&id) && reference.reference_type == FourCC::new(kind)
        });
        of_kind.map(|reference| reference.from_item_id)
    }

    fn is_alpha(&self, id: u32) -> bool {
        self.properties(id).any(|property| {
            matches!(property, Any::Auxc(kind) if kind.aux_type.trim_end_matches('\0') == ALPHA)
        })
    }

    /// How AV1 codes an item; of a grid, its first tile.
    fn config(&self, id: u32) -> Option<&'m Av1c> {
        let own = |id| {
            self.properties(id).find_map(|property| match property {
                Any::Av1c(config) => Some(config),
                _ => None,
            })
        };
        own(id).or_else(|| own(self.referred(b"dimg", id).next()?))
    }

    /// What AV1 decodes of an item.
    fn coded(&self, id: u32) -> Result<Coded<'a>, String> {
        let entry = self.items.item_infos.iter().find(|entry| entry.item_id == id);
        let kind = entry.and_then(|entry| entry.item_type).ok_or("a picture has no kind")?;
        if kind == FourCC::new(b"av01") {
            return Ok(Coded { tiles: vec![self.data(id)?], columns: 1 });
        }
        if kind != FourCC::new(b"grid") {
            return Err(format!("expected a picture of AV1 or a grid of them, found {kind:?}"));
        }
        let grid = self.data(id)?;
        let &[_, _, rows, columns, ..] = &grid[..] else {
            return Err("a grid ends too early".to_owned());
        };
        let (rows, columns) = (usize::from(rows) + 1, usize::from(columns) + 1);
        let tiles: Vec<u32> = self.referred(b"dimg", id).collect();
        if tiles.len() != rows * columns || tiles.len() > MAX_TILES {
            let found = tiles.len();
            return Err(format!("expected {rows} x {columns} tiles, found {found}"));
        }
        let tiles = tiles.into_iter().map(|tile| self.data(tile)).collect::<Result<_, _>>()?;
        Ok(Coded { tiles, columns })
    }

    /// The bytes of an item, copied only where they lie in several pieces or among the boxes.
    fn data(&self, id: u32) -> Result<Cow<'a, [u8]>, String> {
        let place = self.places.item_locations.iter().find(|place| place.item_id == id);
        let place = place.ok_or("a picture has no place in the file")?;
        let piece = |from: &'_ [u8], extent: &ItemLocationExtent| -> Result<Range<usize>, String> {
            let outside = || "a picture lies outside the file".to_owned();
            let start = place.base_offset.checked_add(extent.offset).ok_or_else(outside)?;
            let start = usize::try_from(start).map_err(|_| outside())?;
            let end = match usize::try_from(extent.length).map_err(|_| outside())? {
                0 => from.len(),
                length => start.checked_add(length).ok_or_else(outside)?,
            };
            if start > end || end > from.len() { Err(outside()) } else { Ok(start..end) }
        };
        let from = match (place.construction_method, &place.extents[..]) {
            (0, [one]) => return Ok(Cow::Borrowed(&self.bytes[piece(self.bytes, one)?])),
            (0, _) => self.bytes,
            (1, _) => self.stored,
            (other, _) => return Err(format!("expected a place in the file, found kind {other}")),
        };
        let mut data = Vec::new();
        for extent in &place.extents {
            let piece = &from[piece(from, extent)?];
            // Pieces that overlap could make more of a file than it holds.
            if data.len() + piece.len() > from.len() {
                return Err("its pieces overlap".to_owned());
            }
            data.extend_from_slice(piece);
        }
        Ok(Cow::Owned(data))
    }
}
