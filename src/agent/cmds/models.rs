//! `lpr-agent models`: what is pinned, what is there, bringing what is missing, and using another.

mod inspect;
mod use_model;

use crate::agent::{Exit, Failure};
use crate::models::{
    Entry, ModelsError, Origins, Outcome, Progress, Source, SourceError, State, Store, When, fetch, install_again,
};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

const ARCH: &str = std::env::consts::ARCH;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show every pinned file, its licence, and whether it is here
    List(Folder),
    /// Bring the missing files: the default ones, or those named
    ///
    /// Progress goes to stderr. Where a stand-in had to be taken, stdout gets the environment variable that makes the
    /// agent use it, e.g. LPR_MODELS_VEHICLE=yolov8n.
    Fetch {
        #[command(flatten)]
        folder: Folder,
        /// Names as `models list` shows them
        names: Vec<String>,
    },
    /// Write the manifest of a foreign ONNX file, guessed from its graph, beside a copy of it
    Inspect(inspect::Args),
    /// Use another model: checked, tried by a running agent on live frames, and then written into the configuration
    ///
    /// Exit 1: the trial or the probation went badly, the models in use stay.
    Use(use_model::Args),
    /// Check every file against its pin; exit 1 if one is missing or corrupt
    Verify(Folder),
}

#[derive(Debug, clap::Args)]
struct Folder {
    /// The models folder, with lock.toml in it
    #[arg(long, value_name = "DIR", default_value = "models", env = "LPR_MODELS_DIR")]
    dir: PathBuf,
}

pub fn execute(args: &Args) -> Result<ExitCode, Failure> {
    match &args.command {
        Command::List(folder) => list(&Store::open(&folder.dir)?),
        Command::Fetch { folder, names } => fetch_named(&Store::open(&folder.dir)?, names),
        Command::Inspect(args) => inspect::execute(args),
        Command::Use(args) => use_model::execute(args),
        Command::Verify(folder) => verify(&Store::open(&folder.dir)?),
    }
}

