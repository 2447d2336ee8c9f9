//! A JPEG's markers up to its first scan (ITU-T T.81, annex B).
//!
//! Read here rather than by the decoders, so that every build refuses the same kinds with the same words,
//! and planning a sample costs no decoder.

use crate::decode::header::{Colour, Header, NumberKind, Storage};
use crate::decode::orientation::{Orientation, from_tiff};
use crate::error::{Error, Result};
use crate::format::Format;
use crate::size::Size;

const START_OF_SCAN: u8 = 0xDA;
const END_OF_IMAGE: u8 = 0xD9;
const APP1: u8 = 0xE1;
const APP14: u8 = 0xEE;

/// Reads size, channels and orientation of a file that starts with FF D8.
pub(crate) fn read(bytes: &[u8]) -> Result<Header> {
    let mut frame: Option<((Size, Colour), bool)> = None;
    let (mut orientation, mut ycck) = (None, false);
    let mut buffered = false;
    let mut markers = Markers { bytes, at: 2 };
    for (marker, segment) in markers.by_ref() {
        match marker {
            START_OF_SCAN => {
                // A scan of some components is followed by others.
                let scanned = segment.first().copied().map(usize::from);
                buffered |=
                    frame.is_some_and(|((_, colour), _)| scanned != Some(colour.channels()));
                break;
            }
            END_OF_IMAGE => break,
            APP1 if orientation.is_none() => {
                orientation = segment.strip_prefix(b"Exif\0\0").and_then(from_tiff);
            }
            APP14 => ycck = segment.starts_with(b"Adobe") && segment.get(11) == Some(&2),
            // Start of frame: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
            0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) && frame.is_none() => {
                frame = Some((read_frame(marker, segment)?, has_common_sampling(segment, ycck)));
                buffered = marker == 0xC2;
            }
            _ => {}
        }
    }
    let Some(((size, colour), common_sampling)) = frame else {
        return Err(damaged("no start-of-frame marker before the pixels or the end"));
    };
    let orientation = orientation.unwrap_or(Orientation::IDENTITY);
    let storage = Storage::Jpeg { common_sampling, buffered, scan: markers.at };
    Ok(Header {
        format: Format::Jpeg,
        size,
        orientation,
        colour,
        bit_depth: 8,
        numbers: NumberKind::Unsigned,
        storage,
    })
}

fn read_frame(marker: u8, segment: &[u8]) -> Result<(Size, Colour)> {
    let &[precision, h1, h0, w1, w0, components, ..] = segment else {
        return Err(damaged("start-of-frame segment is too short"));
    };
    let feature = match marker {
        0xC0..=0xC2 => None,
        0xC3 => Some("lossless coding".to_owned()),
        0xC9 | 0xCA => Some("arithmetic coding".to_owned()),
        0xCB => Some("lossless arithmetic coding".to_owned()),
        _ => Some("hierarchical coding".to_owned()),
    };
    if let Some(feature) = feature {
        return Err(unsupported(feature));
    }
    if precision != 8 {
        return Err(unsupported(format!("{precision}-bit samples")));
    }
    let height = usize::from(u16::from_be_bytes([h1, h0]));
    let width = usize::from(u16::from_be_bytes([w1, w0]));
    if width == 0 {
        return Err(damaged("the width is 0"));
    }
    if height == 0 {
        return Err(unsupported("a height given only after the pixels (DNL)".to_owned()));
    }
    let colour = match components {
        1 => Colour::Grey,
        3 => Colour::Rgb,
        4 => Colour::Cmyk,
        other => return Err(unsupported(format!("{other} components"))),
    };
    Ok((Size { height, width }, colour))
}

/// Whether the components of a start-of-frame segment are sampled in one of the ways of
/// [`Storage::Jpeg`](crate::decode::header::Storage::Jpeg); in `ycck` files the inks may be luma, chroma and black.
fn has_common_sampling(segment: &[u8], ycck: bool) -> bool {
    let (components, _) = segment.get(6..).unwrap_or_default().as_chunks::<3>();
    // Identifier, sampling factors, quantisation table.
    match components {
        [_] | [[_, 0x11, _], [_, 0x11, _], [_, 0x11, _], [_, 0x11, _]] => true,
        [[_, y, _], [_, 0x11, _], [_, 0x11, _]] => COMMON.contains(y),
        [[_, y, _], [_, 0x11, _], [_, 0x11, _], [_, k, _]] => ycck && y == k && COMMON.contains(y),
        _ => false,
    }
}

/// Horizontal and vertical sampling of luma: 4:4:4, 4:4:0, 4:2:2, 4:2:0.
const COMMON: [u8; 4] = [0x11, 0x12, 0x21, 0x22];

fn damaged(reason: &str) -> Error {
    Error::Header { format: Format::Jpeg, reason: reason.to_owned() }
}

fn unsupported(feature: String) -> Error {
    Error::Unsupported { format: Format::Jpeg, feature }
}

