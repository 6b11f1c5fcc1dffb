//! Which key of `[models]` a model takes.

use crate::config::ModelsConfig;
use crate::inference::{InferenceError, Manifest, Role};
use crate::vision::Script;
use serde::{Deserialize, Serialize};

/// A key of `[models]` that names a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    Vehicle,
    Plate,
    Ocr,
    Latin,
}

impl Place {
    pub fn key(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Plate => "plate",
            Self::Ocr => "ocr",
            Self::Latin => "latin",
        }
    }

    /// Where a model goes by its manifest: a recogniser without Thai letters beside one that has them, so that nobody
    /// loses Thai plates by asking for a better reader of Latin ones. `none` is a vehicle detector.
    pub fn of(models: &ModelsConfig, name: &str) -> Result<Self, InferenceError> {
        if name == ModelsConfig::NONE {
            return Ok(Self::Vehicle);
        }
        let manifest = Manifest::load(&models.dir, name)?;
        let is_thai = |letter: char| Script::Thai.has(letter);
        let knows_thai =
            |manifest: &Manifest| manifest.recogniser.as_ref().is_some_and(|ocr| ocr.alphabet.chars().any(is_thai));
        Ok(match manifest.role {
            Role::Vehicle => Self::Vehicle,
            Role::Plate => Self::Plate,
            Role::Ocr if !knows_thai(&manifest) && knows_thai(&Manifest::load(&models.dir, &models.ocr)?) => {
                Self::Latin
            }
            Role::Ocr => Self::Ocr,
        })
    }

    pub(super) fn name_in(self, models: &mut ModelsConfig) -> &mut String {
        match self {
            Self::Vehicle => &mut models.vehicle,
            Self::Plate => &mut models.plate,
            Self::Ocr => &mut models.ocr,
            Self::Latin => &mut models.latin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latin_reader_goes_beside_one_that_knows_thai_plates_and_never_in_its_place() {
        let of = |ocr: &str, latin: &str, name: &str| {
            let models = ModelsConfig { ocr: ocr.into(), latin: latin.into(), ..ModelsConfig::default() };
            Place::of(&models, name).unwrap()
        };
        assert_eq!(of("plate-ocr", "ppocr-v6", "cct-xs-v2"), Place::Latin);
        assert_eq!(of("plate-ocr", "none", "cct-xs-v2"), Place::Latin);
        assert_eq!(of("ppocr-v6", "ppocr-v6", "cct-xs-v2"), Place::Ocr, "latin does not count there");
        assert_eq!(of("plate-ocr", "ppocr-v6", "plate-ocr"), Place::Ocr);
        assert_eq!(of("plate-ocr", "ppocr-v6", "clp-det"), Place::Plate);
        assert_eq!(of("plate-ocr", "ppocr-v6", "none"), Place::Vehicle);
    }
}
