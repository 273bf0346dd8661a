//! Reads CTranslate2's model file, version 6: the form in which the Whisper weights are packed.
//!
//! The layout, all numbers little-endian: `u32` version, name of the specification, `u32` revision, `u32` count of
//! variables; each a name, `u8` rank, `u32` per dimension, `u8` type, `u32` bytes, the bytes; then `u32` count of
//! aliases, each two names. A name is a `u16` length and text that ends with a zero byte.

use std::collections::HashMap;

use thiserror::Error;

/// Variables of a model at most; Whisper base has 271.
const VARIABLES_MAX: u32 = 10_000;
/// Dimensions of a variable at most.
const RANK_MAX: u8 = 4;

/// Why a file is not the model it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Ct2Error {
    /// The package's: it holds no such variable.
    #[error("the model has no variable {0}")]
    Absent(String),
    /// The package's: something is there that this reader does not know.
    #[error("the model is not as expected: {0}")]
    Foreign(String),
    /// The package's: the file ends too soon.
    #[error("the model ends in the middle of something")]
    Truncated,
}

/// Numbers of one variable. The shape comes first dimension first, the last one runs fastest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Variable<'a> {
    dims: [usize; RANK_MAX as usize],
    rank: usize,
    kind: Kind,
    bytes: &'a [u8],
}

/// How a number is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    F16,
    F32,
    I16,
    I32,
    I8,
}

impl Kind {
    /// CTranslate2's numbers of the types.
    fn parse(code: u8) -> Result<Self, Ct2Error> {
        match code {
            0 => Ok(Self::F32),
            1 => Ok(Self::I8),
            2 => Ok(Self::I16),
            3 => Ok(Self::I32),
            4 => Ok(Self::F16),
            other => Err(Ct2Error::Foreign(format!("numbers of type {other}"))),
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::F16 | Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
            Self::I8 => 1,
        }
    }
}

impl<'a> Variable<'a> {
    /// The shape.
    pub(super) fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// The numbers as the bits of halves, the only form in which weights are packed here.
    pub(super) fn halves(&self) -> Result<Vec<u16>, Ct2Error> {
        if self.kind != Kind::F16 {
            return Err(Ct2Error::Foreign(format!("weights stored as {:?}, not F16", self.kind)));
        }
        Ok(self.bytes.as_chunks::<2>().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect())
    }

    /// The one whole number of a scalar.
    fn scalar(&self) -> Option<i32> {
        match self.kind {
            Kind::I16 => Some(i16::from_le_bytes(self.bytes.try_into().ok()?).into()),
            Kind::I32 => Some(i32::from_le_bytes(self.bytes.try_into().ok()?)),
            Kind::I8 => Some(i8::from_le_bytes(self.bytes.try_into().ok()?).into()),
            Kind::F16 | Kind::F32 => None,
        }
    }
}

/// A model whose variables can be asked for by name.
#[derive(Debug)]
pub(super) struct Ct2Model<'a> {
    variables: HashMap<&'a str, Variable<'a>>,
}

