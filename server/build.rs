//! Says when the program must be built again: when the web page inside it, or a migration, changed.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    // A debug build reads the page from its folder when it runs, so it never has to follow.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=../www/dist");
    }
}
