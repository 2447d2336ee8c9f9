use super::*;

fn read(json: &str) -> Result<MaskBuffer, String> {
    let mut mask = MaskBuffer::new();
    match read_segmentation(json, (4, 6), &mut mask) {
        Ok(()) => Ok(mask),
        Err(Flaw::Shape(message)) => Err(message),
        Err(Flaw::Mask(error)) => Err(error.to_string()),
    }
}

#[test]
fn three_spellings_of_one_mask() {
    // Columns 1 to 3 of rows 1 and 2.
    let polygon = read("[[1, 1, 4, 1, 4, 3, 1, 3]]").unwrap();
    let list = read(r#"{"size": [4, 6], "counts": [5, 2, 2, 2, 2, 2, 9]}"#).unwrap();
    assert_eq!(polygon.rle, list.rle);
    assert_eq!(list.rle.area(), 6);
    let text = list.rle.to_compressed();
    let json = format!(r#"{{"counts": {}, "size": [4, 6]}}"#, serde_json::json!(text));
    assert_eq!(read(&json).unwrap().rle, list.rle);
}

#[test]
fn other_shapes_are_refused() {
    for (json, part) in [
        ("3", "found 3"),
        ("[[1, 1, null, 4]]", "a list of polygons"),
        (r#"{"counts": [24]}"#, "missing field `size`"),
        (r#"{"size": [4, 6], "counts": 3}"#, "a list of run lengths or a compressed string"),
        (r#"{"size": [4, 6], "counts": [3.5]}"#, "counts, a list of run lengths"),
        (r#"{"size": [4, 6], "counts": [23]}"#, "24"),
        ("[[1, 1, 4, 1, 4]]", "5"),
        ("[[1, 1, 4, 1]]", "4"),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn polygons_have_four_spellings() {
    let polygon = read("[[1, 1, 4, 1, 4, 3, 1, 3]]").unwrap();
    for json in [
        "[1, 1, 4, 1, 4, 3, 1, 3]",
        "[[1.0, 1], [4, 1], [4, 3], [1, 3]]",
        "[[[1, 1], [4, 1], [4, 3], [1, 3]]]",
        "[[1, 1, 4, 1, 4, 3, 1, 3], [], [2, 2], [0, 0, 1, 1], [1, 2, 3, 4, 5, 6, 7]]",
    ] {
        assert_eq!(read(json).unwrap().rle, polygon.rle, "{json}");
    }
}

#[test]
fn whole_numbers_may_be_spelt_as_floats() {
    let whole = read(r#"{"size": [4, 6], "counts": [5, 2, 2, 2, 2, 2, 9]}"#).unwrap();
    let floats = r#"{"size": [4.0, 6e0], "counts": [5.0, 2, 2, 2.0, 2, 2, 9.0]}"#;
    assert_eq!(read(floats).unwrap().rle, whole.rle);
    insta::assert_snapshot!(read(r#"{"size": [4, 6], "counts": [3.5]}"#).err().unwrap(), @"segmentation: expected counts, a list of run lengths: invalid value: floating point `3.5`, expected a whole number from 0");
}

#[test]
fn what_is_held_is_told_without_reading_numbers() {
    for nothing in ["[]", "[ \n]", "null", "{}", "{ }", "[[]]", "[[], [ ]]"] {
        assert_eq!(look(nothing), Look::Nothing, "{nothing}");
    }
    for mask in [
        "[[1, 1, 4, 1, 4, 3]]",
        "[ [1,1,4,1,4,3] , [1e0, -1.5, 4, 1, 4, 3]\n]",
        "[1, 1, 4, 1, 4, 3]",
        "[[1, 1], [4, 1], [4, 3]]",
        "[[[1, 1], [4, 1], [4, 3]], [1, 1, 4, 1, 4, 3]]",
        r#"{"size": [4, 6], "counts": "h0"}"#,
        r#"{"size": [4, 6], "counts": [5, 2, 17]}"#,
    ] {
        assert_eq!(look(mask), Look::Mask, "{mask}");
        assert!(read(mask).is_ok(), "{mask}");
    }
    assert_eq!(
        look("[[1, 1, 4, 1, 4, 3], [1, 2], [], [1, 2, 3, 4, 5, 6, 7]]"),
        Look::SomePolygons(3)
    );
    for none in [
        "[1, 2]",
        "[[1, 2, 3, 4]]",
        "[[1, 2], [3, 4]]",
        "[[], [1, 2, 3, 4]]",
        "[[1, 2, 3, 4, 5, 6, 7]]",
    ] {
        assert_eq!(look(none), Look::NoPolygon, "{none}");
    }
    let no_numbers =
        ["[[1, 1, null, 4, 5, 6]]", "[[\"\" , 1, 4, 1, 4, 3]]", "[{\"x\": 1}]", "[[[1, 2, 3]]]"];
    let words = no_numbers.map(|json| match look(json) {
        Look::NoNumbers(message) => message,
        other => panic!("{json}: {other:?}"),
    });
    insta::assert_snapshot!(words.join("\n"), @r#"
        a list of polygons [[x, y, ...], ...]: invalid type: null, expected a number
        a list of polygons [[x, y, ...], ...]: invalid type: string "", expected a number
        a list of polygons [[x, y, ...], ...]: invalid type: map, expected a sequence
        a list of polygons [[x, y, ...], ...]: invalid type: sequence, expected a number
        "#);
}

#[test]
fn run_lengths_that_are_no_mask_are_told() {
    let words = [
        r#"{"size": [4, 6], "counts": [5, 2, 16]}"#,
        r#"{"size": [4, 6], "counts": [5, 2, 99]}"#,
        r#"{"size": [4, 6], "counts": "g0"}"#,
        r#"{"size": [4, 6], "counts": "/"}"#,
        r#"{"size": [4], "counts": "h0"}"#,
        r#"{"counts": "h0"}"#,
    ]
    .map(|json| {
        let refused = read(json).err().unwrap();
        assert_eq!(look(json), Look::NoRuns(refused.clone()), "{json}");
        refused
    });
    insta::assert_snapshot!(words.join("\n"), @"
        runs of 23 pixels for a mask of height 4 x width 6; expected 24
        runs of 106 pixels for a mask of height 4 x width 6; expected 24
        runs of 23 pixels for a mask of height 4 x width 6; expected 24
        byte 47 at position 0 of a run-length string; expected 48 to 111
        segmentation: expected {size: [height, width], counts}: invalid length 1, expected an array of length 2
        segmentation: expected {size: [height, width], counts}: missing field `size`
        ");
    assert!(matches!(look("\"mask.png\""), Look::NoNumbers(_)));
    assert!(matches!(look("3"), Look::NoNumbers(_)));
}

#[test]
fn commas_are_counted() {
    let long = "1.5,".repeat(1000);
    assert_eq!(commas(long.as_bytes()), (1000, false));
    for odd in ["1e5", "\"", "[", "{"] {
        assert_eq!(commas(format!("{long}{odd}{long}").as_bytes()), (2000, true));
    }
}
