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
        text += &format!(r#"{comma}{{"id": {id}, "raw": [-1.25e-3, {id}.0625, true, "\u00e9"]}}"#);
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
