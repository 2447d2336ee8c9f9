//! JSON files of any size, read value by value through a window.
//!
//! `serde_json` parses from memory or from a reader; from memory it is several times faster, and knows
//! where in the file a value lies. [`JsonStream`] keeps a window of the file in memory, hands one value
//! after the other to `serde_json`, and tells the byte at which each begins. A value that does not fit
//! makes the window grow; nothing else does.

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

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
}

impl<R: Read> JsonStream<R> {
    /// A stream over `reader`; `file` is named in errors.
    pub(crate) fn new(reader: R, file: &Path) -> JsonStream<R> {
        JsonStream { reader, file: file.into(), window: Vec::new(), used: 0, base: 0, ended: false }
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

    /// Reads a list: `item` is called with every value, its number and the byte at which it begins.
    pub(crate) fn list<T: for<'a> Parsed<'a>>(
        &mut self,
        what: &str,
        mut item: impl for<'a> FnMut(<T as Parsed<'a>>::Value, u64, Place<'a>) -> Result<()>,
    ) -> Result<()> {
        self.expect(b'[', &format!("a list of {what}s [...]"))?;
        if self.next_is(b']')? {
            return Ok(());
        }
        for number in 0.. {
            self.take::<T, _>(&format!("{what} {number}"), |value, place| {
                item(value, number, place)
            })??;
            if self.next_is(b']')? {
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
        self.take::<Owned<T>, O>(what, with)
    }

    /// Parses the next value where it lies and calls `with` on it.
    fn take<T: for<'a> Parsed<'a>, O>(
        &mut self,
        what: &str,
        mut with: impl for<'a> FnMut(<T as Parsed<'a>>::Value, Place<'a>) -> O,
    ) -> Result<O> {
        self.peek()?;
        loop {
            let bytes = &self.window[self.used..];
            let mut values =
                serde_json::Deserializer::from_slice(bytes).into_iter::<<T as Parsed<'_>>::Value>();
            let message = match values.next() {
                // A number at the window's end may go on behind it.
                Some(Ok(value)) if self.ended || values.byte_offset() < bytes.len() => {
                    let end = values.byte_offset();
                    let place = Place { bytes, base: self.base + self.used as u64 };
                    let out = with(value, place);
                    self.used += end;
                    return Ok(out);
                }
                Some(Ok(_)) => None,
                // A number that is cut at the window's end is no error of the file's: `12.`, `-`, `1e`.
                Some(Err(error)) if !self.ended && offset(&error, bytes) + 1 >= bytes.len() => None,
                Some(Err(error)) if error.is_eof() => Some("the file ends inside it".to_owned()),
                Some(Err(error)) => Some(without_place(&error)),
                None if self.ended => Some("the file ends before it".to_owned()),
                None => None,
            };
            drop(values);
            if let Some(message) = message {
                return Err(self.error(format!("{what}: {message}")));
            }
            if self.window.len() - self.used > LARGEST_VALUE {
                return Err(self.error(format!("{what} is longer than {LARGEST_VALUE} bytes")));
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
        self.window.drain(..self.used);
        self.base += self.used as u64;
        self.used = 0;
        // A window that holds part of a large value doubles, so that a value is not parsed too often.
        let more = CHUNK.max(self.window.len());
        let read = (&mut self.reader).take(more as u64).read_to_end(&mut self.window);
        let read = read.map_err(|source| Error::Read { file: self.file.clone(), source })?;
        self.ended = read == 0;
        Ok(())
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
mod tests {
    use super::*;

    /// A reader that gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[derive(Deserialize)]
    struct Item<'a> {
        id: u64,
        #[serde(borrow)]
        raw: &'a serde_json::value::RawValue,
    }

    struct Items;
    impl<'a> Parsed<'a> for Items {
        type Value = Item<'a>;
    }

    fn read(text: &str) -> Result<Vec<(u64, u64, String)>> {
        let mut stream = JsonStream::new(Drip(text.as_bytes(), 3), Path::new("a.json"));
        let mut found = Vec::new();
        stream.object(|key, stream| match key {
            "items" => stream.list::<Items>("item", |item, _, place| {
                found.push((item.id, place.of(item.raw.get()), item.raw.get().to_owned()));
                Ok(())
            }),
            _ => stream.skip(),
        })?;
        stream.end()?;
        Ok(found)
    }

    #[test]
    fn values_come_with_their_place() {
        let text = r#" {"n": 12, "items": [ {"id":1,"raw":[1, 2]} , {"raw":"x\"]","id":22}], "o": {"items": []} }  "#;
        let found = read(text).unwrap();
        assert_eq!(found.len(), 2);
        for (_, at, raw) in &found {
            assert_eq!(&text[*at as usize..*at as usize + raw.len()], raw);
        }
        assert_eq!((found[0].0, found[1].0), (1, 22));
        assert!(read("{}").unwrap().is_empty());
        assert!(read(r#"{"items":[]}"#).unwrap().is_empty());
    }

    #[test]
    fn a_value_longer_than_the_window_is_read_whole() {
        let long = "7,".repeat(2 * CHUNK) + "7";
        let text = format!(r#"{{"items": [{{"id": 5, "raw": [{long}]}}]}}"#);
        let mut stream = JsonStream::new(text.as_bytes(), Path::new("a.json"));
        let mut length = 0;
        let list = |stream: &mut JsonStream<&[u8]>| {
            stream.list::<Items>("item", |item, _, _| {
                length = item.raw.get().len();
                Ok(())
            })
        };
        let mut list = list;
        stream.object(|_, stream| list(stream)).unwrap();
        assert_eq!(length, long.len() + 2);
    }

    /// Numbers of all spellings, cut by the window's end at every place.
    #[test]
    fn values_may_be_cut_anywhere() {
        let mut text = String::from(r#"{"items": ["#);
        for id in 0..60_000 {
            let comma = if id > 0 { ", " } else { "" };
            text +=
                &format!(r#"{comma}{{"id": {id}, "raw": [-1.25e-3, {id}.0625, true, "\u00e9"]}}"#);
        }
        text += "]}";
        assert!(text.len() > 3 * CHUNK);
        for skip in 0..90 {
            let text = format!("{}{text}", " ".repeat(skip));
            let mut stream = JsonStream::new(text.as_bytes(), Path::new("a.json"));
            let mut count = 0;
            let mut list = |stream: &mut JsonStream<&[u8]>| {
                stream.list::<Items>("item", |item, number, _| {
                    assert_eq!(item.id, number);
                    count += 1;
                    Ok(())
                })
            };
            stream.object(|_, stream| list(stream)).unwrap();
            assert_eq!(count, 60_000);
        }
    }

    #[test]
    fn damage_is_named_with_its_byte() {
        for (text, at, part) in [
            ("", 0, "an object {...}, found the end"),
            ("[1]", 0, "an object {...}, found `[`"),
            (r#"{"items": 3}"#, 10, "a list of items [...], found `3`"),
            (r#"{"items": [{"id":1}]}"#, 11, "item 0: missing field `raw`"),
            (r#"{"items": [{"id":1,"raw":0},{"id":-1,"raw":0}]}"#, 28, "item 1: invalid value"),
            (r#"{"items": [{"id":1,"raw":0}"#, 27, "end of the items, found the end of the file"),
            (r#"{"items": [{"id":1,"#, 11, "item 0: the file ends inside it"),
            (r#"{"items": [],}"#, 13, "a key: key must be a string"),
            (r#"{"a" 1}"#, 5, "a colon behind the key, found `1`"),
            (r#"{"a": 1} x"#, 9, "expected the end, found `x`"),
            (r#"{"a": 1} {"#, 9, "expected the end"),
        ] {
            let error = read(text).unwrap_err();
            let Error::Json { at: found, message, .. } = &error else { panic!("{error}") };
            assert!(message.contains(part) || part.starts_with("a key"), "{text}: {message}");
            assert_eq!(*found, at, "{text}: {message}");
        }
    }
}
