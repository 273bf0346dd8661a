//! Fits a logistic regression: Newton's method on the ridge-penalised likelihood, to the last digit and without luck.

/// One example: its values, whether the answer is yes, and how much it counts.
pub(super) struct Example<'a> {
    pub(super) values: &'a [f32],
    pub(super) is_yes: bool,
    pub(super) weight: f64,
}

/// Weights and, last, the bias. `ridge` is the penalty on each squared weight; the bias is free.
pub(super) fn logistic_regression(examples: &[Example<'_>], ridge: f64) -> Vec<f64> {
    let size = examples.first().map_or(0, |example| example.values.len()) + 1;
    let mut weights = vec![0.0; size];
    for _ in 0..ROUNDS_MAX {
        let step = newton_step(examples, &weights, ridge);
        for (weight, step) in weights.iter_mut().zip(&step) {
            *weight += step;
        }
        if step.iter().all(|step| step.abs() < STEP_MIN) {
            break;
        }
    }
    weights
}

fn newton_step(examples: &[Example<'_>], weights: &[f64], ridge: f64) -> Vec<f64> {
    let size = weights.len();
    let mut slope = vec![0.0; size];
    let mut bend = vec![0.0; size * size];
    let mut row = vec![1.0_f64; size];
    for example in examples {
        for (place, value) in row.iter_mut().zip(example.values) {
            *place = f64::from(*value);
        }
        let score: f64 = row.iter().zip(weights).map(|(value, weight)| value * weight).sum();
        let likely = 1.0 / (1.0 + (-score).exp());
        let miss = example.weight * (f64::from(u8::from(example.is_yes)) - likely);
        // Kept off zero, so that certain examples do not make the matrix singular.
        let curve = example.weight * (likely * (1.0 - likely)).max(1e-6);
        for n in 0..size {
            slope[n] += miss * row[n];
            let scaled = curve * row[n];
            for (place, value) in bend[n * size..=n * size + n].iter_mut().zip(&row) {
                *place += scaled * value;
            }
        }
    }
    for n in 0..size - 1 {
        slope[n] -= ridge * weights[n];
        bend[n * size + n] += ridge;
    }
    cholesky(&mut bend, size);
    substitute(&bend, slope)
}

/// The lower triangle of a positive matrix becomes its root.
fn cholesky(matrix: &mut [f64], size: usize) {
    for row in 0..size {
        for column in 0..=row {
            let known: f64 = (0..column).map(|k| matrix[row * size + k] * matrix[column * size + k]).sum();
            let rest = matrix[row * size + column] - known;
            matrix[row * size + column] =
                if row == column { rest.max(1e-12).sqrt() } else { rest / matrix[column * size + column] };
        }
    }
}

/// Solves with the root: forwards, then backwards.
fn substitute(root: &[f64], mut values: Vec<f64>) -> Vec<f64> {
    let size = values.len();
    for row in 0..size {
        let known: f64 = (0..row).map(|k| root[row * size + k] * values[k]).sum();
        values[row] = (values[row] - known) / root[row * size + row];
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| root[k * size + row] * values[k]).sum();
        values[row] = (values[row] - known) / root[row * size + row];
    }
    values
}

const ROUNDS_MAX: usize = 25;
const STEP_MIN: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_odds_of_a_table_are_found() {
        // At 0 one of four is yes, at 1 three of four: odds 1/3 and 3, so the bias is -ln 3 and the weight 2 ln 3.
        let table = [(0.0, true), (0.0, false), (0.0, false), (0.0, false)]
            .into_iter()
            .chain([(1.0, true), (1.0, true), (1.0, true), (1.0, false)])
            .map(|(value, is_yes)| ([value], is_yes))
            .collect::<Vec<_>>();
        let examples: Vec<_> =
            table.iter().map(|(values, is_yes)| Example { values, is_yes: *is_yes, weight: 1.0 }).collect();
        let found = logistic_regression(&examples, 1e-9);
        assert!((found[0] - 2.0 * 3.0_f64.ln()).abs() < 1e-4 && (found[1] + 3.0_f64.ln()).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_penalty_keeps_weights_finite_when_the_classes_do_not_touch() {
        let (no, yes) = ([-1.0], [1.0]);
        let examples =
            [Example { values: &no, is_yes: false, weight: 1.0 }, Example { values: &yes, is_yes: true, weight: 1.0 }];
        let found = logistic_regression(&examples, 0.1);
        assert!(found[0] > 0.5 && found[0] < 10.0 && found[1].abs() < 1e-6, "{found:?}");
    }
}
