//! Splits an email into a flat list of MIME parts, in linear time.
//!
//! Uses the decoders of mail-parser 0.11.9, not its tree. Dropping a tree of 35,000 nested messages overflows the stack.
//! A multipart type without its boundary takes quadratic time. A quoted-printable part of only `=` panics in debug builds.

use std::borrow::Cow;
use std::collections::HashMap;

use mail_parser::decoders::base64::base64_decode_stream;
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

/// A header field or a field of a delivery status: its name in lower case and its unfolded value.
pub type Field = (String, String);

/// A MIME part. The first part is the email itself.
pub struct Part<'m> {
    head: &'m [u8],
    body: &'m [u8],
    /// The type in lower case, without parameters: `text/plain` if none is given.
    pub media_type: String,
    /// Whether the part belongs to the returned original.
    pub is_in_original: bool,
}

impl<'m> Part<'m> {
    fn new(head: &'m [u8], body: &'m [u8], is_in_original: bool) -> Self {
        Self {
            media_type: media_type(first_value(head, "content-type").as_deref()),
            head,
            body,
            is_in_original,
        }
    }

    /// Returns the value of the first header field of this name, which is given in lower case.
    pub fn value(&self, name: &str) -> Option<String> {
        first_value(self.head, name)
    }

    /// Returns the body as text, decoded.
    pub fn text(&self) -> String {
        let octets = self.decoded().map_or(Cow::Borrowed(self.body), Cow::Owned);
        let content_type = self.value("content-type").unwrap_or_default();
        let charset = parameter(&content_type, "charset").filter(|name| !name.eq_ignore_ascii_case("us-ascii"));
        match charset.and_then(|name| charset_decoder(name.as_bytes())) {
            Some(decode) => decode(&octets),
            None => String::from_utf8_lossy(&octets).into_owned(),
        }
    }

    /// Returns the decoded body if it is base64 or quoted-printable.
    pub fn text_if_encoded(&self) -> Option<String> {
        is_encoded(self.head).then(|| self.text())
    }

    fn decoded(&self) -> Option<Vec<u8>> {
        match transfer_encoding(self.head).as_str() {
            // A footer of a mailing list ends the base64.
            "base64" => {
                let alphabet = |b: &&u8| b.is_ascii_alphanumeric() || b"+/= \t\r\n".contains(b);
                base64_decode_stream(self.body.iter().take_while(alphabet), self.body.len(), u8::MAX)
            }
            "quoted-printable" => quoted_printable_decode(self.body),
            _ => None,
        }
    }
}

/// Splits an email into its parts. The first is the email itself.
pub fn split(raw: &[u8]) -> Vec<Part<'_>> {
    let mut splitter = Splitter::new(raw);
    for line in raw.split_inclusive(|b| *b == b'\n') {
        splitter.read(line);
    }
    splitter.close(raw.len());
    splitter.parts
}

/// Parses header fields from lines. Skips malformed lines.
pub fn fields(block: &str) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in block.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim_end().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    fields
}

enum Delimiter {
    Next { is_in_original: bool },
    End,
}

struct OpenPart {
    start: usize,
    /// The end of the header and the start of the body, once the blank line was read.
    blank_line: Option<(usize, usize)>,
    is_in_original: bool,
}

impl OpenPart {
    fn at(start: usize, is_in_original: bool) -> Self {
        Self {
            start,
            blank_line: None,
            is_in_original,
        }
    }
}

struct Splitter<'m> {
    raw: &'m [u8],
    offset: usize,
    /// Each boundary, and whether its parts belong to the returned original. The outermost use of a boundary counts.
    boundaries: HashMap<Vec<u8>, bool>,
    open: Option<OpenPart>,
    parts: Vec<Part<'m>>,
}

impl<'m> Splitter<'m> {
    fn new(raw: &'m [u8]) -> Self {
        Self {
            raw,
            offset: 0,
            boundaries: HashMap::new(),
            open: Some(OpenPart::at(0, false)),
            parts: Vec::new(),
        }
    }

    fn read(&mut self, line: &[u8]) {
        let start = self.offset;
        self.offset += line.len();
        match self.delimiter(line) {
            Some(Delimiter::Next { is_in_original }) => {
                self.close(start);
                self.open = Some(OpenPart::at(self.offset, is_in_original));
            }
            Some(Delimiter::End) => self.close(start),
            None if line.trim_ascii().is_empty() => self.end_head(start),
            None => {}
        }
    }

    fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let name = line.strip_prefix(b"--")?.trim_ascii_end();
        if let Some(is_in_original) = self.boundaries.get(name) {
            let is_in_original = *is_in_original;
            return Some(Delimiter::Next { is_in_original });
        }
        let name = name.strip_suffix(b"--")?;
        self.boundaries.contains_key(name).then_some(Delimiter::End)
    }

    /// Ends the header of the open part, if that has not ended yet.
    fn end_head(&mut self, end: usize) {
        let Some(part) = self.open.as_mut().filter(|part| part.blank_line.is_none()) else {
            return;
        };
        part.blank_line = Some((end, self.offset));
        let is_in_original = part.is_in_original;
        let head = self.raw.get(part.start..end).unwrap_or_default();
        let content_type = first_value(head, "content-type");
        let media_type = media_type(content_type.as_deref());
        if media_type.starts_with("multipart/") {
            self.expect_boundary(&content_type.unwrap_or_default(), is_in_original);
        } else if is_mail(&media_type) && !is_encoded(head) {
            self.close(self.offset);
            self.open = Some(OpenPart::at(self.offset, true));
        }
    }

    fn expect_boundary(&mut self, content_type: &str, is_in_original: bool) {
        if let Some(boundary) = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty()) {
            self.boundaries.entry(boundary.into_bytes()).or_insert(is_in_original);
        }
    }

    fn close(&mut self, end: usize) {
        if let Some(part) = self.open.take() {
            let (head_end, body_start) = part.blank_line.unwrap_or((end, end));
            let head = self.raw.get(part.start..head_end).unwrap_or_default();
            let body = self.raw.get(body_start..end).unwrap_or_default();
            self.parts.push(Part::new(head, body, part.is_in_original));
        }
    }
}

