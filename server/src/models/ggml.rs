//! Turns a CTranslate2 Whisper model into the file that whisper.cpp loads, with 8-bit weights.
//!
//! The registry package holds the former, our recogniser reads the latter. Weights keep their value up to the rounding of
//! `q8_0`; the result is the same to the byte on every machine, so its hash can stand in the manifest.
//!
//! The layout, all numbers little-endian: magic, eleven `i32` of hyperparameters, mel filters, vocabulary, then tensors:
//! `i32` rank, name length and type, the dimensions last one first, the name, the numbers.

use std::collections::HashMap;

use serde::Deserialize;
use thiserror::Error;

use super::ct2::{Ct2Error, Ct2Model, Variable};
use super::{half, mel};

/// Tokens of a multilingual model that stand for text; those above are made by the loader.
const TEXT_TOKENS: usize = 50_257;
/// Fewer tokens than this and the model knows English only.
const MULTILINGUAL_TOKENS_MIN: usize = 51_865;
/// Numbers that share one scale in `q8_0`.
const BLOCK: usize = 32;
/// `ftype` of a file whose matrices are `q8_0`: quantisation version 2 times 1000, plus 7.
const FILE_TYPE_Q8_0: i32 = 2_007;

/// Why no ggml file came of it.
#[derive(Debug, Error)]
pub(super) enum GgmlError {
    /// The package's: the model cannot be read.
    #[error(transparent)]
    Model(#[from] Ct2Error),
    /// The package's: the model has a shape that this conversion does not know.
    #[error("the model is not as expected: {0}")]
    Shape(String),
    /// The package's: the tokenizer cannot be read.
    #[error("the tokenizer cannot be read: {0}")]
    Tokenizer(String),
}

/// The ggml file of a model (`model.bin`, whole) and its `tokenizer.json`.
pub(super) fn whisper(model: &[u8], tokenizer: &[u8]) -> Result<Vec<u8>, GgmlError> {
    let model = Ct2Model::parse(model)?;
    let mut out = Writer { bytes: Vec::new() };
    header(&model, &mut out)?;
    let vocabulary = vocabulary(tokenizer)?;
    out.i32(vocabulary.len());
    for token in &vocabulary {
        out.i32(token.len());
        out.bytes.extend(token);
    }
    encoder(&model, &mut out)?;
    decoder(&model, &mut out)?;
    Ok(out.bytes)
}

fn header(model: &Ct2Model<'_>, out: &mut Writer) -> Result<(), GgmlError> {
    let shape = |name: &str, rank: usize| {
        let variable = model.variable(name)?;
        let dims = variable.dims().to_vec();
        if dims.len() == rank {
            Ok(dims)
        } else {
            Err(GgmlError::Shape(format!("{name} has {} dimensions", dims.len())))
        }
    };
    let tokens = shape("decoder/embeddings/weight", 2)?;
    let hearing = shape("encoder/position_encodings/encodings", 2)?;
    let writing = shape("decoder/position_encodings/encodings", 2)?;
    let bands = shape("encoder/conv1/weight", 3)?[1];
    if tokens[0] < MULTILINGUAL_TOKENS_MIN {
        return Err(GgmlError::Shape(format!("{} tokens, so it knows English only", tokens[0])));
    }
    out.bytes.extend(0x6767_6d6c_u32.to_le_bytes());
    out.i32(tokens[0]);
    out.i32(hearing[0]);
    out.i32(hearing[1]);
    out.bytes.extend(model.number("encoder/num_heads")?.to_le_bytes());
    out.i32(model.layers("encoder"));
    out.i32(writing[0]);
    out.i32(tokens[1]);
    out.bytes.extend(model.number("decoder/num_heads")?.to_le_bytes());
    out.i32(model.layers("decoder"));
    out.i32(bands);
    out.bytes.extend(FILE_TYPE_Q8_0.to_le_bytes());
    out.i32(bands);
    out.i32(mel::BINS);
    out.f32s(mel::filters(bands).into_iter());
    Ok(())
}

/// The bytes of each text token, by number. One that the tokenizer does not list is empty.
fn vocabulary(tokenizer: &[u8]) -> Result<Vec<Vec<u8>>, GgmlError> {
    #[derive(Deserialize)]
    struct Tokenizer {
        model: TokenizerModel,
    }
    #[derive(Deserialize)]
    struct TokenizerModel {
        vocab: HashMap<String, usize>,
    }
    let tokenizer: Tokenizer =
        serde_json::from_slice(tokenizer).map_err(|error| GgmlError::Tokenizer(error.to_string()))?;
    let byte_of = byte_letters();
    let mut tokens = vec![Vec::new(); TEXT_TOKENS];
    for (text, number) in tokenizer.model.vocab {
        if let Some(token) = tokens.get_mut(number) {
            let bytes: Option<Vec<u8>> = text.chars().map(|letter| byte_of.get(&letter).copied()).collect();
            *token =
                bytes.ok_or_else(|| GgmlError::Tokenizer(format!("token {number} is not made of byte letters")))?;
        }
    }
    Ok(tokens)
}

/// Byte-level BPE writes every byte as a printable letter: printable Latin-1 as itself, the others from U+0100 up.
fn byte_letters() -> HashMap<char, u8> {
    let is_printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let others = (0..=u8::MAX).filter(|&byte| !is_printable(byte)).zip('\u{100}'..);
    let printable = (0..=u8::MAX).filter(|&byte| is_printable(byte)).map(|byte| (byte, char::from(byte)));
    printable.chain(others).map(|(byte, letter)| (letter, byte)).collect()
}

/// The tensors of the encoder, in whisper.cpp's order.
fn encoder(model: &Ct2Model<'_>, out: &mut Writer) -> Result<(), GgmlError> {
    let positions = model.variable("encoder/position_encodings/encodings")?;
    out.single("encoder.positional_embedding", positions.dims(), &positions.halves()?);
    for conv in ["conv1", "conv2"] {
        let weight = model.variable(&format!("encoder/{conv}/weight"))?;
        out.halves(&format!("encoder.{conv}.weight"), weight.dims(), &weight.halves()?);
        let bias = model.variable(&format!("encoder/{conv}/bias"))?.halves()?;
        // The loader adds it to a whole spectrum, so it is a column.
        out.single(&format!("encoder.{conv}.bias"), &[bias.len(), 1], &bias);
    }
    for layer in 0..model.layers("encoder") {
        let block = Block { model, to: format!("encoder.blocks.{layer}"), from: format!("encoder/layer_{layer}") };
        block.self_attention(out)?;
        block.feed_forward(out)?;
    }
    norm(model, out, "encoder.ln_post", "encoder/layer_norm")
}

/// The tensors of the decoder, in whisper.cpp's order.
fn decoder(model: &Ct2Model<'_>, out: &mut Writer) -> Result<(), GgmlError> {
    let positions = model.variable("decoder/position_encodings/encodings")?;
    out.single("decoder.positional_embedding", positions.dims(), &positions.halves()?);
    let embedding = Matrix::read(model.variable("decoder/embeddings/weight")?)?;
    out.matrix("decoder.token_embedding.weight", &embedding);
    for layer in 0..model.layers("decoder") {
        let block = Block { model, to: format!("decoder.blocks.{layer}"), from: format!("decoder/layer_{layer}") };
        block.self_attention(out)?;
        block.cross_attention(out)?;
        block.feed_forward(out)?;
    }
    norm(model, out, "decoder.ln", "decoder/layer_norm")
}

fn norm(model: &Ct2Model<'_>, out: &mut Writer, to: &str, from: &str) -> Result<(), GgmlError> {
    out.vector(&format!("{to}.weight"), &model.variable(&format!("{from}/gamma"))?.halves()?);
    out.vector(&format!("{to}.bias"), &model.variable(&format!("{from}/beta"))?.halves()?);
    Ok(())
}

/// One layer: where it stands in the model, and what it is called in the file.
struct Block<'m, 'a> {
    model: &'m Ct2Model<'a>,
    to: String,
    from: String,
}

impl Block<'_, '_> {
    fn self_attention(&self, out: &mut Writer) -> Result<(), GgmlError> {
        let (fused, bias) = self.linear("self_attention/linear_0")?;
        let [query, key, value] = fused.split(bias)?;
        self.write(out, "attn.query", &query.0, Some(&query.1));
        self.write(out, "attn.key", &key.0, no_bias(&key.1)?);
        self.write(out, "attn.value", &value.0, Some(&value.1));
        let (weight, bias) = self.linear("self_attention/linear_1")?;
        self.write(out, "attn.out", &weight, Some(&bias));
        norm(self.model, out, &format!("{}.attn_ln", self.to), &format!("{}/self_attention/layer_norm", self.from))
    }

