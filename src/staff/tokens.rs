//! Secrets of the sign-in: tokens, codes, and keyed hashes. Only hashes are stored.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The letters of a code: no vowels, so that it spells no word (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// The number of letters in a code. Eight letters are 34 bits, and a request allows five tries.
const CODE_LENGTH: usize = 8;

/// A random secret of 256 bits, as cookies and links have it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token")
    }
}

impl Token {
    /// Draws a token.
    #[must_use]
    pub fn random() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()))
    }

    /// Parses a token; `None` if it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let octets = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        (octets.len() == 32).then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the hash that is stored.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(&self.0).to_vec()
    }
}

/// A code to type.
pub struct Code(String);

impl Code {
    /// Draws a code.
    #[must_use]
    pub fn random() -> Self {
        let letter = |_| char::from(LETTERS[rand::random_range(0..LETTERS.len())]);
        Self((0..CODE_LENGTH).map(letter).collect())
    }

    /// Reads a typed code, without regard to case, spaces and hyphens.
    #[must_use]
    pub fn of(typed: &str) -> Self {
        let letters = typed
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–'));
        Self(letters.take(CODE_LENGTH + 1).collect::<String>().to_ascii_uppercase())
    }

    /// Returns the code as an email shows it.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}-{}", &self.0[..CODE_LENGTH / 2], &self.0[CODE_LENGTH / 2..])
    }

    /// Returns the hash that is stored: with a text that tells for whom the code is, such as the browser's token.
    #[must_use]
    pub fn hash(&self, of: &str) -> Vec<u8> {
        Sha256::new().chain_update(&self.0).chain_update(of).finalize().to_vec()
    }
}

/// A browser that signed in before, by its cookie. It gives no right but sign-in emails of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub(super) staff_id: i64,
    nonce: String,
    proof: String,
}

impl Known {
    /// Parses the cookie. Its proof is checked when it is used.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        Some(Self {
            staff_id: parts.next()?.parse().ok()?,
            nonce: parts.next()?.to_owned(),
            proof: parts.next()?.to_owned(),
        })
    }

    /// Returns the text of the cookie.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}.{}.{}", self.staff_id, self.nonce, self.proof)
    }

    pub(super) fn new(key: &[u8], staff_id: i64) -> Self {
        let nonce = Token::random().0;
        let proof = Self::proof(key, staff_id, &nonce);
        Self { staff_id, nonce, proof }
    }

    /// Returns whether this site made the cookie. The comparison takes the same time for every proof.
    pub(super) fn is_genuine(&self, key: &[u8]) -> bool {
        let proof = BASE64_URL_SAFE_NO_PAD.decode(&self.proof).unwrap_or_default();
        let text = format!("{}.{}", self.staff_id, self.nonce);
        mac(key, "known", &text).is_some_and(|mac| mac.verify_slice(&proof).is_ok())
    }

    /// Returns what its emails are counted by.
    pub(super) fn counted_as(&self) -> String {
        format!("{}.{}", self.staff_id, self.nonce)
    }

    fn proof(key: &[u8], staff_id: i64, nonce: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(keyed(key, "known", &format!("{staff_id}.{nonce}")))
    }
}

/// Returns a hash that nobody can compute without the key of this site. Each use has its own label.
pub(super) fn keyed(key: &[u8], label: &str, text: &str) -> Vec<u8> {
    let hash = |mac: Hmac<Sha256>| mac.finalize().into_bytes().to_vec();
    mac(key, label, text).map(hash).unwrap_or_default()
}

/// HMAC takes a key of any length, so there is always a result.
fn mac(key: &[u8], label: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(label.as_bytes());
    mac.update(&[0]);
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = Code::random();
        let browser = Token::random();
        let shown = code.shown();
        assert_eq!((shown.len(), &shown[4..5]), (9, "-"));
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            format!(" {} ", shown.replace('-', " ")),
            shown.replace('-', ""),
        ] {
            assert_eq!(
                Code::of(&typed).hash(browser.as_str()),
                code.hash(browser.as_str()),
                "{typed}"
            );
        }
        assert_ne!(
            Code::of(&format!("{shown}B")).hash(browser.as_str()),
            code.hash(browser.as_str())
        );
        assert_ne!(code.hash(browser.as_str()), code.hash(Token::random().as_str()));
    }

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = Token::random();
        assert_eq!(Token::parse(token.as_str()), Some(token.clone()));
        assert_eq!(token.as_str().len(), 43);
        for text in ["", "abc", &token.as_str()[1..], &format!("{}A", token.as_str()), "ä"] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_known_browser_cannot_be_made_up() {
        let known = Known::new(b"key", 7);
        let parsed = Known::parse(&known.text()).unwrap();
        assert!(parsed.is_genuine(b"key"));
        assert!(!parsed.is_genuine(b"other"));
        assert!(!Known { staff_id: 8, ..parsed }.is_genuine(b"key"));
        assert_eq!(Known::parse("7"), None);
    }
}
