//! A graph under construction: nodes one after another, each naming what it takes.

use std::collections::{BTreeMap, BTreeSet};

use super::proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, NodeProto, TensorShapeProto,
    TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::weights::checkpoint::Checkpoint;
use crate::weights::element::Element;

/// What a node gives, an input or a constant, by its name in the graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

impl Value {
    /// In the place of an input that a node can do without.
    pub(crate) fn absent() -> Self {
        Self(String::new())
    }
}

/// A setting of a node.
pub(crate) enum Attribute {
    Int(i64),
    Float(f32),
    Ints(Vec<i64>),
    Text(&'static str),
}

/// The length of an axis.
#[derive(Clone, Copy)]
pub(crate) enum Axis {
    Fixed(usize),
    /// Any length. Axes of the same name have the same.
    Free(&'static str),
}

/// Values that lie in the file.
pub(super) struct Constant {
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) shape: Vec<usize>,
    /// None for a tensor of the checkpoint, which has this name there.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Nodes, constants, inputs and outputs so far.
pub(crate) struct Graph<'a> {
    checkpoint: &'a Checkpoint,
    pub(super) nodes: Vec<NodeProto>,
    pub(super) constants: Vec<Constant>,
    pub(super) inputs: Vec<ValueInfoProto>,
    pub(super) outputs: Vec<ValueInfoProto>,
    /// Tensors that were asked for and are not in the checkpoint.
    pub(super) missing: BTreeSet<String>,
    weights: BTreeMap<String, Value>,
    made: BTreeMap<(DataType, Vec<usize>, Vec<u8>), Value>,
    scope: String,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(checkpoint: &'a Checkpoint) -> Self {
        Self {
            checkpoint,
            nodes: Vec::new(),
            constants: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            missing: BTreeSet::new(),
            weights: BTreeMap::new(),
            made: BTreeMap::new(),
            scope: String::new(),
        }
    }

    /// What the following nodes belong to: the beginning of their names.
    pub(crate) fn scope(&mut self, part: &str) {
        part.clone_into(&mut self.scope);
    }

    /// Declares an input of f32.
    pub(crate) fn input(&mut self, name: &str, axes: &[Axis], says: &str) -> Value {
        self.inputs.push(info(name, axes, says));
        Value(name.to_owned())
    }

    /// Declares what a node gives as an output of f32, and gives it this name, everywhere.
    pub(crate) fn output(&mut self, name: &str, value: Value, axes: &[Axis], says: &str) {
        for node in &mut self.nodes {
            let places = node.input.iter_mut().chain(&mut node.output);
            places.filter(|place| **place == value.0).for_each(|place| name.clone_into(place));
        }
        self.outputs.push(info(name, axes, says));
    }

    /// Adds a node with one output.
    pub(crate) fn node(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&'static str, Attribute)],
    ) -> Value {
        let name = self.push(op, inputs, attributes, 1);
        Value(output_of(&name, 0))
    }

    /// Cuts an axis into parts of these lengths.
    pub(crate) fn split(&mut self, x: &Value, axis: i64, lengths: &[usize]) -> Vec<Value> {
        let sizes: Vec<i64> = lengths.iter().map(|&length| length as i64).collect();
        let sizes = self.integers(&sizes);
        let axis = [("axis", Attribute::Int(axis))];
        let name = self.push("Split", &[x, &sizes], &axis, lengths.len());
        (0..lengths.len()).map(|place| Value(output_of(&name, place))).collect()
    }

    /// Adds a node; gives its name.
    fn push(
        &mut self,
        op: &'static str,
        inputs: &[&Value],
        attributes: &[(&'static str, Attribute)],
        outputs: usize,
    ) -> String {
        let name = format!("{}/{op}_{}", self.scope, self.nodes.len());
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: (0..outputs).map(|place| output_of(&name, place)).collect(),
            name: Some(name.clone()),
            op_type: Some(op.to_owned()),
            attribute: attributes.iter().map(attribute).collect(),
        });
        name
    }

