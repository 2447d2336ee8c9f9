//! CVAT's own file, "CVAT for images 1.1": one for all images (docs.cvat.ai, "CVAT format").
//!
//! ```xml
//! <annotations>
//!   <image id="0" name="leaf.jpg" width="320" height="220">
//!     <polygon label="leaf" points="10.5,20.0;80.0,20.0;80.0,60.0" group_id="1"/>
//!     <mask label="leaf" rle="3, 5, 7" left="10" top="20" width="5" height="3"/>
//!   </image>
//! </annotations>
//! ```
//!
//! | element | the object |
//! |---|---|
//! | `polygon` | the polygon |
//! | `mask` | runs of background and object in turns, row by row, of the rectangle at `left` and `top` |
//! | `ellipse` | a polygon around `cx`, `cy` with radii `rx`, `ry`, turned by `rotation` degrees |
//! | `box`, `polyline`, `points`, `cuboid`, `skeleton` | none: they have no area, or are boxes |
//! | `tag` | no shape |
//!
//! Shapes of one label and one `group_id` other than 0 are parts of one object.

use std::ops::Range;

use maskwright_image::decode::Limits;
use maskwright_image::{GreyImage, Size};
use roxmltree::{Document, Node, ParsingOptions};

use super::labelme::{Flawed, flawed};
use super::outline::{Area, OutlineFile, Shapes, ellipse, placed};

/// An image as the file lists it.
#[derive(Debug, PartialEq)]
pub(crate) struct CvatImage {
    /// The file's name, with its folders.
    pub(crate) name: String,
    /// The image's size where it is told.
    pub(crate) size: Option<Size>,
    /// Where its element lies in the file.
    pub(crate) range: Range<usize>,
}

/// Parses a text; document types, which may hold entities that grow without bound, are refused.
fn document(text: &str) -> Result<Document<'_>, Flawed> {
    let options = ParsingOptions { allow_dtd: false, ..ParsingOptions::default() };
    Document::parse_with_options(text, options)
        .or_else(|error| flawed("", format!("expected CVAT's XML, found no such XML ({error})")))
}

fn utf8(bytes: &[u8]) -> Result<&str, Flawed> {
    std::str::from_utf8(bytes)
        .or_else(|error| flawed("", format!("expected text in UTF-8, found other bytes ({error})")))
}

/// The images that a file lists.
pub(crate) fn list_cvat(bytes: &[u8]) -> Result<Vec<CvatImage>, Flawed> {
    let text = utf8(bytes)?;
    let document = document(text)?;
    let root = document.root_element();
    if !root.has_tag_name("annotations") {
        let found = root.tag_name().name().to_owned();
        return flawed("", format!("expected CVAT's <annotations>, found <{found}>"));
    }
    if root.children().any(|node| node.has_tag_name("track")) {
        let expected = "expected \"CVAT for images 1.1\"";
        return flawed("", format!("{expected}, found tracks of a video (\"CVAT for video 1.1\")"));
    }
    let images = root.children().filter(|node| node.has_tag_name("image"));
    let read = |node: Node<'_, '_>| {
        let Some(name) = node.attribute("name").filter(|name| !name.is_empty()) else {
            let place = node.attribute("id").map_or("image".into(), |id| format!("image {id}"));
            return flawed(place, "name: expected the name of the image's file, found none");
        };
        Ok(CvatImage { name: name.to_owned(), size: size_of(node), range: node.range() })
    };
    images.map(read).collect()
}

fn size_of(image: Node<'_, '_>) -> Option<Size> {
    let side = |key| image.attribute(key)?.trim().parse().ok().filter(|side| *side > 0);
    Some(Size::new(side("height")?, side("width")?))
}

/// The objects of an image's element, of the size of its image.
pub(crate) fn read_cvat(bytes: &[u8], size: Size) -> Result<OutlineFile, Flawed> {
    let text = utf8(bytes)?;
    let document = document(text)?;
    let mut shapes = Shapes::new();
    let found = document.root_element().children();
    let found = found.filter(|node| node.is_element() && !node.has_tag_name("tag"));
    for (number, shape) in (1..).zip(found) {
        let label = shape.attribute("label").unwrap_or_default();
        let wrong = |message| Flawed { place: format!("shape {number} ({label})"), message };
        let area = area(shape, size).map_err(wrong)?;
        let group = shape.attribute("group_id").filter(|group| *group != "0");
        shapes.add(number, label, group, area).map_err(wrong)?;
    }
    Ok(shapes.finish())
}

