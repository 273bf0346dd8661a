//! Holds the house's rules that no compiler and no linter knows: who may depend on whom, how long a file may be.
//!
//! The rules are in docs/STYLE.md and docs/ARCHITECTURE.md. Each check takes text and gives complaints of the form
//! `file:line: what and why`, so that it is itself tested below; all complaints of a check are shown at once.
#![expect(clippy::unwrap_used, reason = "a test that cannot read the tree should fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
/// The crates of the star, and whom each may see beside `call`.
const CRATES: &[(&str, &[&str])] = &[
    ("asr", &[]),
    ("call", &[]),
    ("desk", &[]),
    ("dialog", &[]),
    ("media", &[]),
    ("server", &["asr", "desk", "dialog", "media", "sip-bridge", "test-audio", "tts"]),
    ("sip-bridge", &[]),
    // docs/decisions/0002: the simulated caller speaks through the house's own wire and door.
    ("test-audio", &["media", "sip-bridge"]),
    ("tts", &[]),
];
/// Files that are text and are looked through for words of one machine.
const TEXT_ENDINGS: &[&str] = &["md", "rs", "sh", "toml", "yaml", "yml", "json", "sql", "ts", "html", "css", "xml"];
/// Text files without an ending.
const TEXT_NAMES: &[&str] = &["Makefile", "NOTICE", "run"];

#[test]
fn dependencies_form_a_star_around_call() {
    check_all("Cargo.toml", |path, text| {
        let name = path.strip_suffix("/Cargo.toml").unwrap_or_default();
        if name.is_empty() { Vec::new() } else { star(name, text) }
    });
}

#[test]
fn every_crate_keeps_the_workspace_lints_and_unsafe_stays_forbidden() {
    check_all("Cargo.toml", |path, text| {
        let wanted = if path == "Cargo.toml" { "unsafe_code = \"forbid\"" } else { "[lints]\nworkspace = true" };
        if text.contains(wanted) { Vec::new() } else { vec![format!("1: lacks `{}`", wanted.replace('\n', " "))] }
    });
}

#[test]
fn every_file_says_first_what_it_is() {
    check_all(".rs", |_, text| first_line(text));
}

#[test]
fn files_and_functions_stay_short() {
    check_all(".rs", |_, text| lengths(text));
}

#[test]
fn a_lib_file_only_names_its_parts() {
    check_all("src/lib.rs", |_, text| only_parts(text));
}

#[test]
fn no_shortcut_is_left_in_the_code() {
    check_all(".rs", |_, text| shortcuts(text));
}

#[test]
fn nothing_names_a_machine_or_a_registry_host() {
    let is_text = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        ending.is_some_and(|ending| TEXT_ENDINGS.contains(&ending)) || TEXT_NAMES.contains(&name)
    };
    check_files(is_text, |_, text| machine_words(text));
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    check_all("Cargo.lock", |_, text| sources(text));
}

/// Runs a check on every file of the repository whose path ends so.
fn check_all(ending: &str, check: impl Fn(&str, &str) -> Vec<String>) {
    check_files(|path| path.ends_with(ending), check);
}

fn check_files(is_meant: impl Fn(&str) -> bool, check: impl Fn(&str, &str) -> Vec<String>) {
    let root = root();
    let paths: Vec<_> = files(&root).into_iter().filter(|path| is_meant(path)).collect();
    assert!(!paths.is_empty(), "no file to look at in {}: the check would prove nothing", root.display());
    let complaints: Vec<_> = paths
        .iter()
        .filter_map(|path| Some((path, fs::read_to_string(root.join(path)).ok()?)))
        .flat_map(|(path, text)| check(path, &text).into_iter().map(move |complaint| format!("{path}:{complaint}")))
        .collect();
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Paths of the repository's files: what git would keep, or, where there is no git, what is in the folder.
fn files(root: &Path) -> BTreeSet<String> {
    let listed = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    match listed {
        Some(output) => String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect(),
        None => walk(root, root),
    }
}

fn walk(root: &Path, folder: &Path) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !["target", "data", ".git", "node_modules"].iter().any(|built| name == *built) {
                paths.extend(walk(root, &path));
            }
        } else {
            paths.insert(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
        }
    }
    paths
}

