//! Says when the program must be built again, and sees to it that the folder of the web page exists.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=migrations");
    // A debug build reads the page from this folder when it runs, but only if the folder was there when it was built.
    // Where it cannot be made, the server is built without a page.
    let _ = std::fs::create_dir_all(Path::new("../www/dist"));
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=../www/dist");
    }
}
