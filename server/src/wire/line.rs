//! One call on its media thread: its legs, who hears whom, and what of it is recorded.

use call::{AudioFrame, LegId, Moment};
use media::{Attention, RtpStats};

use super::events::EventSender;
use super::leg::{Beat, Buffers, Leg};
use super::recording::{Job, RecorderFeed};
use super::{RecordMode, WireEvent};

/// One call on this thread.
pub(super) struct LineState {
    pub(super) events: EventSender,
    legs: Vec<Leg>,
    bridge: Option<(LegId, LegId)>,
    recording: Option<Recorded>,
}

/// A recording under way.
struct Recorded {
    id: u64,
    mode: RecordMode,
    /// The beat of the recording that comes next.
    beat: u32,
}

impl LineState {
    pub(super) fn new(events: EventSender) -> Self {
        Self { events, legs: Vec::with_capacity(LEGS_EXPECTED), bridge: None, recording: None }
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|found| found.id == leg)
    }

    pub(super) fn add_leg(&mut self, leg: Leg) {
        self.legs.push(leg);
        self.settle_attention();
    }

    pub(super) fn remove_leg(&mut self, leg: LegId) {
        self.legs.retain(|kept| kept.id != leg);
        if self.bridge.is_some_and(|(one, other)| one == leg || other == leg) {
            self.bridge = None;
        }
        self.settle_attention();
    }

    pub(super) fn attend(&mut self, leg: LegId, attention: Attention) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.wanted = attention;
        }
        self.settle_attention();
    }

    pub(super) fn set_bridge(&mut self, bridge: Option<(LegId, LegId)>) {
        self.bridge = bridge;
        self.settle_attention();
    }

    pub(super) fn begin_recording(&mut self, id: u64) {
        self.recording = Some(Recorded { id, mode: RecordMode::Running, beat: 0 });
        self.settle_attention();
    }

    pub(super) fn record_as(&mut self, mode: RecordMode) {
        if let Some(recording) = &mut self.recording {
            recording.mode = mode;
        }
    }

    /// The recording that ends, if there is one.
    pub(super) fn end_recording(&mut self) -> Option<u64> {
        let id = self.recording.take().map(|recording| recording.id);
        self.settle_attention();
        id
    }

    /// Sound is unpacked where somebody wants it: the call, the recording, or a bridged leg of another codec.
    pub(super) fn settle_attention(&mut self) {
        for place in 0..self.legs.len() {
            let mixed = self.partner(place).is_some_and(|partner| !self.legs[partner].speaks_like(&self.legs[place]));
            let heard = self.recording.is_some() || mixed || self.legs[place].wanted == Attention::Heard;
            let attention = if heard { Attention::Heard } else { Attention::Unheard };
            self.legs[place].rtp.set_attention(attention);
        }
    }

    /// What the wire saw of each leg, after whatever still played was reported.
    pub(super) fn close(&mut self, now: Moment) -> Vec<(LegId, RtpStats)> {
        for leg in &mut self.legs {
            leg.playout.cut();
            leg.tell_progress(now, &mut self.events);
        }
        self.legs.iter().map(|leg| (leg.id, leg.rtp.stats())).collect()
    }

    /// One beat of one call: hear every leg, then send to every leg, then record.
    pub(super) fn tick(&mut self, now: Moment, buffers: &mut Buffers, recorder: &mut RecorderFeed) {
        for place in 0..self.legs.len() {
            self.hear(place, buffers, now);
        }
        for place in 0..self.legs.len() {
            let partner = self.partner(place);
            match partner.and_then(|partner| self.legs.get_disjoint_mut([place, partner]).ok()) {
                Some([leg, partner]) if leg.speaks_like(partner) => leg.speak(Beat::Passed(partner.heard()), buffers),
                Some([leg, partner]) => leg.speak(Beat::Unpacked(partner.heard()), buffers),
                None => self.legs[place].speak(Beat::Alone, buffers),
            }
            self.legs[place].report(now, &mut self.events);
        }
        self.record(recorder);
    }

    /// Reads one leg's socket; what a bridged leg can take as it is goes on at once.
    fn hear(&mut self, place: usize, buffers: &mut Buffers, now: Moment) {
        let partner = self.partner(place).filter(|&partner| self.legs[partner].speaks_like(&self.legs[place]));
        match partner.and_then(|partner| self.legs.get_disjoint_mut([place, partner]).ok()) {
            Some([leg, partner]) => leg.read(Some(partner), buffers, now),
            None => self.legs[place].read(None, buffers, now),
        }
        let leg = &mut self.legs[place];
        leg.unpack(now);
        leg.tell_digits(now, &mut self.events);
        leg.tell_alive(now, &mut self.events);
        if let Some(&frame) = leg.heard().filter(|_| leg.wanted == Attention::Heard) {
            // A full ring drops sound: the call is behind, and waiting here would hurt every other call.
            self.events.tell(WireEvent::Frame { leg: leg.id, frame, sent_rms: leg.sent_rms, at: now });
        }
    }

    fn record(&mut self, recorder: &mut RecorderFeed) {
        let Some(recording) = &mut self.recording else { return };
        let (left, right) = match recording.mode {
            RecordMode::Paused => return,
            RecordMode::Running => {
                let caller = self.legs.iter().find(|leg| leg.id == LegId::CALLER);
                let (heard, sent) = (caller.and_then(Leg::heard), caller.map(Leg::sent));
                (heard.unwrap_or(&AudioFrame::SILENCE), sent.unwrap_or(&AudioFrame::SILENCE))
            }
            RecordMode::Silence => (&AudioFrame::SILENCE, &AudioFrame::SILENCE),
            RecordMode::Tone => (&MASK, &MASK),
        };
        // What finds no room becomes silence of the same length: the recorder sees the beat that is missing.
        recorder.tell(Job::Frame { id: recording.id, beat: recording.beat, left: *left, right: *right });
        recording.beat = recording.beat.saturating_add(1);
    }

    /// The leg bridged with this one.
    fn partner(&self, place: usize) -> Option<usize> {
        let (one, other) = self.bridge?;
        let leg = self.legs[place].id;
        let wanted = if leg == one {
            other
        } else if leg == other {
            one
        } else {
            return None;
        };
        self.legs.iter().position(|found| found.id == wanted)
    }
}

