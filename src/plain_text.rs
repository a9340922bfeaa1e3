//! Turns errors and foreign text into one safe line for an operator.

/// Returns an error and its sources as one line. Skips a source that the error above it already contains.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut messages: Vec<String> = all.map(ToString::to_string).collect();
    messages.dedup_by(|below, above| above.contains(below.as_str()));
    messages.join(": ")
}

/// The maximum number of characters of foreign text.
const MAXIMUM_LENGTH: usize = 500;

/// Returns foreign text, such as a mail server's reply, as one line without terminal control sequences.
#[must_use]
pub fn single_line(text: &str) -> String {
    let mut line = without_controls(text);
    if let Some((end, _)) = line.char_indices().nth(MAXIMUM_LENGTH) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Replaces control characters, and characters that change the direction of text.
#[must_use]
pub fn without_controls(text: &str) -> String {
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(visible).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_becomes_one_safe_line() {
        assert_eq!(
            single_line("550 \u{1b}[2J\u{9b}no\r\nok  all well\u{202e}"),
            "550 \u{fffd}[2J\u{fffd}no  ok  all well\u{fffd}"
        );
        assert_eq!(single_line(&"ä".repeat(501)), "ä".repeat(500) + "…");
        assert_eq!(single_line(&"ä".repeat(500)), "ä".repeat(500));
    }
}
