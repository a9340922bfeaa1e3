//! The key by which an application is stored once, however often it is sent.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::super::form::{Answers, QUESTIONS};

/// Returns the key of these cleaned answers, sent from this form: a hash of both (UUID version 8).
#[must_use]
pub fn submission_key(form_key: Uuid, answers: &Answers) -> Uuid {
    let mut hash = Sha256::new_with_prefix(form_key);
    for question in QUESTIONS {
        for answer in answers.all(question.field) {
            hash.update([question.field as u8]);
            hash.update(answer.len().to_be_bytes());
            hash.update(answer);
        }
    }
    let mut octets = [0; 16];
    octets.copy_from_slice(&hash.finalize()[..16]);
    Uuid::new_v8(octets)
}
