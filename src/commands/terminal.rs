//! What standard output leads to: a terminal, where a person reads lines that fit, or another program, which gets
//! everything. Widths are columns of a terminal: an ideograph has two, a combining mark none.

use std::io::{self, IsTerminal as _, StdoutLock, Write};
use std::pin::pin;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::without_controls;

/// Where a terminal does not tell.
const USUAL_WIDTH: usize = 80;

/// Work that is done sooner shows no progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// Standard output, as far as it matters to what is written.
#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// Columns; none where it is no terminal.
    pub width: Option<usize>,
    has_colours: bool,
}

/// Standard output, whose errors say where they happened.
#[derive(Debug)]
pub struct Output(StdoutLock<'static>);

impl Output {
    /// That of this process.
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

#[expect(clippy::needless_pass_by_value, reason = "as map_err hands it over")]
fn unwritable(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("Standard output cannot be written: {error}"))
}

/// What a word is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Worth a look.
    Doubtful,
    /// To be repaired.
    Bad,
    /// Above others.
    Heading,
}

impl Terminal {
    /// Of this process.
    #[must_use]
    pub fn of_stdout() -> Self {
        let stdout = io::stdout();
        let size = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
        let width = size.filter(|width| *width > 0).unwrap_or(USUAL_WIDTH);
        Self {
            width: stdout.is_terminal().then_some(width),
            has_colours: AutoStream::choice(&stdout) != ColorChoice::Never,
        }
    }

    /// The text in the colour of its tone, where colours are wanted.
    #[must_use]
    pub fn toned(&self, tone: Tone, text: &str) -> String {
        let style = match tone {
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Doubtful => AnsiColor::Yellow.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Heading => Style::new().bold(),
        };
        if self.has_colours {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    /// The lines of a text behind this margin: on a terminal broken where words end, else as they are.
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

/// A number of something.
#[must_use]
pub fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Exactly this number of columns: cut with an ellipsis, or filled up.
#[must_use]
pub fn fit(text: &str, columns: usize) -> String {
    let text = &without_controls(text);
    let mut fitted = if text.width() <= columns {
        text.clone()
    } else {
        cut(text, columns)
    };
    let missing = columns - fitted.width();
    if text.chars().any(is_right_to_left) {
        // The rest of its line stays in its place (Unicode Standard Annex 9).
        fitted.push('\u{200e}');
    }
    fitted.extend(std::iter::repeat_n(' ', missing));
    fitted
}

fn cut(text: &str, columns: usize) -> String {
    let mut cut = String::new();
    for cluster in text.graphemes(true) {
        if cut.width() + cluster.width() + 1 > columns {
            break;
        }
        cut.push_str(cluster);
    }
    cut + if columns > 0 { "…" } else { "" }
}

/// The blocks that Unicode keeps for scripts written so.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Shows on standard error how far something is, if that is a terminal and standard output is none: on one, they
/// would write over each other.
#[must_use]
pub fn progress(of: u64, what: &'static str) -> ProgressBar {
    if io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    bar(of, what)
}

/// As [`progress`], for a command that writes nothing meanwhile.
#[must_use]
pub fn bar(of: u64, what: &'static str) -> ProgressBar {
    let template = "{bar:30} {human_pos} of {human_len} {msg}, {eta} left";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(of), ProgressDrawTarget::stderr())
        .with_style(style)
        .with_message(what)
}

/// Shows on a terminal that something is going on, and for how long, once it takes more than a moment.
pub async fn waited_for<T>(what: &'static str, doing: impl Future<Output = T>) -> T {
    let mut doing = pin!(doing);
    if let Ok(done) = tokio::time::timeout(PATIENCE, doing.as_mut()).await {
        return done;
    }
    let spinner = ProgressBar::new_spinner().with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(Duration::from_millis(200));
    let done = doing.await;
    spinner.finish_and_clear();
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_its_columns_in_any_script() {
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
    fn lines_break_on_a_terminal_alone() {
        let text = "one two three four five six seven";
        let terminal = |width| Terminal {
            width,
            has_colours: false,
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
