//! What a pickle's values refer to, in lists, and what each costs.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::budget::Budget;
use super::value::{Parsed, StorageRecord, TensorRecord, Value};

/// A value in a list that grows by doubling.
pub(super) const VALUE: usize = 2 * size_of::<Value>();

/// A thing in a list that grows so, with an allocation of its own.
const THING: usize = 64;

/// Everything that a pickle has made. Containers refer to each other by number: no depth of nesting and no
/// cycle costs more than its values, to read or to drop.
#[derive(Debug, Default)]
pub(super) struct Heap {
    texts: Vec<Rc<str>>,
    items: Vec<Vec<Value>>,
    storages: Vec<StorageRecord>,
    tensors: Vec<Rc<TensorRecord>>,
    classes: Vec<Rc<str>>,
    objects: Vec<Object>,
}

/// What is kept of an object that is passed over.
#[derive(Debug)]
struct Object {
    /// The place of its class.
    class: usize,
    /// Keys and values of one that is a dictionary too.
    items: Vec<Value>,
    /// Whether it is a module of PyTorch.
    is_module: bool,
}

impl Heap {
    pub(super) fn add_text(&mut self, text: Rc<str>, budget: &mut Budget) -> Parsed<Value> {
        budget.charge(THING + text.len())?;
        self.texts.push(text);
        Ok(Value::Text(self.texts.len() - 1))
    }

    pub(super) fn add_items(&mut self, items: Vec<Value>, budget: &mut Budget) -> Parsed<Value> {
        budget.charge(THING + VALUE * items.len())?;
        self.items.push(items);
        Ok(Value::Items(self.items.len() - 1))
    }

    pub(super) fn add_storage(
        &mut self,
        storage: StorageRecord,
        budget: &mut Budget,
    ) -> Parsed<Value> {
        budget.charge(THING + size_of::<StorageRecord>() + storage.key.len())?;
        self.storages.push(storage);
        Ok(Value::Storage(self.storages.len() - 1))
    }

    pub(super) fn add_tensor(
        &mut self,
        tensor: TensorRecord,
        budget: &mut Budget,
    ) -> Parsed<Value> {
        let axes = tensor.shape.len() + tensor.strides.len();
        budget.charge(THING + size_of::<TensorRecord>() + axes * size_of::<usize>())?;
        self.tensors.push(Rc::new(tensor));
        Ok(Value::Tensor(self.tensors.len() - 1))
    }

    /// A class or function of this name.
    pub(super) fn add_class(&mut self, name: Rc<str>, budget: &mut Budget) -> Parsed<Value> {
        budget.charge(THING + name.len())?;
        self.classes.push(name);
        Ok(Value::Class(self.classes.len() - 1))
    }

    /// What a class makes.
    pub(super) fn add_object(&mut self, class: usize, budget: &mut Budget) -> Parsed<Value> {
        budget.charge(THING + size_of::<Object>())?;
        self.objects.push(Object { class, items: Vec::new(), is_module: false });
        Ok(Value::Object(self.objects.len() - 1))
    }

    /// Whether a class is Python's function that makes an object of the class that it is given.
    pub(super) fn is_reconstructor(&self, class: usize) -> bool {
        ["copyreg._reconstructor", "copy_reg._reconstructor"].contains(&&*self.classes[class])
    }

    /// Takes note of an object's attributes, a dictionary or a tuple that begins with one: those that
    /// every module of PyTorch has tell one.
    pub(super) fn set_attributes(&mut self, object: Value, attributes: Value) {
        let Value::Object(place) = object else { return };
        let has = |value: Value, wanted: &str| {
            let mut keys = self.items(value).unwrap_or_default().iter().step_by(2);
            keys.any(|&key| self.text(key).is_some_and(|text| **text == *wanted))
        };
        let first = self.items(attributes).and_then(|items| items.first().copied());
        let is_module = [Some(attributes), first]
            .into_iter()
            .flatten()
            .any(|value| has(value, "_modules") && has(value, "_parameters"));
        self.objects[place].is_module |= is_module;
    }

    /// Adds to a container.
    pub(super) fn extend(
        &mut self,
        container: Option<Value>,
        more: &[Value],
        budget: &mut Budget,
    ) -> Parsed<()> {
        budget.charge(VALUE * more.len())?;
        match container {
            Some(Value::Items(place)) => self.items[place].extend(more),
            Some(Value::Object(place)) => self.objects[place].items.extend(more),
            _ => return Err("its pickle adds to what is no list or dictionary".to_owned()),
        }
        Ok(())
    }

    /// What is in a tuple, list or dictionary, or in an object that is one too.
    pub(super) fn items(&self, value: Value) -> Option<&[Value]> {
        match value {
            Value::Items(place) => Some(&self.items[place]),
            Value::Object(place) => Some(&self.objects[place].items),
            _ => None,
        }
    }

    /// The class of an object that is a module of PyTorch.
    pub(super) fn module(&self, value: Value) -> Option<&Rc<str>> {
        let Value::Object(place) = value else { return None };
        let object = &self.objects[place];
        object.is_module.then(|| &self.classes[object.class])
    }

    /// The classes of the objects, each once, in the order of their names.
    pub(super) fn classes(&self) -> BTreeSet<&str> {
        self.objects.iter().map(|object| &*self.classes[object.class]).collect()
    }

    /// Every storage that the pickle names.
    pub(super) fn storages(&self) -> &[StorageRecord] {
        &self.storages
    }

    pub(super) fn text(&self, value: Value) -> Option<&Rc<str>> {
        if let Value::Text(place) = value { Some(&self.texts[place]) } else { None }
    }

    pub(super) fn storage(&self, value: Value) -> Option<&StorageRecord> {
        if let Value::Storage(place) = value { Some(&self.storages[place]) } else { None }
    }

    pub(super) fn tensor(&self, value: Value) -> Option<&Rc<TensorRecord>> {
        if let Value::Tensor(place) = value { Some(&self.tensors[place]) } else { None }
    }
}
