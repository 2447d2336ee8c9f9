//! Luma and chroma to colours (ITU-T H.273), in floats, rounded once.

use super::frames::Frame;

/// How the numbers of a frame become colours.
pub(super) struct Conversion {
    matrix: Matrix,
    /// The number of black, and of the way from black to white.
    luma: (f32, f32),
    /// The number of no colour, and of the way between the farthest colours.
    chroma: (f32, f32),
    white: f32,
}

#[derive(Clone, Copy)]
enum Matrix {
    /// The planes are green, blue and red.
    Identity,
    /// Luma and the differences to green and orange.
    GreenOrange,
    /// Shares of red and blue in luma.
    Shares(f32, f32),
}

impl Conversion {
    /// For a frame, in the space that the file says, or the frame itself where the file does not. Of a matrix that is not known,
    /// its name.
    pub(super) fn new(frame: &Frame, said: Option<(u16, bool)>) -> Result<Self, String> {
        // What the file says is about its colours; its alpha is grey.
        let (matrix, full) = said.filter(|_| !frame.is_grey()).unwrap_or(frame.space);
        let matrix = match matrix {
            0 => Matrix::Identity,
            1 => Matrix::Shares(0.2126, 0.0722),
            // Where nothing is said, BT.601, as other decoders do.
            2 | 5 | 6 => Matrix::Shares(0.299, 0.114),
            4 => Matrix::Shares(0.30, 0.11),
            7 => Matrix::Shares(0.212, 0.087),
            8 => Matrix::GreenOrange,
            9 => Matrix::Shares(0.2627, 0.0593),
            other => return Err(format!("colours by matrix {other} of H.273")),
        };
        let white = f32::from(u16::MAX >> (16 - frame.bits));
        let step = f32::from(1_u16 << (frame.bits - 8));
        let middle = 128.0 * step;
        let (luma, chroma) = match full {
            true => ((0.0, white), (middle, white)),
            false => ((16.0 * step, 219.0 * step), (middle, 224.0 * step)),
        };
        Ok(Self { matrix, luma, chroma, white })
    }

    /// A row as numbers of `channels` each, 1 (luma alone) or 3, from 0 to white.
    pub(super) fn row(&self, frame: &Frame, y: usize, channels: usize, into: &mut [u16]) {
        let stored = |number: f32| (number * self.white).round().clamp(0.0, self.white) as u16;
        let luma = frame.row(0, y).map(|number| (f32::from(number) - self.luma.0) / self.luma.1);
        if channels == 1 {
            for (to, luma) in into.iter_mut().zip(luma) {
                *to = stored(luma);
            }
            return;
        }
        let (zero, span) = match self.matrix {
            Matrix::Identity => self.luma,
            Matrix::GreenOrange | Matrix::Shares(..) => self.chroma,
        };
        let plane = |plane| {
            let mut row = widened(frame, plane, y);
            row.iter_mut().for_each(|number| *number = (*number - zero) / span);
            row
        };
        let (first, second) = (plane(1), plane(2));
        let pixels = into.chunks_exact_mut(3).zip(luma).zip(first.into_iter().zip(second));
        for ((to, luma), (first, second)) in pixels {
            let colour = self.colour(luma, first, second);
            to.copy_from_slice(&colour.map(stored));
        }
    }

    /// Red, green and blue, from 0 to 1.
    fn colour(&self, luma: f32, first: f32, second: f32) -> [f32; 3] {
        match self.matrix {
            Matrix::Identity => [second, luma, first],
            Matrix::GreenOrange => {
                let rest = luma - first;
                [rest + second, luma + first, rest - second]
            }
            Matrix::Shares(red_share, blue_share) => {
                let red = luma + 2.0 * (1.0 - red_share) * second;
                let blue = luma + 2.0 * (1.0 - blue_share) * first;
                let green =
                    (luma - red_share * red - blue_share * blue) / (1.0 - red_share - blue_share);
                [red, green, blue]
            }
        }
    }
}

/// A row of chroma in the columns and rows of luma: halved ones lie between two pixels, and are interpolated linearly.
fn widened(frame: &Frame, plane: usize, y: usize) -> Vec<f32> {
    let size = frame.plane_size(plane);
    let row = |y: usize| frame.row(plane, y).map(f32::from).collect::<Vec<f32>>();
    let narrow = match frame.halved.1 {
        false => row(y),
        true => {
            let (near, far) = neighbours(y, size.height);
            row(near).into_iter().zip(row(far)).map(|(near, far)| between(near, far)).collect()
        }
    };
    match frame.halved.0 {
        false => narrow,
        true => (0..frame.size.width)
            .map(|x| {
                let (near, far) = neighbours(x, size.width);
                between(narrow[near], narrow[far])
            })
            .collect(),
    }
}

/// The two halved places about a whole one: the one that it lies in, and the next in its direction.
fn neighbours(at: usize, count: usize) -> (usize, usize) {
    let near = at / 2;
    let far = if at.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(count - 1) };
    (near, far)
}

fn between(near: f32, far: f32) -> f32 {
    0.75 * near + 0.25 * far
}
