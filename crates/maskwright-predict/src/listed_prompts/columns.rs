//! The columns of a table of prompts, by the names that detectors and tools give them.

/// What is wrong with the first row: what was expected, and what was found.
type Wrong = (String, String);

/// A column, and what else it may be called.
type Names = &'static [&'static str];

const IMAGE: Names = &["image", "filename", "file_name", "file", "path"];
const POINTS: Names = &["points"];
const ID: Names = &["id"];
const SCORE: Names = &["score", "confidence"];
const CATEGORY: Names = &["category_id", "label", "class", "category"];

/// The ways in which a box is said.
const BOXES: [(BoxForm, [Names; 4]); 4] = [
    (BoxForm::Corners, [&["x0"], &["y0"], &["x1"], &["y1"]]),
    (BoxForm::Corners, [&["xmin"], &["ymin"], &["xmax"], &["ymax"]]),
    (BoxForm::Corners, [&["x1"], &["y1"], &["x2"], &["y2"]]),
    (BoxForm::Sides, [&["x"], &["y"], &["width", "w"], &["height", "h"]]),
];

/// What the four numbers of a box are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoxForm {
    /// Its first and its last pixel.
    Corners,
    /// Its first pixel, its width and its height, as COCO has them.
    Sides,
}

/// Where the columns are.
#[derive(Debug, PartialEq)]
pub(super) struct Columns {
    pub(super) image: usize,
    /// The four of a box.
    pub(super) box_in: Option<(BoxForm, [usize; 4])>,
    pub(super) points: Option<usize>,
    pub(super) id: Option<usize>,
    pub(super) score: Option<usize>,
    pub(super) category_id: Option<usize>,
}

impl BoxForm {
    /// The first and the last pixel.
    pub(super) fn corners(self, [x, y, right, bottom]: [f64; 4]) -> [f32; 4] {
        let corners = match self {
            Self::Corners => [x, y, right, bottom],
            Self::Sides => {
                let last = |from: f64, length: f64| from + (length - 1.0).max(0.0);
                [x, y, last(x, right), last(y, bottom)]
            }
        };
        corners.map(|corner| corner as f32)
    }
}

impl Columns {
    /// The columns that the first row names. Capitals do not matter.
    pub(super) fn of(header: &csv::StringRecord) -> Result<Self, Wrong> {
        let names: Vec<String> = header.iter().map(str::to_lowercase).collect();
        let boxes = BOXES.iter().flat_map(|(_, sides)| sides.iter().copied());
        let all: Vec<Names> =
            [IMAGE, POINTS, ID, SCORE, CATEGORY].into_iter().chain(boxes).collect();
        let is_known = |name: &str| all.iter().any(|names| names.contains(&name));
        let image = one(&names, IMAGE)?;
        if let Some(other) = names.iter().find(|name| !is_known(name)) {
            return match names.iter().any(|name| is_known(name)) {
                true => Err((known(), format!("{other:?}"))),
                false => Err(no_image(&names)),
            };
        }
        Ok(Self {
            image: image.ok_or_else(|| no_image(&names))?,
            box_in: box_in(&names)?,
            points: one(&names, POINTS)?,
            id: one(&names, ID)?,
            score: one(&names, SCORE)?,
            category_id: one(&names, CATEGORY)?,
        })
    }
}

fn known() -> String {
    let names = |names: Names| match names {
        [name] => (*name).to_owned(),
        [name, others @ ..] => format!("{name} (or {})", others.join(", ")),
        [] => String::new(),
    };
    format!(
        "the columns {}; x0, y0, x1, y1 (or xmin, ymin, xmax, ymax; x1, y1, x2, y2; x, y, width, height); points, id, {}, {}",
        names(IMAGE),
        names(SCORE),
        names(CATEGORY)
    )
}

fn no_image(names: &[String]) -> Wrong {
    let found = names.join(",");
    let found = if found.is_empty() { "an empty file".into() } else { found };
    ("a first row with the names of the columns, image among them".into(), found)
}

/// The place of a column, of which there is one.
fn one(header: &[String], names: Names) -> Result<Option<usize>, Wrong> {
    let mut found = header.iter().enumerate().filter(|(_, name)| names.contains(&name.as_str()));
    match (found.next(), found.next()) {
        (Some((_, one)), Some((_, other))) => {
            let what = names.first().copied().unwrap_or_default();
            Err((format!("one column for {what}"), format!("{one} and {other}")))
        }
        (found, _) => Ok(found.map(|(place, _)| place)),
    }
}

