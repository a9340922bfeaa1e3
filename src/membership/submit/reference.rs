//! What an applicant quotes and staff search for: `NPOC-XXXX-XXXX`.

use rand::RngExt as _;

/// Letters and digits of which no two look alike, in print or by hand.
const ALPHABET: &[u8] = b"34679ACDEFGHJKMNPQRTVWXY";

/// A fresh one, drawn at random so that it tells nobody how many applied. 24⁸, about 10¹¹, are
/// possible; the table refuses the rare second use.
pub fn draw() -> String {
    format!("NPOC-{}-{}", four(), four())
}

fn four() -> String {
    let mut rng = rand::rng();
    (0..4)
        .map(|_| char::from(ALPHABET[rng.random_range(..ALPHABET.len())]))
        .collect()
}
