//! What a caller wants, from the words: a small classifier that is trained when a flow is loaded.
//!
//! Words, pairs of words and pieces of words (so that a misheard letter costs little) are weighed by TF-IDF and told
//! apart by multinomial logistic regression. Examples of what is none of our business are a class of their own, and
//! confidence is scaled on held-out examples, so that "0.8" means right about four times in five. Training is
//! deterministic: the same flow gives the same classifier on every machine.

mod features;
mod train;

use serde::Serialize;

pub(crate) use features::is_han;

use features::Vocabulary;
use train::Weights;

/// At and above this confidence an intent is acted on at once.
pub const ACT_MIN: f32 = 0.62;
/// From here to [`ACT_MIN`] the caller is asked whether it was meant; below, nothing was understood.
pub const CONFIRM_MIN: f32 = 0.36;

/// An intent and how sure we are of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guess {
    /// Its name in the flow.
    pub intent: String,
    /// 0.0 to 1.0; all guesses and "none of these" add up to at most 1.
    pub confidence: f32,
}

/// All intents, the likeliest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ranked(Vec<Guess>);

impl Ranked {
    /// The likeliest intent, however unlikely.
    pub fn best(&self) -> Option<&Guess> {
        self.0.first()
    }

    /// All of them, the likeliest first.
    pub fn guesses(&self) -> &[Guess] {
        &self.0
    }

    /// The likeliest one that is worth at least a question.
    pub fn accepted(&self) -> Option<&Guess> {
        self.best().filter(|guess| guess.confidence >= CONFIRM_MIN)
    }

    /// Only intents that may be meant here.
    pub(crate) fn only(&self, allowed: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|guess| allowed(&guess.intent)).cloned().collect())
    }
}

/// A classifier of one language.
#[derive(Clone, Debug)]
pub struct Classifier {
    intents: Vec<String>,
    vocabulary: Vocabulary,
    weights: Weights,
    temperature: f32,
}

impl Classifier {
    /// Learns from examples of each intent and from examples of none. Takes well under a second for a flow.
    pub fn train(intents: &[(String, Vec<String>)], out_of_scope: &[String]) -> Self {
        let none = intents.len();
        let mut texts: Vec<(&str, usize)> = Vec::new();
        for (class, (_, examples)) in intents.iter().enumerate() {
            texts.extend(examples.iter().map(|text| (text.as_str(), class)));
        }
        texts.extend(out_of_scope.iter().map(|text| (text.as_str(), none)));
        let vocabulary = Vocabulary::learn(texts.iter().map(|(text, _)| *text));
        let examples: Vec<_> = texts.iter().map(|(text, class)| (vocabulary.vector(text), *class)).collect();
        let temperature = train::temperature(&examples, none + 1, vocabulary.len());
        let weights = Weights::fit(&examples, none + 1, vocabulary.len());
        let intents = intents.iter().map(|(name, _)| name.clone()).collect();
        Self { intents, vocabulary, weights, temperature }
    }

    /// Ranks the intents for a text.
    pub fn classify(&self, text: &str) -> Ranked {
        let vector = self.vocabulary.vector(text);
        let probabilities = self.weights.probabilities(&vector, self.temperature);
        // Words never seen in any example are evidence for "none of these" that the classes cannot hold.
        let known = self.vocabulary.known(text);
        let guess =
            |(intent, probability): (&String, &f32)| Guess { intent: intent.clone(), confidence: probability * known };
        let mut guesses: Vec<Guess> = self.intents.iter().zip(&probabilities).map(guess).collect();
        guesses.sort_by(|a, b| b.confidence.total_cmp(&a.confidence).then_with(|| a.intent.cmp(&b.intent)));
        Ranked(guesses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classifier() -> Classifier {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let status =
            texts(&["where is my order", "track my parcel", "when will my package arrive", "has it shipped yet"]);
        let refund = texts(&["i want a refund", "give me my money back", "refund my order", "please return the money"]);
        let none = texts(&["what is the weather", "tell me a joke", "who won the match", "play some music"]);
        Classifier::train(&[("status".to_owned(), status), ("refund".to_owned(), refund)], &none)
    }

    #[test]
    fn meanings_are_told_apart_and_strangers_turned_away() {
        let classifier = classifier();
        let check = |text: &str, expected: &str| {
            assert_eq!(classifier.classify(text).best().map(|guess| guess.intent.as_str()), Some(expected), "{text}");
        };
        check("where's my parcel", "status");
        check("I'd like my money back please", "refund");
        assert_eq!(classifier.classify("tell me about the weather").accepted(), None);
        assert_eq!(classifier.classify("").accepted(), None);
        assert_eq!(classifier.classify("¿¡ 🦀").accepted(), None);
    }

    #[test]
    fn training_twice_gives_the_same_classifier() {
        assert_eq!(classifier().classify("track the refund"), classifier().classify("track the refund"));
    }

    #[test]
    fn a_classifier_of_nothing_answers_nothing() {
        assert_eq!(Classifier::train(&[], &[]).classify("hello").best(), None);
    }
}
