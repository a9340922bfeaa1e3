//! The message data of SMTP (RFC 5321, 4.5.2).

/// Returns the message as it is sent after DATA: every line ends in CRLF, a dot at the start of a line is doubled, and the
/// final dot follows. So no server can mistake a part of it for the end or for commands. The final dot is in the same
/// write, because a second write would wait for an acknowledgement.
pub fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(message.len() + message.len() / 50 + 5);
    let mut rest = message;
    while !rest.is_empty() {
        let length = rest
            .iter()
            .position(|octet| matches!(octet, b'\r' | b'\n'))
            .unwrap_or(rest.len());
        let (line, end) = rest.split_at(length);
        if line.starts_with(b".") {
            octets.push(b'.');
        }
        octets.extend_from_slice(line);
        octets.extend_from_slice(b"\r\n");
        rest = match end {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => end,
        };
    }
    octets.extend_from_slice(b".\r\n");
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_message_can_end_it_early() {
        for (message, octets) in [
            (&b"a\r\nb\r\n"[..], &b"a\r\nb\r\n.\r\n"[..]),
            (b"a", b"a\r\n.\r\n"),
            (b"", b".\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b"a\r\n.\r\nQUIT\r\n", b"a\r\n..\r\nQUIT\r\n.\r\n"),
            (b"a\n.\nQUIT", b"a\r\n..\r\nQUIT\r\n.\r\n"),
            (b"a\r.\rQUIT", b"a\r\n..\r\nQUIT\r\n.\r\n"),
            (b"a\r\r\n.", b"a\r\n\r\n..\r\n.\r\n"),
        ] {
            assert_eq!(dot_stuffed(message), octets, "{message:?}");
        }
    }
}
