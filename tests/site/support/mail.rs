//! Emails, read by a parser that did not write them.

use mail_parser::MessageParser;

/// A parsed email.
pub struct Mail {
    pub raw: String,
    pub text: String,
    pub html: String,
    pub subject: String,
}

impl Mail {
    pub fn read(raw: &[u8]) -> Self {
        let mail = MessageParser::default().parse(raw).unwrap();
        Self {
            raw: String::from_utf8_lossy(raw).into_owned(),
            text: mail.body_text(0).unwrap().replace("\r\n", "\n"),
            html: mail.body_html(0).unwrap().into_owned(),
            subject: mail.subject().unwrap().to_owned(),
        }
    }

    /// Returns a raw header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.raw.split("\r\n\r\n").next()?.replace("\r\n ", " ");
        let prefix = format!("{}:", name.to_lowercase());
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&prefix))?;
        Some(line[prefix.len()..].trim().to_owned())
    }
}
