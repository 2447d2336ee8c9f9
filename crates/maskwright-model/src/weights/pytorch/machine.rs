//! The interpreter of pickles that list tensors: what each operation does, and which there are.

use std::collections::HashMap;
use std::io::{BufRead, Read};
use std::rc::Rc;

use super::opcode;
use super::value::{Global, MAX_PICKLE, Parsed, TensorRecord, Value, global};

/// A pickle that is being read.
pub(super) struct Machine<'a, R> {
    source: Source<'a, R>,
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    items: Vec<Vec<Value>>,
}

impl<'a, R: BufRead> Machine<'a, R> {
    pub(super) fn new(reader: &'a mut R) -> Self {
        Self {
            source: Source { reader, left: MAX_PICKLE },
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            items: Vec::new(),
        }
    }

    /// Reads up to the pickle's end; gives its last value and all containers.
    pub(super) fn run(mut self) -> Parsed<(Value, Vec<Vec<Value>>)> {
        loop {
            let [code] = self.source.take()?;
            match code {
                b'.' => return Ok((self.pop()?, self.items)),
                0x80 => _ = self.source.take::<1>()?,
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.stack.push(Value::None),
                0x88 => self.stack.push(Value::Bool(true)),
                0x89 => self.stack.push(Value::Bool(false)),
                b'K' => self.integer::<1>()?,
                b'M' => self.integer::<2>()?,
                b'J' => {
                    let number = i32::from_le_bytes(self.source.take()?);
                    self.stack.push(Value::Int(number.into()));
                }
                0x8a => self.long()?,
                b'G' => {
                    self.source.take::<8>()?;
                    self.stack.push(Value::Float);
                }
                0x8c | b'U' => {
                    let [length] = self.source.take()?;
                    self.text(length.into())?;
                }
                b'X' | b'T' => {
                    let length = u32::from_le_bytes(self.source.take()?);
                    self.text(length)?;
                }
                b')' | b']' | b'}' => self.push_items(Vec::new()),
                b't' => {
                    let items = self.pop_to_mark()?;
                    self.push_items(items);
                }
                0x85..=0x87 => {
                    let count = usize::from(code - 0x84);
                    let at = self.stack.len().checked_sub(count).ok_or_else(underflow)?;
                    let items = self.stack.split_off(at);
                    self.push_items(items);
                }
                b'a' => {
                    let value = self.pop()?;
                    self.extend(vec![value])?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.extend(vec![key, value])?;
                }
                b'e' | b'u' => {
                    let items = self.pop_to_mark()?;
                    self.extend(items)?;
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
                    let global = global(&module, &name)
                        .ok_or_else(|| refused(&format!("asks for {module}.{name}")))?;
                    self.stack.push(Value::Global(global));
                }
                b'R' => self.call()?,
                // An object's other attributes: a state dict's `_metadata`.
                b'b' => _ = self.pop()?,
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
        self.stack.push(Value::Int(number));
        Ok(())
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
        self.stack.push(value);
        Ok(())
    }

    fn text(&mut self, length: u32) -> Parsed<()> {
        let bytes = self.source.bytes(length)?;
        self.stack.push(Value::Text(String::from_utf8_lossy(&bytes).into()));
        Ok(())
    }

    fn pop(&mut self) -> Parsed<Value> {
        self.stack.pop().ok_or_else(underflow)
    }

    fn pop_to_mark(&mut self) -> Parsed<Vec<Value>> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(underflow)?))
    }

    fn push_items(&mut self, items: Vec<Value>) {
        self.stack.push(Value::Items(self.items.len()));
        self.items.push(items);
    }

    /// Adds to the container on top of the stack.
    fn extend(&mut self, more: Vec<Value>) -> Parsed<()> {
        match self.stack.last() {
            Some(&Value::Items(place)) => self.items[place].extend(more),
            _ => return Err("its pickle adds to what is no list or dictionary".to_owned()),
        }
        Ok(())
    }

    fn get(&mut self, place: u32) -> Parsed<()> {
        let value = self.memo.get(&place).cloned();
        self.stack.push(value.ok_or_else(|| format!("its pickle has no value {place} to repeat"))?);
        Ok(())
    }

    fn put(&mut self, place: u32) -> Parsed<()> {
        let value = self.stack.last().cloned().ok_or_else(underflow)?;
        self.memo.insert(place, value);
        Ok(())
    }

    fn call(&mut self) -> Parsed<()> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let arguments = match arguments {
            Value::Items(place) => self.items[place].clone(),
            _ => return Err("its pickle calls with what is no tuple".to_owned()),
        };
        match (callable, arguments.as_slice()) {
            (Value::Global(Global::OrderedDict), pairs) => {
                let mut items = Vec::new();
                if let [Value::Items(list)] = pairs {
                    for pair in &self.items[*list] {
                        match pair {
                            Value::Items(pair) if self.items[*pair].len() == 2 => {
                                items.extend(self.items[*pair].iter().cloned());
                            }
                            _ => return Err("its pickle makes an odd OrderedDict".to_owned()),
                        }
                    }
                }
                self.push_items(items);
            }
            (Value::Global(Global::RebuildTensor), [storage, offset, shape, strides, ..]) => {
                let Value::Storage { key, kind, len } = storage else {
                    return Err("its pickle rebuilds a tensor of no storage".to_owned());
                };
                let tensor = TensorRecord {
                    storage: Rc::clone(key),
                    kind: *kind,
                    storage_len: *len,
                    offset: whole(offset)?,
                    shape: self.sizes(shape)?,
                    strides: self.sizes(strides)?,
                };
                self.stack.push(Value::Tensor(Rc::new(tensor)));
            }
            (Value::Global(Global::RebuildParameter), [tensor @ Value::Tensor(_), ..])
            | (Value::Global(Global::Size), [tensor @ Value::Items(_)]) => {
                self.stack.push(tensor.clone());
            }
            _ => {
                return Err(
                    "its pickle calls something in a way that rebuilds no tensor".to_owned()
                );
            }
        }
        Ok(())
    }

    /// `("storage", type, key, device, length)`, and in old files a view, which is none.
    fn storage(&mut self) -> Parsed<()> {
        let id = match self.pop()? {
            Value::Items(place) => self.items[place].as_slice(),
            _ => &[],
        };
        let storage = match id {
            [Value::Text(tag), Value::Global(Global::Storage(kind)), key, _, len]
            | [Value::Text(tag), Value::Global(Global::Storage(kind)), key, _, len, Value::None]
                if **tag == *"storage" =>
            {
                let key = match key {
                    Value::Text(key) => Rc::clone(key),
                    Value::Int(key) => key.to_string().into(),
                    _ => return Err("its pickle has a storage with an odd key".to_owned()),
                };
                Value::Storage { key, kind: *kind, len: whole(len)? }
            }
            _ => return Err("its pickle refers to something that is no storage".to_owned()),
        };
        self.stack.push(storage);
        Ok(())
    }

    fn sizes(&self, value: &Value) -> Parsed<Vec<usize>> {
        // PyTorch has no more axes than this.
        const MAX_AXES: usize = 64;
        match value {
            Value::Items(place) if self.items[*place].len() <= MAX_AXES => {
                self.items[*place].iter().map(whole).collect()
            }
            _ => Err("its pickle has an odd shape".to_owned()),
        }
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

/// The pickle's bytes, of which there are only so many.
struct Source<'a, R> {
    reader: &'a mut R,
    left: u64,
}

