//! JSON files of any size, read value by value through a window.
//!
//! `serde_json` parses from memory or from a reader; from memory it is several times faster, and knows
//! where in the file a value lies. [`JsonStream`] keeps a window of the file in memory, hands one value
//! after the other to `serde_json`, and tells the byte at which each begins. A value that does not fit
//! makes the window grow; nothing else does.
//!
//! A byte order mark is passed over, and so are the tokens `NaN`, `Infinity` and `-Infinity`, which Python writes and JSON does not
//! have: from the first on, each is made an empty text of its length before a value is parsed.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::no_json::Mending;
use crate::error::{Error, Result};

/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// A single value (one annotation, one image's entry) above this is refused: no mask takes as much.
const LARGEST_VALUE: usize = 1 << 28;

/// A JSON file being read.
pub(crate) struct JsonStream<R> {
    reader: R,
    file: PathBuf,
    window: Vec<u8>,
    /// Bytes of the window that are used up.
    used: usize,
    /// Where in the file the window begins.
    base: u64,
    ended: bool,
    /// Where tokens that JSON does not have are being replaced; none where there was none so far.
    mending: Option<Mending>,
}

impl<R: Read> JsonStream<R> {
    /// A stream over `reader`; `file` is named in errors.
    pub(crate) fn new(reader: R, file: &Path) -> JsonStream<R> {
        JsonStream {
            reader,
            file: file.into(),
            window: Vec::new(),
            used: 0,
            base: 0,
            ended: false,
            mending: None,
        }
    }

    /// Where in the file the next byte lies.
    pub(crate) fn position(&self) -> u64 {
        self.base + self.used as u64
    }

    /// Reads an object: `field` is called with every key, and must take the value behind it.
    pub(crate) fn object(
        &mut self,
        mut field: impl FnMut(&str, &mut JsonStream<R>) -> Result<()>,
    ) -> Result<()> {
        self.expect(b'{', "an object {...}")?;
        if self.next_is(b'}')? {
            return Ok(());
        }
        loop {
            let key: String = self.value("a key", |key: String, _| key)?;
            self.expect(b':', "a colon behind the key")?;
            field(&key, self)?;
            if self.next_is(b'}')? {
                return Ok(());
            }
            self.expect(b',', "a comma or the end of the object")?;
        }
    }

    /// Reads a list, or a mapping of ids to values, or `null` for no value: `item` is called with every value, its number and
    /// its place, which knows its key.
    pub(crate) fn list<T: for<'a> Parsed<'a>>(
        &mut self,
        what: &str,
        mut item: impl for<'a> FnMut(<T as Parsed<'a>>::Value, u64, Place<'_>) -> Result<()>,
    ) -> Result<()> {
        let end = match self.peek()? {
            Some(b'n') => return self.value("null", |(), _| ()),
            Some(b'{') => b'}',
            _ => b']',
        };
        let begin = if end == b'}' { b'{' } else { b'[' };
        self.expect(begin, &format!("a list of {what}s [...]"))?;
        if self.next_is(end)? {
            return Ok(());
        }
        let mut key = String::new();
        for number in 0.. {
            if end == b'}' {
                key = self.value("a key", |key: String, _| key)?;
                self.expect(b':', "a colon behind the key")?;
            }
            self.take::<T, _>(
                || format!("{what} {number}"),
                |value, place| {
                    let key = (end == b'}').then_some(key.as_str());
                    item(value, number, Place { key, ..place })
                },
            )??;
            if self.next_is(end)? {
                return Ok(());
            }
            self.expect(b',', &format!("a comma or the end of the {what}s"))?;
        }
        Ok(())
    }

    /// Reads a list of values that own what they hold.
    pub(crate) fn list_of<T: for<'a> Deserialize<'a>>(
        &mut self,
        what: &str,
        mut item: impl FnMut(T),
    ) -> Result<()> {
        self.list::<Owned<T>>(what, |value, _, _| {
            item(value);
            Ok(())
        })
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self) -> Result<()> {
        self.value("a value", |_: IgnoredAny, _| ())
    }

