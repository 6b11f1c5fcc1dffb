//! What a package carries beside each program, made from the program's own arguments: manual pages, and completions for
//! bash, zsh and fish.

use crate::exit::{Exit, Failure};
use clap_complete::Shell;
use std::fs;
use std::path::{Path, PathBuf};

/// `manual`, hidden: for those who build packages.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder for NAME.1, NAME-SUBCOMMAND.1 … and the completions; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

/// Writes them for the program whose arguments `command` has.
pub fn execute(args: &Args, command: clap::Command) -> Result<(), Failure> {
    write(&args.out, command)
        .map_err(|error| Failure::new(Exit::Storage, format!("{}: cannot be written: {error}", args.out.display())))
}

fn write(out: &Path, mut command: clap::Command) -> std::io::Result<()> {
    fs::create_dir_all(out)?;
    // `help` needs no page of its own.
    clap_mangen::generate_to(command.clone().disable_help_subcommand(true), out)?;
    let name = command.get_name().to_owned();
    for shell in SHELLS {
        clap_complete::generate_to(shell, &mut command, &name, out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, Command};

    #[test]
    fn every_subcommand_has_a_page_and_what_is_hidden_has_none() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("made");
        let command = Command::new("gate")
            .subcommand(Command::new("open").arg(Arg::new("wide").long("wide").help("Both wings")))
            .subcommand(Command::new("manual").hide(true));
        write(&out, command).unwrap();
        let mut names: Vec<String> =
            fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, ["_gate", "gate-open.1", "gate.1", "gate.bash", "gate.fish"]);
        assert!(fs::read_to_string(out.join("gate-open.1")).unwrap().contains("Both wings"));
        assert!(fs::read_to_string(out.join("gate.bash")).unwrap().contains("wide"));
    }
}