impl<'a> Ct2Model<'a> {
    /// Reads the whole file; the numbers stay where they are.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Ct2Error> {
        let mut reader = Reader { rest: bytes };
        let (version, spec, _revision) = (reader.u32()?, reader.name()?, reader.u32()?);
        if version != 6 || spec != "WhisperSpec" {
            return Err(Ct2Error::Foreign(format!("version {version} of {spec}, not version 6 of WhisperSpec")));
        }
        let mut variables = HashMap::new();
        for _ in 0..reader.count()? {
            let name = reader.name()?;
            variables.insert(name, reader.variable(name)?);
        }
        for _ in 0..reader.count()? {
            let (alias, name) = (reader.name()?, reader.name()?);
            let variable = *variables.get(name).ok_or_else(|| Ct2Error::Absent(name.to_owned()))?;
            variables.insert(alias, variable);
        }
        if reader.rest.is_empty() {
            Ok(Self { variables })
        } else {
            Err(Ct2Error::Foreign("bytes after the end".into()))
        }
    }

    /// A variable by name.
    pub(super) fn variable(&self, name: &str) -> Result<Variable<'a>, Ct2Error> {
        self.variables.get(name).copied().ok_or_else(|| Ct2Error::Absent(name.to_owned()))
    }

    /// A whole number by name.
    pub(super) fn number(&self, name: &str) -> Result<i32, Ct2Error> {
        let variable = self.variable(name)?;
        variable.scalar().ok_or_else(|| Ct2Error::Foreign(format!("{name} is not a whole number")))
    }

    /// How many layers stand under `encoder/layer_N/` or `decoder/layer_N/`.
    pub(super) fn layers(&self, side: &str) -> usize {
        let prefix = format!("{side}/layer_");
        let number = |name: &&str| name.strip_prefix(&prefix)?.split('/').next()?.parse::<usize>().ok();
        self.variables.keys().filter_map(number).max().map_or(0, |last| last + 1)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Ct2Error> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Ct2Error::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Ct2Error> {
        self.take(N)?.try_into().map_err(|_| Ct2Error::Truncated)
    }

    fn u32(&mut self) -> Result<u32, Ct2Error> {
        self.array().map(u32::from_le_bytes)
    }

    fn count(&mut self) -> Result<u32, Ct2Error> {
        match self.u32()? {
            count if count <= VARIABLES_MAX => Ok(count),
            count => Err(Ct2Error::Foreign(format!("{count} variables"))),
        }
    }

    fn name(&mut self) -> Result<&'a str, Ct2Error> {
        let length = u16::from_le_bytes(self.array()?);
        let text = self.take(length.into())?;
        let text = std::str::from_utf8(text).map_err(|_| Ct2Error::Foreign("a name is not text".into()))?;
        Ok(text.trim_end_matches('\0'))
    }

    fn variable(&mut self, name: &str) -> Result<Variable<'a>, Ct2Error> {
        let [rank] = self.array()?;
        if rank > RANK_MAX {
            return Err(Ct2Error::Foreign(format!("{name} has {rank} dimensions")));
        }
        let rank = usize::from(rank);
        let mut dims = [1_usize; RANK_MAX as usize];
        for dim in &mut dims[..rank] {
            *dim = self.u32()? as usize;
        }
        let [code] = self.array()?;
        let kind = Kind::parse(code)?;
        let length = self.u32()? as usize;
        let expected = dims.iter().try_fold(kind.bytes(), |size, &dim| size.checked_mul(dim));
        if expected != Some(length) {
            return Err(Ct2Error::Foreign(format!("{name} has {length} bytes, which does not fit its shape")));
        }
        Ok(Variable { dims, rank, kind, bytes: self.take(length)? })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A model file with variables of halves and of whole numbers, as CTranslate2 would write it.
    pub(crate) fn file(
        halves: &[(&str, &[usize], Vec<u16>)],
        numbers: &[(&str, i8)],
        aliases: &[(&str, &str)],
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let name = |out: &mut Vec<u8>, name: &str| {
            out.extend((name.len() as u16 + 1).to_le_bytes());
            out.extend(name.bytes().chain([0]));
        };
        out.extend(6_u32.to_le_bytes());
        name(&mut out, "WhisperSpec");
        out.extend(3_u32.to_le_bytes());
        out.extend((halves.len() as u32 + numbers.len() as u32).to_le_bytes());
        for (key, dims, values) in halves {
            name(&mut out, key);
            out.push(dims.len() as u8);
            out.extend(dims.iter().flat_map(|&dim| (dim as u32).to_le_bytes()));
            out.push(4);
            out.extend((values.len() as u32 * 2).to_le_bytes());
            out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        }
        for (key, value) in numbers {
            name(&mut out, key);
            out.extend([0, 1, 1, 0, 0, 0, *value as u8]);
        }
        out.extend((aliases.len() as u32).to_le_bytes());
        for (alias, key) in aliases {
            name(&mut out, alias);
            name(&mut out, key);
        }
        out
    }

    fn sample() -> Vec<u8> {
        let weights = vec![0x3c00, 0, 0, 0, 0, 0xbc00];
        file(&[("decoder/layer_1/w", &[2, 3], weights)], &[("encoder/num_heads", 8)], &[("other", "decoder/layer_1/w")])
    }

    #[test]
    fn variables_scalars_and_aliases_are_read() {
        let bytes = sample();
        let model = Ct2Model::parse(&bytes).unwrap();
        assert_eq!(model.number("encoder/num_heads"), Ok(8));
        assert_eq!(model.variable("other").unwrap().dims(), [2, 3]);
        assert_eq!(model.variable("other").unwrap().halves().unwrap()[5], 0xbc00);
        assert_eq!((model.layers("decoder"), model.layers("encoder")), (2, 0));
        assert!(matches!(model.variable("none"), Err(Ct2Error::Absent(_))));
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_and_no_panic() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(Ct2Model::parse(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
