//! The sample flow, loaded once for all tests of a file.

#![expect(clippy::panic, reason = "helpers of tests fail by panicking")]

use std::sync::{Arc, LazyLock};

use dialog::Flow;

pub(crate) static FLOW: LazyLock<Arc<Flow>> = LazyLock::new(|| {
    let yaml = include_str!("../../../flows/after-sales.yaml");
    let flow = Flow::load("flows/after-sales.yaml", yaml).unwrap_or_else(|errors| panic!("{errors}"));
    Arc::new(flow)
});