fn area(shape: Node<'_, '_>, size: Size) -> Result<Area, String> {
    match shape.tag_name().name() {
        "polygon" => polygon(shape).map(Area::Polygon),
        "mask" => mask(shape, size),
        "ellipse" => {
            let [x, y] = [number(shape, "cx")?, number(shape, "cy")?];
            let radii = [number(shape, "rx")?, number(shape, "ry")?];
            let turned =
                if shape.has_attribute("rotation") { number(shape, "rotation")? } else { 0.0 };
            Ok(Area::Polygon(ellipse([x, y], radii, turned)))
        }
        _ => Ok(Area::None),
    }
}

fn attribute<'a>(shape: Node<'a, '_>, key: &str) -> Result<&'a str, String> {
    shape.attribute(key).ok_or_else(|| format!("{key}: expected a value, found none"))
}

fn number(shape: Node<'_, '_>, key: &str) -> Result<f64, String> {
    let text = attribute(shape, key)?;
    let number = text.trim().parse().ok().filter(|number: &f64| number.is_finite());
    number.ok_or_else(|| format!("{key}: expected a number, found {}", short(text)))
}

fn polygon(shape: Node<'_, '_>) -> Result<Vec<f64>, String> {
    let text = attribute(shape, "points")?;
    let mut numbers = Vec::new();
    for pair in text.split(';').filter(|pair| !pair.trim().is_empty()) {
        let point = pair
            .split_once(',')
            .and_then(|(x, y)| Some([x.trim().parse::<f64>().ok()?, y.trim().parse().ok()?]));
        let point =
            point.ok_or_else(|| format!("points: expected x,y;x,y;..., found {}", short(pair)))?;
        numbers.extend(point);
    }
    Ok(numbers)
}

fn mask(shape: Node<'_, '_>, size: Size) -> Result<Area, String> {
    let whole = |key: &str| {
        let value = number(shape, key)?;
        let is = value.fract() == 0.0 && value.abs() <= f64::from(u32::MAX);
        if is {
            Ok(value as i64)
        } else {
            Err(format!("{key}: expected a whole number, found {value}"))
        }
    };
    let (left, top) = (whole("left")?, whole("top")?);
    let side = |key: &str| {
        let side = whole(key)?;
        usize::try_from(side)
            .map_err(|_| format!("{key}: expected a number of pixels, found {side}"))
    };
    let part = Size::new(side("height")?, side("width")?);
    if part.height > size.height || part.width > size.width {
        let [width, height] = [part.width, part.height];
        return Err(format!(
            "width, height: expected no more than the image has, found {width}x{height}"
        ));
    }
    if part.area() as u64 > Limits::default().max_pixels {
        return Err(format!("width, height: expected fewer pixels, found {}", part.area()));
    }
    let runs = attribute(shape, "rle")?;
    let mut data = Vec::new();
    for (at, run) in runs.split(',').enumerate() {
        let run = run.trim().parse::<usize>();
        let run = run.map_err(|_| format!("rle: expected run lengths, found {}", short(runs)))?;
        if run > part.area() - data.len() {
            let [width, height] = [part.width, part.height];
            return Err(format!(
                "rle: expected runs of {width}x{height} pixels in all, found more"
            ));
        }
        data.resize(data.len() + run, if at % 2 == 1 { 255 } else { 0 });
    }
    data.resize(part.area(), 0);
    let mask = GreyImage::new(part, data).map_err(|error| error.to_string())?;
    placed(&mask, left, top, size).map(Area::Pixels)
}