/// Complaints about a crate that depends on one of ours that it must not see.
fn star(name: &str, manifest: &str) -> Vec<String> {
    let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
        return vec![format!("1: the crate {name} is not in the star; add it to CRATES in server/tests/tidy.rs")];
    };
    let mut section = "";
    let mut complaints = Vec::new();
    for (number, line) in numbered(manifest) {
        if line.starts_with('[') {
            section = line;
        }
        // Both `media.workspace = true` below [dependencies] and [dependencies.media].
        let key = match section.trim_matches(['[', ']']).rsplit_once("dependencies.") {
            Some((_, key)) => key,
            None if section.ends_with("dependencies]") => line.split(['.', '=', ' ']).next().unwrap_or_default(),
            None => continue,
        };
        let is_ours = CRATES.iter().any(|(ours, _)| *ours == key);
        if is_ours && key != "call" && !allowed.contains(&key) {
            complaints.push(format!("{number}: {name} must not depend on {key}: crates meet in `server` only"));
        }
    }
    complaints
}

fn first_line(text: &str) -> Vec<String> {
    if text.starts_with("//! ") {
        Vec::new()
    } else {
        vec!["1: must begin with `//! ` and say what the file is".into()]
    }
}

fn lengths(text: &str) -> Vec<String> {
    let lines: Vec<_> = text.lines().collect();
    let mut complaints = Vec::new();
    if lines.len() > FILE_LINES_MAX {
        complaints
            .push(format!("{FILE_LINES_MAX}: {} lines, more than {FILE_LINES_MAX}; split by concept", lines.len()));
    }
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        if !is_function(line) {
            continue;
        }
        // rustfmt puts the closing brace under the beginning of the function.
        let is_end = |line: &&str| line.trim_start() == "}" && line.len() == indent + 1;
        // A function on one line, or one that is only declared, has no brace of its own.
        let is_open = !line.ends_with('}') && !line.ends_with(';');
        let length = lines[start..].iter().position(is_end).map_or(1, |end| end + 1);
        if is_open && length > FUNCTION_LINES_MAX {
            complaints.push(format!("{}: a function of {length} lines, more than {FUNCTION_LINES_MAX}", start + 1));
        }
    }
    complaints
}

/// Whether a line begins a function.
fn is_function(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| {
        matches!(*word, "pub" | "const" | "async" | "extern" | "default") || word.starts_with("pub(")
    });
    words.next() == Some("fn")
}

fn only_parts(text: &str) -> Vec<String> {
    let mut is_inside_use = false;
    let mut complaints = Vec::new();
    for (number, line) in numbered(text) {
        let begins = ["use ", "pub use ", "pub(crate) use ", "mod ", "pub mod ", "pub(crate) mod "];
        let is_part = is_inside_use || begins.iter().any(|begin| line.starts_with(begin));
        let is_remark = line.is_empty() || line.starts_with("//") || line.starts_with("#[") || line.starts_with("#![");
        if is_part {
            is_inside_use = !line.ends_with(';');
        } else if !is_remark {
            complaints.push(format!("{number}: a lib.rs holds docs, `mod` and `use` only"));
        }
    }
    complaints
}

fn shortcuts(text: &str) -> Vec<String> {
    // Put together here, so that this file does not hold the words it looks for.
    let banned = [
        (concat!("#[", "allow"), "write #[expect(.., reason = \"..\")]"),
        (concat!("#![", "allow"), "write #![expect(.., reason = \"..\")]"),
        (concat!("#[", "ignore"), "a test that does not run proves nothing"),
        (concat!("todo", "!("), "finish it"),
        (concat!("unimplemented", "!("), "finish it"),
        (concat!("un", "safe "), "forbidden in this house"),
        (concat!("un", "safe{"), "forbidden in this house"),
        (concat!("TO", "DO"), "finish it"),
        (concat!("FIX", "ME"), "mend it"),
    ];
    let mut complaints = Vec::new();
    for (number, line) in numbered(text) {
        let (code, remark) = line.split_once("//").unwrap_or((line, ""));
        for (word, way_out) in banned {
            // Prose may speak of these things; only two words are wrong in prose too.
            let is_found =
                code.contains(word) || word.bytes().all(|byte| byte.is_ascii_uppercase()) && remark.contains(word);
            if is_found {
                complaints.push(format!("{number}: `{word}`: {way_out}"));
            }
        }
    }
    complaints
}

