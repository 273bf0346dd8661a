//! The energy gate before the neural voice detector: silence is by far the commonest sound on a telephone, and telling
//! it from anything else costs a thousandth of what the network costs.

use call::AudioFrame;

/// Follows the noise on a line and lets frames through that stand out of it.
///
/// The floor falls at once and rises slowly, so that it settles on the quietest sound of the last seconds. A line that
/// becomes noisy opens the gate for some seconds, and then the network decides; it never shuts speech out.
#[derive(Clone, Debug)]
pub(crate) struct EnergyGate {
    floor_rms: f32,
    hang_frames: u32,
}

impl EnergyGate {
    pub(crate) fn new() -> Self {
        Self { floor_rms: FLOOR_START_RMS, hang_frames: 0 }
    }

    /// Whether the network should look at this frame.
    pub(crate) fn admit(&mut self, frame: &AudioFrame) -> Gate {
        let rms = frame.rms();
        self.floor_rms = if rms < self.floor_rms {
            rms.max(FLOOR_MIN_RMS)
        } else {
            (self.floor_rms * FLOOR_RISE_PER_FRAME).min(FLOOR_MAX_RMS)
        };
        if rms > (self.floor_rms * OPEN_RATIO).max(OPEN_MIN_RMS) {
            self.hang_frames = HANG_FRAMES;
            return Gate::Open;
        }
        if self.hang_frames == 0 {
            return Gate::Shut;
        }
        self.hang_frames -= 1;
        Gate::Open
    }
}

/// What the gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Something is there.
    Open,
    /// Nothing is.
    Shut,
}

/// Where the floor starts: a quiet telephone line, -62 dB of full scale.
const FLOOR_START_RMS: f32 = 26.0;
/// Digital silence must not make every rounding error stand out.
const FLOOR_MIN_RMS: f32 = 4.0;
/// However loud the line, somebody shouting over it gets through: -38 dB of full scale.
const FLOOR_MAX_RMS: f32 = 400.0;
/// 3 dB in one second of 50 frames.
const FLOOR_RISE_PER_FRAME: f32 = 1.006_93;
/// 6 dB above the floor is something.
const OPEN_RATIO: f32 = 2.0;
/// Below -66 dB of full scale there is no speech, whatever the floor.
const OPEN_MIN_RMS: f32 = 16.0;
/// The network sees this much of what follows a sound (500 ms), so that it hears words end.
const HANG_FRAMES: u32 = 25;

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(rms: i16) -> AudioFrame {
        let mut frame = AudioFrame::SILENCE;
        for (index, sample) in frame.0.iter_mut().enumerate() {
            *sample = if index % 2 == 0 { rms } else { -rms };
        }
        frame
    }

    fn last(gate: &mut EnergyGate, frame: &AudioFrame, times: usize) -> Gate {
        (0..times).map(|_| gate.admit(frame)).last().unwrap()
    }

    #[test]
    fn silence_and_steady_noise_stay_outside() {
        let mut gate = EnergyGate::new();
        assert_eq!(last(&mut gate, &AudioFrame::SILENCE, 50), Gate::Shut);
        assert_eq!(last(&mut gate, &noise(60), 1), Gate::Open, "new noise is looked at");
        assert_eq!(last(&mut gate, &noise(60), 1_000), Gate::Shut, "and then known");
    }

    #[test]
    fn a_voice_over_noise_comes_through_and_its_end_too() {
        let mut gate = EnergyGate::new();
        last(&mut gate, &noise(60), 1_000);
        assert_eq!(gate.admit(&noise(400)), Gate::Open);
        assert_eq!(last(&mut gate, &noise(60), HANG_FRAMES as usize), Gate::Open);
        assert_eq!(gate.admit(&noise(60)), Gate::Shut);
    }

    #[test]
    fn a_loud_voice_is_never_taken_for_noise() {
        let mut gate = EnergyGate::new();
        assert_eq!(last(&mut gate, &noise(3_000), 3_000), Gate::Open, "a minute without a breath");
    }
}
