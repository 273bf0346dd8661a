//! How a test call begins: a Saturday, a local backend, an English-speaking agent.

use std::collections::BTreeMap;

use call::{Language, Pii};
use dialog::Setup;

pub(crate) fn setup(language: Language, caller: &str) -> Setup {
    Setup {
        language,
        languages: Vec::new(),
        agent_language: Language::En,
        caller: Pii::new(caller.to_owned()),
        config: BTreeMap::from([
            ("backend".to_owned(), "http://127.0.0.1:8090".to_owned()),
            ("recorded".to_owned(), "yes".to_owned()),
        ]),
        today: jiff::civil::date(2026, 11, 21),
        seed: 0,
    }
}
