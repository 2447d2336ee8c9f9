//! Panics in decoders that others wrote.

/// The crates of others, as Cargo unpacks them.
const OTHERS: &str = "/registry/src/";

/// Lets a panic in another crate unwind, so that what happens in a training happens here, too: the decoder is guarded, and its panic is
/// an error. libFuzzer's hook ends the process at any panic; here it does so at one in our own code, and at one that nothing catches.
pub fn unwind() {
    let ours = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.location().is_some_and(|place| place.file().contains(OTHERS)) {
            ours(panic);
        }
    }));
}
