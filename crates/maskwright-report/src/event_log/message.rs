//! The few messages of TensorBoard's event files, in protocol buffers' wire format.
//!
//! Field numbers are those of `event.proto`, `summary.proto`, `tensor.proto` and the hparams plugin's `plugin_data.proto`.

/// A message under construction; fields are appended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Message(Vec<u8>);

impl Message {
    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, wire_type: u8) {
        self.varint(u64::from(field) << 3 | u64::from(wire_type));
    }

    pub(super) fn whole(mut self, field: u32, value: u64) -> Self {
        self.key(field, 0);
        self.varint(value);
        self
    }

    pub(super) fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }

    pub(super) fn message(self, field: u32, value: Message) -> Self {
        self.bytes(field, &value.0)
    }
}

/// An event at a time (seconds since 1970) and a step, with one summary value.
pub(super) fn event(seconds: f64, step: u64, value: Message) -> Message {
    let summary = Message::default().message(1, value);
    Message::default().double(1, seconds).whole(2, step).message(5, summary)
}

/// The first event of a file.
pub(super) fn version(seconds: f64) -> Message {
    Message::default().double(1, seconds).bytes(3, b"brain.Event:2")
}

/// A number under a tag.
pub(super) fn scalar(tag: &str, value: f64) -> Message {
    Message::default().bytes(1, tag.as_bytes()).float(2, value as f32)
}

/// A picture under a tag, as PNG of this height and width.
pub(super) fn image(tag: &str, png: &[u8], (height, width): (usize, usize)) -> Message {
    const RGB: u64 = 3;
    let image = Message::default().whole(1, height as u64).whole(2, width as u64);
    let image = image.whole(3, RGB).bytes(4, png);
    Message::default().bytes(1, tag.as_bytes()).message(4, image)
}

/// A text in Markdown under a tag.
pub(super) fn text(tag: &str, markdown: &str) -> Message {
    const STRING: u64 = 7;
    const TENSOR: u64 = 2;
    let plugin = Message::default().bytes(1, b"text");
    let metadata = Message::default().message(1, plugin).whole(4, TENSOR);
    let one = Message::default().whole(1, 1);
    let tensor = Message::default()
        .whole(1, STRING)
        .message(2, Message::default().message(2, one))
        .bytes(8, markdown.as_bytes());
    Message::default().bytes(1, tag.as_bytes()).message(8, tensor).message(9, metadata)
}

/// A setting of a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Setting {
    Number(f64),
    Text(String),
    Flag(bool),
}

/// The settings of a run, for the table of hyper-parameters.
pub(super) fn settings(seconds: f64, settings: &[(String, Setting)]) -> Message {
    let mut session = Message::default();
    for (name, setting) in settings {
        let value = match setting {
            Setting::Number(number) => Message::default().double(2, *number),
            Setting::Text(text) => Message::default().bytes(3, text.as_bytes()),
            Setting::Flag(flag) => Message::default().whole(4, u64::from(*flag)),
        };
        let entry = Message::default().bytes(1, name.as_bytes()).message(2, value);
        session = session.message(1, entry);
    }
    let content = Message::default().message(3, session.double(5, seconds));
    let plugin = Message::default().bytes(1, b"hparams").message(2, content);
    Message::default()
        .bytes(1, b"_hparams_/session_start_info")
        .message(9, Message::default().message(1, plugin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_keys_and_lengths() {
        // As protoc encodes them: Value { tag: "a", simple_value: 1.0 }.
        assert_eq!(scalar("a", 1.0).into_bytes(), [0x0a, 1, b'a', 0x15, 0, 0, 0x80, 0x3f]);
        // 300 takes two bytes.
        assert_eq!(Message::default().whole(2, 300).into_bytes(), [0x10, 0xac, 0x02]);
        let event = event(0.0, 5, Message::default()).into_bytes();
        assert_eq!(event, [0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 5, 0x2a, 2, 0x0a, 0]);
    }
}
