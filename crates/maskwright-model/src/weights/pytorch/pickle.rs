//! A pickle interpreter that can do one thing: list tensors.
//!
//! A pickle is a program, and Python's interpreter runs whatever its author wrote. This one knows the
//! operations with which `torch.save` writes a state dict in protocol 2, and of the names that a pickle
//! may ask for those that rebuild tensors: the list is that of `torch.load(weights_only=True)`, less
//! what no checkpoint of a SAM needs. Anything else is refused by name, and nothing is ever run.
//!
//! Containers lie in one list and refer to each other by number, so that no depth of nesting and no
//! cycle costs more than the pickle's own length.

use std::io::BufRead;
use std::rc::Rc;

use super::machine::Machine;
use super::value::{Parsed, TensorRecord, Value};

/// What a pickle left: its last value, and all containers.
pub(super) struct Pickle {
    root: Value,
    items: Vec<Vec<Value>>,
}

impl Pickle {
    /// Reads one pickle, up to its end.
    pub(super) fn read(reader: &mut impl BufRead) -> Parsed<Self> {
        let (root, items) = Machine::new(reader).run()?;
        Ok(Self { root, items })
    }

    /// The whole number that it is.
    pub(super) fn integer(&self) -> Option<i64> {
        if let Value::Int(number) = self.root { Some(number) } else { None }
    }

    /// A value of the dictionary that it is, if that is a bool.
    pub(super) fn flag(&self, wanted: &str) -> Option<bool> {
        self.entries(&self.root).find_map(|(key, value)| match (key, value) {
            (Value::Text(key), Value::Bool(value)) if **key == *wanted => Some(*value),
            _ => None,
        })
    }

    /// The list of texts that it is.
    pub(super) fn texts(&self) -> Parsed<Vec<String>> {
        let Value::Items(place) = self.root else {
            return Err("its list of storages is none".into());
        };
        let text = |value: &Value| match value {
            Value::Text(text) => Ok(text.to_string()),
            Value::Int(number) => Ok(number.to_string()),
            _ => Err("its list of storages has something else in it".to_owned()),
        };
        self.items[place].iter().map(text).collect()
    }

    /// Every tensor with its name: the keys of nested dictionaries, joined by dots.
    pub(super) fn tensors(&self) -> Parsed<Vec<(String, Rc<TensorRecord>)>> {
        const DEPTH: usize = 6;
        const MAX_VISITS: usize = 1_000_000;
        let mut found = Vec::new();
        let mut visits = 0;
        let mut pending = vec![(String::new(), &self.root, 0)];
        while let Some((name, value, depth)) = pending.pop() {
            visits += 1;
            if visits > MAX_VISITS {
                return Err("its pickle refers to itself without end".to_owned());
            }
            if let Value::Tensor(tensor) = value {
                found.push((name.clone(), Rc::clone(tensor)));
            }
            if depth == DEPTH {
                continue;
            }
            for (key, value) in self.entries(value) {
                let key = match key {
                    Value::Text(key) => key.to_string(),
                    Value::Int(key) => key.to_string(),
                    _ => continue,
                };
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                pending.push((name, value, depth + 1));
            }
        }
        Ok(found)
    }