    /// A tensor of the checkpoint by its official name, unchanged; f32 for the nodes, whatever its
    /// number type in the file.
    pub(crate) fn weight(&mut self, name: &str) -> Value {
        if let Some(value) = self.weights.get(name) {
            return value.clone();
        }
        let (Some(element), Some(shape)) =
            (self.checkpoint.element(name), self.checkpoint.shape(name))
        else {
            self.missing.insert(name.to_owned());
            return Value(name.to_owned());
        };
        let data_type = match element {
            Element::F16 => DataType::Float16,
            Element::Bf16 => DataType::Bfloat16,
            // Wider ones were narrowed before, and counters are not asked for.
            _ => DataType::Float,
        };
        let (name, shape) = (name.to_owned(), shape.to_vec());
        self.constants.push(Constant { name: name.clone(), data_type, shape, bytes: None });
        let mut value = Value(name.clone());
        if data_type != DataType::Float {
            value = self.node("Cast", &[&value], &[("to", Attribute::Int(DataType::Float as i64))]);
        }
        self.weights.insert(name, value.clone());
        value
    }

    /// Numbers of this shape.
    pub(crate) fn floats(&mut self, values: &[f32], shape: &[usize]) -> Value {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(DataType::Float, shape, bytes)
    }

    /// One number.
    pub(crate) fn float(&mut self, value: f32) -> Value {
        self.floats(&[value], &[])
    }

    /// Integers in a row.
    pub(crate) fn integers(&mut self, values: &[i64]) -> Value {
        self.integers_of_shape(values, &[values.len()])
    }

    /// Integers of this shape.
    pub(crate) fn integers_of_shape(&mut self, values: &[i64], shape: &[usize]) -> Value {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.constant(DataType::Int64, shape, bytes)
    }

    /// The same values are kept once.
    fn constant(&mut self, data_type: DataType, shape: &[usize], bytes: Vec<u8>) -> Value {
        let key = (data_type, shape.to_vec(), bytes);
        if let Some(value) = self.made.get(&key) {
            return value.clone();
        }
        let name = format!("constant_{}", self.made.len());
        self.constants.push(Constant {
            name: name.clone(),
            data_type,
            shape: shape.to_vec(),
            bytes: Some(key.2.clone()),
        });
        self.made.insert(key, Value(name.clone()));
        Value(name)
    }
}

/// The name of a node's output, which some runtimes want to differ from the node's own.
fn output_of(node: &str, place: usize) -> String {
    format!("{node}:{place}")
}

fn attribute((name, value): &(&'static str, Attribute)) -> AttributeProto {
    let empty = AttributeProto { name: Some((*name).to_owned()), ..AttributeProto::default() };
    let (kind, filled) = match value {
        Attribute::Int(i) => (AttributeType::Int, AttributeProto { i: Some(*i), ..empty }),
        Attribute::Float(f) => (AttributeType::Float, AttributeProto { f: Some(*f), ..empty }),
        Attribute::Ints(ints) => {
            (AttributeType::Ints, AttributeProto { ints: ints.clone(), ..empty })
        }
        Attribute::Text(text) => {
            (AttributeType::String, AttributeProto { s: Some(text.as_bytes().to_vec()), ..empty })
        }
    };
    AttributeProto { kind: Some(kind as i32), ..filled }
}

fn info(name: &str, axes: &[Axis], says: &str) -> ValueInfoProto {
    let dim = axes
        .iter()
        .map(|axis| match axis {
            Axis::Fixed(length) => {
                DimensionProto { dim_value: Some(*length as i64), dim_param: None }
            }
            Axis::Free(name) => {
                DimensionProto { dim_value: None, dim_param: Some((*name).to_owned()) }
            }
        })
        .collect();
    let tensor = TensorTypeProto {
        elem_type: Some(DataType::Float as i32),
        shape: Some(TensorShapeProto { dim }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        doc_string: Some(says.to_owned()),
    }
}
