//! Writes the manual pages and the completions of shells into the directory given, from the definitions of the command
//! line and the table of settings.

use std::fs::{File, create_dir_all};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use npoc::commands::{CommandLine, EXIT_STATUS};
use npoc::settings::SETTINGS;

const FILES: [(&str, &str); 4] = [
    (
        "/etc/npoc/npoc.env",
        "Settings of the package, one NAME=value on a line.",
    ),
    (
        "/var/lib/npoc",
        "The embedded database and the mail folder, where they are used.",
    ),
    ("/var/backups/npoc", "What npoc-backup.timer writes."),
    (
        "/usr/share/doc/npoc/DEPLOY.md",
        "How to set a site up, and to look after it.",
    ),
];

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("usage: manual DIRECTORY")?;
    let directory = Path::new(&directory);
    create_dir_all(directory)?;
    clap_mangen::generate_to(CommandLine::command(), directory)?;
    write_main_page(&directory.join("npoc.1"))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut CommandLine::command(), "npoc", directory)?;
    }
    Ok(())
}

/// The page of the program itself, with what pages of commands need not repeat.
fn write_main_page(path: &Path) -> anyhow::Result<()> {
    let mut page = File::create(path)?;
    let manual = Man::new(CommandLine::command());
    manual.render_title(&mut page)?;
    manual.render_name_section(&mut page)?;
    manual.render_synopsis_section(&mut page)?;
    manual.render_description_section(&mut page)?;
    manual.render_options_section(&mut page)?;
    manual.render_subcommands_section(&mut page)?;
    let settings = SETTINGS.map(|setting| {
        (
            setting.name,
            format!("{} Default: {}.", setting.meaning, setting.default),
        )
    });
    let files = FILES.map(|(path, meaning)| (path, meaning.to_owned()));
    let statuses = EXIT_STATUS.lines().filter_map(|line| line.split_once(' '));
    page.write_all(section("ENVIRONMENT", settings).as_bytes())?;
    page.write_all(section("FILES", files).as_bytes())?;
    page.write_all(
        section(
            "EXIT STATUS",
            statuses.map(|(status, meaning)| (status, meaning.to_owned())),
        )
        .as_bytes(),
    )?;
    Ok(())
}

fn section<'a>(title: &str, terms: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
    roff.render()
}