    fn entries(&self, value: &Value) -> impl Iterator<Item = (&Value, &Value)> {
        let items = match value {
            Value::Items(place) => self.items[*place].as_slice(),
            _ => &[],
        };
        items.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::element::Element;
    use crate::weights::pytorch::value::Kind;

    fn read(pickle: &[u8]) -> Parsed<Pickle> {
        Pickle::read(&mut &pickle[..])
    }

    fn refusal(pickle: &[u8]) -> String {
        read(pickle).err().expect("refused")
    }

    #[test]
    fn a_state_dict_is_listed() {
        let pickle = read(
            b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00actorch._utils\n\
              _rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nHalfStorage\nU\x010U\x03cpu\
              K\x06tQK\x00K\x02K\x03\x86K\x01K\x02\x86\x89h\x00)RtRs}X\x09\x00\x00\x00_metadatah\
              \x01sb.",
        )
        .unwrap();
        let tensors = pickle.tensors().unwrap();
        let [(name, tensor)] = tensors.as_slice() else { panic!("one tensor") };
        assert_eq!(name, "a");
        let expected = TensorRecord {
            storage: "0".into(),
            kind: Kind::Float(Element::F16),
            storage_len: 6,
            offset: 0,
            shape: vec![2, 3],
            strides: vec![1, 2],
        };
        assert_eq!(**tensor, expected);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for (pickle, name) in [
            (&b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R."[..], "posix.system"),
            (b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.", "builtins.eval"),
            (b"\x80\x02ctorch\nload\n.", "torch.load"),
            (b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n.", "_rebuild_sparse_tensor"),
            (b"(S'ls'\nios\nsystem\n.", "STRING"),
            (b"(ios\nsystem\n.", "INST"),
            (b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", "STACK_GLOBAL"),
            (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "NEWOBJ"),
            (b"\x80\x02\x82\x01.", "EXT1"),
            (b"\xff", "0xff"),
        ] {
            let refusal = refusal(pickle);
            assert!(refusal.contains(name), "{refusal}");
        }
        // Allowed names in other uses.
        assert!(refusal(b"ctorch\nFloatStorage\n)R.").contains("rebuilds no tensor"));
        assert!(
            refusal(b"ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00))tR.").contains("no storage")
        );
        assert!(refusal(b"X\x01\x00\x00\x00aQ.").contains("no storage"));
    }

    #[test]
    fn lengths_are_held_to_the_file() {
        assert!(refusal(b"").contains("cut short"));
        assert!(refusal(b"\x80\x02X\x10\x00\x00\x00short").contains("cut short"));
        assert!(refusal(b"X\xff\xff\xff\xff").contains("longer"));
        assert!(refusal(b"cno end").contains("without an end"));
        let long = [b"c".as_slice(), &[b'a'; 1000], b"\nb\n."].concat();
        assert!(refusal(&long).contains("without an end"));
        // Escapes of a terminal in a name are not passed on to it.
        let named = refusal(b"c\x1b[2Jos\nsystem\n.");
        assert!(!named.contains('\x1b'), "{named:?}");
        for unbalanced in
            [&b"."[..], b"t.", b"R.", b"s.", b"\x87.", b"h\x07.", b"q\x00.", b"K\x01a."]
        {
            read(unbalanced).err().expect("refused");
        }
    }

    #[test]
    fn nesting_and_cycles_cost_no_more_than_their_length() {
        // A million tuples, one in another; and a dictionary that holds itself.
        let deep = [vec![b')'], vec![0x85; 1_000_000], vec![b'.']].concat();
        assert!(read(&deep).unwrap().tensors().unwrap().is_empty());
        let cycle = read(b"}q\x00X\x01\x00\x00\x00ah\x00s.").unwrap();
        assert!(cycle.tensors().unwrap().is_empty());
        // A dictionary with 16 names for one with 16 names for one ...
        let mut wide = b"}q\x00".to_vec();
        for level in 1..=6u8 {
            wide.extend([b'}', b'q', level]);
            for key in 0..16 {
                wide.extend([b'K', key, b'h', level - 1, b's']);
            }
        }
        wide.push(b'.');
        assert!(read(&wide).unwrap().tensors().is_err());
    }

    #[test]
    fn long_integers_are_read() {
        let number = |pickle: &[u8]| read(pickle).unwrap().integer();
        assert_eq!(number(b"\x8a\x02\xe9\x03."), Some(1001));
        assert_eq!(number(b"\x8a\x01\xff."), Some(-1));
        assert_eq!(number(b"\x8a\x00."), Some(0));
        assert_eq!(number(b"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00."), Some(i64::MAX));
        assert_eq!(number(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."), None);
        assert_eq!(number(b"J\xff\xff\xff\xff."), Some(-1));
    }
}
