//! Who reads a plate: one recogniser, or two, of whom the second is asked where the first is unsure.

use super::InferenceError;
use super::model::Model;
use super::ort_engine::Runtime;
use super::plate_text::PlateText;
use super::plates::FoundPlate;
use super::recogniser::{Given, Recogniser, Scene};
use crate::config::ModelsConfig;
use crate::vision::{Grammar, Script};

pub(super) struct Reader {
    /// `models.ocr`.
    ocr: Recogniser,
    /// `models.latin`: a second opinion where the first is unsure of a plate, unless it says a Thai province.
    latin: Option<Recogniser>,
}

impl Reader {
    /// `models.ocr`, and `models.latin` where one is named, the first knows Thai letters, and plates without them may come.
    /// `whole`: whether the plates' boxes hold both rows.
    pub(super) fn load(
        runtime: &Runtime,
        config: &ModelsConfig,
        grammar: &Grammar,
        whole: bool,
    ) -> Result<Self, InferenceError> {
        let thai = grammar.takes(Script::Thai);
        let ocr = Recogniser::load(runtime, config, &config.ocr, Given { thai, whole })?;
        let wanted = config.latin != ModelsConfig::NONE && ocr.knows_thai() && grammar.takes(Script::Latin);
        let latin = || Recogniser::load(runtime, config, &config.latin, Given { thai: false, whole });
        Ok(Self { ocr, latin: wanted.then(latin).transpose()? })
    }

    pub(super) fn with_models(self, mut of: impl FnMut(Model) -> Model) -> Self {
        let ocr = self.ocr.with_model(&mut of);
        Self { ocr, latin: self.latin.map(|latin| latin.with_model(of)) }
    }

    fn recognisers(&self) -> impl Iterator<Item = &Recogniser> {
        [&self.ocr].into_iter().chain(&self.latin)
    }

    /// What is loaded, by its key in `[models]`.
    pub(super) fn models(&self) -> impl Iterator<Item = (&'static str, &Model)> {
        ["ocr", "latin"].into_iter().zip(self.recognisers().map(|recogniser| &recogniser.model))
    }

    pub(super) fn knows(&self, letter: char) -> bool {
        self.recognisers().any(|recogniser| recogniser.knows(letter))
    }

    /// Does anyone here know letters of this script?
    pub(super) fn reads(&self, script: Script) -> bool {
        self.recognisers().any(|recogniser| recogniser.reads(script))
    }

    /// Reads one plate; of two reads the surer one stays.
    pub(super) fn read(&mut self, scene: &mut Scene<'_>, plate: &FoundPlate) -> Result<PlateText, InferenceError> {
        Ok(self.surest(scene, plate)?.settled(scene.grammar))
    }

    fn surest(&mut self, scene: &mut Scene<'_>, plate: &FoundPlate) -> Result<PlateText, InferenceError> {
        let read = self.ocr.read(scene, plate)?;
        let Some(latin) = &mut self.latin else { return Ok(read) };
        if read.is_surely_thai() || self.ocr.is_sure(&read, scene.grammar) {
            return Ok(read);
        }
        let other = latin.read(scene, plate)?;
        let is_surer = other.rank(scene.grammar) > read.rank(scene.grammar);
        let stands = match read.script() {
            Script::Latin => is_surer,
            Script::Thai => is_surer && latin.is_sure(&other, scene.grammar) && other.is_no_part_of(&read),
        };
        Ok(if stands { other } else { read })
    }
}
