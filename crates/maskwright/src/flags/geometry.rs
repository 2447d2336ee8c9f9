//! How images are fitted into a model's input, in words.

use maskwright_model::GeometryFrom;

use crate::tell;

/// Says on standard error how images are fitted, where the command line did not: the name of the
/// geometry, who said it, and whose habit it is where no one did.
pub(crate) fn say(name: &str, from: GeometryFrom, habit: &str) {
    match from {
        GeometryFrom::Caller => {}
        GeometryFrom::Checkpoint => {
            tell::say(format_args!("geometry {name}, which the checkpoint was validated with"))
        }
        GeometryFrom::Default => tell::note(format_args!(
            "geometry {name}, as {habit}: the checkpoint does not say what it was validated with \
             (--geometry does)"
        )),
    }
}