/// What a masked recording holds: a soft tone of 500 Hz, whose ten waves fill a frame without a seam.
static MASK: AudioFrame = AudioFrame(mask());

const fn mask() -> [i16; AudioFrame::SAMPLES] {
    // A triangle needs no sine, and half of it is the other half upside down.
    let mut samples = [0; AudioFrame::SAMPLES];
    let mut n = 0;
    while n < AudioFrame::SAMPLES {
        let at = (n % 32) as i16;
        samples[n] = if at < 8 {
            at * MASK_STEP
        } else if at < 24 {
            (16 - at) * MASK_STEP
        } else {
            (at - 32) * MASK_STEP
        };
        n += 1;
    }
    samples
}

/// Eight steps up to the height of the tone: -24 dB of full scale.
const MASK_STEP: i16 = 256;
/// Caller, agent, one consulted.
const LEGS_EXPECTED: usize = 4;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::wire::WireEvent;
    use crate::wire::events::{self, LineEvents};
    use crate::wire::recording::{RecorderThread, RecordingOutcome};

    /// A line without legs that is recorded for the beats of each mode; what it tells, and how the recording ended.
    fn record(path: &Path, modes: &[(RecordMode, u32)]) -> (LineEvents, RecordingOutcome) {
        let recorder = RecorderThread::start().unwrap();
        let (mut feed, mut buffers) = (recorder.feed(), Buffers::new());
        let (sender, events) = events::line();
        let mut line = LineState::new(sender);
        let (recording, outcome) = recorder.begin(path.to_owned());
        let id = recording.id();
        assert!(feed.tell(Job::Begin { recording, line: line.events.bell() }));
        line.begin_recording(id);
        for &(mode, beats) in modes {
            line.record_as(mode);
            for _ in 0..beats {
                line.tick(Moment::START, &mut buffers, &mut feed);
            }
        }
        assert!(feed.tell(Job::End { id: line.end_recording().unwrap() }));
        feed.flush();
        let outcome = outcome.blocking_recv().unwrap();
        drop(feed);
        recorder.stop();
        (events, outcome)
    }

    #[test]
    fn a_recording_is_paused_masked_and_resumed_to_the_beat() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("masked.wav");
        let modes = [
            (RecordMode::Running, 3),
            (RecordMode::Paused, 50),
            (RecordMode::Tone, 4),
            (RecordMode::Silence, 2),
            (RecordMode::Running, 1),
        ];
        let (_, outcome) = record(&path, &modes);
        assert_eq!(outcome, Ok(AudioFrame::DURATION * 10), "a pause makes it shorter, a mask does not");
        let sound = media::read_wav(&path).unwrap();
        for channel in sound.channels {
            let beats: Vec<_> = channel.chunks(AudioFrame::SAMPLES).map(|beat| beat == MASK.0).collect();
            assert_eq!(beats, [false, false, false, true, true, true, true, false, false, false]);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_and_the_line_goes_on() {
        let (mut events, outcome) = record(Path::new("/dev/full"), &[(RecordMode::Running, 200)]);
        assert!(outcome.unwrap_err().contains("no room"));
        let told = std::iter::from_fn(|| events.try_recv())
            .any(|event| matches!(event, WireEvent::RecordingFailed(reason) if reason.contains("no room")));
        assert!(told);
    }

    #[test]
    fn a_masked_recording_holds_a_tone_without_a_seam() {
        let steps = MASK.0.windows(2).map(|pair| (pair[1] - pair[0]).abs()).max();
        let seam = (MASK.0[0] - MASK.0[AudioFrame::SAMPLES - 1]).abs();
        assert_eq!((steps, seam), (Some(MASK_STEP), MASK_STEP));
        assert!((1_000.0..1_500.0).contains(&MASK.rms()), "{}", MASK.rms());
    }
}
