//! How sizes are distributed: counts between fixed edges, so that memory does not grow with the data.

use serde::Serialize;

/// Counts of values between fixed edges.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Histogram {
    /// What is counted, a stable name in snake case.
    pub name: &'static str,
    /// What it is, for people.
    pub title: &'static str,
    /// Unit of the edges.
    pub unit: &'static str,
    /// Ascending; `counts[i]` is the number of values from `edges[i]` up to but not including
    /// `edges[i + 1]`. Smaller values count with the first, larger with the last.
    pub edges: Vec<f64>,
    /// One fewer than edges.
    pub counts: Vec<u64>,
    /// The smallest value; none where there is none.
    pub min: Option<f64>,
    /// The largest value.
    pub max: Option<f64>,
    /// The mean.
    pub mean: Option<f64>,
    #[serde(skip)]
    sum: f64,
}

impl Histogram {
    fn new(name: &'static str, title: &'static str, unit: &'static str, edges: &[f64]) -> Self {
        Histogram {
            name,
            title,
            unit,
            edges: edges.to_vec(),
            counts: vec![0; edges.len() - 1],
            min: None,
            max: None,
            mean: None,
            sum: 0.0,
        }
    }

    /// Image sizes in megapixels.
    pub(super) fn megapixels() -> Self {
        let edges = [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 50.0, 100.0];
        Self::new("megapixels", "Image size", "megapixels", &edges)
    }

    /// Longest sides in pixels.
    pub(super) fn longest_side() -> Self {
        let edges = [
            0.0, 128.0, 256.0, 384.0, 512.0, 768.0, 1024.0, 1536.0, 2048.0, 3072.0, 4096.0, 6144.0,
            16384.0,
        ];
        Self::new("longest_side", "Longest side", "pixels", &edges)
    }

    /// Object areas in per cent of the image.
    pub(super) fn object_area() -> Self {
        let edges =
            [0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 20.0, 30.0, 50.0, 70.0, 90.0, 100.0];
        Self::new("object_area", "Object area", "per cent of the image", &edges)
    }

    /// Objects per image.
    pub(super) fn objects_per_image() -> Self {
        let edges = [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0, 128.0, 1024.0];
        Self::new("objects_per_image", "Objects per image", "objects", &edges)
    }

    /// Counts a value.
    pub(super) fn add(&mut self, value: f64) {
        let place = self.edges.partition_point(|&edge| edge <= value);
        let place = place.clamp(1, self.counts.len()) - 1;
        self.counts[place] += 1;
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
        self.sum += value;
        self.mean = Some(self.sum / self.total() as f64);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_between_their_edges() {
        let mut sides = Histogram::longest_side();
        for value in [0.0, 127.0, 128.0, 1024.0, 99_999.0] {
            sides.add(value);
        }
        assert_eq!(sides.counts, [2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
        assert_eq!((sides.min, sides.max), (Some(0.0), Some(99_999.0)));
        assert_eq!(sides.mean, Some(20_255.6));
        assert_eq!(Histogram::megapixels().mean, None);
    }
}
