//! Multinomial logistic regression on sparse vectors, by AdaGrad (Duchi et al. 2011), without chance.

use super::features::Vector;

/// Passes over the examples; fewer when there are many, which then teach more each.
const UPDATES_WANTED: usize = 12_000;
const EPOCHS_MIN: usize = 8;
const EPOCHS_MAX: usize = 60;
/// Step size of AdaGrad.
const RATE: f32 = 0.5;
/// How strongly weights are drawn to zero.
const DECAY: f32 = 1e-5;
/// Parts into which examples are cut to measure confidence on unseen ones.
const FOLDS: usize = 3;
/// Above so many examples one part tells enough.
const FOLD_EACH_MAX: usize = 1_000;

/// One weight for each feature and class, and a bias for each class.
#[derive(Clone, Debug)]
pub(crate) struct Weights {
    classes: usize,
    /// Row by feature, so that an example touches few rows.
    rows: Vec<f32>,
    bias: Vec<f32>,
}

impl Weights {
    pub(crate) fn fit(examples: &[(Vector, usize)], classes: usize, features: usize) -> Self {
        let mut weights = Self { classes, rows: vec![0.0; features * classes], bias: vec![0.0; classes] };
        let mut seen = vec![1e-6_f32; features * classes];
        let mut seen_bias = vec![1e-6_f32; classes];
        let order = order(examples.len());
        let balance = balance(examples, classes);
        let epochs = (UPDATES_WANTED / examples.len().max(1)).clamp(EPOCHS_MIN, EPOCHS_MAX);
        for _ in 0..epochs {
            for &at in &order {
                let (vector, class) = &examples[at];
                let mut errors = weights.probabilities(vector, 1.0);
                errors[*class] -= 1.0;
                errors.iter_mut().for_each(|error| *error *= balance[*class]);
                for (place, error) in errors.iter().enumerate() {
                    step(&mut weights.bias[place], &mut seen_bias[place], *error);
                }
                for (feature, weight) in vector {
                    let row = *feature as usize * classes;
                    for (place, error) in errors.iter().enumerate() {
                        let gradient = error * weight + DECAY * weights.rows[row + place];
                        step(&mut weights.rows[row + place], &mut seen[row + place], gradient);
                    }
                }
            }
        }
        weights
    }

    /// The probability of each class; `temperature` above 1 makes them more alike.
    pub(crate) fn probabilities(&self, vector: &Vector, temperature: f32) -> Vec<f32> {
        let mut scores = self.bias.clone();
        for (feature, weight) in vector {
            let row = *feature as usize * self.classes;
            for (score, of_class) in scores.iter_mut().zip(&self.rows[row..row + self.classes]) {
                *score += weight * of_class;
            }
        }
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        scores.iter_mut().for_each(|score| *score = ((*score - highest) / temperature).exp());
        let total: f32 = scores.iter().sum();
        scores.iter_mut().for_each(|score| *score /= total);
        scores
    }
}

/// The temperature at which confidence fits held-out examples best.
pub(crate) fn temperature(examples: &[(Vector, usize)], classes: usize, features: usize) -> f32 {
    let folds = if examples.len() > FOLD_EACH_MAX { 1 } else { FOLDS };
    let mut held_out = Vec::new();
    for fold in 0..folds {
        let is_out = |place: &usize| place % FOLDS == fold;
        let order = order(examples.len());
        let inside: Vec<_> = order.iter().enumerate().filter(|(place, _)| !is_out(place)).collect();
        let inside: Vec<_> = inside.into_iter().map(|(_, at)| examples[*at].clone()).collect();
        let weights = Weights::fit(&inside, classes, features);
        for (_, at) in order.iter().enumerate().filter(|(place, _)| is_out(place)) {
            let (vector, class) = &examples[*at];
            held_out.push((weights.probabilities(vector, 1.0), *class));
        }
    }
    let tried = (4..=24).map(|tenth| tenth as f32 / 10.0);
    let best = tried.map(|temperature| (loss(&held_out, temperature), temperature));
    best.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(1.0, |(_, temperature)| temperature)
}

/// Surprise at the right classes when probabilities are rescaled.
fn loss(held_out: &[(Vec<f32>, usize)], temperature: f32) -> f32 {
    let surprise = |(probabilities, class): &(Vec<f32>, usize)| {
        let scaled: Vec<f32> = probabilities.iter().map(|p| p.max(1e-9).powf(1.0 / temperature)).collect();
        -(scaled[*class] / scaled.iter().sum::<f32>()).ln()
    };
    held_out.iter().map(surprise).sum()
}

fn step(weight: &mut f32, seen: &mut f32, gradient: f32) {
    *seen += gradient * gradient;
    *weight -= RATE * gradient / seen.sqrt();
}

/// A class with few examples counts as much as one with many.
fn balance(examples: &[(Vector, usize)], classes: usize) -> Vec<f32> {
    let mut counts = vec![0.0_f32; classes];
    examples.iter().for_each(|(_, class)| counts[*class] += 1.0);
    let mean = examples.len() as f32 / classes.max(1) as f32;
    counts.into_iter().map(|count| (mean / count.max(1.0)).sqrt().clamp(0.5, 2.0)).collect()
}

/// Every place once, classes mixed, the same each time: a multiplicative walk through the places.
fn order(count: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by_key(|place| (*place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17));
    places
}