    /// Refuses anything but white space up to the end of the file.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek()? {
            None => Ok(()),
            Some(byte) => Err(self.error(format!("expected the end, found {}", shown(byte)))),
        }
    }

    /// Reads a value that owns what it holds.
    pub(crate) fn value<T: for<'a> Deserialize<'a>, O>(
        &mut self,
        what: &str,
        with: impl FnMut(T, Place<'_>) -> O,
    ) -> Result<O> {
        self.take::<Owned<T>, O>(|| what.to_owned(), with)
    }

    /// Parses the next value where it lies and calls `with` on it.
    fn take<T: for<'a> Parsed<'a>, O>(
        &mut self,
        what: impl Fn() -> String,
        mut with: impl for<'a> FnMut(<T as Parsed<'a>>::Value, Place<'_>) -> O,
    ) -> Result<O> {
        self.peek()?;
        loop {
            let bytes = &self.window[self.used..];
            let mut values =
                serde_json::Deserializer::from_slice(bytes).into_iter::<<T as Parsed<'_>>::Value>();
            let mut again = false;
            let message = match values.next() {
                // A number at the window's end may go on behind it.
                Some(Ok(value)) if self.ended || values.byte_offset() < bytes.len() => {
                    let end = values.byte_offset();
                    let place = Place { bytes, base: self.base + self.used as u64, key: None };
                    let out = with(value, place);
                    self.used += end;
                    return Ok(out);
                }
                Some(Ok(_)) => None,
                // A number that is cut at the window's end is no error of the file's: `12.`, `-`, `1e`.
                Some(Err(error)) if !self.ended && offset(&error, bytes) + 1 >= bytes.len() => None,
                // It is looked at once more with the tokens replaced that JSON does not have, one of which may be cut.
                Some(Err(error)) if error.is_syntax() && self.mending.is_none() => {
                    self.mending = Some(Mending::from(self.used));
                    again = true;
                    None
                }
                Some(Err(error)) if self.may_be_cut(&error) => None,
                Some(Err(error)) if error.is_eof() => Some("the file ends inside it".to_owned()),
                Some(Err(error)) => Some(without_place(&error)),
                None if self.ended => Some("the file ends before it".to_owned()),
                None => None,
            };
            drop(values);
            if again {
                self.mend();
                continue;
            }
            if let Some(message) = message {
                return Err(self.error(format!("{}: {message}", what())));
            }
            if self.window.len() - self.used > LARGEST_VALUE {
                return Err(self.error(format!("{} is longer than {LARGEST_VALUE} bytes", what())));
            }
            self.fill()?;
        }
    }

    /// The next byte that is no white space; none at the end.
    pub(crate) fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            let rest = &self.window[self.used..];
            if let Some(at) = rest.iter().position(|byte| !byte.is_ascii_whitespace()) {
                self.used += at;
                return Ok(Some(self.window[self.used]));
            }
            self.used = self.window.len();
            if self.ended {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// Whether the next byte is this one; then it is passed over.
    fn next_is(&mut self, byte: u8) -> Result<bool> {
        let is = self.peek()? == Some(byte);
        self.used += usize::from(is);
        Ok(is)
    }

    fn expect(&mut self, byte: u8, expected: &str) -> Result<()> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.used += 1;
                Ok(())
            }
            Some(found) => Err(self.error(format!("expected {expected}, found {}", shown(found)))),
            None => Err(self.error(format!("expected {expected}, found the end of the file"))),
        }
    }

    /// Forgets what is used up and reads on.
    fn fill(&mut self) -> Result<()> {
        let begins = self.base == 0 && self.window.is_empty();
        self.window.drain(..self.used);
        self.base += self.used as u64;
        if let Some(mending) = &mut self.mending {
            mending.forget(self.used);
        }
        self.used = 0;
        // A window that holds part of a large value doubles, so that a value is not parsed too often.
        let more = CHUNK.max(self.window.len());
        let read = (&mut self.reader).take(more as u64).read_to_end(&mut self.window);
        let read = read.map_err(|source| Error::Read { file: self.file.clone(), source })?;
        self.ended = read == 0;
        if begins {
            self.begin()?;
        }
        self.mend();
        Ok(())
    }

    /// Passes over a byte order mark.
    fn begin(&mut self) -> Result<()> {
        match self.window.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => self.used = 3,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                let (file, place) = (self.file.clone(), String::new());
                let message = "expected text in UTF-8, found UTF-16".into();
                return Err(Error::AnnotationFile { file, place, message });
            }
            _ => {}
        }
        Ok(())
    }

    /// Replaces tokens that JSON does not have. Does nothing before the first was met.
    fn mend(&mut self) {
        if let Some(mending) = &mut self.mending {
            mending.mend(&mut self.window, self.ended);
        }
    }

    /// Whether an error may be of a token that JSON does not have and that the window's end cuts.
    fn may_be_cut(&self, error: &serde_json::Error) -> bool {
        let bytes = &self.window[self.used..];
        !self.ended && error.is_syntax() && offset(error, bytes) + Mending::LONGEST >= bytes.len()
    }

    /// An error at the next byte.
    pub(crate) fn error(&self, message: String) -> Error {
        Error::Json { file: self.file.clone(), at: self.position(), message }
    }
}

/// A type that may borrow from the window while it is looked at.
pub(crate) trait Parsed<'a> {
    /// The type with the window's lifetime.
    type Value: Deserialize<'a>;
}

/// [`Parsed`] of a type that borrows nothing.
struct Owned<T>(std::marker::PhantomData<T>);

impl<'a, T: for<'b> Deserialize<'b>> Parsed<'a> for Owned<T> {
    type Value = T;
}

/// Where a value lies in its file.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    bytes: &'a [u8],
    base: u64,
    /// What the value is called in a mapping.
    pub(crate) key: Option<&'a str>,
}

impl Place<'_> {
    /// The byte of the file at which a text begins that was borrowed from the value.
    pub(crate) fn of(&self, text: &str) -> u64 {
        let offset = text.as_ptr().addr().saturating_sub(self.bytes.as_ptr().addr());
        self.base + offset as u64
    }
}

/// The byte at which an error of `serde_json` lies, which has a line and a column, both from 1.
pub(crate) fn offset(error: &serde_json::Error, bytes: &[u8]) -> usize {
    if error.is_eof() {
        return bytes.len();
    }
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').take(error.line().saturating_sub(1));
    lines.map(<[u8]>::len).sum::<usize>() + error.column().saturating_sub(1)
}

/// An error of `serde_json` without its line and column, which count from the window's begin.
pub(crate) fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", byte as char) } else { format!("byte {byte}") }
}

#[cfg(test)]
mod tests;
