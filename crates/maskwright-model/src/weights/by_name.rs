//! A model's parameters one after the other, each with its place among the official names.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use super::names::Path;

/// Looks at float parameters.
pub trait VisitByName {
    /// Called for each parameter; `path` gives its official name and layout.
    fn visit<const D: usize>(&mut self, path: &Path, param: &Param<Tensor<D>>);
}

/// Changes float parameters.
pub trait MapByName {
    /// Called for each parameter, returns what takes its place; `path` gives its official name and layout.
    fn map<const D: usize>(&mut self, path: &Path, param: Param<Tensor<D>>) -> Param<Tensor<D>>;
}

/// Shows every float parameter of a model to a visitor, in the model's own order.
pub fn visit_by_name<M: Module>(model: &M, visitor: &mut impl VisitByName) {
    model.visit(&mut Named { path: Path::default(), each: visitor });
}

/// Returns the model with every float parameter as a mapper returns it.
#[must_use]
pub fn map_by_name<M: Module>(model: M, mapper: &mut impl MapByName) -> M {
    model.map(&mut Named { path: Path::default(), each: mapper })
}

/// Keeps the place where a walk through a model stands.
struct Named<'a, T> {
    path: Path,
    each: &'a mut T,
}

impl<T: VisitByName> ModuleVisitor for Named<'_, T> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.each.visit(&self.path, param);
    }
}

impl<T: MapByName> ModuleMapper for Named<'_, T> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.each.map(&self.path, param)
    }
}
