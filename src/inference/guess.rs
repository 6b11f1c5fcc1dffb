//! What a foreign graph probably is, told from its shapes and metadata: the beginnings of a manifest. Pure.

use super::{Port, Role, Signature};
use crate::vision::Element;

/// A manifest's text and what a person should look at in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    pub(super) role: Role,
    /// `[input]` and what follows.
    pub(super) sections: String,
    pub(super) doubts: Vec<String>,
}

/// The graph's input as far as it is told.
struct Input {
    nchw: bool,
    element: &'static str,
    channels: usize,
    width: Option<usize>,
    height: Option<usize>,
}

/// What is read from the outputs.
struct Family {
    role: Role,
    colour: &'static str,
    fit: &'static str,
    /// Further lines of `[input]`.
    scale: &'static str,
    /// `[detector]` or `[recogniser]`.
    section: String,
    doubts: Vec<String>,
}

const UNIT: &str = "std = [255.0, 255.0, 255.0]\n";
const GREY: &str = "fill = 114.0\n";
const SLOT_ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_";

/// `metadata` are the texts in the file; `alphabet` is what the person says.
pub(super) fn guess(
    signature: &Signature,
    metadata: &dyn Fn(&str) -> Option<String>,
    role: Option<Role>,
    alphabet: Option<&str>,
) -> Result<Guess, String> {
    let input = input(signature)?;
    let family = if role == Some(Role::Ocr) || (role.is_none() && is_text(signature, metadata, alphabet)) {
        recogniser(signature, &input, metadata, alphabet)?
    } else {
        detector(signature, &input, metadata, role)?
    };
    let (width, height, mut doubts) = sides(&input, &family);
    doubts.extend(family.doubts);
    let layout = if input.nchw { "nchw" } else { "nhwc" };
    let colour = if input.channels == 1 { "gray" } else { family.colour };
    // Whole numbers are taken as they are.
    let scale = if input.element == "u8" { "" } else { family.scale };
    let fill = if matches!(family.fit, "center" | "top-left") { GREY } else { "" };
    let sections = format!(
        "[input]\nlayout = \"{layout}\"\nelement = \"{}\"\ncolour = \"{colour}\"\nwidth = {width}\nheight = {height}\nfit = \"{}\"\n{fill}{scale}\n{}",
        input.element, family.fit, family.section
    );
    Ok(Guess { role: family.role, sections, doubts })
}

fn input(signature: &Signature) -> Result<Input, String> {
    let [port] = signature.inputs.as_slice() else {
        return Err(format!("a model has one input, the graph has {}", signature.inputs.len()));
    };
    let element = match port.element {
        Some(Element::F32) => "f32",
        Some(Element::U8) => "u8",
        None => return Err(format!("the input \"{}\" is neither f32 nor u8", port.name)),
    };
    let is_channels = |side: Option<usize>| matches!(side, Some(1 | 3));
    match port.shape.as_slice() {
        [_, c, h, w] if is_channels(*c) => {
            Ok(Input { nchw: true, element, channels: c.unwrap_or(3), width: *w, height: *h })
        }
        [_, h, w, c] if is_channels(*c) => {
            Ok(Input { nchw: false, element, channels: c.unwrap_or(3), width: *w, height: *h })
        }
        _ => Err(format!("the input \"{}\" is no picture of 1 or 3 channels: {:?}", port.name, port.shape)),
    }
}

fn sides(input: &Input, family: &Family) -> (usize, usize, Vec<String>) {
    let usual = match (family.role, family.fit) {
        (Role::Ocr, "line") => (320, 48),
        (Role::Ocr, _) => (128, 64),
        _ => (640, 640),
    };
    let (width, height) = (input.width.unwrap_or(usual.0), input.height.unwrap_or(usual.1));
    let free = input.width.is_none() || input.height.is_none();
    let doubt = free.then(|| format!("the graph takes any size: {width} x {height} is only usual"));
    (width, height, doubt.into_iter().collect())
}

/// Is it a recogniser, when nobody says so?
fn is_text(signature: &Signature, metadata: &dyn Fn(&str) -> Option<String>, alphabet: Option<&str>) -> bool {
    let slots =
        signature.outputs.first().is_some_and(|port| matches!(port.shape.as_slice(), [_, Some(2..=16), Some(37)]));
    alphabet.is_some() || metadata("character").is_some() || slots
}

