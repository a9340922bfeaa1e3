//! Helpers for tests that send applications.

use std::time::Instant;

use axum::http::StatusCode;
use npoc::membership::{self, Answers, submission_key};
use uuid::Uuid;

use super::process::TIMEOUT;
use super::{Reply, TestSite, encode, good_with};

impl TestSite {
    /// Sends an application with a new key. Returns the reference on the receipt.
    pub async fn apply(&self, changes: &[(&str, &str)]) -> String {
        let sent = self.send_until_stored(changes, Uuid::now_v7()).await;
        self.get(sent.location()).await.text_of(".reference")
    }

    /// Sends an application until it is stored, because storing may time out on a busy machine.
    pub async fn send_until_stored(&self, changes: &[(&str, &str)], key: Uuid) -> Reply {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let sent = self.send(changes, key).await;
            if sent.status == StatusCode::SEE_OTHER {
                return sent;
            }
            let is_slow = sent.status == StatusCode::SERVICE_UNAVAILABLE && Instant::now() < deadline;
            assert!(is_slow, "{}: {}", sent.status, sent.body);
        }
    }
}

/// Returns the stored key of the good application with changes, sent with this key.
pub fn stored_key(changes: &[(&str, &str)], key: Uuid) -> Uuid {
    let given = good_with(changes);
    let pairs = given.iter().map(|(name, value)| ((*name).into(), (*value).into()));
    let application = membership::check(&Answers::typed(pairs)).unwrap();
    submission_key(key, application.answers())
}

/// Encodes the good application, to be sent with a key.
pub fn send_body(key: Uuid) -> String {
    send_body_with(&[], key)
}

/// Encodes the good application with changes, to be sent with a key.
pub fn send_body_with(changes: &[(&str, &str)], key: Uuid) -> String {
    let key = key.to_string();
    let step = [("step", "send"), ("submission_key", key.as_str())];
    encode(&[&good_with(changes)[..], &step].concat())
}
