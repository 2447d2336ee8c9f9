//! The operations and layers that the graphs are made of.
//!
//! Weights keep PyTorch's layout, the layout of their files, so that they enter unchanged; maps are
//! `[n, channels, h, w]` in convolutions and channels-last between.

use super::graph::{Attribute, Graph, Value};

/// How a convolution walks over its map.
#[derive(Clone, Copy)]
pub(crate) struct Walk {
    pub(crate) stride: usize,
    /// Zeros around.
    pub(crate) padding: usize,
    pub(crate) groups: usize,
}

impl Walk {
    /// 1 x 1.
    pub(crate) const CELLS: Self = Self { stride: 1, padding: 0, groups: 1 };
    /// 3 x 3 that keeps the size.
    pub(crate) const SAME: Self = Self { stride: 1, padding: 1, groups: 1 };

    /// Squares beside each other.
    pub(crate) fn squares(size: usize) -> Self {
        Self { stride: size, ..Self::CELLS }
    }
}

/// Plain operations.
impl Graph<'_> {
    pub(crate) fn add(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    pub(crate) fn mul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    pub(crate) fn scaled(&mut self, x: &Value, factor: f32) -> Value {
        let factor = self.float(factor);
        self.mul(x, &factor)
    }

    pub(crate) fn plus(&mut self, x: &Value, term: f32) -> Value {
        let term = self.float(term);
        self.add(x, &term)
    }

    pub(crate) fn matmul(&mut self, a: &Value, b: &Value) -> Value {
        self.node("MatMul", &[a, b], &[])
    }

    pub(crate) fn softmax(&mut self, x: &Value) -> Value {
        self.node("Softmax", &[x], &[("axis", Attribute::Int(-1))])
    }

    /// 0 keeps an axis as long as it is, -1 is what is left over.
    pub(crate) fn reshape(&mut self, x: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.node("Reshape", &[x, &shape], &[])
    }

    pub(crate) fn transpose(&mut self, x: &Value, axes: &[i64]) -> Value {
        self.node("Transpose", &[x], &[("perm", Attribute::Ints(axes.to_vec()))])
    }

    pub(crate) fn concat(&mut self, parts: &[&Value], axis: i64) -> Value {
        self.node("Concat", parts, &[("axis", Attribute::Int(axis))])
    }

    /// Entries of an axis; the indices' axes take its place.
    pub(crate) fn gather(&mut self, x: &Value, indices: &Value, axis: i64) -> Value {
        self.node("Gather", &[x, indices], &[("axis", Attribute::Int(axis))])
    }

    /// One entry of an axis, which goes.
    pub(crate) fn pick(&mut self, x: &Value, index: i64, axis: i64) -> Value {
        let index = self.integers_of_shape(&[index], &[]);
        self.gather(x, &index, axis)
    }

    /// Entries of an axis from one up to another.
    pub(crate) fn slice(&mut self, x: &Value, axis: i64, from: i64, to: i64) -> Value {
        let (from, to, axis) =
            (self.integers(&[from]), self.integers(&[to]), self.integers(&[axis]));
        self.node("Slice", &[x, &from, &to, &axis], &[])
    }

    pub(crate) fn unsqueeze(&mut self, x: &Value, axis: i64) -> Value {
        let axis = self.integers(&[axis]);
        self.node("Unsqueeze", &[x, &axis], &[])
    }

    /// The lengths of the axes before this one.
    pub(crate) fn lengths_before(&mut self, x: &Value, axis: i64) -> Value {
        let range = [("start", Attribute::Int(0)), ("end", Attribute::Int(axis))];
        self.node("Shape", &[x], &range)
    }

    /// Repeats along axes of length 1: the lengths of the first axes are a value, the others given.
    pub(crate) fn expand(&mut self, x: &Value, first: &Value, others: &[i64]) -> Value {
        let others = self.integers(others);
        let shape = self.concat(&[first, &others], 0);
        self.node("Expand", &[x, &shape], &[])
    }

    /// `[n, c, h, w]` to `[n, h, w, c]`.
    pub(crate) fn channels_last(&mut self, x: &Value) -> Value {
        self.transpose(x, &[0, 2, 3, 1])
    }

    /// `[n, h, w, c]` to `[n, c, h, w]`.
    pub(crate) fn channels_first(&mut self, x: &Value) -> Value {
        self.transpose(x, &[0, 3, 1, 2])
    }
}

