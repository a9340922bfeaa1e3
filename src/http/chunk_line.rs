//! The line before a chunk (RFC 9112, 7.1): its size and its extensions, which this site ignores.

/// Returns the chunk size in octets, or `None` if the line is malformed. The line comes without its end.
pub fn size(line: &[u8]) -> Option<u64> {
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at(digits);
    let size = u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    are_extensions(extensions).then_some(size)
}

/// Returns whether this is a list of `;name` and `;name=value`. Blanks may surround each sign.
fn are_extensions(mut rest: &[u8]) -> bool {
    while !rest.is_empty() {
        let named = after(rest, b';').and_then(after_token);
        let valued = named.map(|named| match after(named, b'=') {
            Some(value) => after_token(value).or_else(|| after_quoted(value)),
            None => Some(named),
        });
        let Some(Some(next)) = valued else { return false };
        rest = next;
    }
    true
}

fn after(text: &[u8], sign: u8) -> Option<&[u8]> {
    let blank = |octet: &u8| b" \t".contains(octet);
    skip_while(text, blank)
        .strip_prefix(&[sign])
        .map(|rest| skip_while(rest, blank))
}

fn after_token(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_while(text, |octet| {
        octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
    });
    (rest.len() < text.len()).then_some(rest)
}

/// Returns what follows a quoted string, in which a backslash escapes the next octet.
fn after_quoted(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b"\"")?;
    loop {
        let (octet, next) = rest.split_first()?;
        rest = match octet {
            b'"' => return Some(next),
            b'\\' => next.split_first().filter(|(octet, _)| is_text(**octet))?.1,
            octet if is_text(*octet) => next,
            _ => return None,
        };
    }
}

fn is_text(octet: u8) -> bool {
    octet == b'\t' || !octet.is_ascii_control()
}

fn skip_while(text: &[u8], is: impl Fn(&u8) -> bool) -> &[u8] {
    &text[text.iter().take_while(|octet| is(octet)).count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_line_is_read_exactly_as_the_standard_says() {
        let size_5 = r#"5 05 5;a 5;!#$%&'*+-.^_`|~=1 5;a="" 5;a="ä";b=c;d"#;
        for line in size_5.split(' ').chain(["5 ; a = b", "5\t;a", r#"5;a="b;c=d \" \\""#]) {
            assert_eq!(size(line.as_bytes()), Some(5), "{line}");
        }
        assert_eq!((size(b"fF"), size(b"00000000000000000001")), (Some(255), Some(1)));
        let none = "+5 -5 0x5 5h 5; 5;;a 5;[ 5;a\0b 5;a= 5;=b 5;a=\"b 5;a=\"b\"c 5;a=\"\\ 5;a=\"\0\" 5;a=\"\\\0\" 5;a\r 5\r 5\x0b;a 5;ä \
            5;a=\x7f 10000000000000000 ffffffffffffffffff";
        for none in none.split(' ').chain(["", " 5", "5 ", "5 5", "5; ", "5;a=b c", "5;a "]) {
            assert_eq!(size(none.as_bytes()), None, "{none:?}");
        }
    }
}
