//! The proof: a simulated caller and agent on real SIP and RTP, a bad line, a sample business, and honest measures.
//!
//! Everything here stands outside the house and sees of it only what a caller, an agent or a shop would: packets,
//! sound and HTTP. Speech comes in as two closures (mouth and ears), so that this crate needs neither voice nor
//! recogniser and its own tests run on tones.

mod agent;
mod arrivals;
mod caller;
mod dice;
mod ear;
mod echo;
pub mod gap;
mod handset;
pub mod labelled;
pub mod line;
mod load;
mod phone;
mod probe;
mod reaction;
mod relay;
mod report;
pub mod scenario;
mod script;
pub mod shop;
pub mod sounds;
mod speech;
mod weather;
mod wire;

pub use agent::{Agent, AgentHeard, AgentPlan, AgentReport, Pickup};
pub use caller::{CallPlan, Caller};
pub use dice::Dice;
pub use echo::{Echo, LineEffects};
pub use handset::{Handset, HandsetEvent, HandsetPlan};
pub use load::{LoadCall, LoadPlan, LoadReport, load};
pub use phone::CallError;
pub use probe::{Probe, ProbePlan, ProbeReport, ProbeTick};
pub use reaction::{Reaction, reaction};
pub use relay::LossyLine;
pub use report::{CallProgress, CallReport, EndedBy, Outcome, RtpReport, TurnReport};
pub use scenario::{Scenario, ScenarioError};
pub use weather::{BadLine, LineCount, Weather};
pub use wire::WireError;