/// Layers, by the beginning of their tensors' names.
impl Graph<'_> {
    /// The exact (erf) GELU, in the form that runtimes know to fuse.
    pub(crate) fn gelu(&mut self, x: &Value) -> Value {
        let root = self.float(std::f32::consts::SQRT_2);
        let inner = self.node("Div", &[x, &root], &[]);
        let inner = self.node("Erf", &[&inner], &[]);
        let inner = self.plus(&inner, 1.0);
        let twice = self.mul(x, &inner);
        self.scaled(&twice, 0.5)
    }

    pub(crate) fn relu(&mut self, x: &Value) -> Value {
        self.node("Relu", &[x], &[])
    }

    /// `[rows, in]` to `[rows, out]`.
    pub(crate) fn linear_rows(&mut self, x: &Value, name: &str) -> Value {
        let weight = self.weight(&format!("{name}.weight"));
        let bias = self.weight(&format!("{name}.bias"));
        self.node("Gemm", &[x, &weight, &bias], &[("transB", Attribute::Int(1))])
    }

    /// `[.., in]` to `[.., out]`.
    pub(crate) fn linear(&mut self, x: &Value, name: &str) -> Value {
        let weight = self.weight(&format!("{name}.weight"));
        let weight = self.transpose(&weight, &[1, 0]);
        let product = self.matmul(x, &weight);
        let bias = self.weight(&format!("{name}.bias"));
        self.add(&product, &bias)
    }

    /// Linear layers of `[rows, in]` with ReLU between.
    pub(crate) fn perceptron(&mut self, x: &Value, name: &str, depth: usize) -> Value {
        let mut x = x.clone();
        for layer in 0..depth {
            if layer > 0 {
                x = self.relu(&x);
            }
            x = self.linear_rows(&x, &format!("{name}.layers.{layer}"));
        }
        x
    }

    /// Over the last axis.
    pub(crate) fn layer_norm(&mut self, x: &Value, name: &str, epsilon: f32) -> Value {
        let weight = self.weight(&format!("{name}.weight"));
        let bias = self.weight(&format!("{name}.bias"));
        let settings = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
        self.node("LayerNormalization", &[x, &weight, &bias], &settings)
    }

    /// Over the channels of `[n, c, h, w]`: the original's LayerNorm2d.
    pub(crate) fn layer_norm_2d(&mut self, x: &Value, name: &str) -> Value {
        let x = self.channels_last(x);
        let x = self.layer_norm(&x, name, 1e-6);
        self.channels_first(&x)
    }

    /// A convolution of `[n, c, h, w]`.
    pub(crate) fn conv(&mut self, x: &Value, name: &str, walk: Walk, bias: bool) -> Value {
        let weight = self.weight(&format!("{name}.weight"));
        let mut inputs = vec![x.clone(), weight];
        if bias {
            inputs.push(self.weight(&format!("{name}.bias")));
        }
        let Walk { stride, padding, groups } = walk;
        let settings = [
            ("strides", Attribute::Ints(vec![stride as i64; 2])),
            ("pads", Attribute::Ints(vec![padding as i64; 4])),
            ("dilations", Attribute::Ints(vec![1; 2])),
            ("group", Attribute::Int(groups as i64)),
        ];
        self.node("Conv", &inputs.iter().collect::<Vec<_>>(), &settings)
    }

    /// A transposed convolution 2 x 2 with stride 2 of `[n, c, h, w]`.
    pub(crate) fn upsample_2x(&mut self, x: &Value, name: &str) -> Value {
        let weight = self.weight(&format!("{name}.weight"));
        let bias = self.weight(&format!("{name}.bias"));
        let settings = [
            ("strides", Attribute::Ints(vec![2; 2])),
            ("pads", Attribute::Ints(vec![0; 4])),
            ("dilations", Attribute::Ints(vec![1; 2])),
        ];
        self.node("ConvTranspose", &[x, &weight, &bias], &settings)
    }

    /// Two of those, `name.0` and `name.3`, with the norm `name.1` and GELU between.
    pub(crate) fn upsample_4x(&mut self, x: &Value, name: &str) -> Value {
        let x = self.upsample_2x(x, &format!("{name}.0"));
        let x = self.layer_norm_2d(&x, &format!("{name}.1"));
        let x = self.gelu(&x);
        self.upsample_2x(&x, &format!("{name}.3"))
    }

    /// To the embedding's channels: `neck.0` to `neck.3` of the image encoder.
    pub(crate) fn neck(&mut self, x: &Value) -> Value {
        const NECK: &str = "image_encoder.neck";
        self.scope(NECK);
        let x = self.conv(x, &format!("{NECK}.0"), Walk::CELLS, false);
        let x = self.layer_norm_2d(&x, &format!("{NECK}.1"));
        let x = self.conv(&x, &format!("{NECK}.2"), Walk::SAME, false);
        self.layer_norm_2d(&x, &format!("{NECK}.3"))
    }
}

/// A square map cut into square windows.
#[derive(Clone, Copy)]
pub(crate) struct Windows {
    /// Side of the map.
    pub(crate) map: usize,
    /// Side of a window.
    pub(crate) side: usize,
    pub(crate) channels: usize,
}

impl Windows {
    /// Windows along a side.
    fn count(self) -> usize {
        self.map.div_ceil(self.side)
    }

    /// `[n, map, map, c]` to `[n * windows, side * side, c]`, filled up with zeros at the bottom and
    /// right.
    pub(crate) fn cut(self, g: &mut Graph<'_>, x: &Value) -> Value {
        let (count, side, channels) = (self.count() as i64, self.side as i64, self.channels as i64);
        let more = count * side - self.map as i64;
        let mut x = x.clone();
        if more > 0 {
            let pads = g.integers(&[0, 0, 0, 0, 0, more, more, 0]);
            x = g.node("Pad", &[&x, &pads], &[]);
        }
        let x = g.reshape(&x, &[-1, count, side, count, side, channels]);
        let x = g.transpose(&x, &[0, 1, 3, 2, 4, 5]);
        g.reshape(&x, &[-1, side * side, channels])
    }

    /// The way back.
    pub(crate) fn join(self, g: &mut Graph<'_>, x: &Value) -> Value {
        let (count, side, channels) = (self.count() as i64, self.side as i64, self.channels as i64);
        let map = self.map as i64;
        let x = g.reshape(x, &[-1, count, count, side, side, channels]);
        let x = g.transpose(&x, &[0, 1, 3, 2, 4, 5]);
        let x = g.reshape(&x, &[-1, count * side, count * side, channels]);
        if count * side == map {
            return x;
        }
        let (from, to, axes) = (g.integers(&[0, 0]), g.integers(&[map, map]), g.integers(&[1, 2]));
        g.node("Slice", &[&x, &from, &to, &axes], &[])
    }
}