/// Returns the value of the first field with this name. Parses no other, because a header may have very many.
fn first_value(head: &[u8], name: &str) -> Option<String> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let is_wanted = |field: &(&str, &str)| field.0.trim_end().eq_ignore_ascii_case(name);
    let (_, start) = lines.by_ref().filter_map(|line| line.split_once(':')).find(is_wanted)?;
    let folded = lines.take_while(|line| line.starts_with([' ', '\t']));
    let value: Vec<&str> = std::iter::once(start).chain(folded).map(str::trim).collect();
    Some(value.join(" "))
}

fn media_type(content_type: Option<&str>) -> String {
    let media_type = content_type
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    if media_type.is_empty() {
        "text/plain".to_owned()
    } else {
        media_type
    }
}

fn is_mail(media_type: &str) -> bool {
    matches!(media_type, "message/rfc822" | "message/global")
}

fn is_encoded(head: &[u8]) -> bool {
    matches!(transfer_encoding(head).as_str(), "base64" | "quoted-printable")
}

fn transfer_encoding(head: &[u8]) -> String {
    first_value(head, "content-transfer-encoding")
        .unwrap_or_default()
        .to_ascii_lowercase()
}

/// Returns the value of a parameter of a Content-Type, without quotation marks.
fn parameter(content_type: &str, wanted: &str) -> Option<String> {
    let mut is_quoted = false;
    content_type
        .split(|c| {
            is_quoted ^= c == '"';
            c == ';' && !is_quoted
        })
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each part's type, whether it lies in a carried email, and its text.
    fn parts(raw: &str) -> Vec<(String, bool, String)> {
        let part = |part: &Part<'_>| (part.media_type.clone(), part.is_in_original, part.text());
        split(raw.as_bytes()).iter().map(part).collect()
    }

    fn part(media_type: &str, is_in_original: bool, text: &str) -> (String, bool, String) {
        (media_type.to_owned(), is_in_original, text.to_owned())
    }

    #[test]
    fn parts_come_in_order_with_their_place() {
        let raw = "Content-Type: MULTIPART/Mixed; x=\"; boundary=no\";\r\n\tBOUNDARY=\"o u\"\r\n\r\nA\r\n--o u\r\n\r\nB\r\n\
                   --o u \r\nContent-Type: message/rfc822\r\n\r\nContent-Type: multipart/x; boundary=in\r\n\r\n\
                   --in\r\n\r\nC\r\n--in--\r\nlost\r\n--other\r\n--o u\r\nContent-Type: text/html\r\n\r\nD\r\n--o u--\r\nlost";
        let expected = [
            part("multipart/mixed", false, "A\r\n"),
            part("text/plain", false, "B\r\n"),
            part("message/rfc822", false, ""),
            part("multipart/x", true, ""),
            part("text/plain", true, "C\r\n"),
            part("text/html", false, "D\r\n"),
        ];
        assert_eq!(parts(raw), expected);
    }

    #[test]
    fn a_carried_mail_cannot_pass_its_parts_off_as_ours() {
        let carried = "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n";
        let raw = format!("Content-Type: multipart/mixed; boundary=a\n\n{carried}--b--\n--b\n\ny\n");
        assert_eq!(parts(&raw).last(), Some(&part("text/plain", true, "y\n")));
        let raw = raw.replace("=b", "=a") + "--a\n\nz\n";
        assert_eq!(parts(&raw).last(), Some(&part("text/plain", false, "z\n")));
    }

    #[test]
    fn a_header_may_be_all_that_is_left() {
        assert_eq!(parts("Content-Type: text/html"), [part("text/html", false, "")]);
    }

    #[test]
    fn texts_are_decoded_as_far_as_they_can_be() {
        for (head, body, text) in [
            ("base64", "QU\nJD\n_footer_", "ABC"),
            ("BASE64", "QUJDR", "ABC"),
            ("quoted-printable", "A=\nB=C3=A9", "ABé"),
            ("quoted-printable", "A=ZZ", "A=ZZ"),
            ("8bit\nContent-Type: text/plain; charset=utf-16", "A\0B\0", "AB"),
            ("8bit\nContent-Type: text/plain; charset=us-ascii", "é", "é"),
            ("8bit\nContent-Type: text/plain; charset=nobody-knows", "é", "é"),
        ] {
            let raw = format!("Content-Transfer-Encoding: {head}\n\n{body}");
            assert_eq!(split(raw.as_bytes())[0].text(), text, "{head}");
        }
    }
}
