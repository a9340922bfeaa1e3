//! Errors as one line for an operator.

/// An error with what lies below it. Some say already what the one below them says.
#[must_use]
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = all.map(ToString::to_string).collect();
    said.dedup_by(|below, above| above.contains(below.as_str()));
    said.join(": ")
}

/// More of what a stranger says tells an operator nothing.
const ENOUGH: usize = 500;

/// What a stranger said (a mail server, say), as one line that drives no terminal and hides nothing behind it.
#[must_use]
pub fn single_line(said: &str) -> String {
    let mut line = without_controls(said);
    if let Some((end, _)) = line.char_indices().nth(ENOUGH) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// Without control characters, and without those that turn the direction of what follows.
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
    fn what_a_stranger_says_is_one_line_that_drives_nothing() {
        assert_eq!(
            single_line("550 \u{1b}[2J\u{9b}no\r\nok  all well\u{202e}"),
            "550 \u{fffd}[2J\u{fffd}no  ok  all well\u{fffd}"
        );
        assert_eq!(single_line(&"ä".repeat(501)), "ä".repeat(500) + "…");
        assert_eq!(single_line(&"ä".repeat(500)), "ä".repeat(500));
    }
}
