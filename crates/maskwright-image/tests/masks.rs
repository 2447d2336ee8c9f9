//! The mask rules, one file of each kind, and real masks where they are there.

mod support;

use std::collections::BTreeMap;

use insta::assert_snapshot;
use maskwright_image::decode::{self, Format, Limits, MaskChannel, MaskRule, Warning};
use maskwright_image::mask::Bitmap;
use maskwright_image::{Error, RgbImage, Size, encode};
use png::{BitDepth, ColorType};
use support::shared;

/// A file of two rows of four pixels.
struct File {
    colour: ColorType,
    depth: BitDepth,
    data: Vec<u8>,
    palette: Vec<u8>,
    alpha: Vec<u8>,
}

impl File {
    fn new(colour: ColorType, depth: BitDepth, data: &[u8]) -> Self {
        Self { colour, depth, data: data.to_vec(), palette: Vec::new(), alpha: Vec::new() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 4, 2);
        encoder.set_color(self.colour);
        encoder.set_depth(self.depth);
        if self.colour == ColorType::Indexed {
            encoder.set_palette(self.palette.clone());
            if !self.alpha.is_empty() {
                encoder.set_trns(self.alpha.clone());
            }
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.data).unwrap();
        writer.finish().unwrap();
        file
    }

    fn label(&self, rule: &MaskRule) -> Result<Vec<u8>, Error> {
        decode::decode_label(&self.bytes(), rule, &Limits::default())
            .map(|decoded| decoded.pixels.data)
    }

    fn auto(&self) -> Result<Vec<u8>, Error> {
        self.label(&MaskRule::default())
    }
}

fn grey8(data: &[u8; 8]) -> File {
    File::new(ColorType::Grayscale, BitDepth::Eight, data)
}

/// RGB or RGBA from one value per pixel for the colour and one for alpha.
fn coloured(colours: &[[u8; 3]; 8], alpha: Option<&[u8; 8]>) -> File {
    let kind = if alpha.is_some() { ColorType::Rgba } else { ColorType::Rgb };
    let pixel = |i: usize| colours[i].into_iter().chain(alpha.map(|alpha| alpha[i]));
    File::new(kind, BitDepth::Eight, &(0..8).flat_map(pixel).collect::<Vec<_>>())
}

fn mapped(values: &[(u16, u8)]) -> MaskRule {
    MaskRule { values: values.iter().copied().collect(), ..MaskRule::default() }
}

fn of(channel: MaskChannel) -> MaskRule {
    MaskRule { channel, ..MaskRule::default() }
}

const MASK: [u8; 8] = [0, 255, 255, 0, 7, 128, 129, 250];
const BLACK: [[u8; 3]; 8] = [[0; 3]; 8];

#[test]
fn grey_of_every_depth() {
    assert_eq!(grey8(&MASK).auto().unwrap(), MASK);
    let one_bit = File::new(ColorType::Grayscale, BitDepth::One, &[0b0110_0000, 0b1001_0000]);
    assert_eq!(one_bit.auto().unwrap(), [0, 255, 255, 0, 255, 0, 0, 255]);
    let two_bits = File::new(ColorType::Grayscale, BitDepth::Two, &[0b00_01_10_11, 0b11_00_11_00]);
    assert_eq!(two_bits.auto().unwrap(), [0, 85, 170, 255, 255, 0, 255, 0]);
    let four_bits = File::new(ColorType::Grayscale, BitDepth::Four, &[0x0F, 0x81, 0xF0, 0x00]);
    assert_eq!(four_bits.auto().unwrap(), [0, 255, 136, 17, 255, 0, 0, 0]);
    let wide = [0u16, 65535, 32767, 33023, 128, 129, 60_000, 1].map(u16::to_be_bytes).concat();
    let sixteen_bits = File::new(ColorType::Grayscale, BitDepth::Sixteen, &wide);
    assert_eq!(sixteen_bits.auto().unwrap(), [0, 255, 127, 128, 0, 1, 233, 0]);
}

