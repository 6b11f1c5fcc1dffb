//! `lpr-agent models inspect`: a manifest for a foreign ONNX file.

use crate::agent::cmds::read::configuration;
use crate::agent::{Exit, Failure};
use crate::config::ModelsConfig;
use crate::inference::{Role, check_model, inspect, places};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ONNX file
    file: PathBuf,
    /// What it is for, where its outputs do not tell
    #[arg(long, value_enum)]
    role: Option<RoleName>,
    /// A recogniser's letters in the order of its classes, in one line or one a line; slots with the pad last
    #[arg(long, value_name = "FILE")]
    alphabet: Option<PathBuf>,
    /// Where NAME.toml and the copy NAME.onnx go; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum RoleName {
    Vehicle,
    Plate,
    Ocr,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Vehicle => Self::Vehicle,
            RoleName::Plate => Self::Plate,
            RoleName::Ocr => Self::Ocr,
        }
    }
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    let config = configuration(None)?.models;
    let name = model_name(&args.file)?;
    let alphabet = args.alphabet.as_deref().map(read_alphabet).transpose()?;
    let role = args.role.map(Role::from);
    let inspected = inspect(&config, &args.file, &name, role, alphabet.as_deref())?;
    let (manifest, model) = places(&args.out, &name);
    if manifest.exists() {
        let message = format!("{} is there already; it may be edited: remove it first", manifest.display());
        return Err(Failure::new(Exit::Storage, message));
    }
    let unwritable = |path: &Path, error: std::io::Error| {
        Failure::new(Exit::Storage, format!("cannot write {}: {error}; choose another --out", path.display()))
    };
    std::fs::create_dir_all(&args.out).map_err(|error| unwritable(&args.out, error))?;
    if !is_same_file(&args.file, &model) {
        std::fs::copy(&args.file, &model).map_err(|error| unwritable(&model, error))?;
    }
    std::fs::write(&manifest, &inspected.manifest).map_err(|error| unwritable(&manifest, error))?;
    println!("{}: {} model; {}", manifest.display(), inspected.role.as_str(), model.display());
    for doubt in &inspected.doubts {
        println!("look at this: {doubt}");
    }
    let runtime =
        if config.runtime.as_os_str().is_empty() { config.dir.join("runtime") } else { config.runtime.clone() };
    let beside = ModelsConfig { dir: args.out.clone(), runtime, ..config };
    check_model(&beside, inspected.role, &name)?;
    println!("it loads: use it with LPR_MODELS_{}={name}", inspected.role.as_str().to_uppercase());
    Ok(ExitCode::SUCCESS)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// The file's name, in the letters that names of manifests have.
fn model_name(file: &Path) -> Result<String, Failure> {
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-.".contains(c) { c } else { '-' }).collect();
    if name.trim_matches(['-', '.']).is_empty() {
        return Err(Failure::new(Exit::Models, format!("{} has no name to call a model by", file.display())));
    }
    Ok(name)
}

fn read_alphabet(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(Exit::Models, format!("cannot read the alphabet {}: {error}", path.display())))?;
    Ok(text.chars().filter(|c| !matches!(c, '\n' | '\r' | '\u{feff}')).collect())
}
