//! The interpreter of pickles that list tensors: what each operation does, and which there are.

use std::collections::HashMap;
use std::io::BufRead;
use std::rc::Rc;

use super::budget::Budget;
use super::foreign::is_passed_over;
use super::heap::{Heap, VALUE};
use super::opcode;
use super::source::Source;
use super::value::{Global, Kind, OtherKind, Parsed, StorageRecord, TensorRecord, Value, global};
use crate::weights::limits::{MAX_AXES, MAX_NAME, long_name, many_axes};

/// A pickle that is being read.
pub(super) struct Machine<'a, R> {
    source: Source<'a, R>,
    budget: &'a mut Budget,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    heap: Heap,
}

impl<'a, R: BufRead> Machine<'a, R> {
    pub(super) fn new(reader: &'a mut R, budget: &'a mut Budget) -> Self {
        Self {
            source: Source::new(reader),
            budget,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            heap: Heap::default(),
        }
    }

    /// Reads up to the pickle's end; gives its last value and what that refers to.
    pub(super) fn run(mut self) -> Parsed<(Value, Heap)> {
        loop {
            let [code] = self.source.take()?;
            match code {
                b'.' => return Ok((self.pop()?, self.heap)),
                0x80 => _ = self.source.take::<1>()?,
                b'(' => {
                    self.budget.charge(2 * size_of::<usize>())?;
                    self.marks.push(self.stack.len());
                }
                b'N' => self.push(Value::None)?,
                0x88 => self.push(Value::Bool(true))?,
                0x89 => self.push(Value::Bool(false))?,
                b'K' => self.integer::<1>()?,
                b'M' => self.integer::<2>()?,
                b'J' => {
                    let number = i32::from_le_bytes(self.source.take()?);
                    self.push(Value::Int(number.into()))?;
                }
                0x8a => self.long()?,
                b'G' => {
                    self.source.take::<8>()?;
                    self.push(Value::Other)?;
                }
                b'C' => {
                    let [length] = self.source.take()?;
                    self.source.bytes(length.into())?;
                    self.push(Value::Other)?;
                }
                b'B' => {
                    let length = u32::from_le_bytes(self.source.take()?);
                    self.source.bytes(length)?;
                    self.push(Value::Other)?;
                }
                b'0' => _ = self.pop()?,
                b'1' => _ = self.pop_to_mark()?,
                0x8c | b'U' => {
                    let [length] = self.source.take()?;
                    self.text(length.into())?;
                }
                b'X' | b'T' => {
                    let length = u32::from_le_bytes(self.source.take()?);
                    self.text(length)?;
                }
                b')' | b']' | b'}' => self.push_items(Vec::new())?,
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push_items(items)?;
                }
                0x85..=0x87 => {
                    let count = usize::from(code - 0x84);
                    let at = self.stack.len().checked_sub(count).ok_or_else(underflow)?;
                    let items = self.stack.split_off(at);
                    self.push_items(items)?;
                }
                b'a' => {
                    let value = self.pop()?;
                    self.extend(&[value])?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.extend(&[key, value])?;
                }
                b'e' | b'u' => {
                    let items = self.pop_to_mark()?;
                    self.extend(&items)?;
                }
                b'h' => {
                    let [place] = self.source.take()?;
                    self.get(place.into())?;
                }
                b'j' => {
                    let place = u32::from_le_bytes(self.source.take()?);
                    self.get(place)?;
                }
                b'q' => {
                    let [place] = self.source.take()?;
                    self.put(place.into())?;
                }
                b'r' => {
                    let place = u32::from_le_bytes(self.source.take()?);
                    self.put(place)?;
                }
                b'c' => {
                    let (module, name) = (self.source.line()?, self.source.line()?);
                    let value = match global(&module, &name) {
                        Some(global) => Value::Global(global),
                        None if is_passed_over(&module, &name) => {
                            self.heap.add_class(format!("{module}.{name}").into(), self.budget)?
                        }
                        None => return Err(refused(&format!("asks for {module}.{name}"))),
                    };
                    self.push(value)?;
                }
                b'R' => {
                    let (arguments, callable) = (self.pop()?, self.pop()?);
                    let made = self.call(callable, arguments)?;
                    self.push(made)?;
                }
                0x81 => {
                    let (_, class) = (self.pop()?, self.pop()?);
                    let Value::Class(class) = class else {
                        return Err(refused(&format!("has the operation {}", opcode::name(code))));
                    };
                    let object = self.heap.add_object(class, self.budget)?;
                    self.push(object)?;
                }
                // An object's other attributes: a state dict's `_metadata`.
                b'b' => {
                    let attributes = self.pop()?;
                    if let Some(&object) = self.stack.last() {
                        self.heap.set_attributes(object, attributes);
                    }
                }
                b'Q' => self.storage()?,
                code => {
                    return Err(refused(&format!("has the operation {}", opcode::name(code))));
                }
            }
        }
    }

    fn integer<const N: usize>(&mut self) -> Parsed<()> {
        let bytes: [u8; N] = self.source.take()?;
        let number = bytes.iter().rev().fold(0, |number, &byte| number << 8 | i64::from(byte));
        self.push(Value::Int(number))
    }

    /// A whole number in two's complement, of any length; of those that fit no i64 nothing is kept.
    fn long(&mut self) -> Parsed<()> {
        let [length] = self.source.take()?;
        let bytes = self.source.bytes(length.into())?;
        let sign = bytes.last().map_or(0, |&high| if high < 128 { 0u8 } else { 255 });
        let value = match bytes.get(8..) {
            Some(rest) if rest.iter().any(|&byte| byte != sign) => Value::None,
            _ => {
                let mut low = [sign; 8];
                low.iter_mut().zip(&bytes).for_each(|(to, from)| *to = *from);
                Value::Int(i64::from_le_bytes(low))
            }
        };
        self.push(value)
    }

    fn text(&mut self, length: u32) -> Parsed<()> {
        let bytes = self.source.bytes(length)?;
        let text = String::from_utf8_lossy(&bytes);
        let text = self.heap.add_text(text.into(), self.budget)?;
        self.push(text)
    }

    fn push(&mut self, value: Value) -> Parsed<()> {
        self.budget.charge(VALUE)?;
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Parsed<Value> {
        self.stack.pop().ok_or_else(underflow)
    }

    fn pop_to_mark(&mut self) -> Parsed<Vec<Value>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(underflow)?))
    }

    fn push_items(&mut self, items: Vec<Value>) -> Parsed<()> {
        let items = self.heap.add_items(items, self.budget)?;
        self.push(items)
    }

    /// Adds to the container on top of the stack.
    fn extend(&mut self, more: &[Value]) -> Parsed<()> {
        self.heap.extend(self.stack.last().copied(), more, self.budget)
    }

    fn get(&mut self, place: u32) -> Parsed<()> {
        let value = self.memo.get(&place).copied();
        self.push(value.ok_or_else(|| format!("its pickle has no value {place} to repeat"))?)
    }

    fn put(&mut self, place: u32) -> Parsed<()> {
        let value = self.stack.last().copied().ok_or_else(underflow)?;
        self.budget.charge(2 * VALUE)?;
        self.memo.insert(place, value);
        Ok(())
    }

    /// What a call gives: a tensor or a container, or something that is passed over.
    fn call(&mut self, callable: Value, arguments: Value) -> Parsed<Value> {
        let given = self.heap.items(arguments).ok_or("its pickle calls with what is no tuple")?;
        match (callable, given) {
            (Value::Global(Global::OrderedDict), pairs) => {
                let pairs = match *pairs {
                    [list @ Value::Items(_)] => self.heap.items(list).unwrap_or_default(),
                    _ => &[],
                };
                // Paid for before they are copied; the rest with the container.
                self.budget.charge(2 * VALUE * pairs.len())?;
                let mut items = Vec::with_capacity(2 * pairs.len());
                for &pair in pairs {
                    match self.heap.items(pair) {
                        Some(&[key, value]) => items.extend([key, value]),
                        _ => return Err("its pickle makes an odd OrderedDict".to_owned()),
                    }
                }
                self.heap.add_items(items, self.budget)
            }
            (Value::Global(Global::RebuildTensor), &[storage, offset, shape, strides, ..]) => {
                let storage = self
                    .heap
                    .storage(storage)
                    .ok_or("its pickle rebuilds a tensor of no storage")?;
                let tensor = TensorRecord {
                    storage: Rc::clone(&storage.key),
                    kind: storage.kind,
                    storage_len: storage.len,
                    offset: whole(&offset)?,
                    shape: self.sizes(shape)?,
                    strides: self.sizes(strides)?,
                };
                self.heap.add_tensor(tensor, self.budget)
            }
            (Value::Global(Global::RebuildParameter), &[tensor @ Value::Tensor(_), ..])
            | (Value::Global(Global::Size), &[tensor @ Value::Items(_)]) => Ok(tensor),
            (
                Value::Global(Global::RebuildFromType),
                &[
                    function @ Value::Global(Global::RebuildTensor | Global::RebuildParameter),
                    _,
                    inner,
                    ..,
                ],
            ) => self.call(function, inner),
            (Value::Class(class), given) => {
                let class = match given.first() {
                    Some(&Value::Class(other)) if self.heap.is_reconstructor(class) => other,
                    _ => class,
                };
                self.heap.add_object(class, self.budget)
            }
            // What an object gave that is passed over is passed over too.
            (Value::Object(object), _) => Ok(Value::Object(object)),
            _ => Err("its pickle calls something in a way that rebuilds no tensor".to_owned()),
        }
    }

    /// `("storage", type, key, device, length)`, and in old files a view, which is none.
    fn storage(&mut self) -> Parsed<()> {
        let id = self.pop()?;
        // Before 1.6 a module's class was stored with its source.
        if let &[tag, class @ Value::Class(_), _, _] = self.heap.items(id).unwrap_or_default()
            && self.heap.text(tag).is_some_and(|tag| **tag == *"module")
        {
            return self.push(class);
        }
        let (tag, kind, key, len) = match *self.heap.items(id).unwrap_or_default() {
            [tag, Value::Global(Global::Storage(kind)), key, _, len]
            | [tag, Value::Global(Global::Storage(kind)), key, _, len, Value::None] => {
                (self.heap.text(tag), kind, key, len)
            }
            _ => (None, Kind::Other(OtherKind::U8), Value::None, Value::None),
        };
        if tag.is_none_or(|tag| **tag != *"storage") {
            return Err("its pickle refers to something that is no storage".to_owned());
        }
        let key = match (key, self.heap.text(key)) {
            (_, Some(key)) => Rc::clone(key),
            (Value::Int(key), _) => key.to_string().into(),
            _ => return Err("its pickle has a storage with an odd key".to_owned()),
        };
        if key.len() > MAX_NAME {
            return Err(long_name("a storage", key.len()));
        }
        let storage = StorageRecord { key, kind, len: whole(&len)? };
        let storage = self.heap.add_storage(storage, self.budget)?;
        self.push(storage)
    }

    fn sizes(&self, value: Value) -> Parsed<Vec<usize>> {
        let sizes = self.heap.items(value).ok_or("its pickle has an odd shape")?;
        if sizes.len() > MAX_AXES {
            return Err(many_axes(sizes.len()));
        }
        sizes.iter().map(whole).collect()
    }
}

fn whole(value: &Value) -> Parsed<usize> {
    match value {
        Value::Int(number) => usize::try_from(*number).ok(),
        _ => None,
    }
    .ok_or_else(|| "its pickle has an odd size".to_owned())
}

fn underflow() -> String {
    "its pickle takes what it has not put".to_owned()
}

fn refused(what: &str) -> String {
    format!("its pickle {what}, which rebuilds no tensor: refused, and nothing was run")
}
