//! Builds the server anew when the page for calls was built anew: its files have other names then.

fn main() {
    println!("cargo:rerun-if-changed=../console/dist");
}
