//! Who reviewed a translation: `locales/<language>/reviewed.toml`, with a digest of each reviewed message, so that a later
//! change counts as not reviewed. `bin/words` writes the file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::catalogue::Message;

/// A review of a translation.
#[derive(Debug)]
pub struct Review {
    /// Who reviewed it.
    pub by: String,
    /// The day of the review.
    pub on: String,
    /// The number of messages.
    pub messages: usize,
    /// The number of messages that are new or changed since the review.
    pub changed: usize,
}

/// The file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reviewed {
    by: String,
    on: String,
    messages: BTreeMap<String, String>,
}

/// Reads the review of a translation. Without a file nothing is reviewed.
///
/// # Errors
/// Returns a sentence if the file is invalid.
pub fn read(folder: &Path, messages: &[Message], english: &[Message]) -> Result<Review, String> {
    let path = folder.join("reviewed.toml");
    let reviewed = if path.exists() {
        let fault = |error: &dyn Display| format!("{}: {error}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| fault(&error))?;
        basic_toml::from_str(&text).map_err(|error| fault(&error))?
    } else {
        Reviewed::default()
    };
    let both = english.iter().zip(messages);
    let is_reviewed = |name: &str, digest: &String| reviewed.messages.get(name) == Some(digest);
    let changed = both.filter(|(original, message)| !is_reviewed(&message.name, &digest(original, message)));
    Ok(Review {
        messages: messages.len(),
        changed: changed.count(),
        by: reviewed.by,
        on: reviewed.on,
    })
}

/// Returns eight digits that change when a message or its translation changes (FNV-1a).
pub fn digest(original: &Message, message: &Message) -> String {
    let text = format!("{}\n{}", original.source(), message.source());
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{:08x}", hash >> 32)
}
