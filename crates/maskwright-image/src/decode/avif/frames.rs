//! AV1 to luma and chroma, by the `re_rav1d` crate: dav1d in Rust.

use re_rav1d::dav1d::pixel::{MatrixCoefficients, YUVRange};
use re_rav1d::dav1d::{
    Decoder, Error, Picture, PixelLayout, PlanarImageComponent, Plane, Settings,
};

use crate::decode::guarded::guarded;
use crate::decode::limits::Limits;
use crate::size::Size;

/// A decoded picture: its planes, and what it says of them.
pub(super) struct Frame {
    pub(super) size: Size,
    /// Bits of a number: 8, 10 or 12.
    pub(super) bits: u8,
    /// Luma; of colours, two planes of chroma, or green, blue and red.
    planes: Vec<(Plane, usize)>,
    /// Whether chroma has half the columns and half the rows.
    pub(super) halved: (bool, bool),
    /// The matrix, by its number in H.273, and whether numbers use their whole range.
    pub(super) space: (u16, bool),
}

impl Frame {
    /// Whether it has luma alone.
    pub(super) fn is_grey(&self) -> bool {
        self.planes.len() == 1
    }

    /// The size of a plane.
    pub(super) fn plane_size(&self, plane: usize) -> Size {
        let half = |side: usize, halved| if halved { side.div_ceil(2) } else { side };
        match plane {
            0 => self.size,
            _ => Size::new(
                half(self.size.height, self.halved.1),
                half(self.size.width, self.halved.0),
            ),
        }
    }

    /// The numbers of a row of a plane.
    pub(super) fn row(&self, plane: usize, y: usize) -> impl Iterator<Item = u16> {
        let width = self.plane_size(plane).width;
        let (plane, stride) = &self.planes[plane];
        let row = &plane[y * stride..];
        let (bytes, wide) = if self.bits == 8 { (&row[..width], &[][..]) } else { (&[][..], row) };
        let wide = wide.chunks_exact(2).take(width);
        let wide = wide.map(|number| u16::from_ne_bytes([number[0], number[1]]));
        bytes.iter().map(|number| u16::from(*number)).chain(wide)
    }
}

/// Decodes the first picture of a stream. What went wrong is text.
pub(super) fn decode(data: &[u8], limits: &Limits) -> Result<Frame, String> {
    let text = |error: Error| error.to_string();
    let mut settings = Settings::new();
    settings.set_n_threads(1);
    settings.set_max_frame_delay(1);
    // Of a picture in layers, the last one.
    settings.set_all_layers(false);
    settings.set_frame_size_limit(u32::try_from(limits.max_pixels).unwrap_or(u32::MAX));
    let mut decoder = Decoder::with_settings(&settings).map_err(text)?;
    let mut pending = match decoder.send_data(data.to_vec(), None, None, None) {
        Ok(()) => false,
        Err(Error::Again) => true,
        Err(error) => return Err(text(error)),
    };
    loop {
        match decoder.get_picture() {
            Ok(picture) => return frame(&picture),
            Err(Error::Again) if pending => match decoder.send_pending_data() {
                Ok(()) => pending = false,
                Err(Error::Again) => return Err("the coded picture is damaged".to_owned()),
                Err(error) => return Err(text(error)),
            },
            Err(Error::Again) => return Err("the coded picture ends too early".to_owned()),
            Err(error) => return Err(text(error)),
        }
    }
}

fn frame(picture: &Picture) -> Result<Frame, String> {
    use PlanarImageComponent::{U, V, Y};
    let planes: &[PlanarImageComponent] = match picture.pixel_layout() {
        PixelLayout::I400 => &[Y],
        PixelLayout::I420 | PixelLayout::I422 | PixelLayout::I444 => &[Y, U, V],
    };
    let halved = match picture.pixel_layout() {
        PixelLayout::I420 => (true, true),
        PixelLayout::I422 => (true, false),
        PixelLayout::I400 | PixelLayout::I444 => (false, false),
    };
    let bits = picture.bits_per_component().ok_or("the coded picture says no bits")?.0;
    Ok(Frame {
        size: Size::new(picture.height() as usize, picture.width() as usize),
        bits: bits as u8,
        planes: planes
            .iter()
            .map(|plane| (picture.plane(*plane), picture.stride(*plane) as usize))
            .collect(),
        halved,
        space: (matrix_of(picture), matches!(picture.color_range(), YUVRange::Full)),
    })
}

/// The number of the picture's matrix in H.273. For those that are reserved the decoder says 2, which is unspecified, and panics for
/// one of them, 3.
fn matrix_of(picture: &Picture) -> u16 {
    guarded(|| Ok::<_, String>(matrix(picture.matrix_coefficients()))).unwrap_or(2)
}

/// The number of a matrix in H.273.
fn matrix(named: MatrixCoefficients) -> u16 {
    match named {
        MatrixCoefficients::Identity => 0,
        MatrixCoefficients::BT709 => 1,
        MatrixCoefficients::BT470M => 4,
        MatrixCoefficients::BT470BG | MatrixCoefficients::ST170M => 6,
        MatrixCoefficients::ST240M => 7,
        MatrixCoefficients::YCgCo => 8,
        MatrixCoefficients::BT2020NonConstantLuminance => 9,
        MatrixCoefficients::BT2020ConstantLuminance => 10,
        MatrixCoefficients::ST2085 => 11,
        MatrixCoefficients::ChromaticityDerivedNonConstantLuminance => 12,
        MatrixCoefficients::ChromaticityDerivedConstantLuminance => 13,
        MatrixCoefficients::ICtCp => 14,
        _ => 2,
    }
}
