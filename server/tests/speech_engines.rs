//! Speech engines over HTTP: this house as the engine of others, others as the engine of this house, and what happens
//! when they do not answer as they should.

#![expect(clippy::unwrap_used, reason = "what cannot be prepared or read fails its test")]

mod kept;

use std::net::SocketAddr;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asr::{DecodeRequest, Decoded, LanguageChoice, Recognizer, RecognizerError, Scripted, Verdict};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use call::{Language, Pcm, Pii, SampleRate};
use kept::{HEARD, Keeping};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use server::config::Config;
use server::ears::Ears;
use server::engines::{recognizer_over_http, voices_over_http};
use server::guests::{GuestError, Guests};
use tokio::net::TcpListener;
use tts::{Style, ToneVoice, Voice};

const TOKEN: &str = "sesame-open-sesame";
/// What the embedded recogniser of these tests hears.
const EMBEDDED: &str = "heard by the embedded one";

/// Something that is neither silence nor a tone.
fn voice_like(seconds: usize) -> Vec<i16> {
    (0..seconds * 16_000).map(|n| ((n * n / 700) % 4_000 * (n % 4_000) / 4_000) as i16).collect()
}

fn wav(seconds: usize) -> Vec<u8> {
    media::wav_bytes(&Pcm { rate: SampleRate::HZ_16000, samples: voice_like(seconds) }).unwrap()
}

fn form(file: Vec<u8>, fields: &[(&'static str, &'static str)]) -> Form {
    let form = Form::new().part("file", Part::bytes(file).file_name("a.wav")).text("model", "whisper-1");
    fields.iter().fold(form, |form, (name, value)| form.text(*name, *value))
}

