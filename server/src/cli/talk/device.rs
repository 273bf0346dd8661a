//! The machine's microphone and speaker, through cpal.
//!
//! A sound card calls back on a thread that must never wait: there, samples are only moved between the card's buffer
//! and a ring without locks. Rates are changed on the other side of the ring. Clocks of cards and of the call differ;
//! what has piled up is thrown away, what is missing is silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use call::{AudioFrame, SampleRate};
use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig, SupportedStreamConfig,
};
use media::Resampler;
use rtrb::{Consumer, Producer, RingBuffer};

/// The microphone.
pub(super) struct DeviceIn {
    ring: Consumer<i16>,
    resampler: Resampler,
    /// As it came.
    raw: Vec<i16>,
    /// At the rate of the house.
    ready: Vec<i16>,
    /// Samples at the card's rate that may pile up.
    raw_max: usize,
    _stream: Stream,
}

impl DeviceIn {
    /// Opens the default microphone.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub(super) fn open() -> Result<Self> {
        Self::find().context("no microphone found").map_err(|error| hinted(error, "--input FILE.wav"))
    }

    fn find() -> Result<Self> {
        let device = cpal::default_host().default_input_device().context("the machine names none")?;
        let config = device.default_input_config().map_err(told)?;
        let rate = rate(&config)?;
        let (producer, ring) = RingBuffer::new(ring_samples(rate));
        let (stream, _) = input(&device, config.config(), config.sample_format(), producer)?;
        stream.play().map_err(told)?;
        let resampler = Resampler::new(rate, AudioFrame::RATE)?;
        let raw_max = rate.samples_per_frame() * PILED_FRAMES_MAX;
        Ok(Self { ring, resampler, raw: Vec::new(), ready: Vec::new(), raw_max, _stream: stream })
    }

    /// The next 20 ms; silence when the card has not given so much.
    pub(super) fn frame(&mut self) -> AudioFrame {
        let there = self.ring.slots();
        if there > self.raw_max
            && let Ok(old) = self.ring.read_chunk(there - self.raw_max / 2)
        {
            old.commit_all();
        }
        self.raw.clear();
        self.raw.extend(std::iter::from_fn(|| self.ring.pop().ok()).take(self.raw_max));
        self.resampler.process(&self.raw, &mut self.ready);
        let piled = self.ready.len().saturating_sub(PILED_FRAMES_MAX * AudioFrame::SAMPLES);
        self.ready.drain(..piled);
        let mut frame = AudioFrame::SILENCE;
        if self.ready.len() >= AudioFrame::SAMPLES {
            frame.0.copy_from_slice(&self.ready[..AudioFrame::SAMPLES]);
            self.ready.drain(..AudioFrame::SAMPLES);
        }
        frame
    }
}

/// The speaker.
pub(super) struct DeviceOut {
    ring: Producer<i16>,
    resampler: Resampler,
    out: Vec<i16>,
    gone: Arc<AtomicBool>,
    _stream: Stream,
}

impl DeviceOut {
    /// Opens the default speaker.
    ///
    /// # Errors
    /// When there is none, or it cannot be used.
    pub(super) fn open() -> Result<Self> {
        Self::find().context("no speaker found").map_err(|error| hinted(error, "--output FILE.wav"))
    }

    fn find() -> Result<Self> {
        let device = cpal::default_host().default_output_device().context("the machine names none")?;
        let config = device.default_output_config().map_err(told)?;
        let rate = rate(&config)?;
        let (ring, consumer) = RingBuffer::new(ring_samples(rate));
        let wait = rate.samples_per_frame() * AHEAD_FRAMES;
        let (stream, gone) = output(&device, config.config(), config.sample_format(), consumer, wait)?;
        stream.play().map_err(told)?;
        let resampler = Resampler::new(AudioFrame::RATE, rate)?;
        Ok(Self { ring, resampler, out: Vec::new(), gone, _stream: stream })
    }

    /// Plays 20 ms; what the card cannot take is left out.
    ///
    /// # Errors
    /// When the card is gone.
    pub(super) fn play(&mut self, frame: &AudioFrame) -> Result<()> {
        if self.gone.load(Ordering::Relaxed) {
            bail!("the speaker is gone; plug it in and call again");
        }
        self.out.clear();
        self.resampler.process(&frame.0, &mut self.out);
        // The rest is what the card has no room for.
        let _rest = self.ring.push_partial_slice(&self.out);
        Ok(())
    }
}

type Built = Result<(Stream, Arc<AtomicBool>)>;

fn input(device: &Device, config: StreamConfig, format: SampleFormat, ring: Producer<i16>) -> Built {
    match format {
        SampleFormat::F32 => input_of::<f32>(device, config, ring),
        SampleFormat::I16 => input_of::<i16>(device, config, ring),
        SampleFormat::I32 => input_of::<i32>(device, config, ring),
        SampleFormat::U16 => input_of::<u16>(device, config, ring),
        SampleFormat::U8 => input_of::<u8>(device, config, ring),
        other => bail!("its samples ({other}) are of a kind that is not read here"),
    }
}

