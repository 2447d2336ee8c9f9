//! Memory of batches that were used up, for later ones: new memory would have to be asked of the system, page by page.

use std::sync::{Arc, Mutex, PoisonError, Weak};

/// What is kept, of a number at most.
#[derive(Debug)]
pub(super) struct Spare {
    images: Mutex<Vec<Vec<u8>>>,
    labels: Mutex<Vec<Vec<f32>>>,
    most: usize,
}

impl Spare {
    /// For a loader that makes so many batches ahead: these and one in use come back at the end of an epoch, and
    /// none of them is given up, since the next epoch would have to ask the system for it again.
    pub(super) fn ahead(ahead: usize) -> Spare {
        Spare { images: Mutex::default(), labels: Mutex::default(), most: ahead + 1 }
    }

    /// Memory of the given lengths with any content.
    pub(super) fn take(&self, images: usize, labels: usize) -> (Vec<u8>, Vec<f32>) {
        let (mut bytes, mut values) = (taken(&self.images), taken(&self.labels));
        bytes.resize(images, 0);
        values.resize(labels, 0.0);
        (bytes, values)
    }

    /// Keeps memory of images for a later batch.
    pub(super) fn put_images(&self, images: Vec<u8>) {
        self.put(&self.images, images);
    }

    /// Keeps memory of labels for a later batch.
    pub(super) fn put_labels(&self, labels: Vec<f32>) {
        self.put(&self.labels, labels);
    }

    fn put<T>(&self, kept: &Mutex<Vec<Vec<T>>>, memory: Vec<T>) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < self.most {
            kept.push(memory);
        }
    }
}

/// Memory that was kept, or none yet.
fn taken<T>(kept: &Mutex<Vec<Vec<T>>>) -> Vec<T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
}

/// Gives the memory of batches back to the loader that made them, part by part and at any time; where that is gone, the memory
/// is freed.
#[derive(Debug, Clone)]
pub struct Recycler {
    spare: Weak<Spare>,
}

impl Recycler {
    pub(super) fn of(spare: &Arc<Spare>) -> Recycler {
        Recycler { spare: Arc::downgrade(spare) }
    }

    /// Takes the images of a batch.
    pub fn images(&self, images: Vec<u8>) {
        if let Some(spare) = self.spare.upgrade() {
            spare.put_images(images);
        }
    }

    /// Takes the labels of a batch.
    pub fn labels(&self, labels: Vec<f32>) {
        if let Some(spare) = self.spare.upgrade() {
            spare.put_labels(labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_batches_that_come_back_are_kept() {
        let spare = Spare::ahead(5);
        for _ in 0..8 {
            spare.put_images(vec![7; 10]);
            spare.put_labels(vec![7.0; 4]);
        }
        let (images, labels) = spare.take(20, 2);
        assert_eq!((images.len(), labels.len()), (20, 2));
        let kept = spare.images.lock().unwrap().drain(..).count();
        assert_eq!(kept, 5, "five ahead and the one that was in use");
        assert_eq!(spare.labels.lock().unwrap().drain(..).count(), 5);
        // Where none is left, memory is new.
        assert_eq!(spare.take(3, 1), (vec![0; 3], vec![0.0]));
    }

    #[test]
    fn what_comes_back_to_a_loader_that_is_gone_is_freed() {
        let spare = Arc::new(Spare::ahead(1));
        let recycler = Recycler::of(&spare);
        recycler.images(vec![7; 10]);
        assert_eq!(spare.take(1, 0).0, [7]);
        drop(spare);
        recycler.images(vec![7; 10]);
        recycler.labels(vec![7.0; 10]);
    }
}
