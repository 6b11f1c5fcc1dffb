//! Who reads a plate: one recogniser, or one for Thai plates and another for the others.

use super::InferenceError;
use super::model::Model;
use super::ort_engine::Runtime;
use super::plates::FoundPlate;
use super::recogniser::{PlateText, Recogniser};
use crate::config::ModelsConfig;
use crate::domain::Frame;
use crate::imaging::Resampler;
use crate::vision::{Grammar, Script};
use std::time::Duration;

pub(super) struct Reader {
    /// `models.ocr`; missing where no Thai plate comes and `latin` reads the others.
    ocr: Option<Recogniser>,
    /// `models.latin`, where a plate may come on which `ocr` sees nothing Thai.
    latin: Option<Recogniser>,
}

impl Reader {
    /// `ocr` alone, unless it knows Thai letters and another recogniser is named for those of other countries. Then the regions say whether
    /// both are needed.
    pub(super) fn load(runtime: &Runtime, config: &ModelsConfig, grammar: &Grammar) -> Result<Self, InferenceError> {
        let (may_be_latin, may_be_thai) = (grammar.takes(Script::Latin), grammar.takes(Script::Thai));
        let only = (!may_be_thai).then_some(Script::Latin);
        let ocr = Recogniser::load(runtime, config, &config.ocr, only)?;
        if config.latin == ModelsConfig::NONE || !ocr.knows_thai() || !may_be_latin {
            return Ok(Self { ocr: Some(ocr), latin: None });
        }
        let latin = Recogniser::load(runtime, config, &config.latin, Some(Script::Latin))?;
        Ok(Self { ocr: may_be_thai.then_some(ocr), latin: Some(latin) })
    }

    pub(super) fn with_models(self, mut of: impl FnMut(Model) -> Model) -> Self {
        let Self { ocr, latin } = self;
        Self { ocr: ocr.map(|ocr| ocr.with_model(&mut of)), latin: latin.map(|latin| latin.with_model(&mut of)) }
    }

    /// What is loaded, by its place in `[models]`.
    pub(super) fn models(&self) -> impl Iterator<Item = (&'static str, &Model)> {
        let named = [("ocr", &self.ocr), ("latin", &self.latin)];
        named.into_iter().filter_map(|(place, recogniser)| Some((place, &recogniser.as_ref()?.model)))
    }

    pub(super) fn knows(&self, letter: char) -> bool {
        [&self.ocr, &self.latin].into_iter().flatten().any(|recogniser| recogniser.knows(letter))
    }

    /// Does anyone here read plates of this script?
    pub(super) fn reads(&self, script: Script) -> bool {
        match script {
            Script::Thai => self.ocr.as_ref().is_some_and(Recogniser::knows_thai),
            Script::Latin => ('A'..='Z').any(|letter| self.knows(letter)),
        }
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
        let mut first = None;
        if let Some(ocr) = &mut self.ocr {
            let seen = ocr.glance(frame, plate, resampler, spent)?;
            if self.latin.is_none() || seen.script() == Script::Thai {
                return ocr.read_on(seen, frame, plate, grammar, resampler, spent);
            }
            first = Some(seen);
        }
        let Some(latin) = &mut self.latin else { return Ok(first.unwrap_or_default()) };
        let seen = latin.glance(frame, plate, resampler, spent)?;
        latin.read_on(seen, frame, plate, grammar, resampler, spent)
    }
}