fn input_of<T>(device: &Device, config: StreamConfig, mut ring: Producer<i16>) -> Built
where
    T: SizedSample + Send + 'static,
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels).max(1);
    let take = move |data: &[T], _: &cpal::InputCallbackInfo| {
        for moment in data.chunks(channels) {
            let sum: f32 = moment.iter().map(|&sample| f32::from_sample(sample)).sum();
            // A full ring means that nobody listens just now.
            if ring.push(i16::from_sample(sum / channels as f32)).is_err() {
                return;
            }
        }
    };
    let (gone, on_error) = watch();
    let stream = device.build_input_stream::<T, _, _>(config, take, on_error, None).map_err(told)?;
    Ok((stream, gone))
}

fn output(device: &Device, config: StreamConfig, format: SampleFormat, ring: Consumer<i16>, wait: usize) -> Built {
    match format {
        SampleFormat::F32 => output_of::<f32>(device, config, ring, wait),
        SampleFormat::I16 => output_of::<i16>(device, config, ring, wait),
        SampleFormat::I32 => output_of::<i32>(device, config, ring, wait),
        SampleFormat::U16 => output_of::<u16>(device, config, ring, wait),
        SampleFormat::U8 => output_of::<u8>(device, config, ring, wait),
        other => bail!("its samples ({other}) are of a kind that is not written here"),
    }
}

fn output_of<T>(device: &Device, config: StreamConfig, ring: Consumer<i16>, wait: usize) -> Built
where
    T: SizedSample + FromSample<i16> + Send + 'static,
{
    let channels = usize::from(config.channels).max(1);
    let mut tap = Tap { ring, wait, is_flowing: false };
    let give = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        tap.look();
        for moment in data.chunks_mut(channels) {
            moment.fill(T::from_sample(tap.next()));
        }
    };
    let (gone, on_error) = watch();
    let stream = device.build_output_stream::<T, _, _>(config, give, on_error, None).map_err(told)?;
    Ok((stream, gone))
}

/// The card's end of the ring to the speaker. After it ran dry it waits until some sound is there again, so that a call
/// that comes unevenly stutters once and not for each packet.
struct Tap {
    ring: Consumer<i16>,
    wait: usize,
    is_flowing: bool,
}

impl Tap {
    fn look(&mut self) {
        if !self.is_flowing && self.ring.slots() >= self.wait {
            self.is_flowing = true;
        }
    }

    fn next(&mut self) -> i16 {
        if !self.is_flowing {
            return 0;
        }
        self.ring.pop().unwrap_or_else(|_| {
            self.is_flowing = false;
            0
        })
    }
}

/// A flag and what raises it when the card is gone.
fn watch() -> (Arc<AtomicBool>, impl FnMut(cpal::Error) + Send + 'static) {
    let gone = Arc::new(AtomicBool::new(false));
    let flag = gone.clone();
    let on_error = move |error: cpal::Error| {
        if matches!(error.kind(), ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable) {
            flag.store(true, Ordering::Relaxed);
        }
    };
    (gone, on_error)
}

fn rate(config: &SupportedStreamConfig) -> Result<SampleRate> {
    SampleRate::new(config.sample_rate()).context("its rate is zero")
}

fn ring_samples(rate: SampleRate) -> usize {
    rate.samples_per_frame() * RING_FRAMES
}

fn told(error: cpal::Error) -> anyhow::Error {
    anyhow::Error::msg(error.to_string())
}

/// Says everything in one line, and the way out.
fn hinted(error: anyhow::Error, instead: &str) -> anyhow::Error {
    anyhow::anyhow!("{error:#}; plug one in and choose it in the system's sound settings, or use {instead}")
}

/// Half a second.
const RING_FRAMES: usize = 25;
/// Sound of the microphone that may pile up before the older half goes: 120 ms.
const PILED_FRAMES_MAX: usize = 6;
/// Sound that must be there before the speaker begins: 60 ms.
const AHEAD_FRAMES: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speaker_that_ran_dry_waits_for_some_sound() {
        let (mut ring, consumer) = RingBuffer::new(8);
        let mut tap = Tap { ring: consumer, wait: 2, is_flowing: false };
        let mut hear = || {
            tap.look();
            tap.next()
        };
        ring.push(5).unwrap();
        assert_eq!(hear(), 0, "one sample is not enough");
        ring.push(6).unwrap();
        assert_eq!([hear(), hear(), hear()], [5, 6, 0]);
        ring.push(7).unwrap();
        assert_eq!(hear(), 0, "it waits again");
        ring.push(8).unwrap();
        assert_eq!([hear(), hear()], [7, 8]);
    }
}