#[test]
fn inverting() {
    let rule = MaskRule { invert: true, ..MaskRule::default() };
    assert_eq!(grey8(&MASK).label(&rule).unwrap(), MASK.map(|value| 255 - value));
    let rule = MaskRule { invert: true, ..MaskRule::only(3) };
    assert_eq!(
        grey8(&[0, 3, 2, 3, 0, 0, 0, 9]).label(&rule).unwrap(),
        [255, 0, 255, 0, 255, 255, 255, 255]
    );
}

#[test]
fn agreeing_colours_are_grey() {
    let grey = MASK.map(|value| [value; 3]);
    assert_eq!(coloured(&grey, None).auto().unwrap(), MASK);
    // Alpha is not the mask where it says what the colours say.
    let alike = MASK.map(|value| if value > 128 { 200 } else { 3 });
    assert_eq!(coloured(&grey, Some(&alike)).auto().unwrap(), MASK);
    assert_eq!(coloured(&grey, Some(&[255; 8])).auto().unwrap(), MASK);
}

#[test]
fn alpha_is_the_mask_where_the_colour_is_constant() {
    assert_eq!(coloured(&BLACK, Some(&MASK)).auto().unwrap(), MASK);
    assert_eq!(coloured(&[[200, 10, 10]; 8], Some(&MASK)).auto().unwrap(), MASK);
    let both: Vec<u8> = MASK.iter().flat_map(|&alpha| [255, alpha]).collect();
    let grey_alpha = File::new(ColorType::GrayscaleAlpha, BitDepth::Eight, &both);
    assert_eq!(grey_alpha.auto().unwrap(), MASK);
    assert_eq!(grey_alpha.label(&of(MaskChannel::Red)).unwrap(), [255; 8]);
    // Opaque and black is an empty mask, not a full one.
    assert_eq!(coloured(&BLACK, Some(&[255; 8])).auto().unwrap(), [0; 8]);
}