    fn cross_attention(&self, out: &mut Writer) -> Result<(), GgmlError> {
        let (query, bias) = self.linear("attention/linear_0")?;
        self.write(out, "cross_attn.query", &query, Some(&bias));
        let (fused, bias) = self.linear("attention/linear_1")?;
        let [key, value] = fused.split(bias)?;
        self.write(out, "cross_attn.key", &key.0, no_bias(&key.1)?);
        self.write(out, "cross_attn.value", &value.0, Some(&value.1));
        let (weight, bias) = self.linear("attention/linear_2")?;
        self.write(out, "cross_attn.out", &weight, Some(&bias));
        norm(self.model, out, &format!("{}.cross_attn_ln", self.to), &format!("{}/attention/layer_norm", self.from))
    }

    fn feed_forward(&self, out: &mut Writer) -> Result<(), GgmlError> {
        for (to, from) in [("mlp.0", "ffn/linear_0"), ("mlp.2", "ffn/linear_1")] {
            let (weight, bias) = self.linear(from)?;
            self.write(out, to, &weight, Some(&bias));
        }
        norm(self.model, out, &format!("{}.mlp_ln", self.to), &format!("{}/ffn/layer_norm", self.from))
    }

    fn linear(&self, name: &str) -> Result<(Matrix, Vec<u16>), GgmlError> {
        let weight = Matrix::read(self.model.variable(&format!("{}/{name}/weight", self.from))?)?;
        let bias = self.model.variable(&format!("{}/{name}/bias", self.from))?.halves()?;
        Ok((weight, bias))
    }

