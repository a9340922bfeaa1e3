//! Parses the replies of a mail server (RFC 5321, 4.2), up to a fixed size.

use std::fmt;

use crate::single_line;

/// The most octets of a line, its end included. RFC 5321 (4.5.3.1.5) allows 512, and some servers send more.
pub const LINE_LIMIT: usize = 2_048;

/// The most octets of a reply.
const REPLY_LIMIT: usize = 64 * 1_024;

/// A reply code: three digits, of which the first is 2 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(u16);

/// An enhanced status code (RFC 3463), such as 5.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced {
    /// 2, 4 or 5: the first digit of the reply code.
    pub class: u16,
    /// 1 address, 2 mailbox, 3 mail system, 4 network, 5 protocol, 6 content, 7 policy.
    pub subject: u16,
    /// The detail within the subject.
    pub detail: u16,
}

/// A whole reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The code, the same on each line.
    pub code: Code,
    /// The enhanced code, if the text has one that fits the reply code.
    pub enhanced: Option<Enhanced>,
    /// The text of all lines without the codes, separated by line feeds.
    pub text: String,
}

/// Why octets are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    /// The line has no end within [`LINE_LIMIT`].
    #[error("a line of its reply is longer than {LINE_LIMIT} octets")]
    LongLine,
    /// The reply is longer than 64 KiB.
    #[error("its reply is longer than {REPLY_LIMIT} octets")]
    LongReply,
    /// The line does not begin with a code and then a space, a hyphen or the line's end.
    #[error("a line of its reply has no reply code")]
    NoCode,
    /// Two lines of one reply have different codes.
    #[error("the lines of its reply have different codes")]
    TwoCodes,
}

/// Collects the lines of a reply.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: Option<Code>,
    text: String,
    octets: usize,
}

impl ReplyParser {
    /// Adds one line with its line feed. Returns the reply after its last line.
    ///
    /// # Errors
    /// Returns a [`BadReply`] if the line is not part of a reply. Then no later line can be trusted.
    pub fn add(&mut self, line: &[u8]) -> Result<Option<Reply>, BadReply> {
        self.octets += line.len();
        if self.octets > REPLY_LIMIT {
            return Err(BadReply::LongReply);
        }
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let (code, is_last, text) = split(line).ok_or(BadReply::NoCode)?;
        if self.code.is_some_and(|first| first != code) {
            return Err(BadReply::TwoCodes);
        }
        if self.code.replace(code).is_some() {
            self.text.push('\n');
        }
        self.text.push_str(&String::from_utf8_lossy(text));
        Ok(is_last.then(|| Reply::new(code, std::mem::take(&mut self.text))))
    }
}

