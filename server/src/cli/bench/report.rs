//! What `hotline bench speech` found, for reading and for listening.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::figures::{Calibration, Spread, WordErrors};
use super::level::{Failure, LevelFigures};
use super::speech::{Machine, SpeechReport};
use super::trial::{Trial, wav_file};

/// Prints all figures.
///
/// # Errors
/// When nobody reads.
pub(super) fn print(found: &SpeechReport) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let Machine { cores, load_before } = found.machine;
    if let Some(load) = load_before.filter(|&load| load > cores as f64 / 2.0) {
        writeln!(
            out,
            "Other work had the machine (load {load:.1} on {cores} cores): times are longer than they should be"
        )?;
    }
    for language in &found.without_voice {
        writeln!(out, "{language}: there is no voice yet, so nothing was measured")?;
    }
    if !found.decode.is_empty() {
        writeln!(out, "\nThe recogniser alone")?;
    }
    for figures in &found.decode {
        let factor = figures.decode_s / figures.audio_s.max(0.001);
        let (language, condition) = (figures.language, figures.condition);
        writeln!(
            out,
            "  {language} {condition:<24} {}, real-time factor {factor:.3}; ECE {:.3}",
            words(&figures.words),
            figures.calibration.ece
        )?;
    }
    for figures in found.decode.iter().filter(|figures| figures.condition == "g711") {
        writeln!(out, "  {} g711, confidence (how many): {}", figures.language, bins(&figures.calibration))?;
        for mistake in &figures.mistakes {
            writeln!(out, "    {}\n      said:  {}\n      heard: {}", mistake.id, mistake.said, mistake.heard)?;
        }
    }
    for level in &found.levels {
        print_level(&mut out, level)?;
    }
    if !found.failures.is_empty() {
        writeln!(out, "\nCalls that did not go as they should")?;
    }
    for failure in &found.failures {
        let Failure { call, callers, language, what, said, heard } = failure;
        writeln!(out, "  {call} ({language}, {callers} at once) {what}\n      said:  {said}\n      heard: {heard}")?;
    }
    Ok(())
}

fn print_level(out: &mut impl Write, level: &LevelFigures) -> Result<()> {
    let LevelFigures { callers, language, calls, calls_lost, utterances_lost, packets_lost, parts, .. } = level;
    writeln!(
        out,
        "\n{language}, {callers} at once: {calls} calls, {calls_lost} lost; {utterances_lost} utterances without words, \
         {packets_lost} packets lost"
    )?;
    for figures in &level.words {
        writeln!(out, "  g711, {:.0} % lost           {}", figures.lost_percent, words(&figures.words))?;
    }
    if !level.calibration.bins.is_empty() {
        writeln!(out, "  confidence               ECE {:.3}; {}", level.calibration.ece, bins(&level.calibration))?;
    }
    let lines = [
        ("end of speech to text", &level.final_text),
        ("voice to voice", &level.voice_to_voice),
        ("  silence waited for", &parts.silence_wait),
        ("  decode", &parts.decode),
        ("  mind", &parts.mind),
        ("  first sound, kept", &parts.first_audio_cached),
        ("  first sound, live", &parts.first_audio_live),
        ("softer after onset", &level.duck),
        ("silent after first word", &level.stop),
    ];
    for (name, spread) in lines.iter().filter(|(_, spread)| spread.count > 0) {
        let Spread { count, p50_ms, p95_ms, max_ms } = spread;
        writeln!(out, "  {name:<24} p50 {p50_ms:>5} ms, p95 {p95_ms:>5} ms, most {max_ms:>5} ms ({count})")?;
    }
    if level.pauses.utterances > 0 {
        let super::level::Pauses { utterances, cut_in } = level.pauses;
        writeln!(out, "  pauses inside            cut in {cut_in} of {utterances} times")?;
    }
    for over in &level.talking_over {
        let wrong = if over.disturbance.asks_to_speak() { "missed" } else { "false stops" };
        let unmeasured =
            if over.unmeasured > 0 { format!(", {} not measured", over.unmeasured) } else { String::new() };
        let name = format!("{:?}", over.disturbance);
        writeln!(out, "  talking over: {name:<11} {wrong} {} of {}{unmeasured}", over.wrong, over.tried)?;
    }
    Ok(())
}

fn words(words: &WordErrors) -> String {
    format!("{}, {} utterances", words.in_words(), words.utterances)
}

/// "0.9-1.0: right 0.97 (34)".
fn bins(calibration: &Calibration) -> String {
    let bins = calibration.bins.iter().map(|bin| {
        format!("{:.1}-{:.1}: said {:.2} right {:.2} ({})", bin.from, bin.to, bin.confidence, bin.right, bin.count)
    });
    bins.collect::<Vec<_>>().join("; ")
}

/// Removes the sounds of calls that went well, and writes a table of the others beside their sounds.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn keep_failures(folder: &Path, trials: &[Trial], failures: &[Failure]) -> Result<()> {
    for trial in trials.iter().filter(|trial| !failures.iter().any(|failure| failure.call == trial.job.from)) {
        // A call that never was has left no sound.
        let _gone = std::fs::remove_file(wav_file(folder, &trial.job.from));
    }
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut table = String::from("call,callers,language,what,said,heard\n");
    for Failure { call, callers, language, what, said, heard } in failures {
        let line = [call.clone(), callers.to_string(), language.to_string(), quoted(what), quoted(said), quoted(heard)];
        table.push_str(&(line.join(",") + "\n"));
    }
    let file = folder.join("failures.csv");
    std::fs::write(&file, table).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_kept_as_a_table_that_a_spreadsheet_reads() {
        let folder = tempfile::tempdir().unwrap();
        let failure = Failure {
            call: "10001".to_owned(),
            callers: 2,
            language: call::Language::En,
            what: "1 of 2 wrong".to_owned(),
            said: "Say \"yes\", please".to_owned(),
            heard: "yes".to_owned(),
        };
        keep_failures(folder.path(), &[], &[failure]).unwrap();
        let table = std::fs::read_to_string(folder.path().join("failures.csv")).unwrap();
        let expected =
            "call,callers,language,what,said,heard\n10001,2,en,\"1 of 2 wrong\",\"Say \"\"yes\"\", please\",\"yes\"\n";
        assert_eq!(table, expected);
    }
}
