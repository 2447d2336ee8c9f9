//! How far images are from those that have masks, by their embeddings: what is like nothing that was annotated teaches more.

use std::collections::{HashMap, HashSet};

/// Images with masks that others are compared with: each has to be encoded once.
pub(crate) const COMPARED: usize = 256;

/// What is known of images by one encoder.
#[derive(Debug, Default)]
pub(crate) struct Likeness {
    /// Descriptors of images with masks.
    masked: HashMap<usize, Vec<f32>>,
    /// Descriptors of images without, and the cosine to the nearest one that has masks.
    open: HashMap<usize, (Vec<f32>, f32)>,
}

impl Likeness {
    /// Whether an image is known.
    pub(crate) fn knows(&self, index: usize) -> bool {
        self.masked.contains_key(&index) || self.open.contains_key(&index)
    }

    /// Images with masks that are known.
    pub(crate) fn masked(&self) -> usize {
        self.masked.len()
    }

    /// Takes an image without masks.
    pub(crate) fn add_open(&mut self, index: usize, descriptor: Vec<f32>) {
        let all = self.masked.values().map(|masked| cosine(masked, &descriptor));
        let nearest = all.fold(f32::NEG_INFINITY, f32::max);
        self.open.insert(index, (descriptor, nearest));
    }

    /// Takes an image with masks.
    pub(crate) fn add_masked(&mut self, index: usize, descriptor: Vec<f32>) {
        for (own, nearest) in self.open.values_mut() {
            *nearest = nearest.max(cosine(own, &descriptor));
        }
        self.masked.insert(index, descriptor);
    }

    /// Follows what was annotated meanwhile, and what is no more.
    pub(crate) fn follow(&mut self, is_open: impl Fn(usize) -> bool) {
        let annotated: Vec<usize> =
            self.open.keys().copied().filter(|index| !is_open(*index)).collect();
        for index in annotated {
            if let Some((descriptor, _)) = self.open.remove(&index) {
                self.add_masked(index, descriptor);
            }
        }
        let emptied: HashSet<usize> =
            self.masked.keys().copied().filter(|index| is_open(*index)).collect();
        if !emptied.is_empty() {
            let (open, masked) = (std::mem::take(&mut self.open), std::mem::take(&mut self.masked));
            let (again, kept): (Vec<_>, Vec<_>) =
                masked.into_iter().partition(|(index, _)| emptied.contains(index));
            self.masked = kept.into_iter().collect();
            let open = open.into_iter().map(|(index, (descriptor, _))| (index, descriptor));
            for (index, descriptor) in open.chain(again) {
                self.add_open(index, descriptor);
            }
        }
    }

    /// Of each image without masks, the share of the others that are nearer to one with masks, 0 to 1; nothing while none has
    /// masks, or there are no others.
    pub(crate) fn ranks(&self) -> HashMap<usize, f64> {
        if self.masked.is_empty() || self.open.len() < 2 {
            return HashMap::new();
        }
        let mut nearest: Vec<f32> = self.open.values().map(|(_, nearest)| *nearest).collect();
        nearest.sort_by(f32::total_cmp);
        let others = (nearest.len() - 1) as f64;
        let rank = |own: f32| {
            let nearer = nearest.len() - nearest.partition_point(|other| *other <= own);
            nearer as f64 / others
        };
        self.open.iter().map(|(index, (_, nearest))| (*index, rank(*nearest))).collect()
    }
}

/// The cosine of two; what has no descriptor, since it could not be read, is like nothing.
fn cosine(one: &[f32], other: &[f32]) -> f32 {
    if one.is_empty() || other.is_empty() {
        return f32::NEG_INFINITY;
    }
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(degrees: f32) -> Vec<f32> {
        let (sin, cos) = degrees.to_radians().sin_cos();
        vec![cos, sin]
    }

    #[test]
    fn what_is_unlike_all_that_has_masks_comes_first() {
        let mut likeness = Likeness::default();
        for (index, degrees) in [(1, 10.0), (2, 90.0), (3, 45.0)] {
            likeness.add_open(index, at(degrees));
        }
        assert!(likeness.ranks().is_empty(), "nothing has masks yet");
        likeness.add_masked(0, at(0.0));
        assert_eq!(likeness.ranks(), HashMap::from([(1, 0.0), (3, 0.5), (2, 1.0)]));
        // What was annotated pulls its like down.
        likeness.follow(|index| index != 2 && index != 0);
        assert_eq!(likeness.ranks(), HashMap::from([(1, 0.0), (3, 1.0)]));
        assert_eq!(likeness.masked(), 2);
        // And is of no weight any more where its masks are gone.
        likeness.follow(|index| index != 0);
        assert_eq!(likeness.ranks(), HashMap::from([(1, 0.0), (3, 0.5), (2, 1.0)]));
    }
}
