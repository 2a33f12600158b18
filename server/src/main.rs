//! The KeyFlow server.
fn main() {}
