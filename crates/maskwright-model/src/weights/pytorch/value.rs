//! What a pickle that lists tensors is made of.

use std::rc::Rc;

use crate::weights::element::Element;

/// What went wrong, as a clause about the file: "its pickle ...".
pub(super) type Parsed<T> = Result<T, String>;

/// A tensor as the pickle describes it.
#[derive(Debug, PartialEq)]
pub(super) struct TensorRecord {
    /// Key of the storage that holds its values.
    pub(super) storage: Rc<str>,
    /// The values' type, or the name of one that no model here has.
    pub(super) kind: Kind,
    /// Number of values in the storage.
    pub(super) storage_len: usize,
    /// First value.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// The type of a storage's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Float(Element),
    Other(OtherKind),
}

/// Types that no model here has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherKind {
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Kind {
    /// Bytes of one value.
    pub(super) fn size(self) -> usize {
        match self {
            Self::Float(element) => element.size(),
            Self::Other(OtherKind::I32) => 4,
            Self::Other(OtherKind::I16) => 2,
            Self::Other(OtherKind::I8 | OtherKind::U8 | OtherKind::Bool) => 1,
        }
    }
}

impl OtherKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::I32 => "i32",
            Self::I16 => "i16",
            Self::I8 => "i8",
            Self::U8 => "u8",
            Self::Bool => "bool",
        }
    }
}

/// A value on the interpreter's stack: small, or the place of something in the [`Heap`](super::heap::Heap),
/// so that a value that is repeated is shared.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A number or bytes that nobody asks for.
    Other,
    Global(Global),
    /// A class or function that is passed over.
    Class(usize),
    /// What such a one made.
    Object(usize),
    Text(usize),
    /// A tuple, list or dictionary (keys and values in turn).
    Items(usize),
    Storage(usize),
    Tensor(usize),
}

/// A storage as the pickle describes it.
#[derive(Debug)]
pub(super) struct StorageRecord {
    pub(super) key: Rc<str>,
    pub(super) kind: Kind,
    /// Number of values.
    pub(super) len: usize,
}

/// Something that a pickle may ask for by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    /// Of a subclass of tensors, or one with attributes: a function and its arguments.
    RebuildFromType,
    Size,
    Storage(Kind),
}

/// The names that a pickle may ask for.
pub(super) fn global(module: &str, name: &str) -> Option<Global> {
    let other = |kind| Global::Storage(Kind::Other(kind));
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Global::RebuildParameter
        }
        ("torch._tensor", "_rebuild_from_type_v2") => Global::RebuildFromType,
        ("torch", "Size") => Global::Size,
        ("torch", "FloatStorage") => Global::Storage(Kind::Float(Element::F32)),
        ("torch", "HalfStorage") => Global::Storage(Kind::Float(Element::F16)),
        ("torch", "BFloat16Storage") => Global::Storage(Kind::Float(Element::Bf16)),
        ("torch", "DoubleStorage") => Global::Storage(Kind::Float(Element::F64)),
        ("torch", "LongStorage") => Global::Storage(Kind::Float(Element::I64)),
        ("torch", "IntStorage") => other(OtherKind::I32),
        ("torch", "ShortStorage") => other(OtherKind::I16),
        ("torch", "CharStorage") => other(OtherKind::I8),
        ("torch", "ByteStorage") => other(OtherKind::U8),
        ("torch", "BoolStorage") => other(OtherKind::Bool),
        _ => return None,
    })
}
