//! Objects and findings in any order, brought together by category and image: what average precision takes.

use std::collections::BTreeMap;

use super::average_precision::{Found, Scene, True};

/// Where an object is, by the ids that annotations have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The id of its category.
    pub category: i64,
    /// The id of its image.
    pub image: i64,
}

/// Brings objects together by category and, within it, by image, both in the order of their ids; within an image they keep their
/// order. Images in which a category has nothing are left out.
///
/// ```
/// use maskwright_image::metric::average_precision::{Found, Overlap, True, average_precision};
/// use maskwright_image::metric::scenes::{Place, scenes};
/// use maskwright_image::{Size, mask::Rle};
///
/// let mask = Rle::new(Size::new(2, 2), vec![0, 4])?;
/// let place = Place { category: 3, image: 7 };
/// let truth = True { mask: mask.clone(), area: 4.0, crowd: false };
/// let categories = scenes([(place, truth)], [(place, Found { mask, score: 0.5 })]);
/// assert_eq!((categories.len(), categories[0].len()), (1, 1));
/// assert!(average_precision(&categories, Overlap::Mask)?.ap > Some(0.999));
/// # Ok::<(), maskwright_image::Error>(())
/// ```
pub fn scenes(
    truths: impl IntoIterator<Item = (Place, True)>,
    found: impl IntoIterator<Item = (Place, Found)>,
) -> Vec<Vec<Scene>> {
    let mut scenes: BTreeMap<Place, Scene> = BTreeMap::new();
    for (place, truth) in truths {
        scenes.entry(place).or_default().truths.push(truth);
    }
    for (place, one) in found {
        scenes.entry(place).or_default().found.push(one);
    }
    let mut categories: BTreeMap<i64, Vec<Scene>> = BTreeMap::new();
    for (place, scene) in scenes {
        categories.entry(place.category).or_default().push(scene);
    }
    categories.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Size;
    use crate::mask::Rle;

    #[test]
    fn categories_and_images_are_in_the_order_of_their_ids() {
        let mask = Rle::new(Size::new(1, 1), vec![0, 1]).unwrap();
        let place = |category, image| Place { category, image };
        let truth = |area| True { mask: mask.clone(), area, crowd: false };
        let found = |score| Found { mask: mask.clone(), score };
        let scenes = scenes(
            [(place(5, 2), truth(1.0)), (place(5, 1), truth(2.0)), (place(5, 2), truth(3.0))],
            [(place(4, 9), found(0.5)), (place(5, 1), found(0.25))],
        );
        let areas = |scene: &Scene| scene.truths.iter().map(|one| one.area).collect::<Vec<_>>();
        let scores = |scene: &Scene| scene.found.iter().map(|one| one.score).collect::<Vec<_>>();
        assert_eq!(scenes.iter().map(Vec::len).collect::<Vec<_>>(), [1, 2]);
        assert_eq!((areas(&scenes[0][0]), scores(&scenes[0][0])), (vec![], vec![0.5]));
        assert_eq!((areas(&scenes[1][0]), scores(&scenes[1][0])), (vec![2.0], vec![0.25]));
        assert_eq!((areas(&scenes[1][1]), scores(&scenes[1][1])), (vec![1.0, 3.0], vec![]));
    }
}
