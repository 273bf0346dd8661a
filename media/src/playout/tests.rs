//! What a caller hears of clips, and whether the reports tell the truth about it.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const LOUD: AudioFrame = AudioFrame([10_000; AudioFrame::SAMPLES]);

fn clip(id: u64, frames: usize) -> Clip {
    Clip { id, frames: vec![LOUD; frames].into() }
}

fn reports(playout: &mut Playout) -> Vec<Progress> {
    std::iter::from_fn(|| playout.poll_progress()).collect()
}

#[test]
fn clips_play_one_after_the_other_and_are_reported() {
    let mut playout = Playout::new();
    playout.push(clip(7, 2)).unwrap();
    playout.push(clip(8, 1)).unwrap();
    assert_eq!(playout.frames_left(), 3);
    assert_eq!(playout.frame(), Some(LOUD));
    assert_eq!(playout.played(), Some((7, 1)));
    assert_eq!(playout.frame(), Some(LOUD));
    assert_eq!(playout.frame(), Some(LOUD));
    assert_eq!(playout.frame(), None);
    let expected = [
        Progress::Started { clip: 7 },
        Progress::Finished { clip: 7 },
        Progress::Started { clip: 8 },
        Progress::Finished { clip: 8 },
    ];
    assert_eq!(reports(&mut playout), expected);
    assert_eq!(playout.poll_retired().unwrap().len(), 2);
}

#[test]
fn a_stopped_clip_fades_and_tells_how_much_was_heard() {
    let mut playout = Playout::new();
    playout.push(clip(1, 50)).unwrap();
    playout.push(clip(2, 50)).unwrap();
    for _ in 0..3 {
        playout.frame();
    }
    playout.stop();
    playout.push(clip(3, 1)).unwrap();
    let fading = playout.frame().unwrap();
    assert!(fading.0[0] > 9_900 && fading.0[80] < 5_100 && fading.0[160..] == [0; 160]);
    assert_eq!(playout.frame(), Some(LOUD), "the next clip plays at once");
    let expected = [
        Progress::Started { clip: 1 },
        Progress::Stopped { clip: 1, frames_played: 3 },
        Progress::Stopped { clip: 2, frames_played: 0 },
        Progress::Started { clip: 3 },
        Progress::Finished { clip: 3 },
    ];
    assert_eq!(reports(&mut playout), expected);
}

#[test]
fn a_stop_before_the_first_frame_is_silent() {
    let mut playout = Playout::new();
    playout.push(clip(1, 5)).unwrap();
    playout.stop();
    assert_eq!(reports(&mut playout), [Progress::Stopped { clip: 1, frames_played: 0 }]);
    assert_eq!(playout.frame(), None);
}

#[test]
fn a_stop_during_the_last_frame_of_a_clip_ends_the_next_one_silently() {
    let mut playout = Playout::new();
    playout.push(clip(1, 1)).unwrap();
    playout.push(clip(2, 5)).unwrap();
    playout.frame();
    playout.stop();
    assert_eq!(playout.frame(), None);
    assert_eq!(reports(&mut playout)[2..], [Progress::Stopped { clip: 2, frames_played: 0 }]);
}

#[test]
fn a_cut_is_reported_at_once() {
    let mut playout = Playout::new();
    playout.push(clip(1, 5)).unwrap();
    playout.frame();
    playout.cut();
    assert!(playout.is_idle());
    assert_eq!(reports(&mut playout)[1..], [Progress::Stopped { clip: 1, frames_played: 1 }]);
}

#[test]
fn ducking_is_done_within_60_ms_and_never_jumps() {
    let mut playout = Playout::new();
    playout.push(clip(1, 20)).unwrap();
    playout.frame();
    playout.duck(-20.0);
    let mut samples: Vec<i16> = (0..3).flat_map(|_| playout.frame().unwrap().0).collect();
    assert_eq!(samples.last(), Some(&1_000));
    playout.restore();
    samples.extend((0..3).flat_map(|_| playout.frame().unwrap().0));
    assert_eq!(samples.last(), Some(&10_000));
    assert!(samples.windows(2).all(|pair| (pair[0] - pair[1]).abs() <= 20));
}

