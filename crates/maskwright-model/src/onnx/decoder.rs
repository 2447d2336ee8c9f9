//! The decoder's graph: prompts and the image's embeddings to masks at the image's size.
//!
//! Names, shapes and meaning of inputs and outputs are those of the exporters of Segment Anything
//! and HQ-SAM, so that what was written for their files runs with these; beyond them any number of
//! prompts may be asked at once.

use super::graph::{Attribute, Axis, Graph, Value};
use super::layers::Walk;
use super::masks::Masks;
use super::{prompts, two_way_transformer};
use crate::config::SamConfig;

/// Which masks come out.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) masks: Masks,
    pub(super) multimask: bool,
}

struct Inputs {
    embedding: Value,
    /// Where the HQ head is part of it.
    interm: Option<Value>,
    coords: Value,
    labels: Value,
    mask: Value,
    has_mask: Value,
    size: Value,
}

/// Builds the whole graph.
pub(super) fn build(g: &mut Graph<'_>, config: &SamConfig, wanted: Wanted) {
    let inputs = inputs(g, config, wanted.masks.hq());
    let sparse = prompts::points(g, config, &inputs.coords, &inputs.labels);
    let dense = prompts::masks(g, &inputs.mask, &inputs.has_mask);
    let image_pe = prompts::cells(g, config);

    let (channels, cells) = (config.prompt_dim as i64, (config.grid() * config.grid()) as i64);
    g.scope("mask_decoder");
    let count = g.lengths_before(&inputs.coords, 1);
    let own = own_tokens(g, config, wanted.masks.hq(), &count);
    let tokens = g.concat(&[&own, &sparse], 1);
    let image = g.add(&inputs.embedding, &dense);
    let grid = config.grid() as i64;
    let image = g.expand(&image, &count, &[channels, grid, grid]);
    let image = g.reshape(&image, &[0, channels, cells]);
    let image = g.transpose(&image, &[0, 2, 1]);
    let parts = [&image, &image_pe, &tokens];
    let (tokens, image) =
        two_way_transformer::forward(g, &config.decoder, config.prompt_dim, parts);

    g.scope("mask_decoder.output_upscaling");
    let image = g.transpose(&image, &[0, 2, 1]);
    let image = g.reshape(&image, &[0, channels, grid, grid]);
    let upscaled = g.upsample_4x(&image, "mask_decoder.output_upscaling");
    let upscaled = g.gelu(&upscaled);

    let heads = Heads { config, tokens: &tokens, upscaled: &upscaled };
    let hq = inputs.interm.as_ref().map(|interm| heads.hq(g, &inputs.embedding, interm));
    let (sam, iou) = heads.sam(g, wanted);
    let masks = match (sam, hq) {
        (Some(sam), Some(hq)) => {
            g.scope("mask_decoder");
            g.add(&sam, &hq)
        }
        (sam, hq) => sam.or(hq).unwrap_or_else(Value::absent),
    };
    let full = to_image(g, config, &masks, &inputs.size);

    let side = Axis::Fixed(config.mask_size());
    let count = match wanted {
        Wanted { masks: Masks::Sam, multimask: true } => config.decoder.multimask,
        _ => 1,
    };
    let lead = [Axis::Free("prompts"), Axis::Fixed(count)];
    let with = |more: [Axis; 2]| [lead[0], lead[1], more[0], more[1]];
    let whole = with([Axis::Free("image_height"), Axis::Free("image_width")]);
    g.output("masks", full, &whole, "Logits at the image's size; above 0 is the object");
    g.output("iou_predictions", iou, &lead, "The predicted IoU of SAM's mask");
    let low = with([side, side]);
    g.output("low_res_masks", masks, &low, "Logits that mask_input takes in a next round");
}