/// Marker segments; junk between them is stepped over, as libjpeg does.
struct Markers<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Markers<'a> {
    type Item = (u8, &'a [u8]);

    /// The next marker with its content; none where the file ends. Content that is cut off is handed out as
    /// far as it goes.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let start = rest.iter().position(|&byte| byte == 0xFF)?;
            let fill = rest[start..].iter().position(|&byte| byte != 0xFF)?;
            let marker = rest[start + fill];
            self.at += start + fill + 1;
            match marker {
                // Not a marker, TEM, restart, another SOI: nothing follows.
                0x00 | 0x01 | 0xD0..=0xD8 => continue,
                END_OF_IMAGE => return Some((marker, &[])),
                _ => {}
            }
            let length = usize::from(u16::from_be_bytes(
                self.bytes.get(self.at..self.at + 2)?.try_into().ok()?,
            ));
            if length < 2 {
                continue;
            }
            let end = (self.at + length).min(self.bytes.len());
            let segment = &self.bytes[self.at + 2..end.max(self.at + 2)];
            self.at += length;
            return Some((marker, segment));
        }
    }
}

/// Whether an end-of-image marker follows the first scan's header, however far from the end of the file: cameras add
/// padding, previews and films behind it.
///
/// Coded data never hold these two bytes, so a file that was cut anywhere has none. It is looked for from the file's end,
/// where it is in nearly all files, so that asking costs nothing.
pub(crate) fn has_end(bytes: &[u8], header: &Header) -> bool {
    let Storage::Jpeg { scan, .. } = header.storage else { return true };
    let data = bytes.get(scan..).unwrap_or_default();
    data.windows(2).rev().any(|pair| pair == [0xFF, END_OF_IMAGE])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of SOI, the given segments, and SOS.
    fn file(segments: &[(u8, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0xFF, 0xD8];
        for (marker, content) in segments {
            bytes.extend([0xFF, *marker]);
            bytes.extend((content.len() as u16 + 2).to_be_bytes());
            bytes.extend(*content);
        }
        bytes.extend([0xFF, START_OF_SCAN, 0, 2]);
        bytes
    }

    fn frame(precision: u8, width: u16, height: u16, components: u8) -> Vec<u8> {
        let [h1, h0] = height.to_be_bytes();
        let [w1, w0] = width.to_be_bytes();
        vec![precision, h1, h0, w1, w0, components, 1, 0x11, 0]
    }

    #[test]
    fn size_and_orientation_are_read() {
        let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
        exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0]);
        let header =
            read(&file(&[(0xE0, b"JFIF\0"), (APP1, &exif), (0xC2, &frame(8, 640, 480, 3))]))
                .unwrap();
        assert_eq!((header.size, header.colour), (Size::new(480, 640), Colour::Rgb));
        assert_eq!(header.orientation.exif(), 6);
        assert_eq!(header.upright_size(), Size::new(640, 480));
    }

    #[test]
    fn kinds_that_no_decoder_takes_are_refused_by_name() {
        for (marker, content, words) in [
            (0xC0, frame(12, 8, 8, 3), "12-bit"),
            (0xC3, frame(8, 8, 8, 3), "lossless"),
            (0xC9, frame(8, 8, 8, 3), "arithmetic"),
            (0xCA, frame(8, 8, 8, 3), "arithmetic"),
            (0xC5, frame(8, 8, 8, 3), "hierarchical"),
            (0xC0, frame(8, 8, 8, 2), "2 components"),
            (0xC0, frame(8, 8, 0, 3), "DNL"),
        ] {
            let error = read(&file(&[(marker, &content)])).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }));
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn damaged_headers_are_errors() {
        let whole = file(&[(0xE0, b"JFIF\0"), (0xC0, &frame(8, 640, 480, 3))]);
        let frame_ends = whole.len() - 4;
        for length in 2..frame_ends - 9 {
            assert!(matches!(read(&whole[..length]), Err(Error::Header { .. })), "cut at {length}");
        }
        assert!(matches!(read(&file(&[(0xC0, &frame(8, 0, 480, 3))])), Err(Error::Header { .. })));
        assert!(matches!(read(&file(&[])), Err(Error::Header { .. })));
    }

    #[test]
    fn only_an_end_behind_the_scan_counts() {
        // A preview in the metadata has an end of its own.
        let preview = [&b"Exif\0\0"[..], &[0xFF, 0xD8, 1, 2, 0xFF, END_OF_IMAGE]].concat();
        let mut bytes = file(&[(APP1, &preview), (0xC0, &frame(8, 640, 480, 3))]);
        let header = read(&bytes).unwrap();
        bytes.extend([1, 2, 0xFF, 0, 3]);
        assert!(!has_end(&bytes, &header));
        bytes.extend([0xFF, END_OF_IMAGE]);
        assert!(has_end(&bytes, &header));
        // Padding, or a film.
        bytes.extend([0; 4096]);
        assert!(has_end(&bytes, &header));
        // The header of another, longer file.
        assert!(!has_end(&bytes[..40], &header));
    }

    #[test]
    fn junk_between_markers_is_stepped_over() {
        let mut bytes = vec![0xFF, 0xD8, 0xFF, 0x00, 7, 7, 0xFF];
        bytes.extend(&file(&[(0xC0, &frame(8, 640, 480, 1))])[2..]);
        assert_eq!(read(&bytes).unwrap().colour, Colour::Grey);
    }
}