fn short(text: &str) -> String {
    format!("\"{}\"", text.chars().take(20).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <image id="0" name="a &amp; b.jpg" width="12" height="8">
    <polygon label="leaf" points="1.0,1.0;4.0,1.0;4.0,3.0;1.0,3.0" group_id="1"></polygon>
    <polygon label="leaf" points="6,1;9,1;9,3;6,3" group_id="1"/>
    <mask label="stem" rle="1, 2, 2, 1" left="8" top="5" width="3" height="3"/>
    <box label="leaf" xtl="0" ytl="0" xbr="4" ybr="4"/>
    <polygon label="leaf" points="1,1;2,2"/>
    <tag label="good"/>
  </image>
  <image id="1" name="c.jpg"/>
</annotations>"#;

    #[test]
    fn shapes_are_objects() {
        let images = list_cvat(FILE.as_bytes()).unwrap();
        assert_eq!(images[0].name, "a & b.jpg");
        assert_eq!((images[0].size, images[1].size), (Some(Size::new(8, 12)), None));
        let size = Size::new(8, 12);
        let part = &FILE.as_bytes()[images[0].range.clone()];
        let file = read_cvat(part, size).unwrap();
        // Two polygons of 3 x 2 pixels in one group; of the mask's 9 pixels number 1, 2 and 5, row by row.
        let (mut rle, mut scratch) = Default::default();
        let mut areas = Vec::new();
        for object in &file.objects {
            object.draw(size, &mut rle, &mut scratch).unwrap();
            areas.push((object.number, object.label.as_str(), rle.area(), rle.box_xywh()));
        }
        assert_eq!(areas, [(1, "leaf", 12, [1, 1, 8, 2]), (3, "stem", 3, [9, 5, 2, 2])]);
        assert_eq!((file.without_outline, file.too_short), (vec![4], vec![5]));
        let part = &FILE.as_bytes()[images[1].range.clone()];
        assert!(read_cvat(part, size).unwrap().objects.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let listed = [
            "<annotations>",
            "<data/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><annotations/>",
            "<annotations><track id=\"0\"/></annotations>",
            "<annotations><image id=\"7\"/></annotations>",
        ]
        .map(|text| list_cvat(text.as_bytes()).unwrap_err());
        let read = [
            "<image><polygon label=\"a\" points=\"1,2;x\"/></image>",
            "<image><polygon label=\"a\"/></image>",
            "<image><mask rle=\"1, 99\" left=\"0\" top=\"0\" width=\"3\" height=\"3\"/></image>",
            "<image><mask rle=\"a\" left=\"0\" top=\"0\" width=\"3\" height=\"3\"/></image>",
            "<image><mask rle=\"1\" left=\"0.5\" top=\"0\" width=\"3\" height=\"3\"/></image>",
            "<image><mask rle=\"1\" left=\"0\" top=\"0\" width=\"-3\" height=\"3\"/></image>",
            "<image><ellipse cx=\"a\" cy=\"1\" rx=\"1\" ry=\"1\"/></image>",
        ]
        .map(|text| read_cvat(text.as_bytes(), Size::square(9)).unwrap_err());
        let words: Vec<String> = listed
            .iter()
            .chain(&read)
            .map(|flaw| format!("{}: {}", flaw.place, flaw.message))
            .collect();
        insta::assert_snapshot!(words.join("\n"), @r#"
            : expected CVAT's XML, found no such XML (the root node was opened but never closed)
            : expected CVAT's <annotations>, found <data>
            : expected CVAT's XML, found no such XML (XML with DTD detected)
            : expected "CVAT for images 1.1", found tracks of a video ("CVAT for video 1.1")
            image 7: name: expected the name of the image's file, found none
            shape 1 (a): points: expected x,y;x,y;..., found "x"
            shape 1 (a): points: expected a value, found none
            shape 1 (): rle: expected runs of 3x3 pixels in all, found more
            shape 1 (): rle: expected run lengths, found "a"
            shape 1 (): left: expected a whole number, found 0.5
            shape 1 (): width: expected a number of pixels, found -3
            shape 1 (): cx: expected a number, found "a"
            "#);
    }

    #[test]
    fn an_ellipse_is_a_polygon() {
        let size = Size::new(40, 60);
        let text =
            r#"<image><ellipse label="a" cx="30" cy="20" rx="20" ry="10" rotation="90"/></image>"#;
        let file = read_cvat(text.as_bytes(), size).unwrap();
        let (mut rle, mut scratch) = Default::default();
        file.objects[0].draw(size, &mut rle, &mut scratch).unwrap();
        // Turned by a right angle it is 20 wide and 40 high, of an area of 628.
        let around = rle.box_xywh().into_iter().zip([20, 0, 20, 40]);
        assert!(around.clone().all(|(is, of)| is.abs_diff(of) <= 1), "{:?}", rle.box_xywh());
        assert!(rle.area().abs_diff(628) < 20, "{}", rle.area());
    }
}
