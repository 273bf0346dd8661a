//! The wire: RTP in and out, jitter, concealment, digits, playout, resampling, recording.
//!
//! Half of it is pure: [`RtpSession`] and [`Playout`] take bytes, frames and the time as arguments, and own all their
//! memory from the start, so that a media worker can run hundreds of them without a lock or an allocation. The other
//! half turns sound into files and rates: [`Recorder`], [`Resampler`].

mod codec;
mod conceal;
mod dtmf;
pub mod g711;
mod halfband;
mod jitter;
mod line;
mod playout;
mod record_error;
mod recorder;
mod resample;
mod rtp;
mod session;
pub mod tone;
mod wav;

pub use codec::{CODECS, CodecUnsupported};
pub use conceal::Concealer;
pub use dtmf::{DIGITS_MAX, DigitReceiver, DigitRefused, DigitSender};
pub use jitter::{BACKLOG_FRAMES_MAX, Inserted, JitterBuffer, PAYLOAD_MAX, Popped, TARGET_FRAMES_MAX};
pub use line::telephone;
pub use playout::{CLIPS_MAX, Clip, Playout, PlayoutFull, Progress};
pub use record_error::RecordError;
pub use recorder::{RECORDING_FRAMES_MAX, Recorder, repair};
pub use resample::{RATE_HZ_MAX, RATE_HZ_MIN, ResampleError, Resampler, resample};
pub use rtp::{HEADER_LEN, Marker, PACKET_MAX, RtpError, RtpHeader, RtpPacket, RtpTime, SeqNo, Ssrc};
pub use session::{
    Attention, EVENTS_MAX, MediaDirection, PacketOut, Relay, RtpConfig, RtpEvent, RtpSession, RtpStats, SessionError,
};
pub use wav::{WAV_CHANNELS_MAX, WAV_SAMPLES_MAX, WavSound, parse_wav, read_wav, wav_bytes, write_wav};