async fn transcribe(keeping: &Keeping, form: Form) -> (u16, String) {
    let url = keeping.url("/v1/audio/transcriptions");
    let response = reqwest::Client::new().post(url).multipart(form).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn speak(keeping: &Keeping, body: Value) -> (u16, Vec<u8>) {
    let url = keeping.url("/v1/audio/speech");
    let response = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn others_have_their_sound_written_down() {
    let keeping = Keeping::start(None).await;
    let (status, answer) = transcribe(&keeping, form(wav(2), &[("temperature", "0")])).await;
    assert_eq!((status, answer.parse::<Value>().unwrap()), (200, json!({ "text": HEARD })));
    let fields = [("response_format", "text"), ("language", "en"), ("prompt", "Orders.")];
    assert_eq!(transcribe(&keeping, form(wav(2), &fields)).await, (200, HEARD.to_owned()));
    let (_, answer) = transcribe(&keeping, form(wav(2), &[("response_format", "verbose_json")])).await;
    let verbose: Value = answer.parse().unwrap();
    assert_eq!((&verbose["language"], &verbose["duration"]), (&json!("english"), &json!(2.0)));
    assert_eq!((&verbose["segments"][0]["text"], &verbose["segments"][0]["end"]), (&json!(HEARD), &json!(2.0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn others_have_their_words_spoken() {
    let keeping = Keeping::start(None).await;
    let (status, bytes) =
        speak(&keeping, json!({ "model": "tts-1", "voice": "alloy", "input": "One two three." })).await;
    assert_eq!(status, 200);
    let sound = media::parse_wav(bytes).unwrap().mono();
    assert_eq!(sound.rate, SampleRate::HZ_24000);
    assert!(sound.samples.len() >= 3 * ToneVoice::WORD_SAMPLES - 2_000, "{} samples", sound.samples.len());
    let (_, raw) = speak(&keeping, json!({ "input": "One two three.", "response_format": "pcm" })).await;
    assert_eq!(raw.len(), 2 * sound.samples.len());
    let (_, fast) = speak(&keeping, json!({ "input": "One two three.", "response_format": "pcm", "speed": 2 })).await;
    assert!(fast.len() < raw.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_the_shape_that_openai_clients_read() {
    let keeping = Keeping::start(None).await;
    let check = |(status, answer): (u16, String), expected: u16, part: &str| {
        let answer: Value = answer.parse().unwrap_or_else(|_| panic!("{part}: {answer}"));
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(status == expected && message.contains(part), "{part}: {status} {answer}");
        assert!(answer["error"]["type"].is_string() && answer["error"]["param"].is_null(), "{answer}");
    };
    let text = |(status, bytes): (u16, Vec<u8>)| (status, String::from_utf8(bytes).unwrap());
    check(transcribe(&keeping, Form::new().text("model", "x")).await, 400, "no field file");
    check(transcribe(&keeping, form(b"no sound".to_vec(), &[])).await, 400, "not a WAV file");
    check(transcribe(&keeping, form(wav(1), &[("language", "fr")])).await, 400, "neither en nor zh");
    check(transcribe(&keeping, form(wav(1), &[("response_format", "srt")])).await, 400, "response_format");
    check(transcribe(&keeping, form(wav(61), &[])).await, 413, "longer than a minute");
    check(text(speak(&keeping, json!({ "input": "x", "response_format": "mp3" })).await), 400, "neither wav nor pcm");
    check(text(speak(&keeping, json!({ "input": "x", "speed": 9 })).await), 400, "speed");
    check(text(speak(&keeping, json!({ "input": "x".repeat(4_097) })).await), 400, "4096");
    check(text(speak(&keeping, json!({ "input": "..." })).await), 400, "nothing in the text");
    check(text(speak(&keeping, json!({ "input": "你好" })).await), 400, "language zh");
    check(text(speak(&keeping, json!({ "voice": "en" })).await), 400, "input");
    let get = reqwest::get(keeping.url("/v1/audio/speech")).await.unwrap();
    check((get.status().as_u16(), get.text().await.unwrap()), 405, "method");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused_and_so_is_one_without_the_token() {
    let keeping = Keeping::start(Some(TOKEN)).await;
    let client = reqwest::Client::new();
    let url = keeping.url("/v1/audio/transcriptions");
    let stranger = client.post(&url).multipart(form(wav(1), &[])).send().await.unwrap();
    assert_eq!(stranger.status(), 401);
    assert_eq!(stranger.json::<Value>().await.unwrap()["error"]["code"], "invalid_api_key");
    let huge = form(vec![0; 17 << 20], &[]);
    // The server may close before all is sent; then there is no answer to read.
    if let Ok(refused) = client.post(&url).bearer_auth(TOKEN).multipart(huge).send().await {
        assert_eq!(refused.status(), 413);
    }
    let friend = client.post(&url).bearer_auth(TOKEN).multipart(form(wav(1), &[])).send().await.unwrap();
    assert_eq!(friend.status(), 200);
}

fn config(address: SocketAddr, more: &str) -> Config {
    let engine = format!("url = \"http://{address}/v1\"\ntimeout_ms = 400\nkey = \"{TOKEN}\"\n");
    let text = format!("[speech.recognizer]\n{engine}[speech.voice.en]\n{engine}{more}");
    Config::parse(&text, "hotline.toml".as_ref(), |_| None).unwrap()
}

fn ears(config: &Config) -> Arc<dyn Recognizer> {
    recognizer_over_http(&config.speech, Arc::new(Scripted::new([EMBEDDED]))).unwrap()
}

/// The voice, with an embedded one whose tones are of another pitch than the engine's.
fn mouth(config: &Config) -> Arc<dyn Voice> {
    voices_over_http(&config.speech, vec![Arc::new(ToneVoice::new(Language::En, 880.0))]).unwrap().remove(0)
}

fn request() -> DecodeRequest {
    DecodeRequest::new(voice_like(2).into(), LanguageChoice::Detect(Vec::new()))
}

async fn decode(ears: &Arc<dyn Recognizer>, request: DecodeRequest) -> Result<Decoded, RecognizerError> {
    let ears = ears.clone();
    tokio::task::spawn_blocking(move || ears.decode(&request)).await.unwrap()
}

async fn say(mouth: &Arc<dyn Voice>, text: &'static str) -> tts::Speech {
    let mouth = mouth.clone();
    tokio::task::spawn_blocking(move || mouth.speak(text, Style::default()).unwrap()).await.unwrap()
}

/// How often the sound goes up through zero in a second of tone.
fn pitch(speech: &tts::Speech) -> usize {
    // The tones of a test voice last 120 ms at the beginning of each word.
    let tone = &speech.pcm.samples[..ToneVoice::WORD_SAMPLES * 2 / 3];
    tone.windows(2).filter(|pair| pair[0] < 0 && pair[1] >= 0).count() * 24_000 / tone.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_house_is_the_engine_of_another_until_it_stops() {
    let other = Keeping::start(Some(TOKEN)).await;
    let config = config(other.address, "");
    let (ears, mouth) = (ears(&config), mouth(&config));
    let decoded = decode(&ears, request()).await.unwrap();
    assert_eq!((decoded.text.as_str(), decoded.language, decoded.verdict), (HEARD, Language::En, Verdict::Kept));
    assert!(decoded.confidence > 0.99, "the script is sure: {}", decoded.confidence);
    let speech = say(&mouth, "One two three.").await;
    assert!((400..480).contains(&pitch(&speech)), "the other house speaks at 440 Hz: {}", pitch(&speech));
    let ends: Vec<_> = speech.marks.iter().map(|mark| mark.end_byte).collect();
    assert_eq!(ends, [3, 7, 14]);
    assert_eq!(speech.marks[2].end_sample, speech.pcm.samples.len());

    other.closing.cancel();
    other.http.await.unwrap();
    assert_eq!(decode(&ears, request()).await.unwrap().text, EMBEDDED);
    let speech = say(&mouth, "One two three.").await;
    assert!((840..920).contains(&pitch(&speech)), "the embedded voice speaks at 880 Hz: {}", pitch(&speech));
}

/// An engine that does the same to every request, and counts them.
async fn engine(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let router = Router::new().fallback(move |_body: Bytes| {
        count.fetch_add(1, Ordering::Relaxed);
        let answer = answer();
        async move {
            if answer.status() == 102 {
                std::future::pending::<()>().await;
            }
            answer
        }
    });
    tokio::spawn(async move { axum::serve(listener, router.into_make_service()).await });
    (address, asked)
}

/// The engine answers so: the embedded engines do the work, and after three failures the engine is left alone.
async fn falls_back(claim: &str, answer: impl Fn() -> Response + Clone + Send + Sync + 'static) {
    let (address, asked) = engine(answer).await;
    let config = config(address, "");
    let (ears, mouth) = (ears(&config), mouth(&config));
    for _ in 0..5 {
        assert_eq!(decode(&ears, request()).await.unwrap().text, EMBEDDED, "{claim}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 3, "{claim}: three failures, then it rests");
    for _ in 0..5 {
        assert!((840..920).contains(&pitch(&say(&mouth, "One two").await)), "{claim}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 6, "{claim}: the voice counts for itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_never_answers_is_given_up() {
    falls_back("never answers", || (axum::http::StatusCode::PROCESSING, "").into_response()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_answers_nonsense_is_not_believed() {
    falls_back("a page", || axum::response::Html("<html>busy</html>").into_response()).await;
    falls_back("JSON of another kind", || axum::Json(json!({ "error": "no" })).into_response()).await;
    falls_back("noise", || vec![7_u8; 1_000].into_response()).await;
    falls_back("nothing", || "".into_response()).await;
    let silence = media::wav_bytes(&Pcm { rate: SampleRate::HZ_8000, samples: vec![0; 8_000] }).unwrap();
    falls_back("silence", move || silence.clone().into_response()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_refuses_or_breaks_is_replaced() {
    for status in [301, 401, 404, 429, 500, 503] {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        falls_back(status.as_str(), move || (status, "no").into_response()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_not_read_to_its_end() {
    falls_back("64 MB", || Body::from(vec![b' '; 64 << 20]).into_response()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decode_that_nobody_wants_any_more_ends() {
    let (address, asked) = engine(|| (axum::http::StatusCode::PROCESSING, "").into_response()).await;
    let text = format!("[speech.recognizer]\nurl = \"http://{address}\"\ntimeout_ms = 600000\n");
    let config = Config::parse(&text, "hotline.toml".as_ref(), |_| None).unwrap();
    let ears = ears(&config);
    let mut request = request();
    request.deadline = Duration::from_secs(3_600);
    let cancel = request.cancel.clone();
    let decoding = tokio::spawn(async move { decode(&ears, request).await });
    kept::eventually("the engine is asked", || asked.load(Ordering::Relaxed) == 1).await;
    cancel.cancel();
    let decoded = tokio::time::timeout(Duration::from_secs(60), decoding).await.unwrap().unwrap();
    assert_eq!(decoded, Err(RecognizerError::Cancelled));
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_sent_to_nobody() {
    let (address, asked) = engine(|| axum::Json(json!({ "text": "Thanks for watching!" })).into_response()).await;
    let ears = ears(&config(address, ""));
    let silence = DecodeRequest::new(vec![0; 32_000].into(), LanguageChoice::default());
    assert!(matches!(decode(&ears, silence).await.unwrap().verdict, Verdict::Dropped(_)));
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    let decoded = decode(&ears, request()).await.unwrap();
    assert!(matches!(decoded.verdict, Verdict::Dropped(_)), "others' hallucinations are not believed: {decoded:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_without_an_embedded_voice_stays_silent_when_the_engine_fails() {
    let (address, _) = engine(|| (axum::http::StatusCode::BAD_GATEWAY, "").into_response()).await;
    let config = config(address, &format!("[speech.voice.zh]\nurl = \"http://{address}\"\n"));
    let voices = voices_over_http(&config.speech, vec![Arc::new(ToneVoice::default())]).unwrap();
    let mandarin = voices.into_iter().find(|voice| voice.language() == Language::Zh).unwrap();
    let spoken = tokio::task::spawn_blocking(move || mandarin.speak("您好", Style::default())).await.unwrap();
    assert!(spoken.unwrap_err().to_string().contains("status 502"));
}

/// An engine whose certificate nobody issued but itself; it shakes hands until nobody comes any more.
fn self_made_engine() -> SocketAddr {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            // The other side breaks it off.
            let _ = connection.complete_io(&mut stream.unwrap());
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_accepted_is_named_with_the_way_out() {
    let text = format!("[speech.voice.zh]\nurl = \"https://{}\"\n", self_made_engine());
    let config = Config::parse(&text, "hotline.toml".as_ref(), |_| None).unwrap();
    let mandarin = voices_over_http(&config.speech, Vec::new()).unwrap().remove(0);
    let spoken = tokio::task::spawn_blocking(move || mandarin.speak("您好", Style::default())).await.unwrap();
    let error = spoken.unwrap_err().to_string();
    for part in ["certificate is not accepted", "SSL_CERT_FILE", "the clock"] {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn guests_beyond_their_places_are_told_to_come_again() {
    let (stuck, asked) = engine(|| (axum::http::StatusCode::PROCESSING, "").into_response()).await;
    let text = format!("[speech.voice.en]\nurl = \"http://{stuck}\"\ntimeout_ms = 600000\n");
    let config = Config::parse(&text, "hotline.toml".as_ref(), |_| None).unwrap();
    let voices = voices_over_http(&config.speech, Vec::new()).unwrap();
    let ears = Ears::start(Arc::new(Scripted::new([HEARD])), NonZeroU8::MIN).unwrap();
    let guests = Guests::start(ears, &voices, NonZeroU8::MIN).unwrap();
    let speak = |guests: Guests| async move {
        guests.speak(Pii::new("Hello.".to_owned()), Language::En, Style::default()).await
    };
    let first = tokio::spawn(speak(guests.clone()));
    kept::eventually("the one thread is busy", || asked.load(Ordering::Relaxed) == 1).await;
    let waiting: Vec<_> = (0..8).map(|_| tokio::spawn(speak(guests.clone()))).collect();
    let refused = async {
        // The eight are in the queue at some moment; from then on every other is refused.
        loop {
            let (guests, one) = (guests.clone(), Duration::from_millis(50));
            if let Ok(result) = tokio::time::timeout(one, speak(guests)).await {
                return result;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(60), refused).await.unwrap();
    assert!(matches!(refused, Err(GuestError::Busy)), "{refused:?}");
    let places: Vec<_> = std::iter::from_fn(|| guests.enter().ok()).take(1_000).collect();
    assert_eq!(places.len(), 16, "the sound of so many is in memory at once");
    assert!(matches!(guests.enter(), Err(GuestError::Busy)));
    drop(places);
    assert!(guests.enter().is_ok());
    first.abort();
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
}
