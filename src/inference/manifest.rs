//! A model's manifest, `models/NAME.toml`: everything the code must know to feed a graph and to read its outputs. Any
//! export with a known layout works by writing one; no code.

use super::InferenceError;
use crate::vision::{ChannelOrder, DetectLayout, Element, Fit, Packing, TensorLayout};
use serde::Deserialize;
use std::path::Path;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Vehicle,
    Plate,
    Ocr,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Vehicle => "vehicle",
            Self::Plate => "plate",
            Self::Ocr => "ocr",
        }
    }
}

/// One manifest. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// As the manifest's file is called.
    pub name: String,
    pub role: Role,
    /// Of the ONNX file, beside the manifest.
    pub file: String,
    /// Of the ONNX file, 64 hexadecimal digits.
    pub sha256: String,
    pub licence: String,
    /// Who says so.
    pub licence_from: String,
    /// The package that the ONNX file comes with; `lpr-agent models fetch` brings the others.
    pub comes_with: Option<String>,
    #[serde(default)]
    pub note: String,
    pub input: InputSpec,
    /// For the roles vehicle and plate.
    pub detector: Option<DetectorSpec>,
    /// For the role ocr.
    pub recogniser: Option<RecogniserSpec>,
}

/// `[input]`: from pixels to the tensor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    #[serde(with = "names::layout")]
    pub layout: TensorLayout,
    #[serde(with = "names::element")]
    pub element: Element,
    #[serde(with = "names::colour")]
    pub colour: ChannelOrder,
    /// Pixels. For `fit = "aspect"` the box the picture must fit in; for `"line"` the width up to which is padded.
    pub width: usize,
    pub height: usize,
    #[serde(with = "names::fit")]
    pub fit: Fit,
    /// Reduce with the mean of all pixels (OpenCV `INTER_AREA`) instead of linearly.
    #[serde(default)]
    pub reduce_by_area: bool,
    /// Grey around the picture, 0–255, before normalisation.
    #[serde(default)]
    pub fill: f32,
    /// `(value − mean) / std`, on the 0–255 scale, in the tensor's channel order.
    #[serde(default)]
    pub mean: [f32; 3],
    #[serde(default = "ones")]
    pub std: [f32; 3],
}

/// `[detector]`: from the outputs to boxes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorSpec {
    #[serde(with = "names::detect")]
    pub layout: DetectLayout,
    pub classes: Classes,
    /// Names of the classes wanted; all if empty.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Boxes below this score are no boxes, 0–1.
    pub confidence: f32,
    /// Of two boxes with an IoU above this the surer stays, 0–1.
    pub nms: f32,
    /// Names of the outputs in the layout's order; the graph's order if empty.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Points a box of the layout `yolov5` comes with, 0–16; four are the plate's corners.
    #[serde(default)]
    pub landmarks: usize,
    /// A plate detector's box holds the whole plate, both rows of it: no recogniser lengthens it.
    #[serde(default)]
    pub whole_plate: bool,
    /// A plate detector's input side on a vehicle's crop, for graphs of free size; else the full frame's.
    pub vehicle_side: Option<usize>,
    /// Each plate found is looked at again from so near that it fills half of this side: the box becomes more exact. For
    /// graphs of free size.
    pub close_side: Option<usize>,
    /// Where no plate is found, the frame is looked at again with this side, in parts where even that reduces it: for
    /// small plates. For graphs of free size.
    pub far_side: Option<usize>,
}

/// The names of a detector's classes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Classes {
    /// `"coco"`: the 80 of COCO.
    Named(String),
    List(Vec<String>),
}

/// How a recogniser writes its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecogniserLayout {
    /// `[1, T, C]`, class 0 the blank.
    Ctc,
    /// `[1, S, C]`, one character a slot.
    Slots,
}

/// `[recogniser]`: from a plate's box to its text.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecogniserSpec {
    pub layout: RecogniserLayout,
    /// The classes' characters, or empty if the file carries them.
    #[serde(default)]
    pub alphabet: String,
    /// ONNX metadata key under which the file carries its characters, one a line, the space left out.
    #[serde(default)]
    pub alphabet_metadata: String,
    /// The outputs are raw scores, not probabilities: a softmax over each character's classes is still to be made.
    #[serde(default)]
    pub logits: bool,
    /// The blank is the last class, not the first; ctc only.
    #[serde(default)]
    pub blank_last: bool,
    /// The character of an empty slot; slots only.
    pub pad: Option<char>,
    /// Names of the outputs, text first, then provinces; the graph's order if empty.
    #[serde(default)]
    pub outputs: Vec<String>,
    /// Names of the second output's classes, empty for none; no second output is read if the list is empty.
    #[serde(default)]
    pub provinces: Vec<String>,
    /// The detector's box is widened by this share of its size on every side, 0–1.
    #[serde(default)]
    pub margin: f32,
    /// Of a short plate's box that holds the `whole_plate` so much less is taken on every side, 0–0.4: its rim, and words
    /// above and below.
    #[serde(default)]
    pub trim: f32,
    /// And first lengthened downwards by this share of its height, 0–2, for plates whose second row the detector
    /// leaves out (`whole_plate`). A model with provinces that sees none reads again without.
    #[serde(default)]
    pub extend_down: f32,
    /// Straighten the plate by the detector's corners, where it gives them, instead of cutting out the box.
    #[serde(default)]
    pub rectify: bool,
    /// A read whose least certain character is below this probability, or whose text fits no configured region, is
    /// unsure: the plate is read again in each of `looks`, and the surest read stays. 0–1.
    #[serde(default = "sure")]
    pub sure: f32,
    #[serde(default)]
    pub looks: Vec<Look>,
}