impl<R: BufRead> Source<'_, R> {
    fn count(&mut self, bytes: u64) -> Parsed<()> {
        self.left = self
            .left
            .checked_sub(bytes)
            .ok_or_else(|| format!("its pickle is longer than {MAX_PICKLE} bytes"))?;
        Ok(())
    }

    fn take<const N: usize>(&mut self) -> Parsed<[u8; N]> {
        let mut bytes = [0; N];
        self.count(N as u64)?;
        self.reader.read_exact(&mut bytes).map_err(|_| cut())?;
        Ok(bytes)
    }

    /// So many bytes, with no more memory than there are.
    fn bytes(&mut self, length: u32) -> Parsed<Vec<u8>> {
        self.count(length.into())?;
        let mut bytes = Vec::new();
        Read::take(&mut *self.reader, length.into()).read_to_end(&mut bytes).map_err(|_| cut())?;
        if bytes.len() == length as usize { Ok(bytes) } else { Err(cut()) }
    }

    /// Text up to the end of a line, which a module's or a function's name is; what is not plain text
    /// is escaped, since it will be shown.
    fn line(&mut self) -> Parsed<String> {
        const MAX_NAME: u64 = 256;
        let mut bytes = Vec::new();
        Read::take(&mut *self.reader, MAX_NAME).read_until(b'\n', &mut bytes).map_err(|_| cut())?;
        self.count(bytes.len() as u64)?;
        if bytes.pop() != Some(b'\n') {
            return Err("its pickle has a name without an end".to_owned());
        }
        Ok(String::from_utf8_lossy(&bytes).escape_debug().to_string())
    }
}

fn cut() -> String {
    "its pickle is cut short".to_owned()
}
