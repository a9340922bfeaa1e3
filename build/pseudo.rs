//! Two languages that nobody reads, made from English, for tests: `en-XA` with accents and brackets and a third longer,
//! and `ar-XB` in Arabic letters. Text without brackets is not in the catalogue, and what overflows would overflow in a
//! long language too. Only programs with debug assertions have them.

use super::catalogue::{Message, Part};

const LATIN: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ACCENTED: &str = "åƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ";
const ARABIC: &str = "ابثدهفجحيژكلمنوپقرستعڤضخغزابثدهفجحيژكلمنوپقرستعڤضخغز";

/// Returns English with accents, brackets and a third more letters.
pub fn accented(messages: &[Message]) -> Vec<Message> {
    messages.iter().map(|message| changed(message, ACCENTED)).collect()
}

/// Returns English in Arabic letters, changed in the same way.
pub fn mirrored(messages: &[Message]) -> Vec<Message> {
    messages.iter().map(|message| changed(message, ARABIC)).collect()
}

fn changed(message: &Message, letters: &str) -> Message {
    let length: usize = message.source().chars().count();
    let mut parts = vec![Part::Text("[".to_owned())];
    parts.extend(message.parts.iter().map(|part| translated(part, letters)));
    let longer = letters.chars().take(26).cycle().take(length / 3);
    parts.push(Part::Text(format!(" {}]", spaced(longer))));
    Message {
        parts,
        ..message.clone()
    }
}

/// Returns letters as words of six.
fn spaced(letters: impl Iterator<Item = char>) -> String {
    let letters: Vec<char> = letters.collect();
    let words = letters.chunks(6).map(|word| word.iter().collect::<String>());
    words.collect::<Vec<_>>().join(" ")
}

fn translated(part: &Part, letters: &str) -> Part {
    match part {
        Part::Text(text) => Part::Text(text.chars().map(|letter| replaced(letter, letters)).collect()),
        Part::Argument(name) => Part::Argument(name.clone()),
        Part::Plural { number, forms } => Part::Plural {
            number: number.clone(),
            forms: forms
                .iter()
                .map(|(category, parts)| {
                    let parts = parts.iter().map(|part| translated(part, letters)).collect();
                    (category.clone(), parts)
                })
                .collect(),
        },
    }
}

fn replaced(letter: char, letters: &str) -> char {
    let position = LATIN.chars().position(|one| one == letter);
    position
        .and_then(|position| letters.chars().nth(position))
        .unwrap_or(letter)
}
