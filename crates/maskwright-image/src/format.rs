//! The kinds of picture files that are read and written.

use std::fmt;

/// The format of a picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// JPEG, baseline or progressive, 8 bits.
    Jpeg,
    /// PNG of any kind.
    Png,
    /// TIFF and BigTIFF: integers and floats, uncompressed, LZW, deflate or PackBits.
    Tiff,
    /// WebP, lossy or lossless.
    WebP,
    /// AVIF: pictures of AV1 with 8, 10 or 12 bits.
    Avif,
    /// JPEG XL, lossy or lossless.
    JpegXl,
    /// BMP, the bitmap of Windows and OS/2.
    Bmp,
    /// GIF.
    Gif,
    /// QOI, the "Quite OK Image Format".
    Qoi,
    /// PBM, PGM, PPM and PAM, as numbers or as text.
    Pnm,
}

impl Format {
    /// All formats that are read.
    pub const ALL: [Self; 10] = [
        Self::Jpeg,
        Self::Png,
        Self::Tiff,
        Self::WebP,
        Self::Avif,
        Self::JpegXl,
        Self::Bmp,
        Self::Gif,
        Self::Qoi,
        Self::Pnm,
    ];

    /// The endings that files of the format have, in lower case and without the point, the commonest first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Tiff => &["tif", "tiff"],
            Self::WebP => &["webp"],
            Self::Avif => &["avif"],
            Self::JpegXl => &["jxl"],
            Self::Bmp => &["bmp", "dib"],
            Self::Gif => &["gif"],
            Self::Qoi => &["qoi"],
            Self::Pnm => &["pgm", "ppm", "pbm", "pnm", "pam"],
        }
    }

    /// The format whose files have an ending, in any case, without the point.
    pub fn of_ending(ending: &str) -> Option<Self> {
        let lower = ending.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.endings().contains(&lower.as_str()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Avif => "AVIF",
            Self::JpegXl => "JPEG XL",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Qoi => "QOI",
            Self::Pnm => "PNM",
        })
    }
}
