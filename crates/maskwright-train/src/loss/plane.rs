//! A mask or a label as a plane of numbers, and its values between the pixels.

/// One channel of numbers, row-major.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// `height * width` values.
    pub values: &'a [f32],
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Plane<'_> {
    /// Returns the bilinear value at `(x, y)`, both in `[0, 1]` of the plane. Values outside the plane
    /// are 0.
    ///
    /// Pixel (i, j) has its centre at ((j + 0.5) / width, (i + 0.5) / height), which is
    /// `grid_sample(align_corners=False, padding_mode="zeros")`.
    pub fn bilinear(&self, x: f32, y: f32) -> f32 {
        let (top, left, fy, fx) = self.place(x, y);
        self.at(top, left) * (1.0 - fx) * (1.0 - fy)
            + self.at(top, left + 1) * fx * (1.0 - fy)
            + self.at(top + 1, left) * (1.0 - fx) * fy
            + self.at(top + 1, left + 1) * fx * fy
    }

    /// The pixel above and left of `(x, y)`, which may lie outside: its row and column, and the shares of the next row
    /// and of the next column.
    pub(super) fn place(&self, x: f32, y: f32) -> (i64, i64, f32, f32) {
        // As PyTorch computes it: from [0, 1] to [-1, 1], then unnormalised.
        let column = ((2.0 * x - 1.0 + 1.0) * self.width as f32 - 1.0) / 2.0;
        let row = ((2.0 * y - 1.0 + 1.0) * self.height as f32 - 1.0) / 2.0;
        let (left, top) = (column.floor(), row.floor());
        (top as i64, left as i64, row - top, column - left)
    }

    fn at(&self, row: i64, column: i64) -> f32 {
        let inside =
            (0..self.height as i64).contains(&row) && (0..self.width as i64).contains(&column);
        if inside { self.values[row as usize * self.width + column as usize] } else { 0.0 }
    }
}
