//! The classes of mask files by name: which number or colour each has.

use std::collections::{BTreeMap, BTreeSet};

use maskwright_image::decode::{MaskChannel, MaskObjects, MaskRule};
use serde::{Deserialize, Deserializer, Serialize, de};

use super::MaskContents;
use crate::error::{Error, Result};

/// Classes of mask files that are taken, and what their pixels have. Everything else is background.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Classes(pub BTreeMap<String, ClassMark>);

/// What the pixels of a class have in a mask file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassMark {
    /// A stored number: a grey level or the index of a palette.
    Number(u16),
    /// Red, green and blue.
    Colour([u8; 3]),
}

impl ClassMark {
    /// The number that a map of objects has for it; see [`MaskChannel::Rgb`].
    pub(super) fn number(self) -> u32 {
        match self {
            ClassMark::Number(number) => number.into(),
            ClassMark::Colour([red, green, blue]) => u32::from_le_bytes([red, green, blue, 0]),
        }
    }
}

impl Serialize for ClassMark {
    fn serialize<S: serde::Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self {
            ClassMark::Number(number) => into.serialize_u16(*number),
            ClassMark::Colour([red, green, blue]) => {
                into.serialize_str(&format!("#{red:02x}{green:02x}{blue:02x}"))
            }
        }
    }
}

impl<'a> Deserialize<'a> for Classes {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Classes, D::Error> {
        let table = BTreeMap::<String, toml::Value>::deserialize(from)?;
        let mark = |(name, value): (String, toml::Value)| {
            let mark = match &value {
                toml::Value::Integer(number) => u16::try_from(*number).ok().map(ClassMark::Number),
                toml::Value::String(colour) => hex_colour(colour).map(ClassMark::Colour),
                _ => None,
            };
            match mark {
                Some(mark) => Ok((name, mark)),
                None => Err(de::Error::custom(format_args!(
                    "{name}: expected a number from 0 to 65535 or a colour like \"#ff0000\", found {value}"
                ))),
            }
        };
        table.into_iter().map(mark).collect::<Result<_, _>>().map(Classes)
    }
}

impl Classes {
    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes a rule read these classes; `set` is named in errors.
    pub(super) fn enter(
        &self,
        rule: &mut MaskRule,
        contents: MaskContents,
        set: &str,
    ) -> Result<()> {
        let refuse = |expected: &str, found: String| Error::Setting {
            key: format!("classes of set {set}"),
            expected: expected.into(),
            found,
        };
        let colours = self.0.values().filter(|mark| matches!(mark, ClassMark::Colour(_))).count();
        if colours > 0 && colours < self.0.len() {
            return Err(refuse("numbers for all or colours for all", "both".into()));
        }
        if !(rule.values.is_empty() && rule.colours.is_empty()) {
            return Err(refuse("either classes or mask_values and mask_colours", "both".into()));
        }
        if let Some((name, _)) = self.0.iter().find(
            |(_, mark)| matches!(mark, ClassMark::Number(number) if rule.ignore.contains(number)),
        ) {
            return Err(refuse("numbers that ignore_values does not name", name.clone()));
        }
        if contents == MaskContents::Object {
            for mark in self.0.values() {
                match *mark {
                    ClassMark::Number(number) => rule.values.insert(number, 255).is_some(),
                    ClassMark::Colour(colour) => rule.colours.insert(colour, 255).is_some(),
                };
            }
            return Ok(());
        }
        if let Some((name, _)) = self.0.iter().find(|(_, mark)| mark.number() == 0) {
            let expected = "numbers from 1 where a mask shows several objects: 0 is background";
            return Err(refuse(expected, format!("{name} = 0")));
        }
        if rule.invert {
            return Err(refuse("a set that is not inverted", "invert = true".into()));
        }
        if colours > 0 {
            if !matches!(rule.channel, MaskChannel::Auto | MaskChannel::Rgb) {
                let expected = "mask_channel = \"rgb\" or none, beside colours";
                return Err(refuse(expected, "another channel".into()));
            }
            rule.channel = MaskChannel::Rgb;
        }
        rule.numbers = self.0.values().map(|mark| mark.number()).collect::<BTreeSet<u32>>();
        if contents == MaskContents::Components {
            rule.objects = MaskObjects::NumberComponents;
        }
        Ok(())
    }
}

/// Red, green and blue of `#rrggbb`.
pub(super) fn hex_colour(text: &str) -> Option<[u8; 3]> {
    let digits = text
        .strip_prefix('#')
        .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let number = u32::from_str_radix(digits, 16).ok()?;
    let [_, rgb @ ..] = number.to_be_bytes();
    Some(rgb)
}
