//! What annotations say of their objects besides the mask: area and box, to be compared with it.

use std::path::Path;

use maskwright_data::Result;
use maskwright_data::source::read_stated;

use crate::shape::Shape;

/// Area and box of one annotation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Claim {
    id: u64,
    area: Option<f32>,
    /// x, y, width, height.
    bbox: Option<[f32; 4]>,
}

/// The claims of an annotation file, 36 bytes each.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Claims(Vec<Claim>);

impl Claims {
    /// Reads an instances file of COCO's layout. What cannot be read has no claims: opening the set tells why.
    pub(super) fn of_coco(path: &Path) -> Claims {
        Claims::read(path).unwrap_or_default()
    }

    /// Those of an annotation file of SA-1B's layout; none where it is no file of its own.
    pub(super) fn of_sa1b(path: &Path) -> Claims {
        if path.extension().is_some_and(|ending| ending == "json") && path.is_file() {
            Claims::read(path).unwrap_or_default()
        } else {
            Claims::default()
        }
    }

    fn read(path: &Path) -> Result<Claims> {
        let mut found = Vec::new();
        read_stated(path, |stated| {
            found.extend(stated.id.map(|id| Claim { id, area: stated.area, bbox: stated.bbox }));
        })?;
        found.sort_by_key(|claim| claim.id);
        Ok(Claims(found))
    }

    /// What is said of an annotation.
    pub(super) fn find(&self, id: Option<u64>) -> Option<&Claim> {
        let id = id?;
        let at = self.0.partition_point(|claim| claim.id < id);
        self.0.get(at).filter(|claim| claim.id == id)
    }
}

impl Claim {
    /// The area in words, where it is not that of the mask.
    ///
    /// Areas are of the polygon, masks of its pixels: along the outline they differ, more so for thin objects. So
    /// a tenth and ten pixels are let pass.
    pub(super) fn wrong_area(&self, shape: &Shape) -> Option<String> {
        let (said, is) = (f64::from(self.area?), shape.foreground as f64);
        let near = (said - is).abs() <= 0.1 * said.max(is) + 10.0;
        (!near).then(|| format!("area is {said}, the mask has {is} pixels"))
    }

    /// The box in words, where it reaches a pixel or more beyond the image or is none.
    pub(super) fn box_outside(&self, shape: &Shape) -> Option<String> {
        let [x, y, width, height] = self.bbox?;
        let (rows, columns) = (shape.size.height as f32, shape.size.width as f32);
        let fine = width >= 0.0
            && height >= 0.0
            && x > -1.0
            && y > -1.0
            && x + width < columns + 1.0
            && y + height < rows + 1.0;
        (!fine).then(|| {
            format!(
                "bbox is [{x}, {y}, {width}, {height}], the image has {columns} x {rows} pixels"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_found_by_id_and_compared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instances.json");
        let text = r#"{"images": [{"id": 1}], "annotations": [
            {"id": 9, "area": 100.5, "bbox": [0, 0, 10.4, 10], "segmentation": [[1, 2]]},
            {"id": 4, "area": 300, "bbox": [5, 5, 16, 3]},
            {"area": 7}, {"id": 5, "bbox": [1, 2]}]}"#;
        std::fs::write(&path, text).unwrap();
        let claims = Claims::of_coco(&path);
        let shape =
            Shape { size: maskwright_image::Size::square(20), foreground: 98, ..Shape::default() };
        let nine = claims.find(Some(9)).unwrap();
        assert_eq!((nine.wrong_area(&shape), nine.box_outside(&shape)), (None, None));
        let four = claims.find(Some(4)).unwrap();
        assert_eq!(four.wrong_area(&shape).unwrap(), "area is 300, the mask has 98 pixels");
        let words = "bbox is [5, 5, 16, 3], the image has 20 x 20 pixels";
        assert_eq!(four.box_outside(&shape).unwrap(), words);
        assert_eq!(claims.find(Some(5)).unwrap().bbox, None);
        assert_eq!((claims.find(Some(6)), claims.find(None)), (None, None));
        assert_eq!(Claims::of_coco(Path::new("/nowhere")), Claims::default());
        std::fs::write(&path, "{\"annotations\": 3}").unwrap();
        assert_eq!(Claims::of_sa1b(&path), Claims::default());
    }
}
