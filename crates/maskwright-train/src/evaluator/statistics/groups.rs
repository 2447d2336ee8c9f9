//! On which objects a model is good: by their size, and by how thin they are.

use serde::{Deserialize, Serialize};

use crate::evaluator::metrics::means;
use crate::evaluator::{ImageScores, MaskScores};

/// Objects that have something in common, and the means over them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What the objects are divided by: "size" or "thinness".
    pub by: String,
    /// The group's name.
    pub name: String,
    /// What makes an object belong to it.
    pub range: String,
    /// The number of its objects.
    pub objects: usize,
    /// The means, one for each mask.
    pub scores: Vec<MaskScores>,
}

/// A name, a range in words, and the value below which objects belong to it and to those before it.
type Step = (&'static str, &'static str, f64);

/// COCO's sizes, by pixels of the object.
const SIZES: [Step; 3] = [
    ("small", "area below 32² pixels", 1024.0),
    ("medium", "area of 32² to 96² pixels", 9216.0),
    ("large", "area of 96² pixels and more", f64::INFINITY),
];

/// By the object's area over that of its band in boundary IoU. Of a very thin object everything lies in the band.
const THINNESS: [Step; 3] = [
    ("thin", "area below 1.5 times its boundary band", 1.5),
    ("between", "area of 1.5 to 3 times its boundary band", 3.0),
    ("compact", "area of 3 times its boundary band and more", f64::INFINITY),
];

/// Returns the groups of objects that are not empty: by size, then by thinness.
pub fn groups(objects: &[&ImageScores]) -> Vec<Group> {
    let size = |one: &ImageScores| one.area as f64;
    let thinness = |one: &ImageScores| one.area as f64 / one.boundary_area.max(1) as f64;
    let mut groups = divided(objects, "size", &SIZES, size);
    groups.extend(divided(objects, "thinness", &THINNESS, thinness));
    groups
}

fn divided(
    objects: &[&ImageScores],
    by: &str,
    steps: &[Step],
    value: impl Fn(&ImageScores) -> f64,
) -> Vec<Group> {
    let mut least = 0.0;
    let mut groups = Vec::new();
    for (name, range, below) in steps {
        let inside = |one: &&&ImageScores| (least..*below).contains(&value(one));
        let members: Vec<&ImageScores> = objects.iter().filter(inside).copied().collect();
        least = *below;
        if !members.is_empty() {
            groups.push(Group {
                by: by.to_owned(),
                name: (*name).to_owned(),
                range: (*range).to_owned(),
                objects: members.len(),
                scores: means(&members),
            });
        }
    }
    groups
}

/// Returns the name of the size that an object of so many pixels belongs to.
pub fn size_of(area: usize) -> &'static str {
    let own = SIZES.iter().find(|(_, _, below)| (area as f64) < *below);
    own.map_or("large", |(name, ..)| name)
}

#[cfg(test)]
mod tests {
    use super::super::tests::object;
    use super::*;

    #[test]
    fn objects_are_divided_twice() {
        let of = |area, boundary_area, iou| {
            let mut one = object(0, iou);
            (one.area, one.boundary_area) = (area, boundary_area);
            one
        };
        let objects =
            [of(1023, 1023, 0.25), of(1024, 683, 0.5), of(9216, 3072, 0.75), of(9300, 9000, 1.0)];
        let objects: Vec<&ImageScores> = objects.iter().collect();
        let found: Vec<(String, usize, f64)> = groups(&objects)
            .into_iter()
            .map(|group| (group.name, group.objects, group.scores[0].iou))
            .collect();
        let expected = [
            ("small", 1, 0.25),
            ("medium", 1, 0.5),
            ("large", 2, 0.875),
            ("thin", 3, 1.75 / 3.0),
            ("compact", 1, 0.75),
        ];
        assert_eq!(found, expected.map(|(name, objects, iou)| (name.to_owned(), objects, iou)));
    }
}