fn list(store: &Store) -> Result<ExitCode, Failure> {
    println!("{:<20} {:<8} {:>8}  {:<18} {:<9} use", "name", "role", "size", "licence", "state");
    for entry in store.lock().entries(ARCH) {
        let state = match store.state_of(entry)? {
            State::Present => "present",
            State::Missing => "missing",
            State::Corrupt { .. } => "corrupt",
        };
        let usage = match &entry.when {
            When::Default => "default".to_owned(),
            When::Optional => "optional".to_owned(),
            When::InsteadOf(name) => format!("where {name} cannot be had"),
        };
        let (name, role, size, licence) = (&entry.name, entry.role.key(), megabytes(entry.size), &entry.licence);
        println!("{name:<20} {role:<8} {size:>8}  {licence:<18} {state:<9} {usage}");
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch_named(store: &Store, names: &[String]) -> Result<ExitCode, Failure> {
    let origins = Origins {
        cache: std::env::var_os("LPR_MODEL_CACHE").filter(|dir| !dir.is_empty()).map(PathBuf::from),
        python: "python3".into(),
    };
    let mut since = Instant::now();
    let outcome = fetch(store, names, ARCH, &origins, &mut |progress| tell(&progress, &mut since))?;
    summarise(store, &outcome);
    Ok(ExitCode::SUCCESS)
}

fn tell(progress: &Progress<'_>, since: &mut Instant) {
    match progress {
        Progress::Waiting => eprintln!("another fetch is at work in this folder; waiting for it"),
        Progress::Replacing { entry } => {
            eprintln!("{}: what is there is not the pinned file: replacing it", entry.name)
        }
        // A look into a local folder takes no time: only what comes of it is worth a line.
        Progress::Trying { source: Source::Cache(_), .. } => *since = Instant::now(),
        Progress::Trying { entry, source } => {
            *since = Instant::now();
            eprintln!("{}: {} from {source} …", entry.name, megabytes(entry.size));
        }
        Progress::Refused { why: SourceError::NoCache | SourceError::NotInCache(_), .. } => {}
        Progress::Refused { entry, why, source } => eprintln!("{}: not from {source}: {why}", entry.name),
        Progress::Done { entry, source } => {
            let (size, seconds) = (megabytes(entry.size), since.elapsed().as_secs_f64());
            eprintln!("{}: {size} from {source}: done in {seconds:.1} s, sha256 right", entry.name);
            announce(entry);
        }
        Progress::NotHad { entry, .. } => eprintln!("{}: cannot be had; trying what may stand in for it", entry.name),
    }
}

fn announce(entry: &Entry) {
    if !entry.notice.is_empty() {
        eprintln!("*** LICENCE *** {}", entry.notice);
    }
}

fn summarise(store: &Store, outcome: &Outcome) {
    let (dir, present) = (store.dir().display(), outcome.present);
    match outcome.fetched.len() {
        0 => eprintln!("{dir}: all {present} files are here already; nothing to do"),
        fetched => eprintln!("{dir}: {fetched} fetched, {present} were here already"),
    }
    for stand_in in &outcome.stand_ins {
        let variable = format!("LPR_MODELS_{}={}", stand_in.key.to_uppercase(), stand_in.name);
        eprintln!(
            "{name} stands in for {missing}: run the agent with {variable}, or set models.{key} = \"{name}\" in its \
             configuration; `lpr-agent models fetch {missing}` tries {missing} again",
            name = stand_in.name,
            missing = stand_in.instead_of,
            key = stand_in.key,
        );
        println!("{variable}");
    }
}

fn verify(store: &Store) -> Result<ExitCode, Failure> {
    let mut faults = 0;
    for entry in store.lock().entries(ARCH) {
        let name = &entry.name;
        match store.state_of(entry)? {
            State::Present => println!("✔ {name}"),
            State::Missing if entry.when == When::Default && !has_stand_in(store, entry)? => {
                faults += 1;
                println!("✘ {name}: missing: {}; {}", store.path_of(entry).display(), remedy(store, entry));
            }
            State::Missing => println!("- {name}: not here, not needed"),
            State::Corrupt { found } => {
                faults += 1;
                let (path, pinned, remedy) = (store.path_of(entry), &entry.sha256, remedy(store, entry));
                println!("✘ {name}: corrupt: {} has sha256 {found}, pinned is {pinned}; {remedy}", path.display());
            }
        }
    }
    Ok(if faults == 0 { ExitCode::SUCCESS } else { Exit::Partly.into() })
}

/// How the pinned file comes back.
fn remedy(store: &Store, entry: &Entry) -> String {
    match entry.comes_with() {
        Some(package) => install_again(package, &store.path_of(entry)),
        None => format!("run `lpr-agent models fetch --dir {} {}`", store.dir().display(), entry.name),
    }
}

fn has_stand_in(store: &Store, missing: &Entry) -> Result<bool, Failure> {
    for entry in store.lock().stand_ins(&missing.name, ARCH) {
        if store.state_of(entry)? == State::Present {
            return Ok(true);
        }
    }
    Ok(false)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

impl From<ModelsError> for Failure {
    fn from(error: ModelsError) -> Self {
        let exit = match error {
            ModelsError::Unwritable { .. } => Exit::Storage,
            _ => Exit::Models,
        };
        Failure::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    /// Two files of the bytes "abc": `car`, wanted, and `spare`, which may stand in for it.
    fn folder() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let entry = |name: &str, when: &str| {
            format!(
                "[[file]]\nname = \"{name}\"\nrole = \"vehicle\"\nwhen = {when}\nfile = \"{name}.onnx\"\nsize = 3\n\
                 sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"\nlicence = \"MIT\"\n\
                 licence_from = \"its author\"\nsources = [{{ cache = \"{name}.onnx\" }}]\n"
            )
        };
        let lock = entry("car", "\"default\"") + &entry("spare", "{ instead_of = \"car\" }");
        fs::write(dir.path().join("lock.toml"), "version = 1\n".to_owned() + &lock).unwrap();
        dir
    }

    fn verdict(dir: &Path) -> ExitCode {
        verify(&Store::open(dir).unwrap()).unwrap()
    }

    #[test]
    fn verify_fails_on_a_missing_and_on_a_corrupt_file_and_takes_a_stand_in() {
        let dir = folder();
        let failed = ExitCode::from(Exit::Partly);
        assert_eq!(verdict(dir.path()), failed, "car is missing");
        fs::write(dir.path().join("spare.onnx"), "abc").unwrap();
        assert_eq!(verdict(dir.path()), ExitCode::SUCCESS, "spare stands in");
        fs::write(dir.path().join("spare.onnx"), "abd").unwrap();
        assert_eq!(verdict(dir.path()), failed, "spare is corrupt");
        fs::remove_file(dir.path().join("spare.onnx")).unwrap();
        fs::write(dir.path().join("car.onnx"), "abc").unwrap();
        assert_eq!(verdict(dir.path()), ExitCode::SUCCESS);
    }

    #[test]
    fn what_comes_with_a_package_is_never_said_to_be_fetched() {
        let dir = folder();
        let path = dir.path().join("lock.toml");
        let lock = fs::read_to_string(&path).unwrap();
        fs::write(&path, lock.replacen("{ cache = \"car.onnx\" }", "{ package = \"lpr-agent\" }", 1)).unwrap();
        let store = Store::open(dir.path()).unwrap();
        let remedies: Vec<String> = store.lock().entries(ARCH).map(|entry| remedy(&store, entry)).collect();
        let checkout = format!("git checkout -- {}/car.onnx", dir.path().display());
        assert!(remedies[0].starts_with("reinstall the package lpr-agent") && remedies[0].ends_with(&checkout));
        assert_eq!(remedies[1], format!("run `lpr-agent models fetch --dir {} spare`", dir.path().display()));
        let refused = fetch_named(&store, &["car".into()]).unwrap_err().to_string();
        assert!(refused.contains("it is not downloaded: reinstall the package lpr-agent"), "{refused}");
    }

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let unwritable = ModelsError::Unwritable { path: "/m".into(), source: std::io::Error::other("read-only") };
        assert_eq!(Failure::from(unwritable).exit, Exit::Storage);
        let no_lock = Store::open(Path::new("/nowhere")).unwrap_err();
        assert_eq!(Failure::from(no_lock).exit, Exit::Models);
    }
}