#[test]
fn a_clip_that_was_talked_over_is_said_again() {
    let mut playout = Playout::new();
    playout.push(clip(1, 5)).unwrap();
    for _ in 0..3 {
        playout.frame();
    }
    playout.duck(-15.0);
    playout.frame();
    playout.resume();
    assert_eq!(playout.frames_left(), 5);
    playout.frame();
    playout.stop();
    playout.frame();
    assert_eq!(
        reports(&mut playout),
        [Progress::Started { clip: 1 }, Progress::Stopped { clip: 1, frames_played: 4 }],
        "four of its frames were heard at some time"
    );
}

#[test]
fn what_is_said_after_a_stop_is_as_loud_as_ever() {
    let mut playout = Playout::new();
    playout.push(clip(1, 5)).unwrap();
    playout.frame();
    playout.duck(-15.0);
    playout.frame();
    playout.stop();
    playout.frame();
    playout.push(clip(2, 9)).unwrap();
    let last = (0..3).filter_map(|_| playout.frame()).last().unwrap();
    assert_eq!(last.0[319], 10_000);
}

#[test]
fn a_full_queue_gives_the_clip_back() {
    let mut playout = Playout::new();
    for id in 0..CLIPS_MAX as u64 {
        playout.push(clip(id, 1)).unwrap();
    }
    assert_eq!(playout.push(clip(99, 1)).unwrap_err().0.id, 99);
    while playout.frame().is_some() {}
    assert!(playout.push(clip(99, 1)).is_err(), "what is done was not polled");
    reports(&mut playout);
    while playout.poll_retired().is_some() {}
    playout.push(clip(99, 1)).unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    Cut,
    Duck,
    Frames(usize),
    Push(usize),
    Restore,
    Resume,
    Stop,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => Just(Step::Cut),
        6 => (0_usize..8).prop_map(Step::Frames),
        6 => (0_usize..6).prop_map(Step::Push),
        2 => Just(Step::Duck),
        2 => Just(Step::Restore),
        1 => Just(Step::Resume),
        2 => Just(Step::Stop),
    ]
}

proptest! {
    #[test]
    fn reports_count_exactly_the_frames_that_left_whole(steps in prop::collection::vec(step(), 1..80)) {
        let mut playout = Playout::new();
        let (mut left, mut told, mut next, mut again) = (0, 0, 0, 0);
        let mut lengths = HashMap::new();
        let mut ends = HashMap::new();
        for step in steps.into_iter().chain([Step::Cut]) {
            match step {
                Step::Cut => playout.cut(),
                Step::Duck => playout.duck(-15.0),
                Step::Restore => playout.restore(),
                Step::Resume => {
                    again += playout.played().map_or(0, |(_, frames)| frames);
                    playout.resume();
                }
                Step::Frames(count) => left += (0..count).filter_map(|_| playout.frame()).filter(|frame| frame.0[319] != 0).count(),
                Step::Push(length) => {
                    next += 1;
                    lengths.insert(next, length);
                    playout.push(clip(next, length)).unwrap();
                }
                Step::Stop => playout.stop(),
            }
            for report in reports(&mut playout) {
                let (clip, frames) = match report {
                    Progress::Started { .. } => continue,
                    Progress::Finished { clip } => (clip, lengths[&clip]),
                    Progress::Stopped { clip, frames_played } => (clip, frames_played),
                };
                told += frames;
                prop_assert_eq!(ends.insert(clip, frames), None, "each clip ends once");
            }
            while playout.poll_retired().is_some() {}
        }
        // A clip that is cut off before it comes as far as the first time has been played less than twice.
        prop_assert!(told <= left && left <= told + again, "{left} left, {told} told, {again} again");
        prop_assert_eq!(ends.len(), lengths.len(), "each clip ends");
    }
}
