//! What the relay offers (RFC 5321, 4.1.1.1).

use super::reply::Reply;

/// What the relay offers in its answer to EHLO; nothing where it only knows HELO.
#[derive(Debug, Default)]
pub struct Extensions {
    /// Those of [`KEYWORDS`].
    keywords: Vec<&'static str>,
    /// Those of [`LOGINS`].
    pub logins: Vec<&'static str>,
    /// The kinds of login as the relay wrote them, for an error: the beginning.
    pub offered_logins: String,
}

/// The keywords that matter to us. Nothing else is kept, however much a relay says.
const KEYWORDS: [&str; 4] = ["STARTTLS", "PIPELINING", "SMTPUTF8", "8BITMIME"];

/// The kinds of login that we know.
const LOGINS: [&str; 2] = ["PLAIN", "LOGIN"];

/// How much of the other kinds is reported.
const OFFERED: usize = 100;

impl Extensions {
    /// Keywords count in any case, and `AUTH=LOGIN` as some old servers write it.
    pub fn of(reply: &Reply) -> Self {
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
        let room = OFFERED.saturating_sub(self.offered_logins.len());
        self.offered_logins.extend(offered.chars().take(room));
    }

    /// Whether the relay offers this.
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
                parser.take(format!("250-{line}\r\n").as_bytes()).unwrap();
            }
            parser.take(b"250 HELP\r\n").unwrap().unwrap()
        };
        let all = Extensions::of(&reply(&[
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
        let none = Extensions::of(&reply(&[
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
