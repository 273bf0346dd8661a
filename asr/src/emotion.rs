//! How a caller feels, from the sound of the voice and from the words.
//!
//! [`Temper`] is the machine of a call; [`EmotionModel`] are the weights that all calls share, and [`train`] makes them.
//! What it can and cannot tell, and how that was measured, is in docs/emotion.md.

mod baseline;
mod evidence;
mod features;
mod model;
mod pitch;
mod sketch;
mod solve;
mod temper;
pub mod train;
mod voice;
mod words;

pub use model::{EmotionError, EmotionModel, Sounds};
pub use temper::Temper;
