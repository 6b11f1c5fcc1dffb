//! `lpr-server check`: database and pictures held against each other, beside a running server or without one. Nothing is
//! changed.

use super::images::ImageStore;
use super::store::{Connection, StoreError, verify};
use super::sweep;
use crate::clock::{Clock, SystemClock};
use crate::config::load_server;
use crate::exit::{Exit, Failure};
use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Examples of each finding.
const EXAMPLES: usize = 20;

/// Which data directory.
#[derive(Debug, clap::Args)]
pub struct DataArgs {
    /// The server's configuration, for its data directory; without it the defaults hold
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the database and the images live, instead of the configured folder; a backup is such a folder too
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DataArgs {
    pub fn data_dir(&self) -> Result<PathBuf, Failure> {
        let configured = || load_server(self.config.as_deref(), std::env::vars()).map(|config| config.data_dir);
        let data_dir = self.data_dir.clone().map_or_else(configured, Ok)?;
        if !database(&data_dir).is_file() {
            let message =
                format!("{} is missing; name the server's folder with --data-dir", database(&data_dir).display());
            return Err(Failure::new(Exit::Storage, message));
        }
        Ok(data_dir)
    }
}

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    data: DataArgs,
    /// Leave out the comparison of the database's indexes with its tables, which takes longest
    #[arg(long)]
    quick: bool,
    /// Say what was found as JSON
    #[arg(long)]
    json: bool,
}

/// Things of one kind: how many, and the first of them.
#[derive(Debug, Default)]
struct Finding {
    count: u64,
    examples: Vec<String>,
}

impl Finding {
    fn add(&mut self, example: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example);
        }
    }

    fn json(&self) -> Value {
        json!({"count": self.count, "examples": self.examples})
    }
}

/// What was found.
#[derive(Debug, Default)]
struct Report {
    damage: Vec<String>,
    counts: Vec<verify::Count>,
    pictures: u64,
    missing: Finding,
    wrong_size: Finding,
    unnamed: Finding,
}

pub fn database(data_dir: &Path) -> PathBuf {
    data_dir.join("lpr-server.db")
}

pub fn storage(error: StoreError) -> Failure {
    Failure::new(Exit::Storage, error)
}

/// Looks, says what it saw, and fails with [`Exit::Partly`] if anything is wrong.
pub fn execute(args: &Args) -> Result<(), Failure> {
    let data_dir = args.data.data_dir()?;
    // Retention removes nothing meanwhile.
    let _quiet = File::open(&data_dir).and_then(|dir| Ok(flock(&dir, FlockOperation::LockShared).map(|()| dir)?));
    let conn = verify::open_to_read(&database(&data_dir)).map_err(storage)?;
    let report = look(&conn, &data_dir, args.quick).map_err(storage)?;
    let text = if args.json { format!("{:#}", report.json()) } else { report.text() };
    let _ = writeln!(io::stdout(), "{text}");
    match report.is_well() {
        true => Ok(()),
        false => Err(Failure::new(Exit::Partly, format!("{} is not as it should be", data_dir.display()))),
    }
}

fn look(conn: &Connection, data_dir: &Path, quick: bool) -> Result<Report, StoreError> {
    let mut report = Report { damage: verify::damage(conn, quick, EXAMPLES)?, ..Report::default() };
    if report.damage.is_empty() {
        report.counts = verify::counts(conn)?;
        pictures(conn, &data_dir.join("images"), &mut report)?;
    }
    Ok(report)
}

fn pictures(conn: &Connection, root: &Path, report: &mut Report) -> Result<(), StoreError> {
    let Ok(images) = ImageStore::open(root.to_owned()) else { return Ok(()) };
    let mut absent = HashSet::new();
    verify::pictures(conn, |named| {
        report.pictures += 1;
        let verify::Named { path, bytes, .. } = &named;
        match images.bytes(&named) {
            Ok(there) if there == bytes.unsigned_abs() => {}
            Ok(there) => report.wrong_size.add(format!("{path}: {there} bytes, not {bytes}")),
            Err(_) => drop(absent.insert(named.path)),
        }
    })?;
    // A newer revision of its event may have taken its place while we looked.
    if !absent.is_empty() {
        verify::pictures(conn, |named| {
            if absent.contains(&named.path) {
                report.missing.add(named.path);
            }
        })?;
    }
    for path in sweep::orphans(conn, &images, SystemClock.wall_us(), usize::MAX) {
        report.unnamed.add(path);
    }
    Ok(())
}

impl Report {
    fn wrong_counts(&self) -> impl Iterator<Item = &verify::Count> {
        self.counts.iter().filter(|count| count.kept != count.is)
    }

    /// Pictures that no record names do no harm: they are what a crash leaves.
    fn is_well(&self) -> bool {
        self.damage.is_empty() && self.wrong_counts().count() == 0 && self.missing.count + self.wrong_size.count == 0
    }

    fn json(&self) -> Value {
        let count = |count: &verify::Count| json!({"what": count.what, "kept": count.kept, "is": count.is});
        json!({
            "ok": self.is_well(),
            "damage": self.damage,
            "counts": self.counts.iter().map(count).collect::<Vec<_>>(),
            "pictures": self.pictures,
            "pictures_missing": self.missing.json(),
            "pictures_of_wrong_size": self.wrong_size.json(),
            "pictures_unnamed": self.unnamed.json(),
        })
    }

    fn text(&self) -> String {
        let mut lines: Vec<String> = self.damage.iter().map(|damage| format!("damaged: {damage}")).collect();
        lines.extend(self.wrong_counts().map(|c| format!("{}: {} by the counters, in truth {}", c.what, c.kept, c.is)));
        for (finding, what) in [
            (&self.missing, "missing picture"),
            (&self.wrong_size, "picture of another size"),
            (&self.unnamed, "picture of no record"),
        ] {
            lines.extend(finding.examples.iter().map(|example| format!("{what}: {example}")));
            if finding.count > EXAMPLES as u64 {
                lines.push(format!("… and {} more of these", finding.count - EXAMPLES as u64));
            }
        }
        let records = self.counts.first().map_or(0, |count| count.is);
        let verdict = if self.is_well() { "all is well" } else { "NOT well" };
        lines.push(format!("{records} records, {} pictures: {verdict}", self.pictures));
        lines.join("\n")
    }
}
