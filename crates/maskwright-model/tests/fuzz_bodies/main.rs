//! The checkpoint reader's fuzz target as a plain test: its seeds, and seeded changes of them.

mod bodies;
#[path = "../../../../fuzz/harness.rs"]
mod harness;

#[test]
fn checkpoint() {
    harness::run("checkpoint", 8_000, bodies::checkpoint);
}
