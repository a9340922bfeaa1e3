//! What is submitted: an application with the key under which it is stored once.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::form::{Answers, Application, QUESTIONS};
use crate::locale::Language;

/// An application to be stored.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The checked application.
    pub application: Application,
    /// The language of the form.
    pub language: Language,
    /// The key. All submissions with the same key are one application.
    pub key: Uuid,
    /// The time from opening the form to sending it, if it is known.
    pub filled_in: Option<Duration>,
    /// When the application arrived.
    pub received_at: OffsetDateTime,
    /// The state of the sender's network.
    pub network: SenderNetwork,
}

/// Whether confirmations to applicants are still sent for the network of a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderNetwork {
    /// The network has sent fewer applications than are confirmed within a day.
    BelowDailyLimit,
    /// The network has sent as many applications as are confirmed within a day.
    AtDailyLimit,
}

impl Submission {
    /// Returns the domain name as the DNS has it.
    pub(super) fn domain(&self) -> &str {
        self.application.domain_name().ascii()
    }

    /// Returns the applicant's address as the outbox has it.
    pub(super) fn recipient(&self) -> String {
        self.application.representative_email().to_wire().to_string()
    }
}

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