#[test]
fn disagreeing_colours_are_an_error() {
    let mut colours = BLACK;
    colours[5] = [255, 0, 0];
    let error = coloured(&colours, None).auto().unwrap_err();
    assert_eq!(error, Error::MaskColours { x: 1, y: 1, colour: [255, 0, 0], alpha_varies: false });
    let error = coloured(&colours, Some(&MASK)).auto().unwrap_err();
    assert_eq!(error, Error::MaskColours { x: 1, y: 1, colour: [255, 0, 0], alpha_varies: true });
    assert_snapshot!(error, @r#"the mask is coloured: pixel (1, 1) is [255, 0, 0] (its alpha channel varies too: channel "alpha" may be the mask); map colours to 0..255 or choose a channel"#);
    // Dark class colours are not taken for grey that is nearly neutral.
    let mut dark = BLACK;
    dark[2] = [0, 20, 0];
    let error = coloured(&dark, None).auto().unwrap_err();
    assert_eq!(error, Error::MaskColours { x: 2, y: 0, colour: [0, 20, 0], alpha_varies: false });
}

#[test]
fn nearly_agreeing_colours_are_taken_with_a_warning() {
    let mut colours = MASK.map(|value| [value; 3]);
    colours[4] = [71, 74, 60];
    let file = coloured(&colours, None).bytes();
    let decoded = decode::decode_label(&file, &MaskRule::default(), &Limits::default()).unwrap();
    assert_eq!(decoded.warnings, [Warning::UnequalChannels { pixels: 1, largest: 14 }]);
    assert_eq!(decoded.pixels.data[4], 71);
}

#[test]
fn channels_can_be_chosen() {
    let mut colours = BLACK;
    colours[5] = [255, 100, 50];
    let file = coloured(&colours, Some(&MASK));
    let pixel = |channel| file.label(&of(channel)).unwrap()[5];
    assert_eq!(
        [MaskChannel::Red, MaskChannel::Green, MaskChannel::Blue].map(pixel),
        [255, 100, 50]
    );
    assert_eq!(file.label(&of(MaskChannel::Alpha)).unwrap(), MASK);
    assert_eq!(
        coloured(&colours, None).label(&of(MaskChannel::Alpha)),
        Err(Error::MaskChannel { channel: "alpha" })
    );
    assert_eq!(
        grey8(&MASK).label(&of(MaskChannel::Alpha)),
        Err(Error::MaskChannel { channel: "alpha" })
    );
    assert_eq!(grey8(&MASK).label(&of(MaskChannel::Blue)).unwrap(), MASK);
}

#[test]
fn small_numbers_are_class_ids() {
    assert_eq!(grey8(&[0, 1, 1, 0, 0, 0, 1, 0]).auto(), Err(Error::MaskZeroOne));
    assert_eq!(grey8(&[1; 8]).auto(), Err(Error::MaskZeroOne));
    let ids = grey8(&[0, 1, 2, 0, 0, 0, 1, 7]);
    assert_eq!(ids.auto(), Err(Error::MaskClassIds { values: vec![0, 1, 2, 7], more: false }));
    assert_eq!(ids.label(&MaskRule::only(1)).unwrap(), [0, 255, 0, 0, 0, 0, 255, 0]);
    assert_eq!(ids.label(&mapped(&[(1, 255), (7, 200)])).unwrap(), [0, 255, 0, 0, 0, 0, 255, 200]);
    // 31 is an id, 32 a dark grey, and an empty mask is somebody else's question.
    assert!(grey8(&[0, 31, 0, 0, 0, 0, 0, 0]).auto().is_err());
    assert!(grey8(&[0, 32, 0, 0, 0, 0, 0, 0]).auto().is_ok());
    assert_eq!(grey8(&[0; 8]).auto().unwrap(), [0; 8]);
    let many = Error::MaskClassIds { values: vec![0, 1, 2], more: true };
    assert_snapshot!(many, @r#"the mask holds the small values [0, 1, 2], ..., which look like class ids; map the wanted ones to 255, or say mask_kind = "instances" if each is an object"#);
}

#[test]
fn ids_of_sixteen_bits() {
    let numbers = [0u16, 1, 300, 255, 0, 0, 1, 7];
    let file = |numbers: [u16; 8]| {
        File::new(ColorType::Grayscale, BitDepth::Sixteen, &numbers.map(u16::to_be_bytes).concat())
    };
    assert_eq!(file(numbers).label(&MaskRule::only(300)).unwrap(), [0, 0, 255, 0, 0, 0, 0, 0]);
    // 0 and 255 in 16 bits would round to nothing.
    let error = file([0, 255, 0, 0, 0, 0, 255, 0]).auto().unwrap_err();
    assert_eq!(error, Error::MaskClassIds { values: vec![0, 255], more: false });
    assert_eq!(file([0; 8]).auto().unwrap(), [0; 8]);
}

#[test]
fn palettes() {
    let mut file = File::new(ColorType::Indexed, BitDepth::Two, &[0b00_01_10_00, 0b10_10_01_00]);
    file.palette = vec![0, 0, 0, 255, 255, 255, 130, 130, 130];
    assert_eq!(file.auto().unwrap(), [0, 255, 130, 0, 130, 130, 255, 0]);
    // Values are the indices, whatever the colours.
    assert_eq!(file.label(&MaskRule::only(2)).unwrap(), [0, 0, 255, 0, 255, 255, 0, 0]);
    file.palette = vec![0, 0, 0, 128, 0, 0, 0, 128, 0];
    assert!(matches!(file.auto(), Err(Error::MaskColours { x: 1, y: 0, colour: [128, 0, 0], .. })));
    let colours = BTreeMap::from([([0, 128, 0], 255)]);
    let rule = MaskRule { colours, ..MaskRule::default() };
    assert_eq!(file.label(&rule).unwrap(), [0, 0, 255, 0, 255, 255, 0, 0]);
    // One colour, varying alpha.
    file.palette = vec![9; 9];
    file.alpha = vec![0, 255, 140];
    assert_eq!(file.auto().unwrap(), [0, 255, 140, 0, 140, 140, 255, 0]);
    // An index without a colour is black.
    file.palette = vec![255; 6];
    file.alpha = Vec::new();
    assert_eq!(file.auto().unwrap(), [255, 255, 0, 255, 0, 0, 255, 255]);
}

#[test]
fn colours_can_be_mapped() {
    let mut colours = BLACK;
    (colours[1], colours[6]) = ([0, 176, 0], [255, 0, 0]);
    let rule = MaskRule {
        colours: BTreeMap::from([([0, 176, 0], 255), ([255, 0, 0], 200)]),
        ..MaskRule::default()
    };
    assert_eq!(coloured(&colours, None).label(&rule).unwrap(), [0, 255, 0, 0, 0, 0, 200, 0]);
    // A value map alone does not tell colours apart.
    assert!(matches!(
        coloured(&colours, None).label(&MaskRule::only(255)),
        Err(Error::MaskColours { .. })
    ));
}

#[test]
fn jpeg_masks() {
    let (width, height) = (64, 48);
    let inside = |i: usize| (16..40).contains(&(i % width)) && (11..30).contains(&(i / width));
    let data = (0..width * height).flat_map(|i| [if inside(i) { 255 } else { 0 }; 3]).collect();
    let file =
        encode::jpeg_rgb(&RgbImage::new(Size::new(height, width), data).unwrap(), 75).unwrap();
    let decoded = decode::decode_label(&file, &MaskRule::default(), &Limits::default()).unwrap();
    assert!(matches!(decoded.warnings.last(), Some(Warning::LossyMask { .. })));
    let truth = Bitmap::from_fn(Size::new(height, width), |y, x| inside(y * width + x));
    let found = Bitmap::from_grey(&decoded.pixels);
    assert!(maskwright_image::metric::iou(&found, &truth) > 0.98);
    let mapped = decode::decode_label(&file, &MaskRule::only(255), &Limits::default());
    assert_eq!(mapped, Err(Error::MaskMapOnLossy { format: Format::Jpeg }));
}

/// Real masks: those of the check list's foreground share, the others refused by name.
#[test]
fn real_masks() {
    let Some(folder) = shared("data") else { return };
    let list = std::fs::read_to_string(folder.join("pairs_check.csv")).unwrap();
    let mut checked = 0;
    for line in list.lines().skip(1) {
        // The quoted description may hold commas: the numbers are counted from the end.
        let from_start: Vec<&str> = line.splitn(5, ',').collect();
        let from_end: Vec<&str> = line.rsplit(',').collect();
        let path = folder.join(from_start[0]).join("gt").join(from_start[3]);
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let foreground: f64 = from_end[4].parse().unwrap();
        let decoded = decode::decode_label(&bytes, &MaskRule::default(), &Limits::default());
        let decoded = decoded.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mask = Bitmap::from_grey(&decoded.pixels);
        let share = mask.count() as f64 / (mask.width() * mask.height()) as f64;
        assert!(
            (share - foreground).abs() < 1e-3,
            "{}: {share} instead of {foreground}",
            path.display()
        );
        checked += 1;
    }
    assert!(checked > 100, "{checked} masks of the list were found");

    let hard = folder.join("hard/masks");
    let label = |file: &str, rule: &MaskRule| {
        decode::decode_label(&std::fs::read(hard.join(file)).unwrap(), rule, &Limits::default())
    };
    let auto = MaskRule::default();
    assert!(matches!(label("gt/colourmask_1016.png", &auto), Err(Error::MaskColours { .. })));
    let leaf = MaskRule { colours: BTreeMap::from([([0, 176, 0], 255)]), ..MaskRule::default() };
    assert_eq!(
        Bitmap::from_grey(&label("gt/colourmask_1016.png", &leaf).unwrap().pixels).count(),
        743_979
    );
    let cutout = "gt/rgbacutout_edited_id15__0.png";
    assert!(matches!(label(cutout, &auto), Err(Error::MaskColours { alpha_varies: true, .. })));
    assert_eq!(
        Bitmap::from_grey(&label(cutout, &of(MaskChannel::Alpha)).unwrap().pixels).count(),
        11_532
    );
    let ids = "gt_classids/exif3_IMG_3438.png";
    assert_eq!(label(ids, &auto), Err(Error::MaskClassIds { values: vec![0, 1, 2], more: false }));
    assert_eq!(Bitmap::from_grey(&label(ids, &MaskRule::only(2)).unwrap().pixels).count(), 749_406);
}
