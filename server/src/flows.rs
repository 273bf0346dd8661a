//! The flows of the house: read at start-up, and again whenever somebody has changed their files.
//!
//! A call keeps the flow it began with. A set that has a fault changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result, bail};
use asr::Vocabulary;
use call::Language;
use dialog::{Flow, HOLE};
use tts::Style;

use crate::config::Config;
use crate::mouth::Say;

/// All flows in use.
pub(crate) struct Flows {
    set: RwLock<Arc<FlowSet>>,
}

/// The flows of one reading.
pub(crate) struct FlowSet {
    flows: BTreeMap<String, Arc<Flow>>,
    /// The words of all flows, restored where they were heard as others.
    pub(crate) vocabulary: Arc<Vocabulary>,
}

impl Flows {
    /// Reads every flow the configuration uses.
    ///
    /// # Errors
    /// With every problem of the first flow that has any, each with its file and line; or when a flow reads a variable
    /// that the configuration does not set.
    pub(crate) fn load(config: &Config) -> Result<Self> {
        Ok(Self { set: RwLock::new(Arc::new(FlowSet::load(config)?)) })
    }

    /// Reads them anew, for the calls to come. Blocks while it reads.
    ///
    /// # Errors
    /// As [`Flows::load`]; the flows stay as they were.
    pub(crate) fn reload(&self, config: &Config) -> Result<Arc<FlowSet>> {
        let set = Arc::new(FlowSet::load(config)?);
        *self.set.write().unwrap_or_else(PoisonError::into_inner) = set.clone();
        Ok(set)
    }

    /// The flows as they are now.
    pub(crate) fn now(&self) -> Arc<FlowSet> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl FlowSet {
    fn load(config: &Config) -> Result<Self> {
        let known = flow_config(config);
        let load = |name: &str| {
            let file = config.flow_file(name);
            let flow = load_flow(&file)?;
            if let Some(unset) = flow.config_names().into_iter().find(|name| !known.contains_key(name)) {
                bail!(
                    "{} reads config.{unset}: set `{unset}` below [dialog.vars] in the configuration",
                    file.display()
                );
            }
            Ok((name.to_owned(), Arc::new(flow)))
        };
        let flows = config.flow_names().into_iter().map(load).collect::<Result<BTreeMap<_, _>>>()?;
        let all = || flows.values();
        let words = all().flat_map(|flow| flow.words());
        let vocabulary = Arc::new(Vocabulary::new(words, all().flat_map(|flow| flow.examples())));
        Ok(Self { flows, vocabulary })
    }

    /// A flow by its name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Flow>> {
        self.flows.get(name).cloned()
    }

    /// The names of all.
    pub(crate) fn names(&self) -> Vec<String> {
        self.flows.keys().cloned().collect()
    }

    /// The clauses that are the same in every call: in the first manner before the others, and in the language that
    /// calls begin in before the other one.
    pub(crate) fn prompts(&self, first: Language, styles: &[Style]) -> Vec<Say> {
        prompts(self.flows.values().map(AsRef::as_ref), first, styles)
    }
}

fn prompts<'a>(flows: impl Iterator<Item = &'a Flow>, first: Language, styles: &[Style]) -> Vec<Say> {
    let mut texts: Vec<_> =
        flows.flat_map(|flow| flow.fixed_prompts().into_iter().chain(flow.live_prompts())).collect();
    texts.sort_by_key(|(language, _)| *language != first);
    let clauses = |style: &Style| {
        let of = |(language, text): &(Language, String)| tts::parts(text, *language, *style);
        texts.iter().flat_map(of).filter(|part| !part.clause.text.contains(HOLE)).map(Say::from).collect::<Vec<_>>()
    };
    styles.iter().flat_map(clauses).collect()
}

/// What flows see as `config`: the variables of the configuration, and whether callers are to be told that they are
/// recorded.
pub(crate) fn flow_config(config: &Config) -> BTreeMap<String, String> {
    let told = config.recording.enabled && config.recording.notice;
    let mut values = config.dialog.vars.clone();
    values.insert("recorded".to_owned(), if told { "yes" } else { "no" }.to_owned());
    values
}

/// Reads one flow.
///
/// # Errors
/// With every problem, each with its file and line.
pub(crate) fn load_flow(file: &Path) -> Result<Flow> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the flow {}; see dialog.flows and dialog.flow", file.display()))?;
    Ok(Flow::load(&file.display().to_string(), &text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::style::STYLES;

    #[test]
    fn what_every_call_says_is_rendered_in_the_order_in_which_it_is_likely_to_be_needed() {
        let yaml = include_str!("../../flows/after-sales.yaml");
        let flow = Flow::load("flows/after-sales.yaml", yaml).unwrap_or_else(|errors| panic!("{errors}"));
        let says = prompts([&flow].into_iter(), Language::Zh, &STYLES);
        let places: Vec<_> = says.iter().map(|say| (say.style != STYLES[0], say.language != Language::Zh)).collect();
        assert!(places.is_sorted(), "calm before soothing, the first language before the other");
        assert!(says.iter().all(|say| !say.text.reveal().contains([HOLE, '{'])), "no value of a call");
        let fixed = prompts_of_kind(&flow);
        assert!(says.len() > 2 * fixed, "clauses of live texts too");
    }

    fn prompts_of_kind(flow: &Flow) -> usize {
        let parts = |(language, text): (Language, String)| tts::parts(&text, language, Style::default()).len();
        flow.fixed_prompts().into_iter().map(parts).sum()
    }
}
