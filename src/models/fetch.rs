//! Bringing what is missing, and saying what was done.

use super::{Entry, Lock, ModelsError, Origins, Source, SourceError, State, Store};
use std::fs::{self, File, TryLockError};
use std::path::Path;

/// What happens, as it happens.
#[derive(Debug)]
pub enum Progress<'a> {
    /// Another fetch has the folder; this one waits for it.
    Waiting,
    /// The file under this name is not the pinned one and will be replaced.
    Replacing {
        entry: &'a Entry,
    },
    Trying {
        entry: &'a Entry,
        source: &'a Source,
    },
    Refused {
        entry: &'a Entry,
        source: &'a Source,
        why: &'a SourceError,
    },
    Done {
        entry: &'a Entry,
        source: &'a Source,
    },
    /// A default file cannot be had; others are tried in its place.
    NotHad {
        entry: &'a Entry,
        why: &'a ModelsError,
    },
}

/// How a fetch ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Names of the files brought now.
    pub fetched: Vec<String>,
    /// How many were there already.
    pub present: usize,
    pub stand_ins: Vec<StandIn>,
}

/// A file that stands in for a default one: the configuration must name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    pub name: String,
    pub instead_of: String,
    /// The key under `[models]`.
    pub key: &'static str,
}

impl StandIn {
    fn of(entry: &Entry, missing: &Entry) -> Self {
        Self { name: entry.name.clone(), instead_of: missing.name.clone(), key: missing.role.key() }
    }
}

/// Brings the files called `names` (none: the default ones) for machines of kind `arch` into the store.
///
/// Where a default file cannot be had, the first of its stand-ins that can is brought instead; one that is here already
/// is enough. A named file is brought itself or not at all. Ends at the first file that can be had in no way.
pub fn fetch(
    store: &Store,
    names: &[String],
    arch: &str,
    origins: &Origins,
    report: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, ModelsError> {
    let wanted = wanted(store.lock(), names, arch)?;
    let may_stand_in = names.is_empty();
    let mut fetch = Fetch { store, arch, origins, report, outcome: Outcome::default() };
    if fetch.all_here(&wanted, may_stand_in)? {
        return Ok(fetch.outcome);
    }
    let _turn = fetch.take_turn()?;
    fetch.outcome = Outcome::default();
    let result = wanted.into_iter().try_for_each(|entry| fetch.ensure(entry, may_stand_in));
    // Scratch left behind costs disk, not correctness: the next fetch clears it.
    let _ = fs::remove_dir_all(store.dir().join(".fetch"));
    result.map(|()| fetch.outcome)
}

fn wanted<'a>(lock: &'a Lock, names: &[String], arch: &'a str) -> Result<Vec<&'a Entry>, ModelsError> {
    if names.is_empty() {
        return Ok(lock.defaults(arch).collect());
    }
    names.iter().map(|name| find(lock, name, arch)).collect()
}

fn find<'a>(lock: &'a Lock, name: &str, arch: &'a str) -> Result<&'a Entry, ModelsError> {
    lock.entries(arch).find(|entry| entry.name == name).ok_or_else(|| {
        let nearest = lock
            .entries(arch)
            .max_by(|a, b| strsim::jaro_winkler(&a.name, name).total_cmp(&strsim::jaro_winkler(&b.name, name)));
        let hint = match nearest {
            Some(entry) => format!("the nearest is \"{}\"; `lpr-agent models list` shows all", entry.name),
            None => format!("the lock has nothing for {arch} machines"),
        };
        ModelsError::UnknownName { name: name.to_owned(), hint }
    })
}

struct Fetch<'a> {
    store: &'a Store,
    arch: &'a str,
    origins: &'a Origins,
    report: &'a mut dyn FnMut(Progress<'_>),
    outcome: Outcome,
}

impl Fetch<'_> {
    fn all_here(&mut self, wanted: &[&Entry], may_stand_in: bool) -> Result<bool, ModelsError> {
        for entry in wanted {
            if !self.is_here(entry, may_stand_in)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether the file, or one that stands in for it, is in its place; counts it then.
    fn is_here(&mut self, entry: &Entry, may_stand_in: bool) -> Result<bool, ModelsError> {
        if self.store.state_of(entry)? == State::Present {
            self.outcome.present += 1;
            return Ok(true);
        }
        if may_stand_in {
            for other in self.store.lock().stand_ins(&entry.name, self.arch) {
                if self.store.state_of(other)? == State::Present {
                    self.outcome.present += 1;
                    self.outcome.stand_ins.push(StandIn::of(other, entry));
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// One fetch at a time in one folder; the lock goes with the file handle.
    fn take_turn(&mut self) -> Result<File, ModelsError> {
        let folder = self.store.dir().join(".fetch");
        let unwritable = |path: &Path| {
            let path = path.to_owned();
            move |source| ModelsError::Unwritable { path, source }
        };
        let path = self.store.dir().join(".fetch.lock");
        let file = File::create(&path).map_err(unwritable(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                (self.report)(Progress::Waiting);
                file.lock().map_err(unwritable(&path))?;
            }
            Err(TryLockError::Error(source)) => return Err(unwritable(&path)(source)),
        }
        fs::create_dir_all(&folder).map_err(unwritable(&folder))?;
        Ok(file)
    }

    fn ensure(&mut self, entry: &Entry, may_stand_in: bool) -> Result<(), ModelsError> {
        if self.is_here(entry, may_stand_in)? {
            return Ok(());
        }
        match self.bring(entry) {
            Err(why @ ModelsError::NotHad { .. }) if may_stand_in => self.stand_in_for(entry, why),
            result => result,
        }
    }

    fn stand_in_for(&mut self, missing: &Entry, why: ModelsError) -> Result<(), ModelsError> {
        let stand_ins: Vec<&Entry> = self.store.lock().stand_ins(&missing.name, self.arch).collect();
        if stand_ins.is_empty() {
            return Err(why);
        }
        (self.report)(Progress::NotHad { entry: missing, why: &why });
        let mut last = why;
        for entry in stand_ins {
            match self.bring(entry) {
                Ok(()) => {
                    self.outcome.stand_ins.push(StandIn::of(entry, missing));
                    return Ok(());
                }
                Err(error @ ModelsError::NotHad { .. }) => {
                    (self.report)(Progress::NotHad { entry, why: &error });
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    fn bring(&mut self, entry: &Entry) -> Result<(), ModelsError> {
        if let State::Corrupt { .. } = self.store.state_of(entry)? {
            (self.report)(Progress::Replacing { entry });
        }
        let mut tried = Vec::new();
        for source in &entry.sources {
            (self.report)(Progress::Trying { entry, source });
            match self.origins.bring(self.store, entry, source) {
                Ok(()) => {
                    (self.report)(Progress::Done { entry, source });
                    self.outcome.fetched.push(entry.name.clone());
                    return Ok(());
                }
                Err(SourceError::Unwritable { path, source }) => return Err(ModelsError::Unwritable { path, source }),
                Err(why) => {
                    (self.report)(Progress::Refused { entry, source, why: &why });
                    tried.push((source.to_string(), why));
                }
            }
        }
        Err(ModelsError::NotHad {
            name: entry.name.clone(),
            file: entry.file.clone(),
            sha256: entry.sha256.clone(),
            tried,
        })
    }
}