fn inputs(g: &mut Graph<'_>, config: &SamConfig, hq: bool) -> Inputs {
    let (grid, side) = (Axis::Fixed(config.grid()), Axis::Fixed(config.mask_size()));
    let (prompts, points) = (Axis::Free("prompts"), Axis::Free("points"));
    let images = Axis::Free("images");
    let embedding = [images, Axis::Fixed(config.prompt_dim), grid, grid];
    let interm = [Axis::Free("levels"), images, grid, grid, Axis::Fixed(config.early_dim())];
    Inputs {
        embedding: g.input(
            "image_embeddings",
            &embedding,
            "The encoder's: of one image, or of one for each prompt",
        ),
        interm: hq.then(|| {
            let says = "The encoder's; of its levels the first is used";
            g.input("interm_embeddings", &interm, says)
        }),
        coords: g.input(
            "point_coords",
            &[prompts, points, Axis::Fixed(2)],
            "x and y of each point in pixels of the encoder's input; a box is two, and without a \
             box one more point of the label -1 follows",
        ),
        labels: g.input(
            "point_labels",
            &[prompts, points],
            "1 on the object, 0 beside it, 2 and 3 a box's top-left and bottom-right, -1 no point",
        ),
        mask: g.input(
            "mask_input",
            &[Axis::Free("mask_inputs"), Axis::Fixed(1), side, side],
            "low_res_masks of an earlier round, or anything: one for all prompts, or for each",
        ),
        has_mask: g.input(
            "has_mask_input",
            &[Axis::Free("mask_inputs")],
            "1 where mask_input is meant, 0 where not",
        ),
        size: g.input("orig_im_size", &[Axis::Fixed(2)], "Height and width of the image"),
    }
}

/// The tokens that every prompt has: for the IoU, each mask, and the HQ mask.
fn own_tokens(g: &mut Graph<'_>, config: &SamConfig, hq: bool, count: &Value) -> Value {
    let mut own = vec![
        g.weight("mask_decoder.iou_token.weight"),
        g.weight("mask_decoder.mask_tokens.weight"),
    ];
    let mut tokens = 2 + config.decoder.multimask as i64;
    if hq {
        own.push(g.weight("mask_decoder.hf_token.weight"));
        tokens += 1;
    }
    let own = g.concat(&own.iter().collect::<Vec<_>>(), 0);
    g.expand(&own, count, &[tokens, config.prompt_dim as i64])
}

/// What follows the transformer.
struct Heads<'a> {
    config: &'a SamConfig,
    /// `[b, tokens, c]`, those of [`own_tokens`] first.
    tokens: &'a Value,
    /// `[b, c / 8, m, m]`.
    upscaled: &'a Value,
}

