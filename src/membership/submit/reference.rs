//! The reference of an application, which applicants quote and staff search for: `NPOC-XXXX-XXXX`.

use rand::RngExt as _;

/// Letters and digits that do not look alike, in print or by hand.
const ALPHABET: &[u8] = b"34679ACDEFGHJKMNPQRTVWXY";

/// Returns a random reference, which reveals no count of applications. There are 24⁸, about 10¹¹; the table rejects the
/// rare second use.
pub fn draw() -> String {
    format!("NPOC-{}-{}", four(), four())
}

fn four() -> String {
    let mut rng = rand::rng();
    (0..4)
        .map(|_| char::from(ALPHABET[rng.random_range(..ALPHABET.len())]))
        .collect()
}