/// `[[recogniser.looks]]`: how else a plate is cut out.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Look {
    #[serde(default, rename = "box")]
    pub sight: Sight,
    #[serde(default)]
    pub margin: f32,
    #[serde(default)]
    pub rectify: bool,
    /// Taken only where the text fits no configured region: of no use, or harmful, where nothing tells right from wrong.
    #[serde(default)]
    pub unfit_only: bool,
    /// The margin left and right, where it is another.
    pub margin_x: Option<f32>,
    /// 2: a nearly square plate is cut into an upper and a lower row, each read by itself, the upper one first; the box is
    /// lengthened downwards by `extend_down` before. Other plates are not looked at in this way.
    #[serde(default = "one_row")]
    pub rows: usize,
    /// A share of the box's height, 0–2; for two rows. Such a look is not taken at boxes that hold the `whole_plate`.
    #[serde(default)]
    pub extend_down: f32,
}

/// Which of the detector's boxes of a plate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sight {
    /// The close look's, where there was one.
    #[default]
    Close,
    /// The one in which the plate was found.
    First,
    /// The mean of both, weighted by their confidence.
    Mean,
}

fn one_row() -> usize {
    1
}

fn sure() -> f32 {
    0.95
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

impl Manifest {
    /// Reads and checks `<dir>/<name>.toml`.
    pub fn load(dir: &Path, name: &str) -> Result<Self, InferenceError> {
        let path = dir.join(format!("{name}.toml"));
        if name.contains(['/', '\\']) || !path.is_file() {
            let known = match manifest_names(dir).join(", ") {
                names if names.is_empty() => format!("there are no manifests in {}; see models.dir", dir.display()),
                names => format!("known are {names}"),
            };
            return Err(InferenceError::UnknownModel { name: name.to_owned(), path, known });
        }
        let text = std::fs::read_to_string(&path)
            .map_err(|source| InferenceError::Unreadable { path: path.clone(), source })?;
        Self::parse(&text, name).map_err(|message| InferenceError::Manifest { path, message })
    }

    /// Reads and checks a manifest's text; `name` is what its file is called.
    pub fn parse(text: &str, name: &str) -> Result<Self, String> {
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or("");
            format!("line {}: {}", before.matches('\n').count() + 1, error.message())
        })?;
        manifest.check(name)?;
        Ok(manifest)
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let refuse = |fault: bool, message: &str| if fault { Err(message.to_owned()) } else { Ok(()) };
        if self.name != name {
            return Err(format!("name is \"{}\", but the file is called {name}.toml", self.name));
        }
        refuse(self.file.contains(['/', '\\']), "file must be the name of a file beside the manifest")?;
        let hex = self.sha256.len() == 64 && self.sha256.chars().all(|c| c.is_ascii_hexdigit());
        refuse(!hex, "sha256 must be 64 hexadecimal digits")?;
        let sides = [self.input.width, self.input.height];
        refuse(sides.iter().any(|side| !(8..=4096).contains(side)), "input.width and input.height must be 8 to 4096")?;
        refuse(self.input.std.contains(&0.0), "input.std must not be 0")?;
        match (self.role, &self.detector, &self.recogniser) {
            (Role::Vehicle | Role::Plate, Some(detector), None) => detector.check(),
            (Role::Ocr, None, Some(recogniser)) => recogniser.check(),
            (Role::Ocr, _, _) => Err("role ocr needs [recogniser] and no [detector]".to_owned()),
            (_, _, _) => Err(format!("role {} needs [detector] and no [recogniser]", self.role.as_str())),
        }
    }

    /// How pictures are written into this model's input.
    pub fn packing(&self) -> Packing {
        let InputSpec { layout, element, colour, fill, mean, std, .. } = self.input;
        let fill = match element {
            Element::F32 => std::array::from_fn(|c| (fill - mean[c]) / std[c]),
            Element::U8 => [fill; 3],
        };
        Packing { layout, order: colour, element, mean, std, fill }
    }
}

