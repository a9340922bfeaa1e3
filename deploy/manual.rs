//! Writes the manual pages and shell completions into the given directory, from the command line's definitions and the
//! settings.

use std::fs::{create_dir_all, write};
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use npoc::commands::{CommandLine, EXIT_STATUS};
use npoc::settings::{SETTINGS, Setting};
use time::OffsetDateTime;

const FILES: [(&str, &str); 4] = [
    (
        "/etc/npoc/npoc.env",
        "Settings of the package, one NAME=value on a line.",
    ),
    (
        "/var/lib/npoc",
        "The embedded database and the mail folder, if the site uses them.",
    ),
    ("/var/backups/npoc", "The dumps that npoc-backup.timer writes."),
    (
        "/usr/share/doc/npoc/docs/deploying.md",
        "How to set up and maintain a site.",
    ),
];

fn main() -> anyhow::Result<()> {
    let directory = std::env::args_os().nth(1).context("usage: manual DIRECTORY")?;
    let directory = Path::new(&directory);
    create_dir_all(directory)?;
    let date = date()?;
    let mut command = CommandLine::command();
    command.build();
    write_pages(&command, "npoc", &date, directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut CommandLine::command(), "npoc", directory)?;
    }
    Ok(())
}

/// Returns the date of the build, or the one that `SOURCE_DATE_EPOCH` sets for reproducible builds.
fn date() -> anyhow::Result<String> {
    let now = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => OffsetDateTime::from_unix_timestamp(seconds.parse()?)?,
        Err(_) => OffsetDateTime::now_utc(),
    };
    Ok(now.date().to_string())
}

/// Writes the page of a command and of its subcommands.
fn write_pages(command: &Command, name: &str, date: &str, directory: &Path) -> anyhow::Result<()> {
    let mut page = Vec::new();
    let source = concat!("npoc ", env!("CARGO_PKG_VERSION"));
    let manual = Man::new(command.clone())
        .title(name.to_uppercase())
        .date(date)
        .source(source);
    manual.render(&mut page)?;
    if name == "npoc" {
        page.extend_from_slice(common_sections().as_bytes());
    }
    write(
        directory.join(format!("{name}.1")),
        wrap_lines(&String::from_utf8(page)?),
    )?;
    for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
        write_pages(below, &format!("{name}-{}", below.get_name()), date, directory)?;
    }
    Ok(())
}

/// Returns the sections that only the main page has.
fn common_sections() -> String {
    let setting = |setting: &Setting| {
        (
            setting.name,
            format!("{} Default: {}.", setting.meaning, setting.default.text()),
        )
    };
    let files = FILES.map(|(path, meaning)| (path, meaning.to_owned()));
    let statuses = EXIT_STATUS.lines().filter_map(|line| line.split_once(' '));
    let statuses = statuses.map(|(status, meaning)| (status, meaning.to_owned()));
    section("ENVIRONMENT", SETTINGS.iter().map(setting)) + &section("FILES", files) + &section("EXIT STATUS", statuses)
}

/// Wraps text at 80 octets and removes repeated breaks, as mandoc asks. `\&` protects a line that begins with a dot or an
/// apostrophe, since roff would take it for a request.
fn wrap_lines(page: &str) -> String {
    let mut short = String::with_capacity(page.len());
    for line in page.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        if line == ".br" && short.ends_with("\n.br\n") {
            continue;
        }
        let mut width = 0;
        for word in line.split_inclusive(' ') {
            let is_too_long = width > 0 && width + word.trim_end().len() > 80;
            if is_too_long && !line.starts_with('.') {
                short.truncate(short.trim_end().len());
                short.push_str(if word.starts_with(['.', '\'']) { "\n\\&" } else { "\n" });
                width = 0;
            }
            short.push_str(word);
            width += word.len();
        }
        short.push('\n');
    }
    short
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