fn machine_words(text: &str) -> Vec<String> {
    // Put together here, so that this file does not hold the words it looks for.
    let banned = [
        concat!("/wo", "rk/"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/Us", "ers/"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("registry.", "npmjs"),
        concat!("files.", "pythonhosted"),
        concat!("pypi", ".org"),
        concat!("deb.", "debian"),
    ];
    let mut complaints = Vec::new();
    for (number, line) in numbered(text) {
        for word in banned.iter().filter(|word| line.contains(**word)) {
            complaints.push(format!("{number}: `{word}` is of one machine or one registry; leave it to the client"));
        }
    }
    complaints
}

fn sources(lock: &str) -> Vec<String> {
    let registry = concat!("source = \"registry+https://github.com/rust-lang/", "crates.io-index\"");
    let is_foreign = |(_, line): &(usize, &str)| line.starts_with("source = ") && *line != registry;
    numbered(lock).filter(is_foreign).map(|(number, line)| format!("{number}: `{line}` is not the registry")).collect()
}

/// Lines without the blanks around them, counted from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(number, line)| (number + 1, line.trim()))
}

#[test]
fn a_new_arrow_between_crates_is_found() {
    assert!(star("asr", "[dependencies]\ncall.workspace = true\nserde.workspace = true\n").is_empty());
    assert!(star("asr", "[dependencies]\nmedia.workspace = true\n")[0].starts_with("2: asr must not depend on media"));
    assert_eq!(star("tts", "[dev-dependencies]\nasr = { path = \"../asr\" }\n").len(), 1);
    assert_eq!(star("tts", "[dependencies.asr]\nworkspace = true\n").len(), 2, "the table, named on both of its lines");
    assert!(star("tts", "[features]\nasr = []\n").is_empty());
    assert!(star("test-audio", "[dependencies]\nsip-bridge.workspace = true\n").is_empty());
    assert_eq!(star("kitchen", "").len(), 1);
}

#[test]
fn a_long_function_and_a_long_file_are_found() {
    let function =
        |lines: usize| format!("impl A {{\n    pub(crate) async fn f() {{\n{}    }}\n}}\n", "x;\n".repeat(lines - 2));
    assert!(lengths(&function(FUNCTION_LINES_MAX)).is_empty());
    assert!(lengths(&function(FUNCTION_LINES_MAX + 1))[0].starts_with("2: a function of 71 lines"));
    assert_eq!(lengths(&"\n".repeat(FILE_LINES_MAX + 1)).len(), 1);
}

#[test]
fn code_in_a_lib_file_is_found() {
    assert!(only_parts("//! What.\n\nmod a;\npub use a::{\n    B, C,\n};\n#[cfg(test)]\nmod b;\n").is_empty());
    assert_eq!(only_parts("//! What.\npub fn f() {}\n"), ["2: a lib.rs holds docs, `mod` and `use` only"]);
}

#[test]
fn shortcuts_are_found_in_code_and_not_in_prose() {
    assert_eq!(shortcuts(concat!("#[", "allow(dead_code)]")).len(), 1);
    assert_eq!(shortcuts(concat!("let x = un", "safe { y };")).len(), 1);
    assert_eq!(shortcuts(concat!("// TO", "DO later")).len(), 1);
    assert!(shortcuts(concat!("// Never un", "safe here.\nlet todo_list = 1;")).is_empty());
}

#[test]
fn words_of_one_machine_and_foreign_sources_are_found() {
    assert_eq!(machine_words(concat!("a\ncd /ro", "ot/x")).len(), 1);
    assert!(machine_words("https://shop.example/hooks ~/.cache").is_empty());
    assert_eq!(sources("name = \"a\"\nsource = \"git+https://example.com/a\"\n").len(), 1);
    assert!(!first_line("fn main() {}").is_empty() && first_line("//! What.").is_empty());
}
