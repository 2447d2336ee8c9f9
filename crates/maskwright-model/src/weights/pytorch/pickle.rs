//! A pickle interpreter that can do one thing: list tensors.
//!
//! A pickle is a program, and Python's interpreter runs whatever its author wrote. This one knows the
//! operations with which `torch.save` writes in protocol 2, and of the names that a pickle may ask for
//! those that rebuild tensors: the list is that of `torch.load(weights_only=True)`, less what no checkpoint
//! of a SAM needs. Objects of other classes are passed over ([`foreign`](super::foreign)): they are entries
//! of a list. Names that no checkpoint has are refused. Nothing is ever run.
//!
//! Values are small and shared, containers lie in one list and refer to each other by number, and all that
//! is kept or copied is paid for from one [`Budget`]: see [`heap`](super::heap).

use std::io::BufRead;
use std::rc::Rc;

use super::budget::Budget;
use super::heap::{Heap, VALUE};
use super::machine::Machine;
use super::value::{Parsed, TensorRecord, Value};
use crate::weights::limits::{MAX_NAME, long_name};

/// What a pickle left: its last value, and what that refers to.
pub(super) struct Pickle {
    root: Value,
    heap: Heap,
}

/// A key on the way to a value, and the place of the one before it.
type Step = (Value, Option<usize>);

impl Pickle {
    /// Reads one pickle, up to its end.
    pub(super) fn read(reader: &mut impl BufRead, budget: &mut Budget) -> Parsed<Self> {
        let (root, heap) = Machine::new(reader, budget).run()?;
        Ok(Self { root, heap })
    }

    /// The whole number that it is.
    pub(super) fn integer(&self) -> Option<i64> {
        if let Value::Int(number) = self.root { Some(number) } else { None }
    }

    /// A value of the dictionary that it is, if that is a bool.
    pub(super) fn flag(&self, wanted: &str) -> Option<bool> {
        self.entries(self.root).find_map(|(key, value)| match (self.heap.text(key), value) {
            (Some(key), Value::Bool(value)) if **key == *wanted => Some(value),
            _ => None,
        })
    }

    /// The list of texts that it is.
    pub(super) fn texts(&self, budget: &mut Budget) -> Parsed<Vec<Rc<str>>> {
        let list = self.heap.items(self.root).ok_or("its list of storages is none")?;
        budget.charge(2 * VALUE * list.len())?;
        let text = |&value: &Value| match (value, self.heap.text(value)) {
            (_, Some(text)) => Ok(Rc::clone(text)),
            (Value::Int(number), _) => Ok(number.to_string().into()),
            _ => Err("its list of storages has something else in it".to_owned()),
        };
        list.iter().map(text).collect()
    }

    /// A module of PyTorch that it is, or that is a value of the dictionary that it is: its class, and its
    /// key there.
    pub(super) fn module(&self) -> Option<(Rc<str>, Option<Rc<str>>)> {
        if let Some(class) = self.heap.module(self.root) {
            return Some((Rc::clone(class), None));
        }
        self.entries(self.root).find_map(|(key, value)| {
            Some((Rc::clone(self.heap.module(value)?), self.heap.text(key).cloned()))
        })
    }

    /// The classes of objects that were passed over.
    pub(super) fn passed_over(&self) -> Vec<String> {
        self.heap.classes().into_iter().map(str::to_owned).collect()
    }

    /// The key of every storage that it names, and the bytes of a value there.
    pub(super) fn storages(&self) -> impl Iterator<Item = (&str, usize)> {
        self.heap.storages().iter().map(|storage| (&*storage.key, storage.kind.size()))
    }

    /// Every tensor with its name: the keys of nested dictionaries, joined by dots.
    pub(super) fn tensors(&self, budget: &mut Budget) -> Parsed<Vec<(String, Rc<TensorRecord>)>> {
        const DEPTH: usize = 6;
        // A step, and the value that waits behind it.
        const VISIT: usize = 4 * VALUE;
        // A tensor in the lists of whoever reads its values.
        const FOUND: usize = 512;
        let mut found = Vec::new();
        let mut steps: Vec<Step> = Vec::new();
        let mut pending = vec![(self.root, None, 0)];
        while let Some((value, step, depth)) = pending.pop() {
            if let Some(tensor) = self.heap.tensor(value) {
                let name = self.name(&steps, step)?;
                budget.charge(FOUND + name.len())?;
                found.push((name, Rc::clone(tensor)));
            }
            if depth == DEPTH {
                continue;
            }
            for (key, value) in self.entries(value) {
                if matches!(key, Value::Text(_) | Value::Int(_)) {
                    budget.charge(VISIT)?;
                    steps.push((key, step));
                    pending.push((value, Some(steps.len() - 1), depth + 1));
                }
            }
        }
        Ok(found)
    }

    /// The name at the end of these steps.
    fn name(&self, steps: &[Step], last: Option<usize>) -> Parsed<String> {
        let step = |&place: &usize| steps[place].1;
        let mut name = String::new();
        let mut places: Vec<usize> = std::iter::successors(last, step).collect();
        places.reverse();
        for place in places {
            let number;
            let key = match steps[place].0 {
                Value::Int(key) => {
                    number = key.to_string();
                    number.as_str()
                }
                key => self.heap.text(key).map_or("", |text| &**text),
            };
            if !name.is_empty() {
                name.push('.');
            }
            if name.len() + key.len() > MAX_NAME {
                return Err(long_name("a tensor", name.len() + key.len()));
            }
            name.push_str(key);
        }
        Ok(name)
    }

