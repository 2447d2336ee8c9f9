//! From the place of a parameter in the module to its official name and layout.

use super::permute::{Placer, permute};

/// The type of an adapter in a module.
const ADAPTER: &str = "Struct:LoraAdapter";

/// The way to the current parameter while a module is traversed: its official name and layout.
///
/// A visitor or a mapper of a module tells it of every level that it enters and leaves.
#[derive(Debug, Clone, Default)]
pub struct Path {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
struct Part {
    /// Empty where the official names have no such level.
    name: String,
    container: String,
}

/// How a parameter's values are laid out here and officially.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The same.
    Same,
    /// `[in, out]` here, `[out, in]` there.
    Linear,
    /// `[k, k, in, out]` here, `[out, in, k, k]` there.
    Conv,
    /// `[in, 2, 2, out]` here, `[in, out, 2, 2]` there.
    Upsample,
    /// `[1]` here, no axis there.
    Scalar,
}

impl Path {
    /// Goes down into the part of this name, which lies in a container of this type.
    pub(super) fn enter(&mut self, name: &str, container: &str) {
        // An enum's variant and the HQ head are no level of the official names, and the `m` before
        // a digit stands for the index in PyTorch's `Sequential`, which no Rust field can be named.
        let name = if container.starts_with("Enum:")
            || (container == "Struct:MaskDecoder" && name == "hq")
        {
            ""
        } else {
            match name.strip_prefix('m') {
                Some(rest) if rest.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty() => rest,
                _ => name,
            }
        };
        self.parts.push(Part { name: name.to_owned(), container: container.to_owned() });
    }

    /// Comes back up.
    pub(super) fn exit(&mut self) {
        self.parts.pop();
    }

    /// The official name of the parameter here.
    pub fn name(&self) -> String {
        let parts: Vec<&str> =
            self.parts.iter().map(|p| p.name.as_str()).filter(|name| !name.is_empty()).collect();
        let name = parts.join(".");
        // The factors of an adapter lie below the weight that they are added to.
        match self.parts.last() {
            Some(factor) if factor.container == ADAPTER => {
                name.replace(".weight.lora.a", FACTORS[0]).replace(".weight.lora.b", FACTORS[1])
            }
            _ => name,
        }
    }

    /// The official shape of the parameter here, whose shape in this crate is `shape`.
    pub fn official_shape(&self, shape: &[usize]) -> Vec<usize> {
        self.layout().official_shape(shape)
    }

    /// Values of the parameter here, of the shape `shape` in this crate, in row order: their
    /// official shape, and they in its row order.
    pub fn here_to_official(&self, values: Vec<f32>, shape: &[usize]) -> (Vec<usize>, Vec<f32>) {
        let layout = self.layout();
        (layout.official_shape(shape), layout.here_to_official(values, shape))
    }

    /// Values in the row order of the official shape `shape`, in the order of this crate.
    pub fn official_to_here(&self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        self.layout().official_to_here(values, shape)
    }

    pub(crate) fn layout(&self) -> Layout {
        match self.parts.last() {
            Some(part) if part.container == ADAPTER => Layout::Linear,
            Some(part) if part.name == "weight" => match part.container.as_str() {
                "Struct:Linear" => Layout::Linear,
                "Struct:Conv2d" => Layout::Conv,
                "Struct:Upsample2x" => Layout::Upsample,
                _ => Layout::Same,
            },
            Some(part) if part.name == "num_batches_tracked" => Layout::Scalar,
            _ => Layout::Same,
        }
    }
}

impl Layout {
    /// The axes of the layout here, in official order.
    fn axes(self) -> Option<&'static [usize]> {
        match self {
            Self::Same | Self::Scalar => None,
            Self::Linear => Some(&[1, 0]),
            Self::Conv => Some(&[3, 2, 0, 1]),
            Self::Upsample => Some(&[0, 3, 1, 2]),
        }
    }

    /// A shape here to the official one.
    pub(crate) fn official_shape(self, shape: &[usize]) -> Vec<usize> {
        match self.axes() {
            None if self == Self::Scalar => Vec::new(),
            None => shape.to_vec(),
            Some(axes) => axes.iter().map(|&axis| shape[axis]).collect(),
        }
    }

    /// Values here, of this shape, to the official order.
    pub(crate) fn here_to_official(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match self.axes() {
            None => values,
            Some(axes) => permute(&values, shape, axes),
        }
    }

    /// Takes official values, of the shape that `here` is officially, in pieces, and puts each to its place
    /// in the order here; none where the two orders are the same.
    pub(crate) fn placer(self, here: &[usize]) -> Option<Placer> {
        self.axes().map(|axes| Placer::new(here, axes))
    }

    /// Official values, of this official shape, to the order here.
    pub(crate) fn official_to_here(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match self.axes() {
            None => values,
            Some(axes) => {
                let mut inverse = vec![0; axes.len()];
                for (to, &from) in axes.iter().enumerate() {
                    inverse[from] = to;
                }
                permute(&values, shape, &inverse)
            }
        }
    }
}

/// Whether the tensor of this official name is a constant, which never learns.
pub fn is_buffer(name: &str) -> bool {
    const BUFFERS: [&str; 4] = [
        "positional_encoding_gaussian_matrix",
        "running_mean",
        "running_var",
        "num_batches_tracked",
    ];
    name.rsplit('.').next().is_some_and(|last| BUFFERS.contains(&last))
}

/// What the names of a low-rank adapter's two factors end with, behind the name of their layer.
pub(crate) const FACTORS: [&str; 2] = [".lora_A.weight", ".lora_B.weight"];

/// Returns whether the tensor of this official name is a factor of a low-rank adapter.
pub fn is_factor(name: &str) -> bool {
    FACTORS.iter().any(|factor| name.ends_with(factor))
}

/// Whether the tensor of this official name belongs to the HQ head.
pub fn in_hq_head(name: &str) -> bool {
    const PARTS: [&str; 5] =
        ["hf_token", "hf_mlp", "compress_vit_feat", "embedding_encoder", "embedding_maskfeature"];
    name.strip_prefix("mask_decoder.")
        .and_then(|rest| rest.split('.').next())
        .is_some_and(|part| PARTS.contains(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_go_there_and_back() {
        let shape = [2, 2, 3, 5];
        let values: Vec<f32> = (0..60).map(|v| v as f32).collect();
        let official = Layout::Conv.here_to_official(values.clone(), &shape);
        let there = Layout::Conv.official_shape(&shape);
        assert_eq!(there, [5, 3, 2, 2]);
        // Output 4, input 2, row 1, column 0 of the official layout.
        assert_eq!(official[((4 * 3 + 2) * 2 + 1) * 2], values[(2 * 3 + 2) * 5 + 4]);
        for layout in [Layout::Linear, Layout::Conv, Layout::Upsample] {
            let shape = if layout == Layout::Linear { &[12, 5][..] } else { &shape };
            let official = layout.here_to_official(values.clone(), shape);
            let there = layout.official_shape(shape);
            assert_eq!(layout.official_to_here(official.clone(), &there), values);
            for piece in [1, 7, 60] {
                let mut placer = layout.placer(shape).unwrap();
                official.chunks(piece).for_each(|values| placer.put(values));
                assert_eq!(placer.finish(), values);
            }
        }
    }
}
