//! A picture to draw on. Everything may reach over the border, what is outside is not drawn.

use crate::image::RgbImage;
use crate::mask::Bitmap;
use crate::sample::resize_antialiased;
use crate::size::Size;

/// Red, green, blue.
pub type Colour = [u8; 3];

/// A picture being drawn on.
#[derive(Debug, Clone)]
pub struct Canvas {
    image: RgbImage,
}

impl Canvas {
    /// Draws on a picture.
    pub fn new(image: RgbImage) -> Self {
        Self { image }
    }

    /// An empty canvas in one colour.
    pub fn filled(size: Size, colour: Colour) -> Self {
        Self { image: RgbImage { size, data: colour.repeat(size.area()) } }
    }

    /// What was drawn so far.
    pub fn image(&self) -> &RgbImage {
        &self.image
    }

    /// The finished picture.
    pub fn into_image(self) -> RgbImage {
        self.image
    }

    /// Colours one pixel; nothing where it is outside.
    pub fn pixel(&mut self, x: i32, y: i32, colour: Colour) {
        if let Some(pixel) = self.pixel_mut(x, y) {
            *pixel = colour;
        }
    }

    fn pixel_mut(&mut self, x: i32, y: i32) -> Option<&mut Colour> {
        let (x, y) = (usize::try_from(x).ok()?, usize::try_from(y).ok()?);
        if x >= self.image.size.width || y >= self.image.size.height {
            return None;
        }
        self.image.row_mut(y).as_chunks_mut::<3>().0.get_mut(x)
    }

    /// Tints the pixels that a mask sets: `alpha` 0 changes nothing, 1 covers. The mask lies at the top-left.
    pub fn overlay(&mut self, mask: &Bitmap, colour: Colour, alpha: f32) {
        for y in 0..mask.height().min(self.image.size.height) {
            let pixels = self.image.row_mut(y).as_chunks_mut::<3>().0;
            for (x, pixel) in pixels.iter_mut().enumerate().take(mask.width()) {
                if mask.get(y, x) {
                    *pixel = mix(*pixel, colour, alpha);
                }
            }
        }
    }

    /// Tints by a label, `[height, width]` in 0..=255: fully tinted at 255, so soft edges stay soft.
    ///
    /// # Panics
    /// Where the label has another size than the canvas.
    pub fn overlay_label(&mut self, label: &[f32], colour: Colour, alpha: f32) {
        let pixels = self.image.data.as_chunks_mut::<3>().0;
        assert_eq!(label.len(), pixels.len(), "a label of another size");
        for (pixel, value) in pixels.iter_mut().zip(label) {
            *pixel = mix(*pixel, colour, alpha * value / 255.0);
        }
    }

    /// Outlines the box `[x0, y0, x1, y1]` of inclusive pixel indices, one pixel wide.
    pub fn rect(&mut self, [x0, y0, x1, y1]: [i32; 4], colour: Colour) {
        self.line((x0, y0), (x1, y0), colour);
        self.line((x0, y1), (x1, y1), colour);
        self.line((x0, y0), (x0, y1), colour);
        self.line((x1, y0), (x1, y1), colour);
    }

    /// Fills the box `[x0, y0, x1, y1]` of inclusive pixel indices.
    pub fn fill(&mut self, [x0, y0, x1, y1]: [i32; 4], colour: Colour) {
        let right = x1.min(self.image.size.width as i32 - 1);
        for y in y0.max(0)..=y1.min(self.image.size.height as i32 - 1) {
            for x in x0.max(0)..=right {
                self.pixel(x, y, colour);
            }
        }
    }

    /// Fills the disc around the centre of pixel `(x, y)`.
    pub fn disc(&mut self, (x, y): (i32, i32), radius: i32, colour: Colour) {
        for dy in -radius..=radius {
            for dx in -radius..=radius {
                // Half a pixel more makes small discs round.
                if dx * dx + dy * dy <= radius * radius + radius {
                    self.pixel(x.saturating_add(dx), y.saturating_add(dy), colour);
                }
            }
        }
    }

    /// A line from pixel to pixel, both drawn (Bresenham's algorithm).
    pub fn line(&mut self, from: (i32, i32), to: (i32, i32), colour: Colour) {
        let Some(((x0, y0), (x1, y1))) = self.clip(from, to) else {
            return;
        };
        let (dx, dy) = ((x1 - x0).abs(), -(y1 - y0).abs());
        let (step_x, step_y) = ((x1 - x0).signum(), (y1 - y0).signum());
        let (mut x, mut y, mut error) = (x0, y0, dx + dy);
        loop {
            self.pixel(x, y, colour);
            if (x, y) == (x1, y1) {
                return;
            }
            let twice = 2 * error;
            if twice >= dy {
                error += dy;
                x += step_x;
            }
            if twice <= dx {
                error += dx;
                y += step_y;
            }
        }
    }