    fn entries(&self, value: Value) -> impl Iterator<Item = (Value, Value)> {
        let items = self.heap.items(value).unwrap_or_default();
        items.chunks_exact(2).map(|pair| (pair[0], pair[1]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::element::Element;
    use crate::weights::pytorch::value::Kind;

    fn budget(pickle: &[u8]) -> Budget {
        Budget::of_file(pickle.len() as u64)
    }

    fn read(pickle: &[u8]) -> Parsed<Pickle> {
        Pickle::read(&mut &pickle[..], &mut budget(pickle))
    }

    fn tensors(pickle: &[u8]) -> Parsed<Vec<(String, Rc<TensorRecord>)>> {
        let mut budget = budget(pickle);
        Pickle::read(&mut &pickle[..], &mut budget)?.tensors(&mut budget)
    }

    fn refusal(pickle: &[u8]) -> String {
        read(pickle).err().expect("refused")
    }

    #[test]
    fn a_state_dict_is_listed() {
        let tensors = tensors(
            b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x01\x00\x00\x00actorch._utils\n\
              _rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nHalfStorage\nU\x010U\x03cpu\
              K\x06tQK\x00K\x02K\x03\x86K\x01K\x02\x86\x89h\x00)RtRs}X\x09\x00\x00\x00_metadatah\
              \x01sb.",
        )
        .unwrap();
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
        let refusals: Vec<String> = [
            &b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R."[..],
            b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
            b"\x80\x02ctorch\nload\n.",
            b"\x80\x02ctorch._utils\n_rebuild_sparse_tensor\n.",
            b"(S'ls'\nios\nsystem\n.",
            b"(ios\nsystem\n.",
            b"\x80\x04\x8c\x05posix\x8c\x06system\x93.",
            b"\x80\x02ccollections\nOrderedDict\n)\x81.",
            b"\x80\x02\x82\x01.",
            b"\xff",
            // Allowed names in other uses.
            b"ctorch\nFloatStorage\n)R.",
            b"ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00))tR.",
            b"X\x01\x00\x00\x00aQ.",
            // Escapes of a terminal in a name are not passed on to it.
            b"c\x1b[2Jos\nsystem\n.",
        ]
        .map(refusal)
        .into();
        insta::assert_snapshot!(refusals.join("\n"), @r#"
            its pickle asks for posix.system, which rebuilds no tensor: refused, and nothing was run
            its pickle asks for builtins.eval, which rebuilds no tensor: refused, and nothing was run
            its pickle asks for torch.load, which rebuilds no tensor: refused, and nothing was run
            its pickle asks for torch._utils._rebuild_sparse_tensor, which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation STRING, which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation INST, which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation STACK_GLOBAL (pickle protocol 4; torch.save writes 2 unless told otherwise), which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation NEWOBJ, which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation EXT1, which rebuilds no tensor: refused, and nothing was run
            its pickle has the operation 0xff, which no pickle has, which rebuilds no tensor: refused, and nothing was run
            its pickle calls something in a way that rebuilds no tensor
            its pickle rebuilds a tensor of no storage
            its pickle refers to something that is no storage
            its pickle asks for \u{1b}[2Jos.system, which rebuilds no tensor: refused, and nothing was run
            "#);
    }

    #[test]
    fn lengths_are_held_to_the_file() {
        let long = [b"c".as_slice(), &[b'a'; 1000], b"\nb\n."].concat();
        let refusals: Vec<String> =
            [&b""[..], b"\x80\x02X\x10\x00\x00\x00short", b"X\xff\xff\xff\xff", b"cno end", &long]
                .map(refusal)
                .into();
        insta::assert_snapshot!(refusals.join("\n"), @"
            its pickle is cut short
            its pickle is cut short
            its pickle is longer than 16777216 bytes
            its pickle has a name without an end
            its pickle has a name without an end
            ");
        for unbalanced in
            [&b"."[..], b"t.", b"R.", b"s.", b"\x87.", b"h\x07.", b"q\x00.", b"K\x01a."]
        {
            read(unbalanced).err().expect("refused");
        }
    }

    #[test]
    fn nesting_and_cycles_cost_no_more_than_their_length() {
        // Tuples, one in another; and a dictionary that holds itself.
        let deep = |levels| [vec![b')'], vec![0x85; levels], vec![b'.']].concat();
        assert!(tensors(&deep(5_000)).unwrap().is_empty());
        assert!(tensors(b"}q\x00X\x01\x00\x00\x00ah\x00s.").unwrap().is_empty());
        // A dictionary with 16 names for one with 16 names for one ...
        let mut wide = b"}q\x00".to_vec();
        for level in 1..=6u8 {
            wide.extend([b'}', b'q', level]);
            for key in 0..16 {
                wide.extend([b'K', key, b'h', level - 1, b's']);
            }
        }
        wide.push(b'.');
        let refusals = [deep(1_000_000), wide].map(|pickle| tensors(&pickle).unwrap_err());
        insta::assert_snapshot!(refusals.join("\n"), @"
            expected its pickle to take at most 33048640 bytes of memory in a file of 1000002 bytes, found that it takes more
            expected its pickle to take at most 1064640 bytes of memory in a file of 502 bytes, found that it takes more
            ");
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
