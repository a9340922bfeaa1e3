//! The types of the rows and of their values.

/// The reason for reading the settings. A site must be able to send emails; a command need not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFor {
    /// To serve the site.
    Serve,
    /// To run a command.
    Command,
}

/// One setting, as shown in the manual page and in `docs/settings.md`.
#[derive(Debug)]
pub struct Setting {
    /// The name of its environment variable.
    pub name: &'static str,
    /// The value that applies if the setting is not set.
    pub default: DefaultValue,
    /// What it means.
    pub meaning: &'static str,
    /// Completes the sentence "NAME must be …". Empty if the parser has its own sentences.
    pub(super) must_be: &'static str,
}

/// The default of a setting.
#[derive(Clone, Copy, Debug)]
pub enum DefaultValue {
    /// This value.
    Literal(&'static str),
    /// The value that these words describe.
    Described(&'static str),
}

impl DefaultValue {
    /// Returns the value, or the words that describe it.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Literal(text) | Self::Described(text) => text,
        }
    }
}

/// All invalid settings, one sentence each.
#[derive(Debug, thiserror::Error)]
#[error("These settings cannot be used:\n  {}", .0.join("\n  "))]
pub struct InvalidSettings(pub Vec<String>);

/// The format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}
