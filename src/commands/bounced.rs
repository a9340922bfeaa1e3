//! The command that reads mail to the bounce address, from a mail server's pipe, an mbox file or a Maildir.

use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::cli::TryAgainLater;
use super::terminal::{Output, counted};
use crate::database::{Database, Pool};
use crate::mailer::{BounceAddress, read_bounce};
use crate::outbox::{self, BounceOutcome, NoticeWriter};
use crate::settings::Settings;

/// How many octets of an email are read. A report is at the beginning.
const MAIL_LIMIT: u64 = 1_024 * 1_024;

/// The number of emails by outcome.
#[derive(Default)]
struct Counts {
    marked: u64,
    known_before: u64,
    other: u64,
}

/// Reads one email from standard input, or the emails of an mbox file or a Maildir, and records bounces.
pub(super) async fn run(settings: &Settings, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(address) = &settings.bounce_address else {
        // On another exit status, the mail server would answer the bounce with a bounce.
        drop(writeln!(
            io::stderr(),
            "NPOC_BOUNCE_ADDRESS is not set: the email was ignored"
        ));
        return Ok(());
    };
    let read = read_all(settings, address, path).await;
    let counts = match path {
        // The mail server must keep the email.
        None => read.map_err(|error| error.context(TryAgainLater))?,
        Some(_) => read?,
    };
    let written = writeln!(Output::lock(), "{}", counts.in_words());
    match path {
        // The bounce is recorded. On a failure, the mail server would answer it with a bounce.
        None => Ok(()),
        Some(_) => Ok(written?),
    }
}

fn read_limited(mut reader: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut mail = Vec::new();
    reader
        .by_ref()
        .take(MAIL_LIMIT)
        .read_to_end(&mut mail)
        .context(TryAgainLater)?;
    // A mail server treats a broken pipe as a failure.
    io::copy(&mut reader, &mut io::sink())?;
    Ok(mail)
}

async fn read_all(settings: &Settings, address: &BounceAddress, path: Option<&Path>) -> anyhow::Result<Counts> {
    let database = Database::open(&settings.database).await?;
    let identity = settings.mail_identity();
    let mut reader = Reader {
        pool: &database.pool,
        address,
        notices: &identity,
        counts: Counts::default(),
    };
    let read = match path {
        None => reader.read_one(&read_limited(io::stdin().lock())?).await,
        Some(path) if path.is_dir() => reader.read_maildir(path).await,
        Some(path) => reader.read_mbox(path).await,
    };
    let counts = reader.counts;
    database.close().await;
    read.map(|()| counts)
}

struct Reader<'a> {
    pool: &'a Pool,
    address: &'a BounceAddress,
    notices: &'a dyn NoticeWriter,
    counts: Counts,
}

impl Reader<'_> {
    async fn read_one(&mut self, mail: &[u8]) -> anyhow::Result<()> {
        let report = read_bounce(mail, self.address);
        match outbox::record_bounce(self.pool, self.notices, &report).await? {
            BounceOutcome::Recorded => self.counts.marked += 1,
            BounceOutcome::Duplicate => self.counts.known_before += 1,
            BounceOutcome::Irrelevant | BounceOutcome::UnknownToken => self.counts.other += 1,
        }
        Ok(())
    }

    /// Reads the file and leaves it as it is. Reading an email twice changes nothing.
    async fn read_mbox(&mut self, file: &Path) -> anyhow::Result<()> {
        let emails = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for email in split_mbox(&emails) {
            self.read_one(email).await?;
        }
        Ok(())
    }

    /// Reads each email in `new` and moves it to `cur`, as mail programs do.
    async fn read_maildir(&mut self, folder: &Path) -> anyhow::Result<()> {
        let new = folder.join("new");
        let entries = std::fs::read_dir(&new).with_context(|| format!("{} cannot be read", new.display()))?;
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            let mail = read_limited(std::fs::File::open(entry.path())?)?;
            self.read_one(&mail).await?;
            let mut name = entry.file_name();
            name.push(":2,S");
            std::fs::rename(entry.path(), folder.join("cur").join(name))?;
        }
        Ok(())
    }
}

/// Returns the emails of an mbox file. Each begins after a line that begins with `From `. A file without such a line is
/// one email.
fn split_mbox(octets: &[u8]) -> Vec<&[u8]> {
    let mut begins = Vec::new();
    let mut at = 0;
    for line in octets.split_inclusive(|octet| *octet == b'\n') {
        if line.starts_with(b"From ") {
            begins.push((at, at + line.len()));
        }
        at += line.len();
    }
    if begins.is_empty() {
        begins.push((0, 0));
    }
    let ends = begins.iter().skip(1).map(|(from, _)| *from).chain([octets.len()]);
    let limit = usize::try_from(MAIL_LIMIT).unwrap_or(usize::MAX);
    let emails = begins
        .iter()
        .zip(ends)
        .filter_map(|((_, begin), end)| octets.get(*begin..end));
    emails.map(|email| email.get(..limit).unwrap_or(email)).collect()
}

impl Counts {
    fn in_words(&self) -> String {
        format!(
            "{} recorded as bounce, delay or spam complaint; {} recorded before; {} other.",
            counted(self.marked, "email"),
            self.known_before,
            self.other
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_is_split_into_emails() {
        assert_eq!(split_mbox(b"Subject: one\n\nmail"), [b"Subject: one\n\nmail"]);
        let two = b"From a Thu\nSubject: a\n\n>From here\n\nFrom b Thu\r\nSubject: b\r\n\r\nend";
        assert_eq!(
            split_mbox(two),
            [&b"Subject: a\n\n>From here\n\n"[..], b"Subject: b\r\n\r\nend"]
        );
    }
}