impl Heads<'_> {
    /// The HQ mask `[b, 1, m, m]`.
    fn hq(&self, g: &mut Graph<'_>, embedding: &Value, interm: &Value) -> Value {
        g.scope("mask_decoder.hq");
        let first = g.pick(interm, 0, 0);
        let first = g.channels_first(&first);
        let early = g.upsample_4x(&first, "mask_decoder.compress_vit_feat");
        let coarse = g.upsample_4x(embedding, "mask_decoder.embedding_encoder");
        let image = g.add(&coarse, &early);
        const FEATURE: &str = "mask_decoder.embedding_maskfeature";
        let fine = g.conv(self.upscaled, &format!("{FEATURE}.0"), Walk::SAME, true);
        let fine = g.layer_norm_2d(&fine, &format!("{FEATURE}.1"));
        let fine = g.gelu(&fine);
        let fine = g.conv(&fine, &format!("{FEATURE}.3"), Walk::SAME, true);
        let feature = g.add(&fine, &image);
        let token = g.pick(self.tokens, 2 + self.config.decoder.multimask as i64, 1);
        let weights = g.perceptron(&token, "mask_decoder.hf_mlp", 3);
        let weights = g.unsqueeze(&weights, 1);
        self.product(g, &weights, &feature)
    }

    /// SAM's masks `[b, n, m, m]`, unless the HQ mask alone is wanted, and their predicted IoU
    /// `[b, n]`.
    fn sam(&self, g: &mut Graph<'_>, wanted: Wanted) -> (Option<Value>, Value) {
        g.scope("mask_decoder.iou_prediction_head");
        let decoder = &self.config.decoder;
        let token = g.pick(self.tokens, 0, 1);
        let depth = decoder.iou_head_depth;
        let ious = g.perceptron(&token, "mask_decoder.iou_prediction_head", depth);
        let numbers = if wanted.multimask { 1..1 + decoder.multimask } else { 0..1 };
        let ious = g.slice(&ious, 1, numbers.start as i64, numbers.end as i64);
        let best = wanted.multimask && wanted.masks.hq();
        let place = best.then(|| {
            let settings = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(1))];
            g.node("ArgMax", &[&ious], &settings)
        });
        let iou = match place {
            Some(_) => {
                let settings = [("axes", Attribute::Ints(vec![1]))];
                g.node("ReduceMax", &[&ious], &settings)
            }
            None => ious,
        };
        if wanted.masks == Masks::Hq {
            return (None, iou);
        }
        g.scope("mask_decoder.output_hypernetworks_mlps");
        let weights: Vec<Value> = numbers
            .map(|i| {
                let token = g.pick(self.tokens, 1 + i as i64, 1);
                let name = format!("mask_decoder.output_hypernetworks_mlps.{i}");
                let weights = g.perceptron(&token, &name, 3);
                g.unsqueeze(&weights, 1)
            })
            .collect();
        let mut weights = g.concat(&weights.iter().collect::<Vec<_>>(), 1);
        if let Some(place) = place {
            // The best mask alone is computed.
            let chosen =
                g.node("GatherND", &[&weights, &place], &[("batch_dims", Attribute::Int(1))]);
            weights = g.unsqueeze(&chosen, 1);
        }
        (Some(self.product(g, &weights, self.upscaled)), iou)
    }

    /// `[b, n, c]` weights times `[b, c, m, m]` features: `[b, n, m, m]`.
    fn product(&self, g: &mut Graph<'_>, weights: &Value, features: &Value) -> Value {
        let side = self.config.mask_size() as i64;
        let features = g.reshape(features, &[0, (self.config.prompt_dim / 8) as i64, side * side]);
        let masks = g.matmul(weights, &features);
        g.reshape(&masks, &[0, -1, side, side])
    }
}

/// Brings masks to the image: up to the model's input, cut to the part that shows the image, and
/// resized to it, as SAM's predictor does.
fn to_image(g: &mut Graph<'_>, config: &SamConfig, masks: &Value, size: &Value) -> Value {
    g.scope("postprocess");
    let input = config.image_size;
    let lengths = g.lengths_before(masks, 2);
    let whole = g.integers(&[input as i64; 2]);
    let masks = resize(g, masks, &lengths, &whole);
    let longest = g.node("ReduceMax", &[size], &[("keepdims", Attribute::Int(1))]);
    let side = g.float(input as f32);
    let scale = g.node("Div", &[&side, &longest], &[]);
    let scaled = g.mul(&scale, size);
    let scaled = g.plus(&scaled, 0.5);
    let scaled = g.node("Floor", &[&scaled], &[]);
    let scaled = to_integers(g, &scaled);
    let (from, axes) = (g.integers(&[0, 0]), g.integers(&[2, 3]));
    let masks = g.node("Slice", &[&masks, &from, &scaled, &axes], &[]);
    let size = to_integers(g, size);
    resize(g, &masks, &lengths, &size)
}

fn to_integers(g: &mut Graph<'_>, x: &Value) -> Value {
    const INT64: i64 = super::proto::DataType::Int64 as i64;
    g.node("Cast", &[x], &[("to", Attribute::Int(INT64))])
}

/// Bilinear with half-pixel centres.
fn resize(g: &mut Graph<'_>, x: &Value, lengths: &Value, size: &Value) -> Value {
    let sizes = g.concat(&[lengths, size], 0);
    let absent = Value::absent();
    let settings = [
        ("mode", Attribute::Text("linear")),
        ("coordinate_transformation_mode", Attribute::Text("half_pixel")),
    ];
    g.node("Resize", &[x, &absent, &absent, &sizes], &settings)
}
