//! Objects that are drawn when they are asked for: outlines in pixels, and pixels; and shapes of tools that make them up.

use std::f64::consts::PI;

use maskwright_image::mask::{PolygonScratch, Rle};
use maskwright_image::{GreyImage, Size};

/// One object of a file that has its outlines: shapes of one group, or a line of YOLO's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outlined {
    /// Which one of the file it is, from 1: its first shape, or its line.
    pub(crate) number: u64,
    /// The name of its class; in YOLO's files the class's number.
    pub(crate) label: String,
    /// Polygons `[x, y, x, y, ...]` of three points or more, in pixels of the image.
    pub(crate) polygons: Vec<Vec<f64>>,
    /// What of it is given as pixels, of the image's size.
    pub(crate) pixels: Option<Rle>,
}

impl Outlined {
    /// Makes `mask` the object on an image of `size`: the union of its polygons, filled as COCO's are, and of its pixels.
    ///
    /// # Errors
    ///
    /// Those of [`Rle::set_polygons`], and pixels of another size.
    pub(crate) fn draw(
        &self,
        size: Size,
        mask: &mut Rle,
        scratch: &mut PolygonScratch,
    ) -> maskwright_image::Result<()> {
        mask.set_polygons(size, &self.polygons, scratch)?;
        if let Some(pixels) = &self.pixels {
            *mask = Rle::union(&[mask, pixels])?;
        }
        Ok(())
    }
}

/// What a file that has outlines says.
#[derive(Debug, Default)]
pub(crate) struct OutlineFile {
    /// The objects, in the order of the file.
    pub(crate) objects: Vec<Outlined>,
    /// The numbers of what has no area: points and lines, or boxes in place of outlines.
    pub(crate) without_outline: Vec<u64>,
    /// The numbers of polygons of fewer than three points.
    pub(crate) too_short: Vec<u64>,
}

/// What a shape covers.
pub(crate) enum Area {
    None,
    /// x, y, x, y, ...
    Polygon(Vec<f64>),
    Pixels(Rle),
}

/// Shapes, made objects: those of one label and one group are parts of one.
pub(crate) struct Shapes<G> {
    file: OutlineFile,
    /// The group of each object; none where it is of no group.
    groups: Vec<Option<G>>,
}

impl<G: PartialEq> Shapes<G> {
    pub(crate) fn new() -> Shapes<G> {
        Shapes { file: OutlineFile::default(), groups: Vec::new() }
    }

    /// Adds the shape of a number.
    ///
    /// # Errors
    ///
    /// Pixels of another size than those of its group.
    pub(crate) fn add(
        &mut self,
        number: u64,
        label: &str,
        group: Option<G>,
        area: Area,
    ) -> Result<(), String> {
        let file = &mut self.file;
        let (polygon, pixels) = match area {
            Area::None => {
                file.without_outline.push(number);
                return Ok(());
            }
            Area::Polygon(polygon) if polygon.len() < 6 => {
                file.too_short.push(number);
                return Ok(());
            }
            Area::Polygon(polygon) => (Some(polygon), None),
            Area::Pixels(pixels) => (None, Some(pixels)),
        };
        let objects = file.objects.iter().zip(&self.groups);
        let same = |(object, of): (&Outlined, &Option<G>)| {
            group.is_some() && *of == group && object.label == label
        };
        let at = objects.into_iter().position(same).unwrap_or_else(|| {
            let (label, polygons, pixels) = (label.to_owned(), Vec::new(), None);
            file.objects.push(Outlined { number, label, polygons, pixels });
            self.groups.push(group);
            file.objects.len() - 1
        });
        let object = &mut file.objects[at];
        object.polygons.extend(polygon);
        object.pixels = match (object.pixels.take(), pixels) {
            (Some(one), Some(other)) => {
                Some(Rle::union(&[&one, &other]).map_err(|error| error.to_string())?)
            }
            (one, other) => one.or(other),
        };
        Ok(())
    }

    pub(crate) fn finish(self) -> OutlineFile {
        self.file
    }
}

/// A label at a place of a picture of `size`, cut off at its borders, as runs.
pub(crate) fn placed(mask: &GreyImage, left: i64, top: i64, size: Size) -> Result<Rle, String> {
    let mut counts: Vec<u32> = Vec::new();
    // Where the last run that was written ends.
    let mut end = 0;
    let inside = |at: i64, sides: usize| usize::try_from(at).ok().filter(|at| *at < sides);
    let fits = (size.height as u64).saturating_mul(size.width as u64) <= u64::from(u32::MAX);
    for x in 0..mask.size.width {
        let column = left.checked_add(x as i64).and_then(|at| inside(at, size.width));
        let Some(column) = column.filter(|_| fits) else { continue };
        for y in 0..mask.size.height {
            let row = top.checked_add(y as i64).and_then(|at| inside(at, size.height));
            let Some(row) = row else { continue };
            if mask.data[y * mask.size.width + x] <= 128 {
                continue;
            }
            let at = (column * size.height + row) as u32;
            match counts.last_mut() {
                Some(run) if at == end => *run += 1,
                _ => counts.extend([at - end, 1]),
            }
            end = at + 1;
        }
    }
    if fits {
        counts.push(size.area() as u32 - end);
    }
    Rle::new(size, counts).map_err(|error| error.to_string())
}

/// A polygon without what lies in its holes.
///
/// # Errors
///
/// Those of [`Rle::from_polygons`].
pub(crate) fn with_holes(
    size: Size,
    outer: Vec<f64>,
    holes: &[Vec<f64>],
) -> maskwright_image::Result<Rle> {
    let outer = Rle::from_polygons(size, &[outer])?.to_bitmap();
    let holes = Rle::from_polygons(size, holes)?.to_bitmap();
    Ok(Rle::from_bitmap(&outer.without(&holes)))
}

/// An ellipse as a polygon with so many points that its edges are less than a quarter of a pixel from it: around a centre, of two radii, the
/// first of which is turned by so many degrees clockwise as one sees it, from the axis to the right.
pub(crate) fn ellipse([x, y]: [f64; 2], [a, b]: [f64; 2], degrees: f64) -> Vec<f64> {
    // The sagitta of an edge of the circle around it; no picture asks for as many points as the bound.
    let angle = (1.0 - 0.25 / a.abs().max(b.abs())).max(-1.0).acos();
    // Its four ends are among the points.
    let count = ((PI / angle).min(1e5) as usize).max(12).next_multiple_of(4);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let point = |k: usize| {
        let (along, across) = (2.0 * PI / count as f64 * k as f64).sin_cos();
        let (u, v) = (a * across, b * along);
        [x + u * cos - v * sin, y + u * sin + v * cos]
    };
    (0..count).flat_map(point).collect()
}