impl DetectorSpec {
    fn check(&self) -> Result<(), String> {
        share("detector.confidence", self.confidence, 1.0)?;
        share("detector.nms", self.nms, 1.0)?;
        if self.landmarks > 16 || (self.landmarks > 0 && self.layout != DetectLayout::Yolov5) {
            return Err("detector.landmarks is for the layout yolov5, and at most 16".to_owned());
        }
        let classes = self.class_names()?;
        match self.keep.iter().find(|name| !classes.contains(name)) {
            Some(name) => Err(format!("detector.keep: \"{name}\" is none of the classes {}", classes.join(", "))),
            None => Ok(()),
        }
    }

    /// The classes' names in order.
    pub fn class_names(&self) -> Result<Vec<String>, String> {
        match &self.classes {
            Classes::Named(name) if name == "coco" => Ok(COCO.split(',').map(str::to_owned).collect()),
            Classes::Named(name) => {
                Err(format!("detector.classes: \"{name}\" is no known list; write \"coco\" or the names"))
            }
            Classes::List(names) if names.is_empty() => Err("detector.classes is empty".to_owned()),
            Classes::List(names) => Ok(names.clone()),
        }
    }
}

impl RecogniserSpec {
    fn check(&self) -> Result<(), String> {
        share("recogniser.margin", self.margin, 1.0)?;
        share("recogniser.trim", self.trim, 0.4)?;
        share("recogniser.extend_down", self.extend_down, 2.0)?;
        share("recogniser.sure", self.sure, 1.0)?;
        for look in &self.looks {
            share("recogniser.looks.margin", look.margin, 1.0)?;
            share("recogniser.looks.margin_x", look.margin_x.unwrap_or(0.0), 2.0)?;
            share("recogniser.looks.extend_down", look.extend_down, 2.0)?;
            if !(1..=2).contains(&look.rows) {
                return Err(format!("recogniser.looks.rows must be 1 or 2, not {}", look.rows));
            }
        }
        if self.alphabet.is_empty() == self.alphabet_metadata.is_empty() {
            return Err("recogniser needs either alphabet or alphabet_metadata".to_owned());
        }
        match (self.layout, self.pad) {
            (RecogniserLayout::Slots, None) => Err("recogniser.pad: slots need a pad character".to_owned()),
            (RecogniserLayout::Ctc, Some(_)) => Err("recogniser.pad: ctc has a blank, no pad character".to_owned()),
            _ => Ok(()),
        }
    }
}

fn share(key: &str, value: f32, max: f32) -> Result<(), String> {
    if (0.0..=max).contains(&value) { Ok(()) } else { Err(format!("{key} must be 0 to {max}, not {value}")) }
}

/// The names of all manifests in a folder, sorted.
pub fn manifest_names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
        .filter(|name| name != "lock")
        .collect();
    names.sort();
    names
}

/// The words manifests use for vision's types.
mod names {
    macro_rules! words {
        ($module:ident, $type:ty, $($word:literal => $value:expr),+) => {
            pub mod $module {
                use crate::vision::*;
                use serde::{Deserialize, Deserializer, de::Error};

                pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                    let word = String::deserialize(deserializer)?;
                    match word.as_str() {
                        $($word => Ok($value),)+
                        _ => Err(D::Error::unknown_variant(&word, &[$($word),+])),
                    }
                }
            }
        };
    }

    words!(layout, TensorLayout, "nchw" => TensorLayout::Nchw, "nhwc" => TensorLayout::Nhwc);
    words!(element, Element, "f32" => Element::F32, "u8" => Element::U8);
    words!(colour, ChannelOrder, "bgr" => ChannelOrder::Bgr, "rgb" => ChannelOrder::Rgb, "gray" => ChannelOrder::Gray);
    words!(fit, Fit,
        "top-left" => Fit::TopLeft, "center" => Fit::Center, "aspect" => Fit::Aspect, "stretch" => Fit::Stretch,
        "line" => Fit::Line);
    words!(detect, DetectLayout,
        "yolox" => DetectLayout::Yolox, "yolov8" => DetectLayout::Yolov8, "yolov5" => DetectLayout::Yolov5,
        "nanodet" => DetectLayout::Nanodet, "retinaface" => DetectLayout::Retinaface,
        "nms7" => DetectLayout::Nms7, "nms6" => DetectLayout::Nms6);
}

const COCO: &str = "person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,\
parking meter,bench,bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,\
frisbee,skis,snowboard,sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,\
wine glass,cup,fork,knife,spoon,bowl,banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,\
couch,potted plant,bed,dining table,toilet,tv,laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,\
refrigerator,book,clock,vase,scissors,teddy bear,hair drier,toothbrush";

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
