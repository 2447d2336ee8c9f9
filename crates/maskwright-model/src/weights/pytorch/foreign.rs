//! Names in a pickle that are no tensors': objects that are passed over, and those that are refused.
//!
//! Training programs put their settings, dates, paths and counters beside the tensors. Nothing of them is
//! built here and nothing is run: an object is an entry in a list that remembers its class. So no name can do
//! harm. The names of what starts programs, loads code or reads files are refused all the same, because a
//! file that asks for them was not made to be a checkpoint, and whoever opens it in Python should know.

/// Modules of which nothing belongs into a checkpoint.
const REFUSED_MODULES: [&str; 40] = [
    "_pickle",
    "_posixsubprocess",
    "asyncio",
    "bdb",
    "cPickle",
    "cloudpickle",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "dill",
    "ftplib",
    "gc",
    "http",
    "imp",
    "importlib",
    "inspect",
    "io",
    "marshal",
    "nt",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "posix",
    "pty",
    "requests",
    "runpy",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "timeit",
    "types",
    "urllib",
    "webbrowser",
];

/// Python's own names that are values, or make some.
const BUILTINS: [&str; 24] = [
    "Ellipsis",
    "NotImplemented",
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "enumerate",
    "float",
    "frozenset",
    "getattr",
    "int",
    "list",
    "long",
    "object",
    "range",
    "reversed",
    "set",
    "slice",
    "str",
    "tuple",
    "type",
    "unicode",
    "xrange",
];

/// Parts of PyTorch that load or run something.
const REFUSED_IN_TORCH: [&str; 8] = [
    "torch.classes",
    "torch.hub",
    "torch.jit",
    "torch.ops",
    "torch.package",
    "torch.serialization",
    "torch.utils.cpp_extension",
    "torch.utils.model_zoo",
];

/// Whether objects of this name are passed over. Of PyTorch's own names those that rebuild tensors in a way
/// that is not known are refused too, since a tensor would be lost with them.
pub(super) fn is_passed_over(module: &str, name: &str) -> bool {
    let within = |other: &str| {
        module.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    match module {
        "builtins" | "__builtin__" => BUILTINS.contains(&name),
        "torch.serialization" if name == "_get_layout" => true,
        "torch" if name == "load" || name.ends_with("Storage") => false,
        "torch._utils" | "torch._tensor" if name.starts_with("_rebuild") => false,
        "torch.storage" => false,
        "numpy" if name.starts_with("load") => false,
        // What is no plain name is an escape for a terminal or worse.
        _ => {
            let plain = |text: &str| {
                !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_.<>".contains(c))
            };
            plain(module)
                && plain(name)
                && !REFUSED_MODULES.iter().chain(&REFUSED_IN_TORCH).any(|other| within(other))
        }
    }
}

/// The refusal of a whole module that was pickled, which `key` leads to where it lies in a dictionary.
pub(super) fn whole_module(class: &str, key: Option<&str>, file: &str) -> String {
    if class.starts_with("ultralytics.") {
        return format!(
            "it is a whole pickled module, {class}: this is FastSAM or YOLO; not supported"
        );
    }
    let key = key.map(|key| format!("[{key:?}]")).unwrap_or_default();
    format!(
        "it is a whole pickled module, {class}, which only its own program can rebuild; there, save its \
         tensors: torch.save(torch.load({file:?}, weights_only=False){key}.state_dict(), \"state.pth\")"
    )
}

/// The refusal of a program of TorchScript.
pub(super) fn script(file: &str) -> String {
    format!(
        "it is a program of TorchScript (torch.jit.save); save its tensors in Python: \
         torch.save(torch.jit.load({file:?}).state_dict(), \"state.pth\")"
    )
}

#[cfg(test)]
mod tests {
    use super::is_passed_over;

    #[test]
    fn settings_are_passed_over_and_programs_refused() {
        for (module, name) in [
            ("argparse", "Namespace"),
            ("numpy.core.multiarray", "scalar"),
            ("numpy", "dtype"),
            ("omegaconf.dictconfig", "DictConfig"),
            ("datetime", "datetime"),
            ("pathlib", "PosixPath"),
            ("collections", "defaultdict"),
            ("__builtin__", "set"),
            ("_codecs", "encode"),
            ("torch", "float32"),
            ("torch", "device"),
            ("__main__", "TrainConfig"),
            ("osgeo", "Thing"),
        ] {
            assert!(is_passed_over(module, name), "{module}.{name}");
        }
        for (module, name) in [
            ("posix", "system"),
            ("os.path", "join"),
            ("builtins", "eval"),
            ("torch", "load"),
            ("torch.hub", "load"),
            ("torch.storage", "_load_from_bytes"),
            ("torch._utils", "_rebuild_sparse_tensor"),
            ("torch", "ComplexFloatStorage"),
            ("importlib.util", "module_from_spec"),
            ("a\u{1b}[2J", "b"),
            ("", "b"),
        ] {
            assert!(!is_passed_over(module, name), "{module}.{name}");
        }
    }
}
