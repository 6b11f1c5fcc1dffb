use super::*;
use crate::vision::{ChannelOrder, DetectLayout};

const CLP: &str = include_str!("../../models/clp-det.toml");
const CCT: &str = include_str!("../../models/cct-xs-v2.toml");

#[test]
fn every_manifest_we_ship_is_valid() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let names = manifest_names(&dir);
    for name in
        ["cct-xs-v2", "clp-det", "plate-det", "plate-ocr", "plate-ocr-trial", "ppocr-v6", "yolov8n", "yolox-nano"]
    {
        assert!(names.contains(&name.to_owned()), "{names:?}");
    }
    for name in &names {
        let manifest = Manifest::load(&dir, name).unwrap();
        assert!(!manifest.licence.is_empty() && !manifest.licence_from.is_empty(), "{name}");
    }
}

#[test]
fn the_normalisation_is_applied_to_the_fill_too() {
    let text = include_str!("../../models/ppocr-v6.toml");
    let packing = Manifest::parse(text, "ppocr-v6").unwrap().packing();
    assert_eq!((packing.order, packing.fill), (ChannelOrder::Bgr, [0.0; 3]));
    assert_eq!(Manifest::parse(CLP, "clp-det").unwrap().detector.unwrap().layout, DetectLayout::Retinaface);
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let error = Manifest::parse(&CLP.replace("nms = ", "nsm = "), "clp-det").unwrap_err();
    assert!(error.contains("unknown field `nsm`") && error.contains("line"), "{error}");
}

#[test]
fn every_fault_says_which_key() {
    let cases = [
        (CLP, "confidence = 0.10", "confidence = 1.5", "detector.confidence must be 0 to 1"),
        (CLP, "role = \"plate\"", "role = \"ocr\"", "role ocr needs [recogniser]"),
        (CLP, "file = \"clp", "file = \"../clp", "file must be the name of a file"),
        (CLP, "sha256 = \"1b", "sha256 = \"zz", "sha256 must be 64 hexadecimal digits"),
        (CLP, "width = 640", "width = 0", "input.width and input.height must be 8 to 4096"),
        (CLP, "layout = \"retinaface\"", "layout = \"detr\"", "unknown variant `detr`"),
        (CLP, "classes = [\"plate\"]", "classes = \"imagenet\"", "\"imagenet\" is no known list"),
        (CLP, "vehicle_side", "keep = [\"car\"]\nvehicle_side", "\"car\" is none of the classes plate"),
        (CCT, "pad = \"_\"", "", "slots need a pad character"),
        (CCT, "alphabet = ", "alphabet_metadata = \"x\"\nalphabet = ", "either alphabet or alphabet_metadata"),
    ];
    for (text, from, to, expected) in cases {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from} is not in the manifest");
        let name = if text == CLP { "clp-det" } else { "cct-xs-v2" };
        let error = Manifest::parse(&changed, name).unwrap_err();
        assert!(error.contains(expected), "{to}: {error}");
    }
    assert!(Manifest::parse(CLP, "other").unwrap_err().contains("the file is called other.toml"));
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let error = Manifest::load(&dir, "yolo-nano").unwrap_err().to_string();
    assert!(error.contains("there is no model \"yolo-nano\"") && error.contains("yolox-nano"), "{error}");
    let error = Manifest::load(&dir, "../models/clp-det").unwrap_err();
    assert!(matches!(error, InferenceError::UnknownModel { .. }), "a name is no path");
}
