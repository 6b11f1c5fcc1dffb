//! The text behind `sim:`, read strictly: an unknown key or value names what it should have been.

/// What to render. Every key has a default; [`SimSpec::parse`] reads the text form.
#[derive(Debug, Clone, PartialEq)]
pub struct SimSpec {
    /// Everything random comes from it.
    pub seed: u64,
    /// Length of the clip, 0.1–86400.
    pub seconds: f64,
    /// Frames a second, 0.1–120.
    pub fps: f64,
    /// Pixels, 160–3840.
    pub width: u32,
    /// Pixels, 120–2160.
    pub height: u32,
    /// Vehicles over the whole clip, from 0; at most 1.5 a second (two are always allowed).
    pub vehicles: u32,
    pub layout: Layout,
    pub light: Light,
    /// Shutter time in sixtieths of a second, 0–1.
    pub blur: f32,
    /// Sensor noise, 0–1; 1 is a standard deviation of 10 grey levels by day.
    pub noise: f32,
    /// Share of the frames that a source does not hand over, 0–0.9.
    pub drop: f32,
    pub scene: Scene,
}

impl Default for SimSpec {
    fn default() -> Self {
        Self {
            seed: 7,
            seconds: 60.0,
            fps: 15.0,
            width: 1280,
            height: 720,
            vehicles: 20,
            layout: Layout::Latin,
            light: Light::Day,
            blur: 0.2,
            noise: 0.25,
            drop: 0.0,
            scene: Scene::Pass,
        }
    }
}

/// Which plates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One line, several formats.
    Latin,
    /// Registration above, province below.
    Thai,
    Mixed,
}

/// Time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Light {
    Day,
    Dusk,
    Night,
}

/// What the vehicles do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// Two lanes of one direction.
    Pass,
    /// Two lanes of one direction, pairs side by side at the reading distance.
    Overtake,
    /// Two lanes, opposite directions.
    Cross,
    /// Stop and go in two lanes.
    Stop,
    /// Vehicles parked at both kerbs, traffic between them.
    Park,
    /// Slow cars, each covered for a while by a lorry that overtakes it.
    Occlude,
    /// Stop and go towards the camera, free traffic away from it, one parked.
    Mixed,
}

/// Why a spec is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SimError(pub String);

const KEYS: [&str; 11] =
    ["seed", "seconds", "fps", "size", "vehicles", "layout", "light", "blur", "noise", "drop", "scene"];
const LAYOUTS: [(&str, Layout); 3] = [("latin", Layout::Latin), ("thai", Layout::Thai), ("mixed", Layout::Mixed)];
const LIGHTS: [(&str, Light); 3] = [("day", Light::Day), ("dusk", Light::Dusk), ("night", Light::Night)];
const SCENES: [(&str, Scene); 7] = [
    ("pass", Scene::Pass),
    ("overtake", Scene::Overtake),
    ("cross", Scene::Cross),
    ("stop", Scene::Stop),
    ("park", Scene::Park),
    ("occlude", Scene::Occlude),
    ("mixed", Scene::Mixed),
];

impl SimSpec {
    /// Reads `key=value;key=value`, with or without `sim:` before it. Every key is optional; the last one of a kind
    /// wins. Vehicles that do not fit into the time are refused, unless the number is the default's: then they are as
    /// many as fit.
    pub fn parse(text: &str) -> Result<Self, SimError> {
        let text = text.trim();
        let mut spec = Self::default();
        let mut vehicles = None;
        for pair in text.strip_prefix("sim:").unwrap_or(text).split(';').map(str::trim).filter(|p| !p.is_empty()) {
            let Some((key, value)) = pair.split_once('=').map(|(k, v)| (k.trim(), v.trim())) else {
                return Err(SimError(format!("sim: {pair:?} is not key=value; {}", nearest_key(pair))));
            };
            match key {
                "seed" => spec.seed = whole(key, value, 0, u64::MAX)?,
                "seconds" => spec.seconds = number(key, value, 0.1, 86_400.0)?,
                "fps" => spec.fps = number(key, value, 0.1, 120.0)?,
                "size" => (spec.width, spec.height) = size(value)?,
                "vehicles" => vehicles = Some(value),
                "layout" => spec.layout = choice(key, value, &LAYOUTS)?,
                "light" => spec.light = choice(key, value, &LIGHTS)?,
                "blur" => spec.blur = number(key, value, 0.0, 1.0)? as f32,
                "noise" => spec.noise = number(key, value, 0.0, 1.0)? as f32,
                "drop" => spec.drop = number(key, value, 0.0, 0.9)? as f32,
                "scene" => spec.scene = choice(key, value, &SCENES)?,
                _ => return Err(SimError(format!("sim: {key:?} is not a key; {}", nearest_key(key)))),
            }
        }
        let most = (spec.seconds * 1.5).max(2.0) as u32;
        spec.vehicles = match vehicles {
            Some(value) => whole("vehicles", value, 0, u64::from(most))? as u32,
            None => spec.vehicles.min(most),
        };
        Ok(spec)
    }
}

fn nearest_key(key: &str) -> String {
    let name = key.split('=').next().unwrap_or_default();
    format!("nearest is {} (keys: {})", nearest(name, KEYS.iter().copied()), KEYS.join(", "))
}

fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> &'a str {
    let word: String = word.to_lowercase().chars().take(32).collect();
    let mut best = ("", f64::NEG_INFINITY);
    for candidate in words {
        let score = strsim::jaro_winkler(&word, candidate);
        if score > best.1 {
            best = (candidate, score);
        }
    }
    best.0
}

fn choice<T: Copy, const N: usize>(key: &str, value: &str, choices: &[(&'static str, T); N]) -> Result<T, SimError> {
    choices.iter().find(|(name, _)| *name == value).map(|(_, choice)| *choice).ok_or_else(|| {
        let names = choices.map(|(name, _)| name);
        let near = nearest(value, names.iter().copied());
        SimError(format!("sim: {key}={value} is not known; nearest is {key}={near} (one of {})", names.join(", ")))
    })
}

fn number(key: &str, value: &str, low: f64, high: f64) -> Result<f64, SimError> {
    match value.parse::<f64>() {
        Ok(n) if n >= low && n <= high => Ok(n),
        Ok(n) if !n.is_nan() => Err(out_of_range(key, value, low, high, n.clamp(low, high))),
        _ => Err(SimError(format!("sim: {key}={value} is not a number; use {low} to {high}"))),
    }
}

fn whole(key: &str, value: &str, low: u64, high: u64) -> Result<u64, SimError> {
    match value.parse::<i128>() {
        Ok(n) if n >= i128::from(low) && n <= i128::from(high) => Ok(n as u64),
        Ok(n) => Err(out_of_range(key, value, low, high, n.clamp(i128::from(low), i128::from(high)))),
        Err(_) => Err(SimError(format!("sim: {key}={value} is not a whole number; use {low} to {high}"))),
    }
}

fn out_of_range<T: std::fmt::Display>(
    key: &str,
    value: &str,
    low: T,
    high: T,
    near: impl std::fmt::Display,
) -> SimError {
    SimError(format!("sim: {key}={value} is out of range; nearest is {key}={near} ({low} to {high})"))
}

fn size(value: &str) -> Result<(u32, u32), SimError> {
    let parsed = value.split_once('x').and_then(|(w, h)| Some((w.parse::<u32>().ok()?, h.parse::<u32>().ok()?)));
    let Some((w, h)) = parsed else {
        return Err(SimError(format!("sim: size={value} is not WIDTHxHEIGHT; write for example size=1280x720")));
    };
    let (near_w, near_h) = (w.clamp(160, 3840), h.clamp(120, 2160));
    if (w, h) != (near_w, near_h) {
        return Err(out_of_range("size", value, "160x120", "3840x2160", format!("{near_w}x{near_h}")));
    }
    Ok((w, h))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_key_is_read_with_or_without_the_prefix() {
        let text = "seed=9; seconds=2.5;fps=10;size=640x360;vehicles=3;layout=thai;light=night;blur=0.5;noise=0;drop=0.5;scene=park";
        let spec = SimSpec::parse(text).unwrap();
        assert_eq!(spec, SimSpec::parse(&format!("sim:{text};")).unwrap());
        let expected = SimSpec {
            seed: 9,
            seconds: 2.5,
            fps: 10.0,
            width: 640,
            height: 360,
            vehicles: 3,
            layout: Layout::Thai,
            light: Light::Night,
            blur: 0.5,
            noise: 0.0,
            drop: 0.5,
            scene: Scene::Park,
        };
        assert_eq!(spec, expected);
        assert_eq!(SimSpec::parse("").unwrap(), SimSpec::default());
    }

    #[test]
    fn a_short_clip_has_as_many_of_the_default_vehicles_as_fit() {
        assert_eq!(SimSpec::parse("seconds=4").unwrap().vehicles, 6);
    }

    #[test]
    fn faults_name_the_key_the_value_and_the_nearest_valid_one() {
        let faults = [
            ("sede=1", r#""sede" is not a key; nearest is seed"#),
            ("night", r#""night" is not key=value; nearest is "#),
            ("scene=overtkae", "scene=overtkae is not known; nearest is scene=overtake (one of pass, overtake"),
            ("blur=1.5", "blur=1.5 is out of range; nearest is blur=1 (0 to 1)"),
            ("noise=NaN", "noise=NaN is not a number; use 0 to 1"),
            ("seed=-1", "seed=-1 is out of range; nearest is seed=0"),
            ("seconds=10;vehicles=900", "vehicles=900 is out of range; nearest is vehicles=15 (0 to 15)"),
            ("size=20x4000", "size=20x4000 is out of range; nearest is size=160x2160"),
            ("size=big", "size=big is not WIDTHxHEIGHT"),
            ("fps=fast", "fps=fast is not a number"),
        ];
        for (text, expected) in faults {
            let error = SimSpec::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_panic(
            text in any::<String>(),
            key in proptest::sample::select(&KEYS[..]),
            value in "\\PC{0,12}",
        ) {
            let _ = SimSpec::parse(&text);
            if let Err(error) = SimSpec::parse(&format!("{key}={value}")) {
                prop_assert!(error.to_string().contains(key));
            }
        }
    }
}
