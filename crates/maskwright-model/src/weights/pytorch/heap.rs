//! What a pickle's values refer to, in lists, and what each costs.

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

    /// Adds to a container.
    pub(super) fn extend(
        &mut self,
        container: Option<Value>,
        more: &[Value],
        budget: &mut Budget,
    ) -> Parsed<()> {
        let Some(Value::Items(place)) = container else {
            return Err("its pickle adds to what is no list or dictionary".to_owned());
        };
        budget.charge(VALUE * more.len())?;
        self.items[place].extend(more);
        Ok(())
    }

    /// What is in a tuple, list or dictionary.
    pub(super) fn items(&self, value: Value) -> Option<&[Value]> {
        if let Value::Items(place) = value { Some(&self.items[place]) } else { None }
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
