//! What a pickle that lists tensors is made of.

use std::rc::Rc;

use crate::weights::element::Element;

/// The longest pickle that is read: SAM's largest has 100 KB.
pub(super) const MAX_PICKLE: u64 = 16 << 20;

/// What went wrong, as a clause about the file: "its pickle ...".
pub(super) type Parsed<T> = Result<T, String>;

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
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
    Other { name: &'static str, size: usize },
}

impl Kind {
    pub(super) fn size(self) -> usize {
        match self {
            Self::Float(element) => element.size(),
            Self::Other { size, .. } => size,
        }
    }
}

/// A value on the interpreter's stack.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float,
    Text(Rc<str>),
    Global(Global),
    /// A tuple, list or dictionary (keys and values in turn), by its place in the list of all.
    Items(usize),
    Storage {
        key: Rc<str>,
        kind: Kind,
        len: usize,
    },
    Tensor(Rc<TensorRecord>),
}

/// Something that a pickle may ask for by name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Size,
    Storage(Kind),
}

/// The names that a pickle may ask for.
pub(super) fn global(module: &str, name: &str) -> Option<Global> {
    let other = |name, size| Global::Storage(Kind::Other { name, size });
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_parameter") => Global::RebuildParameter,
        ("torch", "Size") => Global::Size,
        ("torch", "FloatStorage") => Global::Storage(Kind::Float(Element::F32)),
        ("torch", "HalfStorage") => Global::Storage(Kind::Float(Element::F16)),
        ("torch", "BFloat16Storage") => Global::Storage(Kind::Float(Element::Bf16)),
        ("torch", "DoubleStorage") => Global::Storage(Kind::Float(Element::F64)),
        ("torch", "LongStorage") => Global::Storage(Kind::Float(Element::I64)),
        ("torch", "IntStorage") => other("i32", 4),
        ("torch", "ShortStorage") => other("i16", 2),
        ("torch", "CharStorage") => other("i8", 1),
        ("torch", "ByteStorage") => other("u8", 1),
        ("torch", "BoolStorage") => other("bool", 1),
        _ => return None,
    })
}
