//! The models on this machine are the ones in the manifest, byte for byte.
//!
//! Everything that hears or speaks in the other tests rests on this one.

use server::models;

#[test]
fn every_model_is_here_and_has_the_hash_of_the_manifest() {
    let folder = models::folder();
    if let Err(problems) = models::verify(&folder) {
        let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
        panic!("run `make setup`\n{}", lines.join("\n"));
    }
}

#[test]
fn fetching_models_that_are_here_takes_no_network() {
    // A proxy where nobody listens: the least use of the network would fail.
    let hotline = std::process::Command::new(env!("CARGO_BIN_EXE_hotline"))
        .args(["models", "fetch"])
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("PIP_INDEX_URL", "http://127.0.0.1:9/")
        .output()
        .unwrap();
    assert!(hotline.status.success(), "run `make setup`: {}", String::from_utf8_lossy(&hotline.stderr));
    assert!(hotline.stderr.is_empty(), "nothing was fetched: {}", String::from_utf8_lossy(&hotline.stderr));
}
