//! The extensions that the relay offers in its reply to EHLO (RFC 5321, 4.1.1.1).

use super::reply::Reply;

/// The offered extensions. Empty after HELO.
#[derive(Debug, Default)]
pub struct Extensions {
    /// The offered ones of [`KEYWORDS`].
    keywords: Vec<&'static str>,
    /// The offered ones of [`LOGINS`].
    pub logins: Vec<&'static str>,
    /// The start of the relay's list of login mechanisms, for an error message.
    pub offered_logins: String,
}

/// The keywords that this client uses. Others are not stored.
const KEYWORDS: [&str; 4] = ["STARTTLS", "PIPELINING", "SMTPUTF8", "8BITMIME"];

/// The login mechanisms that this client supports.
const LOGINS: [&str; 2] = ["PLAIN", "LOGIN"];

/// The most characters of the list in an error message.
const MAX_OFFERED: usize = 100;

impl Extensions {
    /// Parses the reply to EHLO. Ignores upper and lower case, and accepts `AUTH=LOGIN` as some old servers write it.
    pub fn parse(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines().skip(1) {
            let (keyword, rest) = line.split_once([' ', '\t', '=']).unwrap_or((line, ""));
            if keyword.eq_ignore_ascii_case("AUTH") {
                extensions.add_logins(rest);
            }
            let known = KEYWORDS.iter().find(|known| known.eq_ignore_ascii_case(keyword));
            extensions.keywords.extend(known.filter(|known| !extensions.has(known)));
        }
        extensions
    }

    fn add_logins(&mut self, offered: &str) {
        for login in offered.split([' ', '\t', '=']) {
            let known = LOGINS.iter().find(|known| known.eq_ignore_ascii_case(login));
            self.logins.extend(known.filter(|known| !self.logins.contains(known)));
        }
        let room = MAX_OFFERED.saturating_sub(self.offered_logins.len());
        self.offered_logins.extend(offered.chars().take(room));
    }

    /// Returns whether the relay offers this keyword.
    pub fn has(&self, keyword: &str) -> bool {
        self.keywords.contains(&keyword)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reply::ReplyParser;
    use super::*;

    #[test]
    fn extensions_are_known_in_any_spelling() {
        let reply = |lines: &[&str]| {
            let mut parser = ReplyParser::default();
            for line in lines {
                parser.add(format!("250-{line}\r\n").as_bytes()).unwrap();
            }
            parser.add(b"250 HELP\r\n").unwrap().unwrap()
        };
        let all = Extensions::parse(&reply(&[
            "relay",
            "starttls",
            "Pipelining",
            "8bitmime",
            "SmtpUtf8",
            "AUTH=login",
            "auth PLAIN",
        ]));
        assert!(
            ["STARTTLS", "PIPELINING", "SMTPUTF8", "8BITMIME"]
                .iter()
                .all(|keyword| all.has(keyword))
        );
        assert_eq!(all.logins, ["LOGIN", "PLAIN"]);
        let none = Extensions::parse(&reply(&[
            "STARTTLS PIPELINING",
            "",
            " ",
            "AUTHENTICATE PLAIN",
            "X-SMTPUTF8",
        ]));
        assert!(
            ["STARTTLS", "PIPELINING", "SMTPUTF8"]
                .iter()
                .all(|keyword| !none.has(keyword))
                && none.logins.is_empty()
        );
    }
}