fn recogniser(
    signature: &Signature,
    input: &Input,
    metadata: &dyn Fn(&str) -> Option<String>,
    alphabet: Option<&str>,
) -> Result<Family, String> {
    let text = signature
        .outputs
        .iter()
        .find(|port| matches!(port.shape.as_slice(), [_, _, Some(_)]))
        .ok_or_else(|| format!("no output is a text [1, T, C]: {}", described(&signature.outputs)))?;
    let Some(classes) = text.shape.get(2).copied().flatten() else {
        return Err(format!("the output \"{}\" does not tell its number of classes", text.name));
    };
    let mut doubts = Vec::new();
    let (layout, letters) = match alphabet {
        Some(letters) if letters.chars().count() == classes => ("slots", format!("alphabet = {}", quoted(letters))),
        Some(letters) if letters.chars().count() + 1 == classes => ("ctc", format!("alphabet = {}", quoted(letters))),
        Some(letters) => {
            let count = letters.chars().count();
            return Err(format!(
                "the alphabet has {count} characters, the output \"{}\" has {classes} classes: slots need as many, ctc one \
                 fewer",
                text.name
            ));
        }
        None if metadata("character").is_some() => ("ctc", "alphabet_metadata = \"character\"".to_owned()),
        None if classes == SLOT_ALPHABET.len() => ("slots", format!("alphabet = {}", quoted(SLOT_ALPHABET))),
        None => {
            return Err(format!(
                "the output \"{}\" has {classes} classes, and nothing says which letters they are: give --alphabet FILE with \
                 {classes} characters (slots, the pad last) or {} (ctc, without the blank)",
                text.name,
                classes - 1
            ));
        }
    };
    let pad = match (layout, alphabet.and_then(|letters| letters.chars().last())) {
        ("slots", last) => format!("pad = {}\n", quoted(&last.unwrap_or('_').to_string())),
        _ => String::new(),
    };
    if let Some(other) = signature.outputs.iter().find(|port| port.name != text.name) {
        doubts.push(format!(
            "the output {} {:?} is not used: name its classes in provinces to use it",
            other.name, other.shape
        ));
    }
    doubts.push("margin and rectify are best measured with `lpr-agent eval`".to_owned());
    let line = layout == "ctc" && input.width.is_none();
    Ok(Family {
        role: Role::Ocr,
        colour: if layout == "slots" { "rgb" } else { "bgr" },
        fit: if line { "line" } else { "stretch" },
        scale: match (line, input.channels) {
            (true, _) => "fill = 127.5\nmean = [127.5, 127.5, 127.5]\nstd = [127.5, 127.5, 127.5]\n",
            _ => UNIT,
        },
        section: format!(
            "[recogniser]\nlayout = \"{layout}\"\noutputs = [{}]\n{letters}\n{pad}margin = 0.05\n",
            quoted(&text.name)
        ),
        doubts,
    })
}

