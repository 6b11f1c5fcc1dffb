//! Who reads a plate: one recogniser, or one for Thai plates and another for the others.

use super::InferenceError;
use super::model::Model;
use super::ort_engine::Runtime;
use super::plates::FoundPlate;
use super::recogniser::{Given, PlateText, Recogniser};
use crate::config::ModelsConfig;
use crate::domain::Frame;
use crate::imaging::Resampler;
use crate::vision::{Grammar, Script};
use std::time::Duration;

pub(super) struct Reader {
    /// `models.ocr`, where `models.latin` reads what is not Thai.
    thai: Option<Recogniser>,
    /// All others, or all. With its key in `[models]`.
    rest: Recogniser,
    rest_key: &'static str,
}

impl Reader {
    /// `models.ocr` alone, unless it knows Thai letters and another recogniser is named for the plates without them. Then the regions say
    /// whether both are needed. `whole`: whether the plates' boxes hold both rows.
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        grammar: &Grammar,
        whole: bool,
    ) -> Result<Self, InferenceError> {
        let (may_be_latin, may_be_thai) = (grammar.takes(Script::Latin), grammar.takes(Script::Thai));
        let ocr = Recogniser::load(runtime, config, &config.ocr, Given { thai: may_be_thai, whole })?;
        if config.latin == ModelsConfig::NONE || !ocr.knows_thai() || !may_be_latin {
            return Ok(Self { thai: None, rest: ocr, rest_key: "ocr" });
        }
        let rest = Recogniser::load(runtime, config, &config.latin, Given { thai: false, whole })?;
        Ok(Self { thai: may_be_thai.then_some(ocr), rest, rest_key: "latin" })
    }

    pub(super) fn with_models(self, mut of: impl FnMut(Model) -> Model) -> Self {
        let thai = self.thai.map(|thai| thai.with_model(&mut of));
        Self { thai, rest: self.rest.with_model(of), ..self }
    }

    fn recognisers(&self) -> impl Iterator<Item = &Recogniser> {
        self.thai.iter().chain([&self.rest])
    }

    /// What is loaded, by its key in `[models]`.
    pub(super) fn models(&self) -> impl Iterator<Item = (&'static str, &Model)> {
        self.thai.iter().map(|thai| ("ocr", &thai.model)).chain([(self.rest_key, &self.rest.model)])
    }

    pub(super) fn knows(&self, letter: char) -> bool {
        self.recognisers().any(|recogniser| recogniser.knows(letter))
    }

    /// Does anyone here know letters of this script?
    pub(super) fn reads(&self, script: Script) -> bool {
        self.recognisers().any(|recogniser| recogniser.reads(script))
    }

    /// Reads one plate. Adds the time inside the runtime to `spent`.
    pub(super) fn read(
        &mut self,
        frame: &Frame,
        plate: &FoundPlate,
        grammar: &Grammar,
        resampler: &mut Resampler,
        spent: &mut Duration,
    ) -> Result<PlateText, InferenceError> {
        if let Some(thai) = &mut self.thai {
            let seen = thai.glance(frame, plate, resampler, spent)?;
            if seen.script() == Script::Thai {
                return thai.read_on(seen, frame, plate, grammar, resampler, spent);
            }
        }
        let seen = self.rest.glance(frame, plate, resampler, spent)?;
        self.rest.read_on(seen, frame, plate, grammar, resampler, spent)
    }
}
