//! Images of more than 8 bits per channel, shown to a model.

mod support;

use insta::assert_snapshot;
use maskwright_image::{Size, encode};
use support::{Place, refused, text, trained, works};

#[test]
fn pictures_of_12_bits_are_seen_in_a_range() {
    let place = Place::new();
    let run = place.text("run");
    let args = trained(&place, &run);
    works(&args.iter().map(String::as_str).collect::<Vec<_>>());
    let checkpoint = place.text("run/sam_hq_epoch_0.safetensors");
    let deep = place.text("deep.png");
    let numbers: Vec<u16> = (0..64 * 64).map(|at| (at % 64 * 65) as u16).collect();
    let png = encode::png_grey16(Size::square(64), &numbers).expect("encoded");
    std::fs::write(&deep, png).expect("written");
    let (masks, png) = (place.text("masks"), place.text("mask.png"));
    let masks = ["masks", "--input", &deep, "--output", &masks];
    let predict = ["predict", "--image", &deep, "--box", "5,5,50,50", "--output", &png];
    for command in [&masks[..], &predict] {
        let seen = |more: &[&str]| {
            let model = ["--checkpoint", &checkpoint, "--force"];
            text(&works(&[command, &model, more].concat()).stderr)
        };
        // The largest number is 63 x 65.
        let note = "[DIR]/deep.png: the largest of its numbers is 4095 of 65535, so it is seen nearly black; \
                    --value-range says which are black and white";
        let said = seen(&[]);
        assert!(said.contains(note), "{said}");
        for range in ["--value-range=0,4095", "--value-range=auto"] {
            let said = seen(&[range]);
            assert!(!said.contains("nearly black"), "{range}: {said}");
        }
    }
    let wrong = [&predict[..], &["--checkpoint", &checkpoint, "--value-range", "9,3"]].concat();
    assert_snapshot!(refused(&wrong, 2), @"
        error: invalid value '9,3' for '--value-range <LOW,HIGH|auto>': expected two numbers, the smaller one first, such as 0,4095, or auto, found 9,3

        For more information, try '--help'.
        ");
}