fn detector(
    signature: &Signature,
    input: &Input,
    metadata: &dyn Fn(&str) -> Option<String>,
    role: Option<Role>,
) -> Result<Family, String> {
    let outputs = &signature.outputs;
    let names = metadata("names").map(|text| class_names(&text)).unwrap_or_default();
    let size = input.width.zip(input.height);
    let cells = size.map(|(w, h)| [8, 16, 32].map(|s| (w / s) * (h / s)).iter().sum::<usize>());
    let known = |count: usize| (names.len() == count).then(|| names.clone());
    let (layout, colour, fit, scale, count, landmarks, order) = match shapes(outputs).as_slice() {
        [a, b, c] if lasts(&[a, b, c], &[4, 2, 8]).is_some() => {
            let order = lasts(&[a, b, c], &[4, 2, 8]).unwrap_or_default();
            let fit = if input.width.is_none() { "aspect" } else { "top-left" };
            ("retinaface", "bgr", fit, "mean = [104.0, 117.0, 123.0]\n", 1, 0, order)
        }
        six if six.len() == 6 && six.iter().filter(|shape| shape.last() == Some(&Some(32))).count() == 3 => {
            let mut order: Vec<usize> = (0..6).collect();
            order.sort_by_key(|&i| {
                (six[i].last() == Some(&Some(32)), std::cmp::Reverse(six[i].get(1).copied().flatten()))
            });
            let count = six[order[0]].last().copied().flatten().unwrap_or(1);
            let scale = "mean = [103.53, 116.28, 123.675]\nstd = [57.375, 57.12, 58.395]\n";
            ("nanodet", "bgr", "stretch", scale, count, 0, order)
        }
        [[_, Some(7)], ..] => ("nms7", "rgb", "center", UNIT, names.len().max(1), 0, vec![0]),
        [[_, Some(rows), Some(numbers)], ..] if cells == Some(*rows) && *numbers > 5 => {
            ("yolox", "bgr", "top-left", "", numbers - 5, 0, vec![0])
        }
        [[_, Some(rows), Some(numbers)], ..] if cells.map(|c| 3 * c) == Some(*rows) && *numbers > 5 => {
            let landmarks = if known(numbers - 5).is_none() && (14..=20).contains(numbers) { 4 } else { 0 };
            ("yolov5", "rgb", "center", UNIT, numbers - 5 - 2 * landmarks, landmarks, vec![0])
        }
        [[_, Some(numbers), columns], ..] if *numbers > 4 && columns.is_none_or(|columns| columns > *numbers) => {
            ("yolov8", "rgb", "center", UNIT, numbers - 4, 0, vec![0])
        }
        [[_, _, Some(6)], ..] => ("nms6", "rgb", "center", UNIT, names.len().max(1), 0, vec![0]),
        [[_, None, Some(numbers)], ..] if *numbers > 5 => ("yolov5", "rgb", "center", UNIT, numbers - 5, 0, vec![0]),
        _ => return Err(format!("no known detector has such outputs: {}", described(outputs))),
    };
    let mut doubts = Vec::new();
    let role = role.unwrap_or(if count == 80 { Role::Vehicle } else { Role::Plate });
    let classes = match known(count) {
        Some(names) => list(&names),
        None if count == 80 => "\"coco\"".to_owned(),
        None if count == 1 => "[\"plate\"]".to_owned(),
        None => {
            doubts.push("the classes' names are not in the file".to_owned());
            list(&(0..count).map(|index| format!("class{index}")).collect::<Vec<_>>())
        }
    };
    let keep = match (role, count) {
        (Role::Vehicle, 80) => "keep = [\"car\", \"motorcycle\", \"bus\", \"truck\"]\n",
        _ => "",
    };
    if matches!(layout, "nms6" | "nms7") {
        doubts.push("colour and normalisation are those of the YOLO family; the graph does not tell".to_owned());
    }
    let landmarks = if landmarks > 0 { format!("landmarks = {landmarks}\n") } else { String::new() };
    let order: Vec<String> = order.iter().filter_map(|&i| Some(outputs.get(i)?.name.clone())).collect();
    let section = format!(
        "[detector]\nlayout = \"{layout}\"\noutputs = {}\nclasses = {classes}\n{keep}{landmarks}confidence = 0.30\nnms = 0.45\n",
        list(&order)
    );
    Ok(Family { role, colour, fit, scale, section, doubts })
}

fn shapes(outputs: &[Port]) -> Vec<&[Option<usize>]> {
    outputs.iter().map(|port| port.shape.as_slice()).collect()
}

/// Where the shapes with these last sides stand, if there is one for each.
fn lasts(shapes: &[&&[Option<usize>]], wanted: &[usize]) -> Option<Vec<usize>> {
    let place = |side: &usize| shapes.iter().position(|shape| shape.len() == 3 && shape[2] == Some(*side));
    wanted.iter().map(place).collect()
}

/// The names in Ultralytics' `{0: 'plate', 1: 'car'}`.
fn class_names(text: &str) -> Vec<String> {
    let inside = text.trim().trim_start_matches('{').trim_end_matches('}');
    let name = |pair: &str| Some(pair.split_once(':')?.1.trim().trim_matches(['\'', '"']).to_owned());
    inside.split(',').filter_map(name).collect()
}

fn described(outputs: &[Port]) -> String {
    let side = |side: &Option<usize>| side.map_or("?".to_owned(), |n| n.to_string());
    let shape = |port: &Port| port.shape.iter().map(side).collect::<Vec<_>>().join(", ");
    outputs.iter().map(|port| format!("{} [{}]", port.name, shape(port))).collect::<Vec<_>>().join("; ")
}

fn list(names: &[String]) -> String {
    format!("[{}]", names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", "))
}

/// As TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