/// Returns the code, whether the line is the last one, and the text.
fn split(line: &[u8]) -> Option<(Code, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let code = Code::parse(digits)?;
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

impl Code {
    fn parse(digits: &[u8]) -> Option<Self> {
        let is_code = matches!(digits, [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9']);
        let value = |value, digit: &u8| value * 10 + u16::from(digit - b'0');
        is_code.then(|| Self(digits.iter().fold(0, value)))
    }

    /// Returns the three digits.
    #[must_use]
    pub fn value(self) -> u16 {
        self.0
    }

    /// Returns whether the server refuses, for now (4yz) or for good (5yz).
    #[must_use]
    pub fn is_refusal(self) -> bool {
        self.0 >= 400
    }

    /// Returns whether the server refuses for good.
    #[must_use]
    pub fn is_permanent(self) -> bool {
        self.0 >= 500
    }

    /// Returns whether the server ends the conversation with this reply.
    #[must_use]
    pub fn ends_conversation(self) -> bool {
        self.0 == 421
    }
}

impl Enhanced {
    /// Finds a code that is marked with `#` anywhere in the text, as qmail does: `(#5.1.1)`.
    fn find_marked(text: &str, code: Code) -> Option<Self> {
        let mut marked = text.split('#').skip(1);
        marked.find_map(|rest| {
            let end = rest
                .find(|c: char| c != '.' && !c.is_ascii_digit())
                .unwrap_or(rest.len());
            Self::parse(rest.get(..end)?, code)
        })
    }

    /// Parses the first word of a text.
    fn parse(text: &str, code: Code) -> Option<Self> {
        let word = text.split([' ', '\t', '\n']).next()?;
        let mut numbers = word.split('.').map(number);
        let (class, subject, detail) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let is_code = numbers.next().is_none() && class == code.value() / 100;
        is_code.then_some(Self { class, subject, detail })
    }
}

/// Parses one to three digits.
fn number(text: &str) -> Option<u16> {
    let is_number = (1..=3).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

impl Reply {
    fn new(code: Code, text: String) -> Self {
        let enhanced = Enhanced::parse(&text, code).or_else(|| Enhanced::find_marked(&text, code));
        Self { code, enhanced, text }
    }

    /// Returns the text of each line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }
}

/// Writes one line that is safe on a terminal.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.value(), single_line(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(octets: &[u8]) -> Result<Option<Reply>, BadReply> {
        let mut parser = ReplyParser::default();
        for line in octets.split_inclusive(|octet| *octet == b'\n') {
            if let Some(reply) = parser.add(line)? {
                return Ok(Some(reply));
            }
        }
        Ok(None)
    }

    #[test]
    fn replies_are_parsed_as_servers_write_them() {
        for (octets, code, text) in [
            (&b"250 ok\r\n"[..], 250, "ok"),
            (b"250\r\n", 250, ""),
            (b"250 \r\n", 250, ""),
            (b"250\n", 250, ""),
            (b"250 ok\n", 250, "ok"),
            (b"250-\r\n250\r\n", 250, "\n"),
            (b"250-a\n250-b\r\n250 c\n", 250, "a\nb\nc"),
            (b"250 re\xe7u\r\n", 250, "re\u{fffd}u"),
            (b"220 \0\0\r\n", 220, "\0\0"),
            (b"554 5.7.1 no\r\n", 554, "5.7.1 no"),
        ] {
            let reply = read(octets).unwrap().unwrap();
            assert_eq!((reply.code.value(), reply.text.as_str()), (code, text), "{octets:?}");
        }
        assert_eq!(read(b"250-more\r\n"), Ok(None));
    }

    #[test]
    fn malformed_replies_are_rejected() {
        for octets in [
            &b"\r\n"[..],
            b"25\r\n",
            b"2500 ok\r\n",
            b"250ok\r\n",
            b"199 what\r\n",
            b"099 what\r\n",
            b"600 what\r\n",
            b"999 what\r\n",
            b"abc\r\n",
            b" 250 ok\r\n",
            b"2\xb50 ok\r\n",
        ] {
            assert_eq!(read(octets), Err(BadReply::NoCode), "{octets:?}");
        }
        assert_eq!(read(b"250-ok\r\n550 no\r\n"), Err(BadReply::TwoCodes));
        assert_eq!(read(&b"250-\r\n".repeat(20_000)), Err(BadReply::LongReply));
    }

    #[test]
    fn an_enhanced_code_is_found_if_it_fits_the_code() {
        let enhanced = |line: &[u8]| {
            let read = read(line).unwrap().unwrap().enhanced;
            read.map(|one| (one.class, one.subject, one.detail))
        };
        assert_eq!(enhanced(b"550 5.1.1 no such user\r\n"), Some((5, 1, 1)));
        assert_eq!(enhanced(b"556 5.1.10 null MX\r\n"), Some((5, 1, 10)));
        assert_eq!(enhanced(b"450-4.2.2\r\n450 full\r\n"), Some((4, 2, 2)));
        assert_eq!(enhanced(b"553 sorry, not in my list (#5.7.1)\r\n"), Some((5, 7, 1)));
        assert_eq!(enhanced(b"550 #5.7.1 no access\r\n"), Some((5, 7, 1)));
        for without in [
            &b"550 ticket #4.1.1\r\n"[..],
            b"550 4.1.1 no such user\r\n",
            b"550 5.1 no\r\n",
            b"550 5.1.1000 no\r\n",
            b"550 5.1.1.1 no\r\n",
            b"550 5.+1.1 no\r\n",
            b"550 no 5.1.1\r\n",
            b"550\r\n",
        ] {
            assert_eq!(enhanced(without), None, "{without:?}");
        }
    }
}