    /// The part of a line on the canvas (Liang and Barsky's algorithm), so that far ends cost nothing.
    fn clip(&self, from: (i32, i32), to: (i32, i32)) -> Option<((i32, i32), (i32, i32))> {
        let (x0, y0) = (f64::from(from.0), f64::from(from.1));
        let (dx, dy) = (f64::from(to.0) - x0, f64::from(to.1) - y0);
        let Size { height, width } = self.image.size;
        let (right, bottom) = (width as f64 - 1.0, height as f64 - 1.0);
        let (mut start, mut end) = (0.0f64, 1.0f64);
        for (step, room) in [(-dx, x0), (dx, right - x0), (-dy, y0), (dy, bottom - y0)] {
            if step == 0.0 {
                if room < 0.0 {
                    return None;
                }
            } else if step < 0.0 {
                start = start.max(room / step);
            } else {
                end = end.min(room / step);
            }
        }
        let at = |t: f64| ((x0 + t * dx).round() as i32, (y0 + t * dy).round() as i32);
        (start <= end).then(|| (at(start), at(end)))
    }

    /// Puts a picture with its top-left corner at `(x, y)`, scaled to `size` with antialiasing.
    pub fn paste(&mut self, picture: &RgbImage, x: i32, y: i32, size: Size) {
        if picture.size.is_empty() || size.is_empty() {
            return;
        }
        let scaled = resize_antialiased(picture, size);
        for row in 0..size.height {
            let top = y.saturating_add(row as i32);
            for (column, colour) in scaled.row(row).as_chunks::<3>().0.iter().enumerate() {
                self.pixel(x.saturating_add(column as i32), top, *colour);
            }
        }
    }
}

fn mix(under: Colour, over: Colour, alpha: f32) -> Colour {
    let alpha = alpha.clamp(0.0, 1.0);
    std::array::from_fn(|c| {
        (f32::from(under[c]) * (1.0 - alpha) + f32::from(over[c]) * alpha).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Colour = [9, 9, 9];

    fn inked(canvas: &Canvas) -> Vec<(usize, usize)> {
        let image = canvas.image();
        let Size { height, width } = image.size;
        let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        all.filter(|&(x, y)| image.pixel(x, y) == INK).collect()
    }

    #[test]
    fn lines_have_both_ends() {
        for (to, count) in [((9, 3), 10), ((3, 9), 10), ((0, 0), 1), ((9, 9), 10)] {
            let mut canvas = Canvas::filled(Size::square(10), [0; 3]);
            canvas.line((0, 0), to, INK);
            let pixels = inked(&canvas);
            assert_eq!(pixels.len(), count);
            assert!(pixels.contains(&(0, 0)) && pixels.contains(&(to.0 as usize, to.1 as usize)));
        }
    }

    #[test]
    fn nothing_outside_is_drawn_or_slow() {
        let mut canvas = Canvas::filled(Size::square(10), [0; 3]);
        canvas.line((i32::MIN, 5), (i32::MAX, 5), INK);
        assert_eq!(inked(&canvas).len(), 10);
        canvas.line((-5, -3), (20, -3), INK);
        canvas.rect([-4, -4, 30, 30], INK);
        canvas.disc((i32::MAX, i32::MIN), 3, INK);
        canvas.fill([-100, 9, i32::MAX, i32::MAX], INK);
        assert_eq!(inked(&canvas).len(), 20);
    }

    #[test]
    fn shapes_are_where_they_should_be() {
        let mut canvas = Canvas::filled(Size::square(20), [0; 3]);
        canvas.disc((10, 10), 1, INK);
        assert_eq!(inked(&canvas).len(), 9);
        let mut canvas = Canvas::filled(Size::square(20), [0; 3]);
        canvas.rect([2, 3, 6, 5], INK);
        assert_eq!(inked(&canvas).len(), 5 + 5 + 2);
        let mut canvas = Canvas::filled(Size::square(20), [0; 3]);
        canvas.paste(
            &RgbImage { size: Size::square(1), data: INK.to_vec() },
            18,
            -1,
            Size::new(3, 4),
        );
        assert_eq!(inked(&canvas), [(18, 0), (19, 0), (18, 1), (19, 1)]);
    }

    #[test]
    fn overlays_mix() {
        let mut canvas = Canvas::filled(Size::new(1, 2), [100; 3]);
        canvas.overlay(&Bitmap::from_fn(Size::new(1, 2), |_, x| x == 1), [200, 0, 100], 0.5);
        assert_eq!(canvas.image().data, [100, 100, 100, 150, 50, 100]);
        canvas.overlay_label(&[255.0, 0.0], [0; 3], 1.0);
        assert_eq!(canvas.image().data, [0, 0, 0, 150, 50, 100]);
    }
}