    fn write(&self, out: &mut Writer, name: &str, weight: &Matrix, bias: Option<&Vec<u16>>) {
        out.matrix(&format!("{}.{name}.weight", self.to), weight);
        if let Some(bias) = bias {
            out.vector(&format!("{}.{name}.bias", self.to), bias);
        }
    }
}

/// Whisper's keys have no bias; CTranslate2 writes zeros for it when it fuses query, key and value.
fn no_bias(bias: &[u16]) -> Result<Option<&'static Vec<u16>>, GgmlError> {
    if bias.iter().all(|bits| bits & 0x7fff == 0) { Ok(None) } else { Err(GgmlError::Shape("a key has a bias".into())) }
}

/// A matrix of halves, row by row.
struct Matrix {
    columns: usize,
    halves: Vec<u16>,
}

impl Matrix {
    fn read(variable: Variable<'_>) -> Result<Self, GgmlError> {
        match *variable.dims() {
            [_, columns] if columns > 0 => Ok(Self { columns, halves: variable.halves()? }),
            _ => Err(GgmlError::Shape(format!("a matrix has the dimensions {:?}", variable.dims()))),
        }
    }

    fn rows(&self) -> usize {
        self.halves.len() / self.columns
    }

    /// Cuts matrices that were laid one below the other, and their biases, apart again.
    fn split<const N: usize>(self, bias: Vec<u16>) -> Result<[(Self, Vec<u16>); N], GgmlError> {
        let rows = self.rows() / N;
        if rows == 0 || rows * N != self.rows() || bias.len() != self.rows() {
            return Err(GgmlError::Shape(format!("{} fused rows are not {N} matrices", self.rows())));
        }
        let part = |part: usize| {
            let halves = self.halves[part * rows * self.columns..][..rows * self.columns].to_vec();
            (Self { columns: self.columns, halves }, bias[part * rows..][..rows].to_vec())
        };
        Ok(std::array::from_fn(part))
    }
}

