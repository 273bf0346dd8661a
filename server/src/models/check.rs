//! Whether the models are there and are what they should be.
//!
//! A start asks [`check`], which trusts stamps and is done in a millisecond; `hotline models verify` asks [`verify`],
//! which reads every byte.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::manifest::{Model, ModelFile, manifest};
use super::stamp::{Stamps, sha256_of};

/// What is wrong with a file. The operator's to mend: each message says how.
#[derive(Debug, Error)]
pub enum ModelProblem {
    /// The file is not there.
    #[error("{} is missing; run `hotline models fetch` (or `make setup`) to get the model \"{model}\"", path.display())]
    Missing {
        /// The model it belongs to.
        model: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is there and cannot be read.
    #[error("{} cannot be read ({reason}); set its permissions right, or remove it and run `hotline models fetch`", path.display())]
    Unreadable {
        /// Where it is.
        path: PathBuf,
        /// What the machine says.
        reason: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} has the wrong hash: sha256 {actual}, not {expected}; run `hotline models fetch`, which replaces it, or name \
         a file of your own in [speech]",
        path.display()
    )]
    WrongHash {
        /// Where it is.
        path: PathBuf,
        /// The hash in the manifest.
        expected: &'static str,
        /// The hash it has, or `unknown` and its length where the length alone tells.
        actual: String,
    },
}

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Believe the stamp of a file that was not touched.
    Stamps,
    /// Read every byte.
    Nothing,
}

/// Checks every model of the manifest, trusting stamps.
///
/// # Errors
/// Every [`ModelProblem`] there is.
pub fn check(folder: &Path) -> Result<(), Vec<ModelProblem>> {
    check_without(folder, &[])
}

/// As [`check`], leaving out the models named in `spared`: not needed by this configuration, or replaced in it by files of
/// the operator's own.
///
/// # Errors
/// Every [`ModelProblem`] there is.
pub fn check_without(folder: &Path, spared: &[&str]) -> Result<(), Vec<ModelProblem>> {
    let models = manifest().iter().filter(|model| !spared.contains(&model.name));
    examine(folder, models, Trust::Stamps)
}

/// Checks every model of the manifest by reading every byte.
///
/// # Errors
/// Every [`ModelProblem`] there is.
pub fn verify(folder: &Path) -> Result<(), Vec<ModelProblem>> {
    examine(folder, manifest().iter(), Trust::Nothing)
}

/// Checks some models.
pub(super) fn examine<'a>(
    folder: &Path,
    models: impl Iterator<Item = &'a Model>,
    trust: Trust,
) -> Result<(), Vec<ModelProblem>> {
    let mut stamps = Stamps::load(folder);
    let mut problems = Vec::new();
    for model in models {
        let found = model.files.iter().filter_map(|file| examine_file(folder, model, file, trust, &mut stamps).err());
        problems.extend(found);
    }
    stamps.save();
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn examine_file(
    folder: &Path,
    model: &Model,
    file: &ModelFile,
    trust: Trust,
    stamps: &mut Stamps,
) -> Result<(), ModelProblem> {
    let path = folder.join(file.path);
    let metadata = match fs::metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ModelProblem::Missing { model: model.name, path });
        }
        Err(reason) => return Err(ModelProblem::Unreadable { path, reason }),
    };
    if trust == Trust::Stamps && stamps.known(file.path, &metadata) == Some(file.sha256) {
        return Ok(());
    }
    if metadata.len() != file.bytes {
        let actual = format!("unknown, for it has {} bytes and not {}", metadata.len(), file.bytes);
        return Err(ModelProblem::WrongHash { path, expected: file.sha256, actual });
    }
    let actual = match sha256_of(&path, |_| {}) {
        Ok(actual) => actual,
        Err(reason) => return Err(ModelProblem::Unreadable { path, reason }),
    };
    if actual != file.sha256 {
        return Err(ModelProblem::WrongHash { path, expected: file.sha256, actual });
    }
    stamps.remember(file.path, &metadata, &actual);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    const MODEL: Model = Model {
        name: "greeting",
        purpose: "a test",
        licence: "MIT",
        authors: "us",
        files: &[ModelFile {
            path: "greeting/hello.bin",
            bytes: 5,
            sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
        }],
        sources: &[],
    };

    fn problems(folder: &Path, trust: Trust) -> String {
        let problems = examine(folder, [&MODEL].into_iter(), trust).err().unwrap_or_default();
        problems.iter().map(ModelProblem::to_string).collect()
    }

    #[test]
    fn a_file_is_missing_then_wrong_then_good_and_stamped() {
        let folder = std::env::temp_dir().join(format!("hotline-check-{}", process::id()));
        let file = folder.join("greeting/hello.bin");
        fs::create_dir_all(folder.join("greeting")).unwrap();
        assert!(problems(&folder, Trust::Stamps).contains("hotline models fetch"));
        fs::write(&file, "hello!").unwrap();
        assert!(problems(&folder, Trust::Stamps).contains("6 bytes and not 5"));
        fs::write(&file, "jello").unwrap();
        assert!(problems(&folder, Trust::Stamps).contains("not 2cf24dba"));
        fs::write(&file, "hello").unwrap();
        assert_eq!(problems(&folder, Trust::Stamps), "");
        assert!(Stamps::load(&folder).known("greeting/hello.bin", &fs::metadata(&file).unwrap()).is_some());

        // The same length and the same time: only reading it tells.
        let changed = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "jello").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(changed).unwrap();
        assert_eq!(problems(&folder, Trust::Stamps), "");
        assert!(problems(&folder, Trust::Nothing).contains("wrong hash"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