/// The four columns of a box, which are of one of the ways to say it. Beside corners `width` and `height` are those of the image, as
/// some detectors write them.
fn box_in(header: &[String]) -> Result<Option<(BoxForm, [usize; 4])>, Wrong> {
    let mut whole = Vec::new();
    for (form, sides) in BOXES {
        let mut places = [None; 4];
        for (place, names) in places.iter_mut().zip(sides) {
            *place = one(header, names)?;
        }
        if let [Some(one), Some(two), Some(three), Some(four)] = places {
            whole.push((form, [one, two, three, four]));
        }
    }
    let is_of_box =
        |name: &str| BOXES.iter().flat_map(|(_, sides)| sides).any(|names| names.contains(&name));
    let of_box = |taken: &[usize]| -> Vec<&str> {
        let others = header.iter().enumerate().filter(|(place, _)| !taken.contains(place));
        others.map(|(_, name)| name.as_str()).filter(|name| is_of_box(name)).collect()
    };
    let Some((form, taken)) = whole.first().copied() else {
        let found = of_box(&[]);
        return match found.is_empty() {
            true => Ok(None),
            false => {
                let expected = "the four columns of a box (x0, y0, x1, y1; xmin, ymin, xmax, ymax; x1, y1, x2, y2; or x, y, \
                                width, height)";
                Err((expected.into(), found.join(", ")))
            }
        };
    };
    let mut others = of_box(&taken);
    if form == BoxForm::Corners {
        others.retain(|name| !["width", "height"].contains(name));
    }
    if others.is_empty() {
        return Ok(Some((form, taken)));
    }
    let names = taken.map(|place| header[place].as_str()).join(", ");
    Err(("one way to say the box".into(), format!("{names} and {}", others.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> Result<Columns, Wrong> {
        Columns::of(&header.split(',').collect())
    }

    #[test]
    fn columns_go_by_the_names_that_detectors_give_them() {
        let sides = of("filename,x,y,width,height,label,confidence").expect("columns");
        assert_eq!(sides.box_in, Some((BoxForm::Sides, [1, 2, 3, 4])));
        assert_eq!((sides.image, sides.category_id, sides.score), (0, Some(5), Some(6)));
        assert_eq!(BoxForm::Sides.corners([85.0, 0.0, 125.0, 182.0]), [85.0, 0.0, 209.0, 181.0]);
        for (header, places) in [
            ("file_name,x0,y0,x1,y1", [1, 2, 3, 4]),
            ("x1,y1,x2,y2,class,file", [0, 1, 2, 3]),
            ("Path,XMax,YMax,XMin,YMin", [3, 4, 1, 2]),
            // The image's own size.
            ("filename,width,height,class,xmin,ymin,xmax,ymax", [4, 5, 6, 7]),
        ] {
            let found = of(header).expect("columns").box_in;
            assert_eq!(found, Some((BoxForm::Corners, places)), "{header}");
        }
        let short = of("image,x,y,w,h,category").expect("columns");
        assert_eq!(short.box_in, Some((BoxForm::Sides, [1, 2, 3, 4])));
        assert_eq!(of("image,points").expect("columns").box_in, None);
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_by_both_names() {
        let refused = [
            "image,file,x0,y0,x1,y1",
            "image,x0,y0,x1,y1,x2,y2",
            "image,x,y,width,height,xmin,ymin,xmax,ymax",
            "image,x,y,w,width,height",
            "image,points,label,category_id",
            "image,points,score,score",
            "image,x,y",
            "image,points,colour",
        ]
        .map(|header| {
            let (expected, found) = of(header).expect_err("refused");
            format!("expected {expected}, found {found}")
        });
        insta::assert_snapshot!(refused.join("\n"), @r#"
            expected one column for image, found image and file
            expected one way to say the box, found x0, y0, x1, y1 and x2, y2
            expected one way to say the box, found xmin, ymin, xmax, ymax and x, y
            expected one column for width, found w and width
            expected one column for category_id, found label and category_id
            expected one column for score, found score and score
            expected the four columns of a box (x0, y0, x1, y1; xmin, ymin, xmax, ymax; x1, y1, x2, y2; or x, y, width, height), found x, y
            expected the columns image (or filename, file_name, file, path); x0, y0, x1, y1 (or xmin, ymin, xmax, ymax; x1, y1, x2, y2; x, y, width, height); points, id, score (or confidence), category_id (or label, class, category), found "colour"
            "#);
    }
}
