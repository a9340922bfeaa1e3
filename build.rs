//! `sqlx::migrate!` reads the folder when the crate is compiled and does not notice a new file.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
