//! Mail that came to the bounce address, handed over by a mail server or collected from where it was put.

use std::io::{self, Read, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::exit::NotNow;
use super::terminal::{Output, counted};
use crate::database::{Database, Pool};
use crate::mailer::{BounceAddress, read_bounce};
use crate::outbox::{self, BounceOutcome, NoticeWriter};
use crate::settings::Settings;

/// Octets of one mail that are read. A report is at its beginning.
const MAIL_LIMIT: u64 = 1_024 * 1_024;

/// How many mails led to what.
#[derive(Default)]
struct Sum {
    marked: u64,
    known_before: u64,
    other: u64,
}

/// Reads one mail from standard input, or those of an mbox file or a Maildir, and records what came back.
pub(super) async fn run(settings: &Settings, path: Option<&Path>) -> anyhow::Result<()> {
    let Some(address) = &settings.bounce_address else {
        // With another status the mail server would return the mail, a bounce for a bounce.
        drop(writeln!(
            io::stderr(),
            "NPOC_BOUNCE_ADDRESS is not set: the mail was ignored"
        ));
        return Ok(());
    };
    let read = read_all(settings, address, path).await;
    let sum = match path {
        // A mail that was handed over must not be lost.
        None => read.map_err(|error| error.context(NotNow))?,
        Some(_) => read?,
    };
    let written = writeln!(Output::lock(), "{}", sum.in_words());
    match path {
        // The mail server would return the mail for it, and what was recorded stays.
        None => Ok(()),
        Some(_) => Ok(written?),
    }
}

fn at_most(mut reader: impl Read) -> anyhow::Result<Vec<u8>> {
    let mut mail = Vec::new();
    reader
        .by_ref()
        .take(MAIL_LIMIT)
        .read_to_end(&mut mail)
        .context(NotNow)?;
    // A mail server whose pipe breaks would take that for a failure.
    io::copy(&mut reader, &mut io::sink())?;
    Ok(mail)
}

async fn read_all(settings: &Settings, address: &BounceAddress, path: Option<&Path>) -> anyhow::Result<Sum> {
    let database = Database::open(&settings.database).await?;
    let identity = settings.mail_identity();
    let mut reader = Reader {
        pool: &database.pool,
        address,
        notices: &identity,
        sum: Sum::default(),
    };
    let read = match path {
        None => reader.read_one(&at_most(io::stdin().lock())?).await,
        Some(path) if path.is_dir() => reader.read_maildir(path).await,
        Some(path) => reader.read_mbox(path).await,
    };
    let sum = reader.sum;
    database.close().await;
    read.map(|()| sum)
}

struct Reader<'a> {
    pool: &'a Pool,
    address: &'a BounceAddress,
    notices: &'a dyn NoticeWriter,
    sum: Sum,
}

impl Reader<'_> {
    async fn read_one(&mut self, mail: &[u8]) -> anyhow::Result<()> {
        let report = read_bounce(mail, self.address);
        match outbox::record_bounce(self.pool, self.notices, &report).await? {
            BounceOutcome::Recorded => self.sum.marked += 1,
            BounceOutcome::Duplicate => self.sum.known_before += 1,
            BounceOutcome::Irrelevant | BounceOutcome::UnknownToken => self.sum.other += 1,
        }
        Ok(())
    }

    /// Leaves the file as it is: a mail that is read again changes nothing.
    async fn read_mbox(&mut self, file: &Path) -> anyhow::Result<()> {
        let mails = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for mail in in_mbox(&mails) {
            self.read_one(mail).await?;
        }
        Ok(())
    }

    /// Moves each mail from `new` to `cur`, as mail programs do with what was read.
    async fn read_maildir(&mut self, folder: &Path) -> anyhow::Result<()> {
        let new = folder.join("new");
        let entries = std::fs::read_dir(&new).with_context(|| format!("{} cannot be read", new.display()))?;
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            let mail = at_most(std::fs::File::open(entry.path())?)?;
            self.read_one(&mail).await?;
            let mut name = entry.file_name();
            name.push(":2,S");
            std::fs::rename(entry.path(), folder.join("cur").join(name))?;
        }
        Ok(())
    }
}

/// The mails of an mbox file: each begins after a line that begins with `From `. A file without any is one mail.
fn in_mbox(octets: &[u8]) -> Vec<&[u8]> {
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
    let mails = begins
        .iter()
        .zip(ends)
        .filter_map(|((_, begin), end)| octets.get(*begin..end));
    mails.map(|mail| mail.get(..limit).unwrap_or(mail)).collect()
}

impl Sum {
    fn in_words(&self) -> String {
        format!(
            "{} recorded as bounced, delayed or reported as spam; {} recorded before; {} other.",
            counted(self.marked, "mail"),
            self.known_before,
            self.other
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_mbox_is_read_mail_by_mail() {
        assert_eq!(in_mbox(b"Subject: one\n\nmail"), [b"Subject: one\n\nmail"]);
        let two = b"From a Thu\nSubject: a\n\n>From here\n\nFrom b Thu\r\nSubject: b\r\n\r\nend";
        assert_eq!(
            in_mbox(two),
            [&b"Subject: a\n\n>From here\n\n"[..], b"Subject: b\r\n\r\nend"]
        );
    }
}
