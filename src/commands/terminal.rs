//! Standard output: a terminal, where lines fit its width, or another program, which gets whole lines. Widths are columns
//! of a terminal: an ideograph has two, a combining mark none.

use std::io::{self, IsTerminal as _, StdoutLock, Write};
use std::pin::pin;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::without_controls;

/// The width of a terminal that does not report one.
const DEFAULT_WIDTH: usize = 80;

/// How long work takes before it shows a spinner.
const SPINNER_DELAY: Duration = Duration::from_secs(1);

/// The properties of standard output that affect the text.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// The number of columns; `None` without a terminal.
    pub width: Option<usize>,
    has_colors: bool,
}

/// Standard output, with errors that name it.
#[derive(Debug)]
pub struct Output(StdoutLock<'static>);

impl Output {
    /// Locks the standard output of this process.
    #[must_use]
    pub fn lock() -> Self {
        Self(io::stdout().lock())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(unwritable)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(unwritable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the signature of map_err")]
fn unwritable(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("Standard output cannot be written: {error}"))
}

/// The meaning of a word, shown as a color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// In order.
    Good,
    /// A warning.
    Doubtful,
    /// A failure.
    Bad,
    /// A heading.
    Heading,
}

impl Terminal {
    /// Returns the properties of this process's standard output.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        let size = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
        let width = size.filter(|width| *width > 0).unwrap_or(DEFAULT_WIDTH);
        Self {
            width: stdout.is_terminal().then_some(width),
            has_colors: AutoStream::choice(&stdout) != ColorChoice::Never,
        }
    }

    /// Colors the text by its tone, if colors are enabled.
    #[must_use]
    pub fn toned(&self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Doubtful => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Heading => Style::new().bold(),
        };
        if self.has_colors {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// Returns the lines of a text after a margin: wrapped at words on a terminal, otherwise whole.
    #[must_use]
    pub fn lines(&self, text: &str, margin: &str) -> Vec<String> {
        let text = &without_controls(text);
        let Some(width) = self.width else {
            return vec![format!("{margin}{text}")];
        };
        let options = textwrap::Options::new(width.max(20))
            .initial_indent(margin)
            .subsequent_indent(margin);
        textwrap::wrap(text, options).into_iter().map(Into::into).collect()
    }
}

/// Returns a number with its noun, in the plural if needed.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns a text of exactly this number of columns: truncated with an ellipsis, or padded.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let text = &without_controls(text);
    let mut fitted = if text.width() <= columns {
        text.clone()
    } else {
        truncate(text, columns)
    };
    let missing = columns - fitted.width();
    if text.chars().any(is_right_to_left) {
        // Keeps the rest of the line in its place (Unicode Standard Annex 9).
        fitted.push('\u{200e}');
    }
    fitted.extend(std::iter::repeat_n(' ', missing));
    fitted
}

fn truncate(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    for cluster in text.graphemes(true) {
        if kept.width() + cluster.width() + 1 > columns {
            break;
        }
        kept.push_str(cluster);
    }
    kept + if columns > 0 { "…" } else { "" }
}

/// Returns whether the character is in a Unicode block for right-to-left scripts.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Shows progress on standard error, unless standard output is a terminal: both would write over each other.
#[must_use]
pub fn progress(total: u64, what: &'static str) -> ProgressBar {
    if io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    bar(total, what)
}

/// Shows progress on standard error, for a command that prints nothing meanwhile.
#[must_use]
pub fn bar(total: u64, what: &'static str) -> ProgressBar {
    let template = "{bar:30} {human_pos} of {human_len} {msg}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(what)
}

/// Waits for a task, and shows a spinner with the elapsed time on a terminal if the task takes long.
pub async fn with_spinner<T>(what: &'static str, task: impl Future<Output = T>) -> T {
    let mut task = pin!(task);
    if let Ok(result) = tokio::time::timeout(SPINNER_DELAY, task.as_mut()).await {
        return result;
    }
    let spinner = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(200));
    let result = task.await;
    spinner.finish_and_clear();
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_its_width_in_any_script() {
        for text in [
            "",
            "Afya",
            "Afya Bora Health Network",
            "例え財団法人国際協力機構",
            "صحة للجميع في كل مكان",
            "हिन्दी संस्था और अन्य",
        ] {
            for columns in [0, 1, 2, 5, 10, 40] {
                assert_eq!(fit(text, columns).width(), columns, "{text} in {columns}");
            }
        }
        assert_eq!(fit("Afya Bora", 6), "Afya …");
        assert_eq!(fit("例え財団", 6), "例え… ");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2), "e\u{301}…");
        assert_eq!(fit("نور", 5), "نور\u{200e}  ");
    }

    #[test]
    fn only_a_terminal_gets_wrapped_lines() {
        let text = "one two three four five six seven";
        let terminal = |width| Terminal {
            width,
            has_colors: false,
        };
        assert_eq!(terminal(None).lines(text, "  "), [format!("  {text}")]);
        assert_eq!(
            terminal(Some(20)).lines(text, "  "),
            ["  one two three four", "  five six seven"]
        );
        assert_eq!(terminal(None).toned(Tone::Bad, "no"), "no");
        assert_eq!(terminal(None).lines("a\u{1b}[31mb\r\n", ""), ["a\u{fffd}[31mb  "]);
    }
}
