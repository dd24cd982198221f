//! The simulator's binary.
fn main() {}