/// How the numbers of a tensor are stored, with ggml's number for it.
#[derive(Clone, Copy)]
enum Stored {
    F16 = 1,
    F32 = 0,
    Q8 = 8,
}

struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn matrix(&mut self, name: &str, matrix: &Matrix) {
        let dims = [matrix.rows(), matrix.columns];
        if !matrix.columns.is_multiple_of(BLOCK) {
            self.halves(name, &dims, &matrix.halves);
            return;
        }
        self.tensor(name, &dims, Stored::Q8);
        for block in matrix.halves.chunks(BLOCK) {
            let numbers: Vec<f32> = block.iter().map(|&bits| half::to_f32(bits)).collect();
            self.q8_0(&numbers);
        }
    }

    fn vector(&mut self, name: &str, halves: &[u16]) {
        self.single(name, &[halves.len()], halves);
    }

    fn halves(&mut self, name: &str, dims: &[usize], halves: &[u16]) {
        self.tensor(name, dims, Stored::F16);
        self.bytes.extend(halves.iter().flat_map(|bits| bits.to_le_bytes()));
    }

    fn single(&mut self, name: &str, dims: &[usize], halves: &[u16]) {
        self.tensor(name, dims, Stored::F32);
        self.f32s(halves.iter().map(|&bits| half::to_f32(bits)));
    }

    fn tensor(&mut self, name: &str, dims: &[usize], stored: Stored) {
        self.i32(dims.len());
        self.i32(name.len());
        self.i32(stored as usize);
        for &dim in dims.iter().rev() {
            self.i32(dim);
        }
        self.bytes.extend(name.bytes());
    }

    /// 32 numbers as a scale and 32 bytes, in ggml's own rounding: half away from zero.
    fn q8_0(&mut self, numbers: &[f32]) {
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        let scale = largest / 127.0;
        let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
        self.bytes.extend(half::from_f32(scale).to_le_bytes());
        self.bytes.extend(numbers.iter().map(|number| (number * inverse).round() as i8 as u8));
    }

    fn f32s(&mut self, numbers: impl Iterator<Item = f32>) {
        self.bytes.extend(numbers.flat_map(f32::to_le_bytes));
    }

    /// Sizes of a model that fits in memory fit in 31 bits each; the parser bounds them.
    fn i32(&mut self, number: usize) {
        self.bytes.extend((number as u32).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::ct2::tests::file;

    const WIDTH: usize = 32;

    /// The variables of a Whisper model with one layer on each side, two heads and a width of one block.
    fn variables(key_bias: u16) -> Vec<(String, Vec<usize>, Vec<u16>)> {
        let mut variables = Vec::new();
        let mut add = |name: &str, dims: &[usize]| {
            variables.push((name.to_owned(), dims.to_vec(), vec![0x3c00; dims.iter().product()]));
        };
        add("encoder/conv1/weight", &[WIDTH, 80, 3]);
        add("encoder/conv1/bias", &[WIDTH]);
        add("encoder/conv2/weight", &[WIDTH, WIDTH, 3]);
        add("encoder/conv2/bias", &[WIDTH]);
        add("decoder/embeddings/weight", &[MULTILINGUAL_TOKENS_MIN, WIDTH]);
        for side in ["encoder", "decoder"] {
            add(&format!("{side}/position_encodings/encodings"), &[4, WIDTH]);
            let inner =
                ["layer_0/self_attention", "layer_0/attention", "layer_0/ffn"].map(|part| format!("{side}/{part}"));
            for norm in inner.iter().chain([&side.to_owned()]) {
                add(&format!("{norm}/layer_norm/gamma"), &[WIDTH]);
                add(&format!("{norm}/layer_norm/beta"), &[WIDTH]);
            }
            for (part, number, rows) in [(0, 0, 3), (0, 1, 1), (1, 0, 1), (1, 1, 2), (1, 2, 1), (2, 0, 4), (2, 1, 1)] {
                add(&format!("{}/linear_{number}/weight", inner[part]), &[rows * WIDTH, WIDTH]);
                add(&format!("{}/linear_{number}/bias", inner[part]), &[rows * WIDTH]);
            }
        }
        for (name, _, halves) in &mut variables {
            match name.as_str() {
                name if name.ends_with("self_attention/linear_0/bias") => halves[WIDTH..2 * WIDTH].fill(key_bias),
                name if name.ends_with("/attention/linear_1/bias") => halves[..WIDTH].fill(key_bias),
                _ => {}
            }
        }
        variables
    }

    fn convert(key_bias: u16) -> Result<Vec<u8>, GgmlError> {
        let variables = variables(key_bias);
        let halves: Vec<_> =
            variables.iter().map(|(name, dims, halves)| (name.as_str(), dims.as_slice(), halves.clone())).collect();
        let model = file(&halves, &[("encoder/num_heads", 2), ("decoder/num_heads", 2)], &[]);
        whisper(&model, br#"{"model":{"vocab":{"a":0}}}"#)
    }

    #[test]
    fn a_model_becomes_a_file_with_every_tensor_and_no_bias_for_keys() {
        let bytes = convert(0).unwrap();
        let number = |at: usize| i32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(&bytes[..4], b"lmgg");
        let sizes: Vec<_> = (1..12).map(|place| number(place * 4)).collect();
        assert_eq!(sizes, [51_865, 4, 32, 2, 1, 4, 32, 2, 1, 80, 2_007]);
        let has = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        for name in ["encoder.conv2.bias", "encoder.blocks.0.attn.key.weight", "decoder.blocks.0.cross_attn.value.bias"]
        {
            assert!(has(name), "{name}");
        }
        assert!(!has("attn.key.bias"));
        // The last tensor is the bias of the last norm: 32 single-precision ones.
        assert!(bytes.ends_with(&1_f32.to_le_bytes().repeat(WIDTH)));
        assert!(matches!(convert(0x3c00), Err(GgmlError::Shape(_))), "a key with a bias cannot be written down");
    }

    #[test]
    fn a_block_keeps_its_numbers_to_within_half_a_step() {
        let numbers: Vec<f32> = (0..32).map(|n| (n as f32 - 15.5) / 7.0).collect();
        let mut out = Writer { bytes: Vec::new() };
        out.q8_0(&numbers);
        assert_eq!(out.bytes.len(), 34);
        let scale = half::to_f32(u16::from_le_bytes([out.bytes[0], out.bytes[1]]));
        for (number, &byte) in numbers.iter().zip(&out.bytes[2..]) {
            assert!((number - f32::from(byte as i8) * scale).abs() <= scale * 0.51, "{number}");
        }
        let mut zeros = Writer { bytes: Vec::new() };
        zeros.q8_0(&[0.0; 32]);
        assert_eq!(zeros.bytes, [0; 34]);
    }

    #[test]
    fn every_byte_has_a_letter_of_its_own() {
        let letters = byte_letters();
        assert_eq!(letters.len(), 256);
        assert_eq!((letters[&'A'], letters[&'Ġ'], letters[&'Ċ']), (b'A', b' ', b'\n'));
    }

    #[test]
    fn fused_matrices_come_apart_in_order() {
        let fused = Matrix { columns: 2, halves: vec![1, 2, 3, 4] };
        let [(first, _), (second, bias)] = fused.split::<2>(vec![7, 8]).unwrap();
        assert_eq!((first.halves, second.halves, bias), (vec![1, 2], vec![3, 4], vec![8]));
        assert!(Matrix { columns: 2, halves: vec![1, 2, 3, 4] }.split::<3>(vec![7, 8]).is_err());
        assert!(no_bias(&[0, 0x8000]).unwrap().is_none());
        assert!(no_bias(&[1]).is_err());
    }

    #[test]
    fn a_tokenizer_that_is_none_is_an_error() {
        for text in ["", "{}", r#"{"model":{"vocab":{"a b":1}}}"#] {
            assert!(matches!(vocabulary(text.as_bytes()), Err(GgmlError::Tokenizer(_))), "{text}");
        }
        assert_eq!(vocabulary(r#"{"model":{"vocab":{"Ġhi":3}}}"#.as_bytes()).unwrap()[3], b" hi");
    }
}
